"""Clean-up ends: neither cut short by a cancellation nor waited for without limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from sqlalchemy import text

from plimsoll import Database
from plimsoll.session.cleanup import GRACE_S, finish
from tests.servers import FaultProxy, TestDatabase
from tests.sessions.application import Note, make_database
from tests.sessions.conftest import checked_out

DRIVERS = {"mariadb": ("aiomysql", "asyncmy"), "postgres": ("asyncpg", "psycopg")}


async def test_work_that_ends_in_time_is_waited_for() -> None:
    """The ordinary case, with its result told."""
    ended = []

    async def work() -> None:
        await asyncio.sleep(0.01)
        ended.append(True)

    assert await finish(work(), 20)
    assert ended


async def test_a_cancelled_caller_still_finishes_its_clean_up_and_is_then_cancelled() -> None:
    """The cancellation is neither lost nor in the way."""
    ended = []

    async def work() -> None:
        await asyncio.sleep(0.1)
        ended.append(True)

    task = asyncio.create_task(finish(work(), 20))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


async def test_work_that_never_ends_is_cancelled_at_its_deadline() -> None:
    """False tells the caller that it was cut off."""
    began = time.monotonic()
    assert not await finish(asyncio.sleep(60), 0.05)
    assert time.monotonic() - began < 20


async def test_work_that_ignores_cancellation_is_left_behind() -> None:
    """Even then the caller goes on: a driver's clean-up that swallows everything holds nobody."""
    stop = asyncio.Event()

    async def stubborn() -> None:
        while not stop.is_set():
            try:
                await stop.wait()
            except asyncio.CancelledError:
                continue

    assert not await finish(stubborn(), 0.05)
    stop.set()


async def test_an_error_of_the_work_is_raised() -> None:
    """The caller decides what it means."""

    async def work() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await finish(work(), 20)


async def test_a_cancelled_anyio_scope_does_not_spin_while_clean_up_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """anyio cancels again at every turn of the loop: unshielded, that is thousands of turns in 0.3 s."""
    loop = asyncio.get_running_loop()
    before, turns = loop.time(), 0
    call_soon = loop.call_soon

    def counted(*arguments: Any, **more: Any) -> asyncio.Handle:
        nonlocal turns
        turns += 1
        return call_soon(*arguments, **more)

    monkeypatch.setattr(loop, "call_soon", counted)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await finish(asyncio.sleep(0.3), 20)
    assert loop.time() - before >= 0.3, "the clean-up was cut short"
    assert turns < 100, "the loop was busy while it had nothing to do"


@pytest.fixture(params=[driver for drivers in DRIVERS.values() for driver in drivers])
async def behind_a_proxy(
    request: pytest.FixtureRequest, fault_proxy: Callable[[int], FaultProxy]
) -> AsyncIterator[tuple[Database, FaultProxy, TestDatabase]]:
    """A database, by each driver, behind a proxy that can go silent."""
    kind = next(kind for kind, drivers in DRIVERS.items() if request.param in drivers)
    test_database: TestDatabase = request.getfixturevalue(f"{kind}_database")
    assert test_database.port is not None
    proxy = fault_proxy(test_database.port)
    database = make_database(test_database.url_for(request.param, port=proxy.port), cleanup_timeout_s=0.5)
    await database.start()
    yield database, proxy, test_database
    proxy.cut()
    await database.close()


@pytest.mark.parametrize("outcome", ["returns", "raises", "is cancelled"])
async def test_against_a_silent_server_the_connection_is_dropped_and_the_task_ends(
    behind_a_proxy: tuple[Database, FaultProxy, TestDatabase], outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The roll-back is never answered: after the deadline the slot is free, and a later session works."""
    database, proxy, test_database = behind_a_proxy
    silent = asyncio.Event()

    async def use() -> None:
        async with database.session() as session:
            session.add(Note(name="lost"))
            await session.flush()
            proxy.freeze()
            silent.set()
            if outcome == "raises":
                raise LookupError
            if outcome == "is cancelled":
                await asyncio.sleep(60)

    began = time.monotonic()
    await _run(use, cancel_at=silent if outcome == "is cancelled" else None)
    assert time.monotonic() - began < 0.5 + 0.2 + 3 * GRACE_S + 20, "not bounded by the deadline"
    assert checked_out(database) == 0
    assert database.counters.snapshot()["cleanup_failures"] == 1
    assert "DB_CLEANUP_TIMEOUT" in caplog.text

    proxy.cut()
    proxy.forward()
    async with database.session() as session:
        assert await session.scalar(text("SELECT count(*) FROM note")) == 0
    await asyncio.to_thread(test_database.wait_connection_count, 1)


async def test_a_connection_that_was_lost_is_told_in_one_line(
    server_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """A crowd of them would fill the log with tracebacks that say no more than the database's own words."""
    assert server_database.server is not None
    database = make_database(server_database.url)
    await database.start()
    try:
        async with database.session() as session:
            await session.execute(text("SELECT 1"))
            assert server_database.server.kill_connections(server_database) > 0
        (told,) = [record for record in caplog.records if record.name == "plimsoll.session"]
        assert "could not be rolled back" in told.getMessage()
        assert "onnection" in told.getMessage().partition("committed: ")[2]
        assert "\n" not in told.getMessage()
        assert told.exc_info is None
    finally:
        await database.close()


async def _run(use: Callable[[], Awaitable[None]], *, cancel_at: asyncio.Event | None) -> None:
    task = asyncio.ensure_future(use())
    if cancel_at is not None:
        await asyncio.wait_for(cancel_at.wait(), 40)
        task.cancel()
    await asyncio.wait({task}, timeout=40)
    assert task.done(), "the task still waits for the silent server"
    if not task.cancelled():
        task.exception()
