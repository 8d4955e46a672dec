"""The application that a server runs: `uvicorn app.main:app`."""

from app.db import admin_settings, app_settings, database, service_settings
from app.factory import create_app

__all__ = ["app", "create_app"]

app = create_app(database, app_settings, service_settings, more_settings=(admin_settings,))
