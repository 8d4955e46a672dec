"""How many connections there are as users come and go, servers end them, processes fork, and pools shut down."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.errors import PoolClosedError
from tests.pool.conftest import assert_balanced, engine_on, pool_of, until
from tests.pool.test_scenarios import settled, use
from tests.servers import TestDatabase
from tests.servers.environment import clean_environ


async def test_a_spike_opens_no_more_than_may_be_and_not_all_at_once(driver: str, database: TestDatabase) -> None:
    """Sixty users within one turn of the loop, eight places, two connects at a time."""
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, pool_of(engine).snapshot().opening)
            await asyncio.sleep(0)

    async with engine_on(database.url_for(driver), size=4, overflow=4, connects_at_once=2) as engine:
        watching = asyncio.create_task(watch())
        await asyncio.gather(*(use(engine, 0.01) for _ in range(60)))
        watching.cancel()
        assert most == 2
        assert pool_of(engine).snapshot().opened <= 8
        await settled(engine, database)


async def test_a_pool_grows_with_its_users_and_shrinks_after_them(driver: str, database: TestDatabase) -> None:
    """One user, eight at once, none: the server has at most as many connections as there are users, in the end the
    least number."""
    async with engine_on(database.url_for(driver), size=8, min_idle=1, idle_timeout_s=0.4) as engine:
        await use(engine)
        assert await asyncio.to_thread(database.connection_count) == 1
        held: list[AsyncConnection] = [await engine.connect() for _ in range(8)]
        assert await asyncio.to_thread(database.connection_count) == 8
        for connection in held:
            await connection.close()
        await asyncio.to_thread(database.wait_connection_count, 1)
        assert pool_of(engine).snapshot().closed == {"idle": 7}
        await settled(engine, database)


async def test_a_shut_down_under_load_closes_every_connection(driver: str, database: TestDatabase) -> None:
    """Twenty users; those who are served end their work, those in line are told, and nothing stays open."""
    async with engine_on(database.url_for(driver), size=3) as engine:
        old = pool_of(engine)
        tasks = [asyncio.create_task(use(engine, 0.2)) for _ in range(20)]
        await until(lambda: old.snapshot().checked_out == 3)
        await engine.dispose()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        served = [outcome for outcome in outcomes if outcome is None]
        assert len(served) >= 3
        assert all(outcome is None or isinstance(outcome, PoolClosedError) for outcome in outcomes), outcomes
        await asyncio.to_thread(database.wait_connection_count, 0)
        await until(lambda: old.snapshot().closing == 0)  # the server may know first
        assert_balanced(old)
        assert old.snapshot().idle == 0


async def test_what_the_server_ended_of_the_least_number_is_replaced_while_nobody_asks(
    driver: str, database: TestDatabase
) -> None:
    """An administrator kills the idle connections; a moment later there are as many new ones."""
    assert database.server is not None
    async with engine_on(database.url_for(driver), min_idle=2, keepalive_s=0.2, idle_timeout_s=60) as engine:
        await pool_of(engine).warm_up(2)
        await use(engine)
        database.server.kill_connections(database)
        await until(lambda: pool_of(engine).snapshot().opened == 4)
        await until(lambda: pool_of(engine).snapshot().idle == 2)
        await settled(engine, database)


async def test_a_connection_that_breaks_in_its_users_hands_is_not_given_to_the_next(
    driver: str, database: TestDatabase
) -> None:
    """The user sees an error, gives it back, and the next gets another: the pool is as large as before."""
    assert database.server is not None
    async with engine_on(database.url_for(driver), size=1) as engine:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            database.server.kill_connections(database)
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT 1"))
        await use(engine)
        assert pool_of(engine).snapshot().opened == 2
        await settled(engine, database)


class Closings:
    """An observer of when connections are closed for their age."""

    def __init__(self) -> None:
        self.times_s: list[float] = []

    def closed(self, reason: str) -> None:
        """Noted."""
        if reason == "recycled":
            self.times_s.append(time.monotonic())

    def opened(self, took_s: float) -> None:
        """Not asked for."""

    def checked_out(self, waited_s: float) -> None:
        """Not asked for."""

    def returned(self, used_s: float) -> None:
        """Not asked for."""

    def failed(self, kind: str) -> None:
        """Not asked for."""


async def test_connections_opened_at_once_do_not_grow_old_at_once(sqlite_database: TestDatabase) -> None:
    """Twelve with an age limit of 3 s, less up to three quarters: the pool is never emptied in one go."""
    closings = Closings()
    async with engine_on(sqlite_database.url, size=12, pool_recycle=3, recycle_jitter=0.75) as engine:
        pool_of(engine).numbers.observers.append(closings)
        await pool_of(engine).warm_up(12)
        await use(engine)
        await until(lambda: len(closings.times_s) == 12)
        assert max(closings.times_s) - min(closings.times_s) > 0.4
        assert_balanced(pool_of(engine))


async def test_a_pool_that_comes_empty_into_another_event_loop_goes_on_keeping_watch(
    sqlite_database: TestDatabase,
) -> None:
    """Its timer was the other loop's: a checkout held too long is reported all the same."""

    async def lose_the_connection() -> None:
        async with engine.connect() as connection:
            await connection.invalidate()

    async with engine_on(sqlite_database.url, leak_threshold_s=0.2) as engine:
        await asyncio.to_thread(asyncio.run, lose_the_connection())
        async with engine.connect():
            await until(lambda: pool_of(engine).snapshot().leaks == 1, 10)
        assert_balanced(pool_of(engine))


FORKING = """
import asyncio, os, sys
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from plimsoll.pool import PlimsollPool

engine = create_async_engine(sys.argv[1], poolclass=PlimsollPool, pool_size=2)
ID = text("SELECT pg_backend_pid()" if engine.dialect.name == "postgresql" else "SELECT CONNECTION_ID()")

async def connection_id():
    async with engine.connect() as connection:
        return await connection.scalar(ID)

async def in_child():
    print("child", await connection_id(), await connection_id(), flush=True)
    await engine.dispose()

with asyncio.Runner() as runner:
    print("parent", runner.run(connection_id()), flush=True)
    child = os.fork()
    if child == 0:
        asyncio.set_event_loop(None)
        asyncio.events._set_running_loop(None)
        asyncio.run(in_child())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print("parent", runner.run(connection_id()), flush=True)
    runner.run(engine.dispose())
"""


def test_a_forked_child_connects_anew_and_its_end_leaves_the_parents_connections_alone(
    driver: str, database: TestDatabase, tmp_path: Path
) -> None:
    """The child has a connection of its own; after it is gone, the parent's is the one from before."""
    script = tmp_path / "forking.py"
    script.write_text(FORKING)
    done = subprocess.run(
        [sys.executable, str(script), database.url_for(driver)],
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (_, before), (_, first, second), (_, after) = (line.split() for line in done.stdout.splitlines())
    assert before == after
    assert first == second != before
    database.wait_connection_count(0)
