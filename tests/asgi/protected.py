"""An application behind all of the protection, on the database that the environment names; the tests steer it by its
routes below `/control`, which are never limited."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import SessionDep, TransactionDep, install
from plimsoll.limiter import Priority


class Base(DeclarativeBase):
    """The tests' models."""


class Note(Base):
    """A row with a name."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


database = Database(DatabaseSettings.from_env(env_file=None), metadata=Base.metadata)
app = FastAPI()
install(
    app,
    database,
    priorities={"/control/*": Priority.ALWAYS, "/important/*": Priority.HIGH},
    body_limits={"/size": 2000, "/size/large/*": 20_000},
)
gate = asyncio.Semaphore(0)
seen: list[str] = []
"""What handlers did, in order."""


@app.get("/control/figures")
async def figures() -> dict[str, Any]:
    """All that a test asks about."""
    admission = app.state.plimsoll.protection.admission
    pool: Any = database.engine.sync_engine.pool
    line = admission.line
    return {
        "checked_out": pool.checkedout(),
        "in_flight": len(admission.running),
        "waiting": line.waiting,
        "fresh": line.fresh,
        "inside": line.inside,
        "counters": dict(database.counters.snapshot()),
        "seen": seen,
    }


@app.post("/control/release")
async def release(count: int = 1) -> None:
    """So many of those who are held may go on."""
    for _ in range(count):
        gate.release()


async def _hold(session: SessionDep, name: str) -> None:
    await session.execute(text("SELECT 1"))
    seen.append(name)
    await gate.acquire()


app.get("/hold")(_hold)
app.get("/important/hold")(_hold)


@app.get("/query")
async def query(session: SessionDep, seconds: float) -> None:
    """On MariaDB."""
    await session.execute(text(f"SELECT SLEEP({seconds})"))


@app.post("/size")
@app.post("/size/{rest:path}")
async def size(request: Request) -> int:
    """Of the body."""
    return len(await request.body())


@app.get("/pause")
async def pause(seconds: float = 0.0) -> str:
    """Without the database."""
    await asyncio.sleep(seconds)
    return "rested"


@app.post("/write-and-linger")
async def write_and_linger(session: SessionDep, name: str) -> None:
    """Never commits."""
    session.add(Note(name=name))
    await session.flush()
    seen.append(name)
    await asyncio.sleep(60)
    await session.commit()


@app.post("/write-when-released")
async def write_when_released(session: TransactionDep, name: str) -> None:
    """Commits."""
    session.add(Note(name=name))
    await session.flush()
    seen.append(name)
    await gate.acquire()


@app.post("/commit-too-late")
async def commit_too_late(session: SessionDep, name: str, seconds: float) -> None:
    """Blocks the loop meanwhile, so that nobody can end it before."""
    session.add(Note(name=name))
    await session.flush()
    time.sleep(seconds)  # noqa: ASYNC251
    await session.commit()


@app.get("/stream")
async def stream(pieces: int, every_s: float) -> StreamingResponse:
    """So many pieces, one after the other."""

    async def body() -> AsyncIterator[str]:
        for _ in range(pieces):
            yield "x"
            await asyncio.sleep(every_s)

    return StreamingResponse(body())


@app.get("/items/{item_id}/memory-error")
async def memory_error(session: SessionDep, item_id: int) -> None:
    """Runs out of memory in the middle of a transaction."""
    session.add(Note(name=f"memory {item_id}"))
    await session.flush()
    raise MemoryError
