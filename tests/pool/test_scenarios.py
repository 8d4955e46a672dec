"""What other pools' tests found worth a test: users in line, cancelled at each stage, connects that hang or fail."""

import asyncio
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.errors import PoolTimeoutError
from tests.pool.conftest import MakeProxy, assert_balanced, engine_on, pool_of, proxied, until
from tests.servers import TestDatabase


async def use(engine: AsyncEngine, seconds: float = 0.0) -> None:
    """One statement, and some time with the connection in hand."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        await asyncio.sleep(seconds)


async def settled(engine: AsyncEngine, database: TestDatabase) -> None:
    """Nothing is in use, the books balance, and the server has no more connections than they say."""
    pool = pool_of(engine)
    await until(lambda: pool.snapshot().closing == pool.snapshot().opening == 0)
    assert_balanced(pool)
    await asyncio.to_thread(database.wait_connection_count, pool.snapshot().idle)


# In line.


async def test_users_in_line_are_served_in_the_order_in_which_they_came(driver: str, database: TestDatabase) -> None:
    """Ten behind one connection."""
    served: list[int] = []

    async def wait(number: int) -> None:
        async with engine.connect() as connection:
            served.append(number)
            await connection.execute(text("SELECT 1"))

    async with engine_on(database.url_for(driver), size=1) as engine:
        async with engine.connect():
            tasks = []
            for number in range(10):
                tasks.append(asyncio.create_task(wait(number)))
                await asyncio.sleep(0)
            await until(lambda: pool_of(engine).snapshot().waiting == 10)
        await asyncio.gather(*tasks)
        assert served == list(range(10))
        await settled(engine, database)


async def test_one_cancelled_in_line_leaves_no_trace_and_those_behind_move_up(
    driver: str, database: TestDatabase
) -> None:
    """Every second of six in line is cancelled."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        async with engine.connect():
            tasks = [asyncio.create_task(use(engine)) for _ in range(6)]
            await until(lambda: pool_of(engine).snapshot().waiting == 6)
            for task in tasks[::2]:
                task.cancel()
            await until(lambda: pool_of(engine).snapshot().waiting == 3)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, type(None)] * 3
        assert pool_of(engine).snapshot().cancelled == 3
        await settled(engine, database)


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_was_handed_to_a_user_cancelled_meanwhile_goes_to_the_next(
    driver: str, database: TestDatabase, turns: int
) -> None:
    """Cancelled so many turns of the loop after the return that served it: before it ran, or just after."""
    async with engine_on(database.url_for(driver), size=1, pool_timeout=20) as engine:
        held = await engine.connect()
        unlucky = asyncio.create_task(use(engine))
        behind = asyncio.create_task(use(engine))
        await until(lambda: pool_of(engine).snapshot().waiting == 2)
        await held.close()
        for _ in range(turns):
            await asyncio.sleep(0)
        unlucky.cancel()
        await asyncio.wait([unlucky])
        await behind
        await settled(engine, database)


async def test_a_pool_that_was_saturated_until_users_timed_out_serves_as_before(
    driver: str, database: TestDatabase
) -> None:
    """Slow work holds all connections, ten users give up; then twenty are served by the same connections."""
    done = asyncio.Event()

    async def work() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await done.wait()

    async with engine_on(database.url_for(driver)) as engine:
        line = pool_of(engine)._line
        slow = [asyncio.create_task(work()) for _ in range(2)]
        await until(lambda: pool_of(engine).snapshot().checked_out == 2)
        usual_s, line.timeout_s = line.timeout_s, 0.3
        outcomes = await asyncio.gather(*(use(engine) for _ in range(10)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {PoolTimeoutError}
        line.timeout_s = usual_s
        done.set()
        await asyncio.gather(*slow)
        for _ in range(10):
            await asyncio.gather(use(engine), use(engine))
        assert pool_of(engine).snapshot().opened == 2
        await settled(engine, database)


# Cancelled where a connection is checked, reset, or opened.


async def test_a_user_cancelled_while_its_connection_is_checked_leaves_nothing(
    driver: str, database: TestDatabase, fault_proxy: MakeProxy
) -> None:
    """The server says nothing to the ping; the connection is not used again, its place is."""
    url, proxy = proxied(driver, database, fault_proxy)
    async with engine_on(url, size=1, ping_after_idle_s=0.0) as engine:
        await use(engine)
        await asyncio.sleep(0.01)
        proxy.freeze()
        task = asyncio.create_task(use(engine))
        await until(lambda: pool_of(engine).snapshot().pings == 1)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task], timeout=20)
        assert task.cancelled()
        proxy.forward()
        await use(engine)
        assert pool_of(engine).snapshot().opened == 2
        await settled(engine, database)


