"""The database of this process, made from the environment and `.env`: what `init_db` and `get_session` work on.

What the operator's note asks of this file (pool of 20 + 20, clean-up of sessions, no `create_all` in production) is
done by the library; the settings say how.
"""

from app.core import AppSettings, BackendDatabaseSettings, BackendServiceSettings, make_database
from app.models import Base
from plimsoll.fastapi import get_session
from plimsoll.seeding import AdminSettings
from plimsoll.settings import read_settings

__all__ = [
    "AsyncSessionLocal",
    "Base",
    "admin_settings",
    "app_settings",
    "database",
    "engine",
    "get_session",
    "init_db",
    "service_settings",
    "settings",
]

settings, service_settings, app_settings, admin_settings = read_settings(
    BackendDatabaseSettings, BackendServiceSettings, AppSettings, AdminSettings
)
database = make_database(settings, app_settings, admin_settings)
engine = database.engine
# `async with AsyncSessionLocal() as session`: closed at the end, rolled back where it was not committed.
AsyncSessionLocal = database.session


async def init_db() -> None:
    """Verify connectivity; in development make the missing tables, in production leave that to migrations.

    `install` does this at start-up. Scripts and jobs that use the database on their own call it themselves.
    """
    await database.start()
