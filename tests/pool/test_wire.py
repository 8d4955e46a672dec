"""What a pool sends, and what it leaves on a connection for its next user."""

import asyncio
import gc
import re
import time
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from plimsoll.errors import DatabaseDownError
from tests.pool.conftest import SLEEP, assert_balanced, engine_on, may_go_ahead, pool_of, read, until, write
from tests.servers import FaultProxy, MariaDbServer, TestDatabase

Work = Callable[[AsyncEngine], Awaitable[None]]


async def look(engine: AsyncEngine) -> None:
    """A plain session that only reads: its snapshot must be ended."""
    async with AsyncSession(engine) as session:
        await session.execute(text("SELECT count(*) FROM note"))


@pytest.mark.parametrize(("work", "expected"), [(read, 1), (write, 2), (look, 2)])
async def test_round_trips_on_a_warm_connection(
    mariadb_database: TestDatabase, mysql_driver: str, work: Work, expected: int
) -> None:
    """Client commands as the server counts them: SQLAlchemy's own pool needs three each, four with pre-ping."""
    mariadb_database.sql("CREATE TABLE note (name VARCHAR(50))")
    server = mariadb_database.server
    assert isinstance(server, MariaDbServer)
    async with engine_on(mariadb_database.url_for(mysql_driver)) as engine:
        await work(engine)
        own_cost = -(server.status("Questions") - server.status("Questions"))
        before = server.status("Questions")
        for _ in range(10):
            await work(engine)
        assert server.status("Questions") - before - own_cost == 10 * expected


@pytest.mark.parametrize(("work", "expected"), [(read, 1), (write, 3), (look, 3)])
async def test_round_trips_on_a_warm_postgresql_connection(
    postgres_database: TestDatabase,
    postgres_driver: str,
    fault_proxy: Callable[[int], FaultProxy],
    work: Work,
    expected: int,
) -> None:
    """As a proxy sees them: the drivers send BEGIN on its own, so a transaction needs one more than on MySQL."""
    postgres_database.sql("CREATE TABLE note (name VARCHAR(50))")
    assert postgres_database.port is not None
    proxy = fault_proxy(postgres_database.port)
    async with engine_on(postgres_database.url_for(postgres_driver, port=proxy.port)) as engine:
        for _ in range(8):  # psycopg prepares a statement at its sixth time
            await work(engine)
        before = proxy.round_trips
        for _ in range(10):
            await work(engine)
        assert proxy.round_trips - before == 10 * expected


