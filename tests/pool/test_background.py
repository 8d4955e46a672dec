"""What a pool does by itself is done in nobody's name: not in the mode of whoever woke it."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import await_only

from plimsoll.pool import READING
from tests.pool.conftest import assert_balanced, engine_on, pool_of, until
from tests.servers import TestDatabase


async def test_a_connection_opened_in_the_background_while_others_read_commits_nothing_by_itself(
    driver: str, database: TestDatabase
) -> None:
    """A read session wakes the pool, which then opens what is missing of its least number; a writer gets that."""
    async with engine_on(database.url_for(driver), size=2, min_idle=2) as engine:
        READING.set(True)
        async with AsyncSession(engine) as session:
            await session.execute(text("SELECT 1"))
        READING.set(False)
        await until(lambda: pool_of(engine).snapshot().idle >= 2, 15)
        async with engine.connect() as one, engine.connect() as other:
            for connection in (one, other):
                await connection.execute(text("INSERT INTO note VALUES ('rolled back')"))
                await connection.rollback()
    assert database.sql("SELECT count(*) FROM note") == [(0,)]


async def test_a_connection_warmed_up_for_readers_is_switched_for_a_writer(driver: str, database: TestDatabase) -> None:
    """The pool knows the mode in which it opened one."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        READING.set(True)
        await pool_of(engine).warm_up(1)
        READING.set(False)
        async with engine.connect() as connection:
            await connection.execute(text("INSERT INTO note VALUES ('rolled back')"))
            await connection.rollback()
    assert database.sql("SELECT count(*) FROM note") == [(0,)]


async def test_a_pool_that_is_closed_while_it_opens_a_connection_closes_that_too(
    driver: str, database: TestDatabase
) -> None:
    """Nobody would ever take it, and nobody close it."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        pool = pool_of(engine)
        opening = asyncio.create_task(pool.warm_up(1))
        async with asyncio.timeout(15):
            while not pool.snapshot().opening:  # noqa: ASYNC110 - the pool has no event for it
                await asyncio.sleep(0)
        assert await pool.drain(15)
        await opening
        assert_balanced(pool)
        assert pool.snapshot().closed_total == pool.snapshot().opened == 1
    await asyncio.to_thread(database.wait_connection_count, 0)


async def test_maintenance_that_is_cancelled_while_it_closes_a_connection_keeps_no_place(
    driver: str, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the end of an event loop does it: the connection is cut, and its place is free."""
    async with engine_on(database.url_for(driver), size=1, idle_timeout_s=0.1) as engine:
        pool = pool_of(engine)
        await pool.warm_up(1)
        farewell = engine.dialect.do_close
        closing = asyncio.Event()

        def slow_farewell(connection: DBAPIConnection) -> None:
            closing.set()
            await_only(asyncio.sleep(60))
            farewell(connection)

        monkeypatch.setattr(engine.dialect, "do_close", slow_farewell)
        async with engine.connect():
            pass  # wakes the timer
        await until(closing.is_set)
        now = pool.snapshot()
        assert (now.checked_out, now.closing) == (0, 1)  # a place is taken, and nobody uses it
        for task in pool.keeping._tasks:
            task.cancel()
        await until(lambda: pool.places.taken == 0)
        assert_balanced(pool)
        await asyncio.to_thread(database.wait_connection_count, 0)
