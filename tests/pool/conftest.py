"""Engines on the pool alone, as a user of plain SQLAlchemy makes them, with each driver of each server."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from plimsoll.pool import READING, PlimsollPool, PoolOptions
from tests.servers import FaultProxy, TestDatabase

SERVERS = {"aiomysql": "mariadb", "asyncmy": "mariadb", "asyncpg": "postgres", "psycopg": "postgres"}

MakeEngine = Callable[..., AsyncEngine]
MakeProxy = Callable[[int], FaultProxy]


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


def proxied(driver: str, database: TestDatabase, fault_proxy: MakeProxy) -> tuple[str, FaultProxy]:
    """A way to the database that can be told to fail."""
    assert database.port is not None
    proxy = fault_proxy(database.port)
    return database.url_for(driver, port=proxy.port), proxy


async def read(engine: AsyncEngine) -> None:
    """A session that is said to be for reading."""
    token = READING.set(True)
    try:
        async with AsyncSession(engine) as session:
            await session.execute(text("SELECT count(*) FROM note"))
    finally:
        READING.reset(token)


async def write(engine: AsyncEngine) -> None:
    """A statement and its commit."""
    async with AsyncSession(engine) as session:
        await session.execute(text("INSERT INTO note VALUES ('a')"))
        await session.commit()


def may_go_ahead(pool: PlimsollPool) -> Callable[[float], None]:
    """Give a pool that nobody has used yet a clock that can be put forward by so many seconds: whatever it does by its
    times then depends on no machine's speed."""
    ahead_s = 0.0

    def put_forward(seconds: float) -> None:
        nonlocal ahead_s
        ahead_s += seconds

    pool.clock = lambda: time.monotonic() + ahead_s
    pool._begin()  # its parts, with that clock
    return put_forward


async def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that comes from elsewhere, such as a server's word."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.02)


SLEEP = {"mysql": "SELECT SLEEP({})", "postgresql": "SELECT pg_sleep({})"}