async def test_a_forgotten_transaction_is_rolled_back_for_the_next_user(driver: str, database: TestDatabase) -> None:
    """Never trade safety for a round trip."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        async with engine.connect() as connection:
            await connection.execute(text("INSERT INTO note VALUES ('forgotten')"))
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM note")) == 0
            await connection.commit()
        assert database.sql("SELECT count(*) FROM note") == [(0,)]
        assert pool_of(engine).snapshot().opened == 1
        assert_balanced(pool_of(engine))


LEFT_BEHIND: dict[str, list[tuple[str, str | None]]] = {
    "mysql": [
        ("SET SESSION sort_buffer_size = 65536", "SELECT @@sort_buffer_size <> 65536"),
        ("CREATE TEMPORARY TABLE scratch (x INT)", None),
        ("SELECT GET_LOCK('till', 0)", "SELECT IS_FREE_LOCK('till')"),
    ],
    "postgresql": [
        ("SET work_mem = '65kB'", "SELECT current_setting('work_mem') <> '65kB'"),
        ("CREATE TEMP TABLE scratch (x INT)", "SELECT to_regclass('scratch') IS NULL"),
        ("SELECT pg_advisory_lock(7)", "SELECT pg_try_advisory_lock(7)"),
    ],
}


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_what_a_rollback_does_not_take_back_does_not_reach_the_next_user(
    driver: str, database: TestDatabase, number: int
) -> None:
    """A changed variable, a temporary table, a named lock: the connection is closed, and the server forgets them."""
    statement, gone = LEFT_BEHIND[database.dialect][number]
    async with engine_on(database.url_for(driver), size=1) as engine:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
            await connection.commit()
        async with engine.connect() as connection:
            if gone is None:
                with pytest.raises(DBAPIError):
                    await connection.execute(text("SELECT * FROM scratch"))
            else:
                async with asyncio.timeout(20):  # the server may take its time to see that the connection was closed
                    while not await connection.scalar(text(gone)):  # noqa: ASYNC110 - it is the server's
                        await asyncio.sleep(0.02)
        assert pool_of(engine).snapshot().closed["left state behind"] >= 1


async def test_cancelled_queries_end_on_the_server_and_count_until_they_have(
    driver: str, database: TestDatabase
) -> None:
    """Fifty cancels of a long sleep on a pool of two: never more than two, and one beside them that ends the others."""
    async with engine_on(database.url_for(driver), size=2, max_waiting=100) as engine:
        pool = pool_of(engine)
        for _ in range(5):
            tasks = [asyncio.create_task(_sleep(engine, database)) for _ in range(10)]
            await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(_no_more_than, database, 3)
        await until(lambda: not pool.snapshot().closing and not pool.snapshot().opening)
        assert_balanced(pool)
        await asyncio.to_thread(database.wait_connection_count, pool.snapshot().idle)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))


async def _sleep(engine: AsyncEngine, database: TestDatabase) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(text(SLEEP[database.dialect].format(120)))


def _no_more_than(database: TestDatabase, most: int, timeout_s: float = 30) -> None:
    """A busy server counts a connection for a while after it was closed; one whose query goes on is counted longer."""
    ends = time.monotonic() + timeout_s
    while (count := database.connection_count()) > most:
        assert time.monotonic() < ends, f"{count}: {database.connections()}"
        time.sleep(0.02)


async def test_a_killed_idle_connection_is_replaced_without_an_error(driver: str, database: TestDatabase) -> None:
    """Found by its closed socket, or by a ping after idleness."""
    assert database.server is not None
    async with engine_on(database.url_for(driver), ping_after_idle_s=0.1) as engine:
        await look(engine)
        database.server.kill_connections(database)
        await asyncio.to_thread(database.wait_connection_count, 0)
        await asyncio.sleep(0.2)
        await look(engine)
        assert_balanced(pool_of(engine))


async def test_while_the_server_is_down_connects_fail_fast_and_it_is_found_again_soon(
    driver: str, database: TestDatabase, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """One attempt at a time with growing pauses; everybody else is told at once; back in less than a second."""
    assert database.port is not None
    proxy = fault_proxy(database.port)
    async with engine_on(database.url_for(driver, port=proxy.port)) as engine:
        await look(engine)
        proxy.refuse()
        proxy.cut()
        await asyncio.sleep(0.05)
        outcomes = await asyncio.gather(*(look(engine) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(outcome, (OperationalError, OSError, DBAPIError)) for outcome in outcomes), outcomes
        assert any(isinstance(outcome, DatabaseDownError) for outcome in outcomes)
        proxy.forward()
        began = time.monotonic()
        async with asyncio.timeout(60):
            while True:
                try:
                    await look(engine)
                    break
                except (DBAPIError, OSError):
                    await asyncio.sleep(0.02)
        assert time.monotonic() - began < 15
        assert_balanced(pool_of(engine))


async def test_a_checkout_held_too_long_is_reported_once_and_again_when_it_comes_back(
    sqlite_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """With the line that took it and its last statement, never a value of it."""
    async with engine_on(sqlite_database.url, leak_threshold_s=0.3) as engine:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT :secret, 's3cret-value'"), {"secret": "s3cret-value"})
            await until(lambda: pool_of(engine).snapshot().leaks == 1)
            await asyncio.sleep(1.2)  # two more looks
        reports = [record.getMessage() for record in caplog.records if record.name == "plimsoll.pool"]
        held, returned = reports
        assert "has held a database connection for" in held
        assert "test_wire.py:" in held
        assert "SELECT ?" in held
        assert "s3cret-value" not in held
        (held_s,) = re.findall(r"returned after (\d+\.\d) s", returned)
        assert float(held_s) >= 1.5
        assert pool_of(engine).snapshot().leaks == 1


async def test_idle_connections_are_closed_down_to_the_least_number_and_kept_there(
    driver: str, database: TestDatabase
) -> None:
    """The server's own count agrees."""
    async with engine_on(database.url_for(driver), size=4, min_idle=1, idle_timeout_s=60, keepalive_s=600) as engine:
        pool = pool_of(engine)
        put_forward = may_go_ahead(pool)
        await pool.warm_up(4)
        assert pool.snapshot().idle == 4
        await look(engine)
        put_forward(61)
        await asyncio.to_thread(database.wait_connection_count, 1)
        await until(lambda: pool.snapshot().closing == 0)  # the server may know first
        assert pool.snapshot().closed["idle"] == 3
        assert_balanced(pool)


async def test_the_age_of_a_connection_is_limited(driver: str, database: TestDatabase) -> None:
    """`pool_recycle`, with a random part taken off."""
    async with engine_on(database.url_for(driver), pool_recycle=100) as engine:
        put_forward = may_go_ahead(pool_of(engine))
        await look(engine)
        put_forward(101)
        await look(engine)
        assert pool_of(engine).snapshot().closed["recycled"] == 1
        assert_balanced(pool_of(engine))


async def test_a_pool_used_in_another_event_loop_connects_anew(sqlite_database: TestDatabase) -> None:
    """As tests do, a loop each: connections belong to the loop they were made in."""
    async with engine_on(sqlite_database.url) as engine:
        await asyncio.to_thread(asyncio.run, _select_one(engine))
        await _select_one(engine)


async def _select_one(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_connection_lost_to_the_garbage_collector_gives_its_place_back(
    sqlite_database: TestDatabase, recwarn: pytest.WarningsRecorder
) -> None:
    """SQLAlchemy reports it; the pool is not smaller for it."""
    async with engine_on(sqlite_database.url, size=1, pool_timeout=20) as engine:
        await _forget(engine)
        gc.collect()
        await _select_one(engine)
        assert any("garbage collector" in str(warning.message) for warning in recwarn)


async def _forget(engine: AsyncEngine) -> None:
    connection = await engine.connect()
    await connection.execute(text("SELECT 1"))


async def test_a_connection_lost_while_its_mode_is_set_is_replaced(
    mariadb_database: TestDatabase, mysql_driver: str, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """The last step of a checkout fails: its user gets another connection and no error."""
    mariadb_database.sql("CREATE TABLE note (name VARCHAR(50))")
    assert mariadb_database.port is not None
    proxy = fault_proxy(mariadb_database.port)
    async with engine_on(mariadb_database.url_for(mysql_driver, port=proxy.port), size=1) as engine:
        await look(engine)
        proxy.on_client_bytes(b"AUTOCOMMIT = 1", "cut")
        await read(engine)
        assert pool_of(engine).snapshot().closed == {"mode switch failed": 1}
        assert_balanced(pool_of(engine))
