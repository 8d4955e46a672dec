"""The service under load in `bench_faults.py`: a route that reads one row, a route that writes one, and what its pool
holds. FAULTS_SIDE says who provides the sessions; both sides read the same DB_* variables.
"""

import os
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import String, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from plimsoll import Database
from plimsoll.fastapi import ReadSessionDep, TransactionDep, install

SIDES = ("SQLAlchemy", "Plimsoll")
THE_ROW = 1

CONNECT_LIMIT = {"aiomysql": "connect_timeout", "asyncmy": "connect_timeout", "asyncpg": "timeout"}
"""The driver's own name for its time limit of a connect."""


class Base(DeclarativeBase):
    """The models' base."""


class Note(Base):
    """A row that is read (number `THE_ROW`), or one that a request has written, with that request's token."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(40))


async def plain_session(request: Request) -> AsyncGenerator[AsyncSession]:
    """The dependency that FastAPI's and SQLAlchemy's documentation lead to."""
    async with request.app.state.sessions() as session:
        yield session


PlainSessionDep = Annotated[AsyncSession, Depends(plain_session)]

theirs = APIRouter()
ours = APIRouter()


@theirs.get("/note")
async def read_plainly(session: PlainSessionDep) -> str | None:
    """One row by its key."""
    return await _token_of_the_row(session)


@theirs.post("/notes/{token}")
async def write_plainly(session: PlainSessionDep, token: str) -> str:
    """One row more, committed by the handler."""
    session.add(Note(token=token))
    await session.commit()
    return token


@ours.get("/note")
async def read(session: ReadSessionDep) -> str | None:
    """One row by its key."""
    return await _token_of_the_row(session)


@ours.post("/notes/{token}")
async def write(session: TransactionDep, token: str) -> str:
    """One row more, committed at the handler's return."""
    session.add(Note(token=token))
    return token


async def _token_of_the_row(session: AsyncSession) -> str | None:
    note = await session.get(Note, THE_ROW)
    return note.token if note is not None else None


def make_app() -> FastAPI:
    """The application of the side that the environment names."""
    app = FastAPI()
    if os.environ["FAULTS_SIDE"] == "Plimsoll":
        database = Database.from_env()
        install(app, database)
        app.include_router(ours)
        engine = database.engine
    else:
        engine = _advised_engine()
        app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
        app.include_router(theirs)

    @app.get("/pool")
    async def pool() -> dict[str, int]:
        numbers: Any = engine.pool
        return {"idle": numbers.checkedin(), "in_use": numbers.checkedout()}

    return app


def _advised_engine() -> AsyncEngine:
    """SQLAlchemy's own pool as commonly advised, and the driver's own limit for a connect beside it."""
    url = make_url(os.environ["DATABASE_URL"])
    limit = CONNECT_LIMIT.get(url.get_driver_name(), "connect_timeout")
    return create_async_engine(
        url,
        pool_size=int(os.environ["DB_POOL_SIZE"]),
        max_overflow=int(os.environ["DB_MAX_OVERFLOW"]),
        pool_timeout=float(os.environ["DB_POOL_TIMEOUT"]),
        pool_pre_ping=True,
        pool_recycle=280,
        connect_args={limit: int(os.environ["DB_CONNECT_TIMEOUT"])},
    )
