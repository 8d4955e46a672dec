"""Waiting for a connection: fair, bounded, and with an error that names who holds what."""

import asyncio
import re
import time

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from plimsoll.errors import PoolClosedError, PoolTimeoutError
from plimsoll.pool import DEADLINE, OWNER
from tests.pool.conftest import assert_balanced, engine_on, may_go_ahead, pool_of, until
from tests.servers import TestDatabase

USES = 2_200
"""So many are shared among the greedy and the patient."""

AT_ONCE_S = 20.0
"""What is not waited for takes less than this on the busiest machine, and the wait would take a minute."""


async def test_two_greedy_tasks_leave_twenty_patient_ones_their_share(sqlite_database: TestDatabase) -> None:
    """A pool of two; the greedy ask again in the same turn in which they gave back."""
    counts = [0] * 22

    async def use(number: int, pause_s: float) -> None:
        while sum(counts) < USES:
            async with engine.connect():
                counts[number] += 1
                await asyncio.sleep(0.001)
            if pause_s:
                await asyncio.sleep(pause_s)

    async with engine_on(sqlite_database.url) as engine:
        await asyncio.gather(*(use(number, 0.001 if number > 1 else 0) for number in range(22)))
        assert_balanced(pool_of(engine))
    fair = sum(counts) / len(counts)
    assert min(counts) >= fair / 2, counts


async def test_a_timeout_tells_who_waited_for_how_long_and_who_holds_what(sqlite_database: TestDatabase) -> None:
    """SQLAlchemy's own error class, so that existing handlers work."""
    async with engine_on(sqlite_database.url, size=1, pool_timeout=0.2) as engine:
        OWNER.set("GET /export")
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 'a report'"))
            OWNER.set("GET /items")
            began = time.monotonic()
            with pytest.raises(sqlalchemy.exc.TimeoutError) as caught:
                await engine.connect()
            took_s = time.monotonic() - began
        words = str(caught.value)
        assert isinstance(caught.value, PoolTimeoutError)
        (waited_s,) = re.findall(r"GET /items waited (\d+\.\d+) s", words)
        assert 0.2 <= float(waited_s) <= took_s + 0.1
        assert "size 1, overflow 0, checked out 1, idle 0" in words
        (held_s,) = re.findall(r"GET /export: (\d+\.\d+) s, idle", words)
        assert float(held_s) >= 0.2
        assert "test_waiting.py:" in words
        assert "SELECT 'a report'" in words
        assert "1. Look at the places named above" in words
        assert pool_of(engine).snapshot().timeouts == 1
        assert_balanced(pool_of(engine))


async def test_a_line_that_is_full_refuses_at_once(sqlite_database: TestDatabase) -> None:
    """With the same numbers."""
    async with engine_on(sqlite_database.url, size=1, max_waiting=1, pool_timeout=60) as engine:
        async with engine.connect():
            waiting = asyncio.create_task(_connect_once(engine))
            await until(lambda: pool_of(engine).snapshot().waiting == 1)
            began = time.monotonic()
            with pytest.raises(PoolTimeoutError, match="at once: 1 wait already, and DB_POOL_MAX_WAITING is 1"):
                await engine.connect()
            assert time.monotonic() - began < AT_ONCE_S
        await waiting
        assert pool_of(engine).snapshot().refused == 1


async def _connect_once(engine: object) -> None:
    async with engine.connect():  # type: ignore[attr-defined]
        pass


async def test_the_requests_own_deadline_ends_the_wait_before_the_pools(sqlite_database: TestDatabase) -> None:
    """What nobody waits for any more need not be waited for."""
    async with engine_on(sqlite_database.url, size=1, pool_timeout=60) as engine, engine.connect():
        DEADLINE.set(time.monotonic() + 0.1)
        began = time.monotonic()
        with pytest.raises(PoolTimeoutError):
            await engine.connect()
        assert time.monotonic() - began < AT_ONCE_S


async def test_a_wait_that_cannot_end_in_time_is_not_begun(sqlite_database: TestDatabase) -> None:
    """Uses take two minutes, the pool has one place, and the request has 30 s left."""
    async with engine_on(sqlite_database.url, size=1, pool_timeout=60) as engine:
        put_forward = may_go_ahead(pool_of(engine))
        for _ in range(2):
            async with engine.connect():
                put_forward(120)
        async with engine.connect():
            DEADLINE.set(pool_of(engine).clock() + 30)
            began = time.monotonic()
            with pytest.raises(PoolTimeoutError, match="its turn would come in about"):
                await engine.connect()
            assert time.monotonic() - began < AT_ONCE_S, "it waited all the same"


async def test_a_disposed_pool_tells_those_who_wait(sqlite_database: TestDatabase) -> None:
    """And the engine's new one works."""
    async with engine_on(sqlite_database.url, size=1) as engine:
        async with engine.connect():
            waiting = asyncio.create_task(_connect_once(engine))
            old = pool_of(engine)
            await until(lambda: old.snapshot().waiting == 1)
            await engine.dispose()
            with pytest.raises(PoolClosedError):
                await waiting
        assert_balanced(old)
        await _connect_once(engine)
        assert pool_of(engine) is not old


async def test_resize_lets_those_in_line_move_up_and_closes_what_is_too_much(sqlite_database: TestDatabase) -> None:
    """While running."""
    async with engine_on(sqlite_database.url, size=1) as engine:
        pool = pool_of(engine)
        first = await engine.connect()
        waiting = asyncio.create_task(engine.connect().start())
        await until(lambda: pool.snapshot().waiting == 1)
        pool.resize(2, 0)
        second = await asyncio.wait_for(waiting, 20)
        pool.resize(1, 0)
        await first.close()
        await second.close()
        assert pool.snapshot().closed == {"surplus": 1}
        assert_balanced(pool)


async def test_drain_waits_for_what_is_in_use(sqlite_database: TestDatabase) -> None:
    """And says whether all came back in time."""
    async with engine_on(sqlite_database.url) as engine:
        pool = pool_of(engine)
        held = await engine.connect()
        assert not await pool.drain(0.05)
        draining = asyncio.create_task(pool.drain(20))
        await held.close()
        assert await draining
        assert_balanced(pool)
