"""The tests' application on the database that the environment names: `uvicorn tests.sessions.served:app`."""

from plimsoll import Database, DatabaseSettings
from tests.sessions.application import Base, make_app

app = make_app(Database(DatabaseSettings.from_env(env_file=None), metadata=Base.metadata))
