"""The application that `bench_route.py` loads: one route that reads one row by its key, with either side's sessions.

Configured by the environment, since each side runs in a process of its own: BENCH_SIDE, BENCH_URL, BENCH_POOL.
Run by `uvicorn --factory bench.route_app:make_app`.
"""

import dataclasses
import os
from collections.abc import AsyncGenerator
from typing import Annotated, Any, cast

from fastapi import Depends, FastAPI
from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import ReadSessionDep, install
from plimsoll.pool import PlimsollPool

ADVISED: dict[str, Any] = {"pool_pre_ping": True, "pool_recycle": 280}
"""What is commonly advised for SQLAlchemy's own pool."""


class Base(DeclarativeBase):
    """The models of this application."""


class Note(Base):
    """What the route reads."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


def make_app() -> FastAPI:
    """The application of one side: `sqlalchemy`, `pool` (our pool alone), `plimsoll` or `untracked`."""
    side, url, size = os.environ["BENCH_SIDE"], os.environ["BENCH_URL"], int(os.environ["BENCH_POOL"])
    if side == "sqlalchemy":
        return _plain(url, size, ADVISED)
    if side == "pool":
        return _plain(url, size, {"poolclass": PlimsollPool, "pool_recycle": 280})
    return _plimsoll(url, size, track=side != "untracked")


def _plain(url: str, size: int, arguments: dict[str, Any]) -> FastAPI:
    """The dependency of SQLAlchemy's and FastAPI's documentation."""
    engine = create_async_engine(url, pool_size=size, max_overflow=0, **arguments)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def get_session() -> AsyncGenerator[AsyncSession]:
        async with sessions() as session:
            yield session

    app = FastAPI()

    @app.get("/notes/{number}")
    async def read_note(number: int, session: Annotated[AsyncSession, Depends(get_session)]) -> dict[str, str]:
        return await _read(session, number)

    return app


def _plimsoll(url: str, size: int, *, track: bool) -> FastAPI:
    """All of it: pool, guarded session, middleware."""
    database = Database(DatabaseSettings(database_url=url, pool_size=size, max_overflow=0))
    pool = cast(PlimsollPool, database.engine.sync_engine.pool)
    pool.options = dataclasses.replace(pool.options, track=track)
    app = FastAPI()

    @app.get("/notes/{number}")
    async def read_note(number: int, session: ReadSessionDep) -> dict[str, str]:
        return await _read(session, number)

    install(app, database)
    return app


async def _read(session: AsyncSession, number: int) -> dict[str, str]:
    note = await session.get_one(Note, number)
    return {"name": note.name}
