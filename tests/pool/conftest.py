"""Engines on the pool alone, as a user of plain SQLAlchemy makes them, with each driver of each server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from plimsoll.pool import PlimsollPool, PoolOptions
from tests.servers import TestDatabase

SERVERS = {"aiomysql": "mariadb", "asyncmy": "mariadb", "asyncpg": "postgres", "psycopg": "postgres"}

MakeEngine = Callable[..., AsyncEngine]


@pytest.fixture(params=list(SERVERS))
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver of a server."""
    return str(request.param)


@pytest.fixture
def database(driver: str, request: pytest.FixtureRequest) -> TestDatabase:
    """A database with one table on the server that the driver is for."""
    found: TestDatabase = request.getfixturevalue(f"{SERVERS[driver]}_database")
    found.sql("CREATE TABLE note (name VARCHAR(50))")
    return found


@asynccontextmanager
async def engine_on(url: str, size: int = 2, overflow: int = 0, **more: Any) -> AsyncIterator[AsyncEngine]:
    """An engine on our pool; disposed of at the end."""
    options = {name: more.pop(name) for name in list(more) if name in PoolOptions.__slots__}
    engine = create_async_engine(
        url,
        poolclass=PlimsollPool,
        pool_size=size,
        max_overflow=overflow,
        pool_options=PoolOptions(**options),
        **more,
    )
    yield engine
    await engine.dispose()


def pool_of(engine: AsyncEngine) -> PlimsollPool:
    """Its pool."""
    pool = engine.sync_engine.pool
    assert isinstance(pool, PlimsollPool)
    return pool


def assert_balanced(pool: PlimsollPool) -> None:
    """The invariant of the books: what was opened is closed or idle, and nobody holds anything."""
    now = pool.snapshot()
    assert (now.checked_out, now.opening, now.closing, now.waiting) == (0, 0, 0, 0), now
    assert now.opened == now.closed_total + now.idle, now


async def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that comes from elsewhere, such as a server's word."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.02)


SLEEP = {"mysql": "SELECT SLEEP({})", "postgresql": "SELECT pg_sleep({})"}
