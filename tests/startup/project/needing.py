"""The same service with a lifespan that needs the database: `uvicorn tests.startup.project.needing:app`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from plimsoll import DatabaseSettings
from tests.startup.project.service import make_app, make_database

database = make_database(DatabaseSettings.from_env(env_file=None))


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """Wait for the database."""
    await database.start()
    yield


app = make_app(database, lifespan)
