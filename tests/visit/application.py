"""A small service on the database that the environment names; its routes below `/do` make it misbehave."""

import asyncio
import gc
import os
from typing import Any

from fastapi import FastAPI
from sqlalchemy import String, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import SessionDep, install


class Base(DeclarativeBase):
    """The tests' models."""


class Note(Base):
    """A row with a name."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


database = Database(DatabaseSettings.from_env(env_file=None), metadata=Base.metadata)
app = FastAPI()
install(app, database)
kept: list[Any] = []


@app.get("/health")
async def health() -> str:
    """As many services have it."""
    return "ok"


@app.get("/notes")
async def notes(session: SessionDep) -> int:
    """Counts."""
    return await session.scalar(select(func.count()).select_from(Note)) or 0


@app.get("/page")
async def page() -> str:
    """Takes PAGE_SECONDS, or fails if they are below 0."""
    seconds = float(os.environ.get("PAGE_SECONDS", "0"))
    if seconds < 0:
        raise LookupError("as the test wants it")
    await asyncio.sleep(seconds)
    return "page"


@app.post("/do/hold")
async def hold(session: SessionDep, seconds: float) -> None:
    """Holds a connection."""
    await session.execute(text("SELECT 1"))
    await asyncio.sleep(seconds)


@app.post("/do/keep-open")
async def keep_open() -> None:
    """A transaction that nobody ends."""
    session = AsyncSession(database.engine)
    session.add(Note(name="never committed"))
    await session.flush()
    kept.append(session)


@app.post("/do/lose")
async def lose() -> None:
    """A connection that nobody gives back."""
    connection = await database.engine.connect()
    await connection.execute(text("SELECT 1"))
    del connection
    gc.collect()


@app.post("/do/run-out-of-memory")
async def run_out_of_memory() -> None:
    """Raises MemoryError."""
    raise MemoryError


@app.post("/do/grow")
async def grow() -> None:
    """From now on takes some 6 MiB a second."""

    async def take() -> None:
        while True:
            kept.append(os.urandom(1 << 18))
            await asyncio.sleep(0.04)

    kept.append(asyncio.create_task(take()))
