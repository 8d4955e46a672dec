"""A connection that breaks under a session: what may be sent again is, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Literal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from plimsoll import Database, DatabaseSettings
from plimsoll.errors import SharedConnectionError
from tests.pool.conftest import until
from tests.servers import FaultProxy, TestDatabase

DRIVERS = {"aiomysql": "mariadb", "asyncmy": "mariadb", "asyncpg": "postgres", "psycopg": "postgres"}


@pytest.fixture(params=list(DRIVERS))
def table(request: pytest.FixtureRequest) -> tuple[str, TestDatabase]:
    """A driver, and a database of its server with one empty table."""
    database: TestDatabase = request.getfixturevalue(f"{DRIVERS[request.param]}_database")
    database.sql("CREATE TABLE note (name VARCHAR(50))")
    return request.param, database


@pytest.fixture
def proxy(table: tuple[str, TestDatabase], fault_proxy: Callable[[int], FaultProxy]) -> FaultProxy:
    """Between the service and the server."""
    port = table[1].port
    assert port is not None
    return fault_proxy(port)


@pytest.fixture
async def database(table: tuple[str, TestDatabase], proxy: FaultProxy) -> AsyncIterator[Database]:
    """A pool of one, through the proxy."""
    url = table[1].url_for(table[0], port=proxy.port)
    made = Database(DatabaseSettings(DATABASE_URL=url, DB_POOL_SIZE=1, DB_MAX_OVERFLOW=0))
    yield made
    await made.close()


async def _warm(database: Database) -> None:
    async with database.read_session() as session:
        await session.execute(text("SELECT 1"))


@pytest.mark.parametrize("fault", ["cut", "cut_after_sending"])
async def test_the_first_read_of_a_session_survives_a_lost_connection(
    database: Database, proxy: FaultProxy, fault: Literal["cut", "cut_after_sending"]
) -> None:
    """Cut as the statement passes, or after it: it is sent once more on a fresh connection; its user sees nothing."""
    await _warm(database)
    proxy.on_client_bytes(b"first look", fault)
    async with database.read_session() as session:
        assert (
            await session.scalar(
                text(
                    'SELECT count(*) AS "first look" FROM note'
                    if database.settings.dialect == "postgresql"
                    else "SELECT count(*) AS `first look` FROM note"
                )
            )
            == 0
        )
    assert proxy.connections_total == 2


async def test_a_later_read_does_not(database: Database, proxy: FaultProxy) -> None:
    """What was read before may have been in another state: its user must begin anew."""
    await _warm(database)
    async with database.read_session() as session:
        await session.execute(text("SELECT 1"))
        proxy.on_client_bytes(b"second", "cut")
        with pytest.raises(DBAPIError) as caught:
            await session.execute(text("SELECT 'second'"))
    assert caught.value.connection_invalidated
    await _warm(database)


async def test_a_write_is_never_sent_twice(
    database: Database, proxy: FaultProxy, table: tuple[str, TestDatabase]
) -> None:
    """Nor is anything of a session that may write: it cannot be known what the server did with it."""
    await _warm(database)
    async with database.session() as session:
        proxy.on_client_bytes(b"INSERT", "cut_after_sending")
        with pytest.raises(DBAPIError):
            await session.execute(text("INSERT INTO note VALUES ('a')"))
    assert table[1].sql("SELECT count(*) FROM note") == [(0,)]
    async with database.session() as session:
        await session.execute(text("SELECT 1"))
        await session.commit()
        proxy.on_client_bytes(b"looks", "cut")
        with pytest.raises(DBAPIError):
            await session.execute(text("SELECT 'looks'"))


async def test_a_connection_that_the_server_closed_while_idle_is_replaced_unseen(
    database: Database, proxy: FaultProxy, table: tuple[str, TestDatabase]
) -> None:
    """Nothing was sent on it yet: also a session that writes is served. At once, before any ping is due."""
    server = table[1].server
    assert server is not None
    for _ in range(5):
        await _warm(database)
        await asyncio.to_thread(server.kill_connections, table[1])
        await until(lambda: proxy.connections_open == 0)
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO note VALUES ('a')"))
    assert table[1].sql("SELECT count(*) FROM note") == [(5,)]


async def test_two_tasks_on_one_session_get_an_error_that_explains_it(database: Database) -> None:
    """The second to come is told, whatever it asks for; the session goes on to work for the first."""
    sleep = "SELECT pg_sleep(4)" if database.settings.dialect == "postgresql" else "SELECT SLEEP(4)"
    async with database.session() as session:
        first = asyncio.create_task(session.execute(text(sleep)), name="the first")
        await asyncio.sleep(0.2)
        for second in (session.execute(text("SELECT 2")), session.scalars(text("SELECT 2")), session.commit()):
            with pytest.raises(SharedConnectionError, match="in use by the task 'the first'") as caught:
                await second
            assert isinstance(caught.value, InvalidRequestError)
        await first
        assert await session.scalar(text("SELECT 3")) == 3
