"""A service on the database that the environment names, whose routes below `/do` bring each trouble about that the
console is opened for; served by `uvicorn tests.console.troubled:app`."""

import asyncio
import mmap
import resource
from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from sqlalchemy import String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import SessionDep, install
from plimsoll.host import survey
from plimsoll.limiter import Priority

HOSTILE = "<img src=x onerror=document.title='owned'>"
"""As a name that a page must show and not obey."""
SLEEP = {"mysql": "SELECT SLEEP(120)", "postgresql": "SELECT pg_sleep(120)"}


class Base(DeclarativeBase):
    """The tests' models."""


class Note(Base):
    """A row with a name."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


database = Database(DatabaseSettings.from_env(env_file=None), metadata=Base.metadata)
app = FastAPI()
install(app, database, priorities={"/do/repair": Priority.ALWAYS})
kept: list[Any] = []
repaired = asyncio.Event()


async def _pause() -> None:
    """Until somebody repairs it, or the test is long over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(120):
            await repaired.wait()


@app.get("/notes")
async def notes(session: SessionDep) -> list[str]:
    """As any route."""
    return list((await session.scalars(select(Note.name).limit(5))).all())


@app.get("/do/hold")
async def hold(session: SessionDep) -> None:
    """Keeps a connection while it does something else."""
    await session.execute(text("SELECT 1"))
    await _pause()


@app.get("/do/report")
async def report(session: SessionDep) -> None:
    """A statement that takes its time."""
    await session.execute(text(SLEEP[database.settings.dialect]))


@app.get("/do/pay")
async def pay(session: SessionDep) -> None:
    """Waits for somebody else in the middle of a transaction."""
    session.add(Note(name="paid"))
    await session.flush()
    await _pause()
    await session.rollback()


@app.get("/do/leak")
async def leak() -> None:
    """Takes a connection and never gives it back."""
    session = AsyncSession(database.engine)
    await session.execute(text("SELECT 1"))
    kept.append(session)


@app.get("/do/repair")
async def repair() -> None:
    """Ends every pause, and gives back what was kept."""
    repaired.set()
    repaired.clear()
    for each in kept:
        await each.close() if isinstance(each, AsyncSession) else each.close()
    kept.clear()


@app.get("/do/fill")
async def fill(left: int) -> None:
    """Takes address space until so many bytes of it are left."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    kept.append(mmap.mmap(-1, limit - survey().address_space_bytes - left))


@app.get(f"/do/{HOSTILE}")
async def hostile(session: SessionDep) -> None:
    """Its route and its statement have markup in them; as a leak it is an event, and on the first page."""
    await session.execute(text(f'SELECT 1 AS "{HOSTILE}"'))
    await _pause()
