"""The tests' project: an application with one model, in any number of processes and on any database."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from sqlalchemy import func, select

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import SessionDep, install
from tests.startup.project.models import MIGRATIONS, Base, Boat


def make_app(
    database: Database, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None
) -> FastAPI:
    """One route that needs a connection, one that does not."""
    app = FastAPI(lifespan=lifespan)

    @app.get("/boats")
    async def boats(session: SessionDep) -> int:
        return await session.scalar(select(func.count()).select_from(Boat)) or 0

    @app.get("/plain")
    async def plain() -> str:
        return "no database"

    install(app, database)
    return app


def make_database(settings: DatabaseSettings) -> Database:
    """The project's models and migrations on a database."""
    return Database(settings, metadata=Base.metadata, migrations=MIGRATIONS)
