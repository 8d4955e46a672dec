"""Cancels a piece of work at its n-th wait, for every n, and looks after each at the pool, the server and the rows.

A wait is one of the work's own task or of any task that it starts meanwhile (drivers connect in tasks of their own, and
SQLAlchemy closes in one), so a cancellation arrives at every point at which it can.
"""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import anyio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll import Database
from plimsoll.pool import PlimsollPool
from tests.pool.conftest import assert_balanced, pool_of
from tests.servers import TestDatabase

PATIENCE_S = 15.0
"""For what must come to an end in the background: longer than any deadline of the pools swept here."""

_COUNTED: ContextVar["Waits | None"] = ContextVar("counted", default=None)


class Waits:
    """Counts waits, and calls `strike` at each of the numbers `at`."""

    def __init__(self, at: frozenset[int], strike: Callable[[], object]) -> None:
        self.count = 0
        self.struck = False
        self.over = False
        self._at = at
        self._strike = strike

    def one(self) -> None:
        """Somebody waits."""
        self.count += 1
        if self.count in self._at and not self.over:
            self.struck = True
            self._strike()

    async def of(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`, counting."""
        loop = asyncio.get_running_loop()
        _COUNTED.set(self)
        loop.set_task_factory(_task)
        try:
            await _Counted(work, self)
        finally:
            self.over = True
            loop.set_task_factory(None)


class _Counted:
    def __init__(self, work: Coroutine[Any, Any, Any], waits: Waits) -> None:
        self._work = work
        self._waits = waits

    def __await__(self) -> Generator[Any, Any, Any]:
        resume: Callable[[Any], Any] = self._work.send
        value: Any = None
        while True:
            try:
                waited_for = resume(value)
            except StopIteration as end:
                return end.value
            finally:
                del value  # an error that refers to this frame would keep alive whatever it failed in
            self._waits.one()
            try:
                resume, value = self._work.send, (yield waited_for)
            except BaseException as error:  # noqa: BLE001 - the work shall see whatever the task got
                resume, value = self._work.throw, error


def _task(loop: asyncio.AbstractEventLoop, work: Any, **named: Any) -> "asyncio.Task[Any]":
    context = named.get("context")
    waits = context[_COUNTED] if context is not None and _COUNTED in context else _COUNTED.get()
    return asyncio.Task(work if waits is None else _carry(work, waits), loop=loop, **named)


async def _carry(work: Coroutine[Any, Any, Any], waits: Waits) -> Any:
    return await _Counted(work, waits)


Prepare = Callable[["Scene"], Awaitable[None]]

Deliver = Callable[[Coroutine[Any, Any, None], int], Awaitable[bool]]
"""Runs work, gives it up at its n-th wait; False where it ended before. Fails where it ended as if nothing had been."""


async def once(work: Coroutine[Any, Any, None], step: int) -> bool:
    """`task.cancel()`."""
    return await _cancel(work, frozenset({step}))


async def twice(work: Coroutine[Any, Any, None], step: int) -> bool:
    """And again at the next wait, which is one of the clean-up."""
    return await _cancel(work, frozenset({step, step + 1}))


async def thrice(work: Coroutine[Any, Any, None], step: int) -> bool:
    """And at the two waits after: the impatient cancel the clean-up of the clean-up."""
    return await _cancel(work, frozenset({step, step + 1, step + 2}))


async def _cancel(work: Coroutine[Any, Any, None], at: frozenset[int]) -> bool:
    task: asyncio.Task[None]
    waits = Waits(at, lambda: task.cancel())
    task = asyncio.create_task(waits.of(work))
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done(), "it still runs"
    if not task.cancelled():
        task.result()
        assert not waits.struck, "the cancellation was swallowed"
    return waits.struck


async def by_timeout(work: Coroutine[Any, Any, None], step: int) -> bool:
    """`asyncio.timeout` ends."""
    struck = False
    try:
        async with asyncio.timeout(None) as limit:
            waits = Waits(frozenset({step}), lambda: limit.reschedule(0))
            # In a task of its own, since the count must not go on in this one.
            await waits.of(work)
    except TimeoutError:
        struck = True
    finally:
        _COUNTED.set(None)
    assert struck or not waits.struck, "the time limit was swallowed"
    return struck


async def by_scope(work: Coroutine[Any, Any, None], step: int) -> bool:
    """A cancelled anyio scope: cancels at each turn of the loop until the work has ended."""
    with anyio.CancelScope() as scope:
        waits = Waits(frozenset({step}), scope.cancel)
        try:
            await waits.of(work)
            await asyncio.sleep(0)  # where the work's last wait was shielded, it is cancelled only now
        finally:
            _COUNTED.set(None)
    assert scope.cancelled_caught or not waits.struck, "the cancellation was swallowed"
    return waits.struck


@dataclass
class Ledger:
    """What was written, by number: two rows each, in one transaction. The rows must agree with it."""

    database: TestDatabase
    number: int = 0
    committing: bool = False
    committed: bool = False
    settled: dict[str, int] = field(default_factory=dict)

    def begin(self) -> int:
        """A new transaction's number."""
        self.number += 1
        self.committing = self.committed = False
        return self.number

    def check(self) -> None:
        """Whole or not at all; not at all unless a commit was asked for; there if it was confirmed. And what was looked
        at before is as it was: nobody's later commit was his too."""
        rows = Counter(str(row[0]) for row in self.database.sql("SELECT name FROM note"))
        count = rows[str(self.number)]
        allowed = {2} if self.committed else {0, 2} if self.committing else {0}
        assert count in allowed, f"{count} rows, {self}"
        assert {name: rows[name] for name in self.settled} == self.settled
        self.settled[str(self.number)] = count


@dataclass
class Scene:
    """A pool, its database, and what is written there."""

    database: TestDatabase
    engine: AsyncEngine
    whole: Database | None = None
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database)

    @property
    def pool(self) -> PlimsollPool:
        """The engine's present pool."""
        return pool_of(self.engine)

    async def settle(self) -> None:
        """Wait until nothing is on its way: no connection opened or closed, none in anybody's hands."""
        pool = self.pool
        async with asyncio.timeout(PATIENCE_S):
            while pool.places.taken or pool.snapshot().closing:  # noqa: ASYNC110 - the pool has no event for it
                await asyncio.sleep(0.002)

    async def check(self) -> None:
        """The invariant: nothing checked out, opened = closed + idle, the server's own count agrees, rows whole."""
        await self.settle_or_tell()
        assert_balanced(self.pool)
        await self.agree()
        self.ledger.check()

    async def agree(self) -> None:
        """Wait until the server has just the connections that are idle here; the pool may close one meanwhile."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + PATIENCE_S
        while await asyncio.to_thread(self.count) != self.pool.snapshot().idle:
            assert loop.time() < ends, f"{self.database.connections()} on the server, here: {self.pool.snapshot()}"

    def count(self) -> int:
        """The server's own count. Of SQLite's connections, the threads: it may keep a closed one's file open."""
        if self.database.kind == "sqlite":
            return sum("_connection_worker_thread" in thread.name for thread in threading.enumerate())
        return self.database.connection_count()

    async def settle_or_tell(self) -> None:
        """As `settle`; what was left, where something was."""
        try:
            await self.settle()
        except TimeoutError:
            raise AssertionError(f"left: {self.pool.snapshot()}, {self.pool.who()}") from None

    async def use(self) -> None:
        """The pool serves as many users at once as it has places, and each sees a connection that answers."""
        limit = self.pool.places.limit
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            together = asyncio.Barrier(limit)
            for _ in range(limit):
                group.create_task(self._use_one(together))

    async def _use_one(self, together: asyncio.Barrier) -> None:
        async with self.engine.connect() as connection:
            await together.wait()
            assert await connection.scalar(text("SELECT 1")) == 1


@asynccontextmanager
async def scene_on(database: TestDatabase, engine: AsyncEngine) -> AsyncIterator[Scene]:
    """A scene whose engine is disposed of at the end, and then nothing is left on the server."""
    scene = Scene(database, engine)
    try:
        yield scene
    finally:
        await scene.engine.dispose()
    await scene.agree()


async def sweep(
    scene: Scene,
    work: Callable[[Scene], Coroutine[Any, Any, None]],
    prepare: Prepare,
    deliver: Deliver = once,
) -> int:
    """Give `work` up at its first wait, then its second, until it ends by itself; how many waits it had."""
    for step in itertools.count(1):
        await prepare(scene)
        try:
            struck = await deliver(work(scene), step)
            await scene.check()
        except BaseException as error:
            error.add_note(f"given up at wait {step} ({deliver.__name__})")
            raise
        if not struck:
            return step - 1
    raise AssertionError("unreachable")
