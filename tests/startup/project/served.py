"""What a server imports: `uvicorn tests.startup.project.served:app`."""

from plimsoll import DatabaseSettings
from tests.startup.project.service import make_app, make_database

app = make_app(make_database(DatabaseSettings.from_env(env_file=None)))
