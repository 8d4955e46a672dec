"""Who holds what: transactions that idle, connections that are shared or lost, and what is said of them."""

import asyncio
import gc
import logging
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InvalidRequestError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from plimsoll.errors import ConnectionEndedError, SharedConnectionError
from plimsoll.pool import OWNER
from tests.pool.conftest import SLEEP, assert_balanced, engine_on, pool_of, until
from tests.servers import TestDatabase


def _lines(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


async def test_a_transaction_that_idles_is_reported_once_with_the_line_that_took_it(
    driver: str, database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """Owner, last statement without its values, place; a connection that is idle outside a transaction is not."""
    async with engine_on(database.url_for(driver), size=2, idle_transaction_s=0.2) as engine:
        pool = pool_of(engine)
        OWNER.set("GET /slow")
        async with engine.connect() as idle, engine.connect() as holder:
            await idle.execute(text("SELECT 1"))
            await idle.rollback()
            await holder.execute(text("INSERT INTO note VALUES (:name)"), {"name": "a secret"})
            await until(lambda: pool.snapshot().idle_transactions > 0)
            await asyncio.sleep(1.2)  # two more looks
            await holder.rollback()
        (line,) = _lines(caplog, "has a transaction open in which nothing has happened for")
        assert line.startswith("GET /slow has a transaction")
        assert "INSERT INTO note" in line
        assert "test_holders.py" in line
        assert "a secret" not in line


async def test_a_transaction_that_idles_too_long_is_ended_if_that_is_asked_for(
    driver: str, database: TestDatabase
) -> None:
    """Its user is told at the next use, and at the commit; the server has rolled back; the next one is served."""
    options = {"idle_transaction_s": 0.1, "end_idle_transaction_s": 0.2}
    async with engine_on(database.url_for(driver), size=1, overflow=0, **options) as engine:
        for use in ("statement", "commit"):
            async with engine.connect() as connection:
                await connection.execute(text("INSERT INTO note VALUES ('a')"))
                await asyncio.to_thread(database.wait_connection_count, 0)
                with pytest.raises(ConnectionEndedError, match=r"DB_END_IDLE_TRANSACTION is 0\.2 s") as caught:
                    await (connection.execute(text("SELECT 1")) if use == "statement" else connection.commit())
            assert isinstance(caught.value, OperationalError)
            assert_balanced(pool_of(engine))
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM note")) == 0


async def test_two_tasks_on_one_connection_get_an_error_that_explains_it(driver: str, database: TestDatabase) -> None:
    """The second is told; the first's statement is not disturbed."""
    async with engine_on(database.url_for(driver), size=1) as engine, engine.connect() as connection:
        slow = asyncio.create_task(connection.execute(text(SLEEP[database.dialect].format(1))), name="the first")
        await until(lambda: pool_of(engine).who()[0].state == "querying")
        with pytest.raises(SharedConnectionError, match="belongs to one task at a time") as caught:
            await connection.execute(text("SELECT 2"))
        assert isinstance(caught.value, InvalidRequestError)
        await slow
        assert await connection.scalar(text("SELECT 3")) == 3


@pytest.mark.filterwarnings("ignore:The garbage collector")
async def test_what_the_garbage_collector_finds_is_reported_with_the_line_that_took_it(
    driver: str, database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """A session that nobody closed: its connection is closed, on the server too, and its place is free."""
    async with engine_on(database.url_for(driver), size=1, pool_timeout=20) as engine:
        await _forget(engine)
        gc.collect()
        (line,) = _lines(caplog, "lost a database connection")
        assert "in _forget" in line
        assert "SELECT count(*) FROM note" in line
        await _use(engine)
        assert pool_of(engine).snapshot().lost == 1
        assert_balanced(pool_of(engine))
        await asyncio.to_thread(database.wait_connection_count, 1)


@pytest.mark.filterwarnings("ignore:The garbage collector")
async def test_what_is_collected_in_another_thread_is_given_back_in_the_loops_own(
    driver: str, database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """The collector runs wherever memory is asked for; one who waits in line is served all the same."""
    caplog.set_level(logging.ERROR)
    async with engine_on(database.url_for(driver), size=1, pool_timeout=20) as engine:
        kept = [await _hold(engine)]
        waiting = asyncio.create_task(_use(engine))
        await until(lambda: pool_of(engine).snapshot().waiting == 1)

        def collect() -> None:
            kept.clear()
            gc.collect()

        collector = threading.Thread(target=collect)
        collector.start()
        await asyncio.to_thread(collector.join)
        await waiting
        assert _lines(caplog, "lost a database connection")
        assert_balanced(pool_of(engine))
        await asyncio.to_thread(database.wait_connection_count, 1)


async def test_a_connection_taken_out_of_the_pool_is_its_users_own(driver: str, database: TestDatabase) -> None:
    """`detach`: its place is free at once, and it is no loss."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        connection = await engine.connect()
        raw = await connection.get_raw_connection()
        raw.detach()
        await _use(engine)
        await connection.close()
        snapshot = pool_of(engine).snapshot()
        assert (snapshot.closed, snapshot.lost) == ({"detached": 1}, 0)
        assert_balanced(pool_of(engine))


async def test_a_task_without_a_name_is_known_by_its_function(sqlite_database: TestDatabase) -> None:
    """The number that asyncio gives it tells nobody anything; a name that somebody chose is kept."""
    async with engine_on(sqlite_database.url, size=2) as engine:

        async def nightly_export() -> None:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                await asyncio.sleep(60)

        tasks = [asyncio.create_task(nightly_export()), asyncio.create_task(nightly_export(), name="mails")]
        await until(lambda: len(pool_of(engine).who()) == 2)
        owners = sorted(holder.owner for holder in pool_of(engine).who())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert owners[0] == "mails"
    assert owners[1].startswith("task test_a_task_without")
    assert owners[1].endswith("nightly_export")


async def test_dispose_waits_for_what_another_task_has_in_use(sqlite_database: TestDatabase) -> None:
    """Bounded: whoever holds on for longer is named; and nobody waits for itself."""
    async with engine_on(sqlite_database.url, size=2, dispose_timeout_s=20) as engine:
        pool = pool_of(engine)
        release = asyncio.Event()

        async def hold() -> None:
            async with engine.connect():
                await release.wait()

        holder = asyncio.create_task(hold())
        await until(lambda: pool.snapshot().checked_out == 1)
        disposal = asyncio.create_task(engine.dispose())
        await asyncio.sleep(0.1)
        assert not disposal.done()
        release.set()
        await disposal
        await holder
        assert_balanced(pool)
        async with engine.connect():
            async with asyncio.timeout(10):
                await engine.dispose()


async def test_dispose_names_who_holds_on_for_longer(
    sqlite_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """What comes back after it is closed then."""
    async with engine_on(sqlite_database.url, size=1, dispose_timeout_s=0.1) as engine:
        pool = pool_of(engine)
        connection = await asyncio.create_task(_hold_as(engine, "the export job"))
        await engine.dispose()
        (line,) = _lines(caplog, "disposed of the pool while connections are in use")
        assert "the export job" in line
        await connection.close()
        assert_balanced(pool)
        assert pool.snapshot().idle == 0


async def _hold(engine: AsyncEngine) -> AsyncConnection:
    connection = await engine.connect()
    await connection.execute(text("SELECT count(*) FROM note"))
    return connection


async def _hold_as(engine: AsyncEngine, owner: str) -> AsyncConnection:
    OWNER.set(owner)
    return await engine.connect()


async def _forget(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.execute(text("SELECT count(*) FROM note"))


async def _use(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
