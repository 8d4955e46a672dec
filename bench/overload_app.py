"""The service that `bench_overload.py` loads: a query of 50 ms, a route without the database, a handler that takes
memory, and a health page. BENCH_SIDE says who provides the sessions.

`note`: what an operator's note on memory errors advises, its session dependency and its pool; the size is set lower,
so that one core can overload it. `plimsoll`: `Database` and `install`. `bare`: no sessions at all.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import Annotated, cast

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from plimsoll import Database
from plimsoll.fastapi import ReadSessionDep, install
from plimsoll.pool import PlimsollPool

QUERY = text("SELECT SLEEP(0.05), token FROM note WHERE id = 1")
HELD_S = 0.5
HELD_BYTES = 10_000_000
LARGE_BYTES = 8 << 20

everyones = APIRouter()
theirs = APIRouter()
ours = APIRouter()


@everyones.get("/plain")
async def plain() -> dict[str, str]:
    """No database."""
    return {"token": "plain"}


@everyones.get("/allocate")
async def allocate() -> dict[str, int]:
    """Takes memory, touches all of it, and holds it for a while."""
    held = b"x" * HELD_BYTES
    await asyncio.sleep(HELD_S)
    return {"held": len(held)}


@everyones.post("/echo")
async def echo(body: dict[str, str]) -> dict[str, str]:
    """What came in."""
    return body


@everyones.get("/large")
async def large() -> Response:
    """Eight MiB in one piece."""
    return Response(b"x" * LARGE_BYTES)


async def noted_session(request: Request) -> AsyncGenerator[AsyncSession]:
    """As the note has it: rolled back on an exception, closed by the context manager."""
    async with request.app.state.sessions() as session:
        try:
            yield session
        except Exception:
            await session.rollback()
            raise


@theirs.get("/row")
async def read_as_noted(session: Annotated[AsyncSession, Depends(noted_session)]) -> dict[str, str]:
    """One row, by a statement of 50 ms."""
    return await _read(session)


@theirs.get("/health/live")
async def live() -> dict[str, str]:
    """A health page that asks nobody."""
    return {"status": "alive"}


@ours.get("/row")
async def read(session: ReadSessionDep) -> dict[str, str]:
    """One row, by a statement of 50 ms."""
    return await _read(session)


@ours.get("/pool")
async def pool(request: Request) -> dict[str, int]:
    """What the pool says of its connections."""
    now = cast(PlimsollPool, request.app.state.plimsoll.database.engine.sync_engine.pool).snapshot()
    return {"checked_out": now.checked_out, "idle": now.idle, "waiting": now.waiting}


async def _read(session: AsyncSession) -> dict[str, str]:
    row = (await session.execute(QUERY)).one()
    return {"token": row.token}


def make_app() -> FastAPI:
    """The application of the side that the environment names."""
    side = os.environ["BENCH_SIDE"]
    app = FastAPI()
    app.include_router(everyones)
    if side == "plimsoll":
        install(app, Database.from_env())
        app.include_router(ours)
        return app
    app.include_router(theirs)
    if side == "note":
        engine = create_async_engine(
            os.environ["DATABASE_URL"],
            pool_size=int(os.environ["DB_POOL_SIZE"]),
            max_overflow=int(os.environ["DB_MAX_OVERFLOW"]),
            pool_timeout=int(os.environ["DB_POOL_TIMEOUT"]),
            pool_recycle=280,
        )
        app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    return app