async def test_a_user_cancelled_while_its_work_is_rolled_back_leaves_nothing(
    driver: str, database: TestDatabase, fault_proxy: MakeProxy
) -> None:
    """The server says nothing to the roll-back; what was written is not there, and the next user is served."""
    url, proxy = proxied(driver, database, fault_proxy)
    async with engine_on(url, size=1, cleanup_timeout_s=0.5) as engine:
        written = asyncio.Event()

        async def write_and_leave() -> None:
            async with engine.connect() as connection:
                await connection.execute(text("INSERT INTO note VALUES ('a')"))
                proxy.freeze()
                written.set()

        task = asyncio.create_task(write_and_leave())
        await written.wait()
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task], timeout=30)
        assert task.done()
        proxy.forward()
        pool_of(engine).links._cleanup_timeout_s = 20.0  # that half a second was for the silence
        await use(engine)
        await settled(engine, database)
        assert database.sql("SELECT count(*) FROM note") == [(0,)]


async def test_a_user_cancelled_while_it_connects_leaves_nothing(
    driver: str, database: TestDatabase, fault_proxy: MakeProxy
) -> None:
    """The server accepts and says nothing; afterwards the place is free."""
    url, proxy = proxied(driver, database, fault_proxy)
    async with engine_on(url, size=1) as engine:
        proxy.deaf()
        task = asyncio.create_task(use(engine))
        await until(lambda: pool_of(engine).snapshot().opening == 1)
        task.cancel()
        await asyncio.wait([task], timeout=20)
        assert task.cancelled()
        assert_balanced(pool_of(engine))
        proxy.forward()
        await use(engine)
        await settled(engine, database)


# A connect that hangs or fails.


async def test_a_connect_that_hangs_holds_up_nobody_who_can_be_served_otherwise(
    driver: str, database: TestDatabase, fault_proxy: MakeProxy
) -> None:
    """One user's connection does not come; ten others share the one that is open."""
    url, proxy = proxied(driver, database, fault_proxy)
    async with engine_on(url, size=1, overflow=1, pool_timeout=120, connect_timeout_s=120) as engine:
        held = await engine.connect()
        proxy.deaf()
        hanging = asyncio.create_task(use(engine))
        await until(lambda: pool_of(engine).snapshot().opening == 1)
        others = [asyncio.create_task(use(engine)) for _ in range(10)]
        await held.close()
        await asyncio.wait_for(asyncio.gather(*others), 60)
        assert not hanging.done()
        hanging.cancel()
        await asyncio.wait([hanging])
        proxy.forward()
        await settled(engine, database)


async def test_a_growth_that_fails_costs_no_place_and_what_is_open_goes_on(
    driver: str, database: TestDatabase, fault_proxy: MakeProxy
) -> None:
    """The second connection cannot be opened; the first is used on, and once the server is back there are two."""
    url, proxy = proxied(driver, database, fault_proxy)
    async with engine_on(url, pool_timeout=20) as engine:
        held = await engine.connect()
        proxy.refuse()
        for _ in range(5):
            with pytest.raises((DBAPIError, OSError)):
                await use(engine)
        assert pool_of(engine).checkedout() == 1
        await held.execute(text("SELECT 1"))
        await held.close()
        await use(engine)
        proxy.forward()
        await asyncio.sleep(1)
        both = [await engine.connect(), await engine.connect()]
        for connection in both:
            await connection.close()
        assert pool_of(engine).snapshot().connect_failures == 5
        await settled(engine, database)


async def test_users_in_line_are_told_when_the_connection_they_wait_for_is_lost(
    driver: str, database: TestDatabase, fault_proxy: MakeProxy
) -> None:
    """The only connection breaks in its user's hands and no other can be had: nobody waits out the pool's timeout."""
    url, proxy = proxied(driver, database, fault_proxy)
    async with engine_on(url, size=1, pool_timeout=60) as engine:
        held = await engine.connect()
        await held.execute(text("SELECT 1"))
        waiting = [asyncio.create_task(use(engine)) for _ in range(5)]
        await until(lambda: pool_of(engine).snapshot().waiting == 5)
        proxy.refuse()
        proxy.cut()
        began = time.monotonic()
        with pytest.raises((DBAPIError, OSError)):
            await held.execute(text("SELECT 1"))
        await held.close()
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 20)
        assert all(isinstance(outcome, (DBAPIError, OSError)) for outcome in outcomes), outcomes
        assert time.monotonic() - began < 15
        proxy.forward()
        await asyncio.sleep(1)
        await use(engine)
        await settled(engine, database)
