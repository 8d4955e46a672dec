"""The concurrency core: a bounded number of places, and one line of those who wait for a place.

Knows no database, no framework and no clock but the one it is given. It runs in one event loop, and every
decision is made between two awaits, so it needs no lock; only `take` waits, and it decides nothing after its wait.

What it promises: first come, first served, and no newcomer overtakes; what is given back goes straight to the
first in line, who owns it from that moment, also if it is cancelled before it runs again (then it passes on).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Open(Enum):
    """What a taker gets where nothing idle was there: the right to open one."""

    ONE = "a free place, to open something in it"


class LineFullError(Exception):
    """So many wait already that one more is refused."""


class ClosedError(Exception):
    """Nothing is given out any more."""


@dataclass(eq=False)
class Places(Generic[Thing]):
    """`limit` places: each is empty, holds an idle thing, or is taken (in use, being opened, being closed)."""

    limit: int
    max_waiting: int
    clock: Callable[[], float]
    taken: int = 0
    most_taken: int = 0
    """The most that were taken at a time by users, and the most who waited (`most_waiting`)."""
    most_waiting: int = 0
    closed: bool = False
    _idle: list[Thing] = field(default_factory=list)
    _line: "OrderedDict[asyncio.Future[Thing | Open], None]" = field(default_factory=OrderedDict)
    """Those who wait, each by the future that is given a thing, or `Open.ONE`, or an exception."""

    @property
    def idle(self) -> int:
        """How many things wait for a user."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """How many users wait for a thing."""
        return len(self._line)

    def take_now(self, suits: Callable[[Thing], bool] | None = None) -> Thing | Open | None:
        """The same without waiting; None where one would have to wait, since none is there or others are in line.

        Raises:
            ClosedError: `close` was called.
        """
        if self.closed:
            raise ClosedError
        return None if self._line else self._grab(suits)

    async def take(self, deadline_s: float, *, suits: Callable[[Thing], bool] | None = None) -> Thing | Open:
        """An idle thing (one that `suits`, if there is one), or the right to open one; waits in line for it.

        Raises:
            LineFullError: `max_waiting` are waiting already.
            TimeoutError: the clock passed `deadline_s` first.
            ClosedError: `close` was called.
        """
        got = self.take_now(suits)
        if got is not None:
            return got
        if len(self._line) >= self.max_waiting:
            raise LineFullError
        waiter: asyncio.Future[Thing | Open] = asyncio.get_running_loop().create_future()
        self._line[waiter] = None
        self.most_waiting = max(self.most_waiting, len(self._line))
        return await self._wait(waiter, deadline_s)

    async def _wait(self, waiter: asyncio.Future[Thing | Open], deadline_s: float) -> Thing | Open:
        timer = asyncio.get_running_loop().call_later(max(0.0, deadline_s - self.clock()), self._expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            self._line.pop(waiter, None)
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # It was given something in the same turn in which it was cancelled.
                self._pass_on(waiter.result())
            raise
        finally:
            timer.cancel()

    def _expire(self, waiter: asyncio.Future[Thing | Open]) -> None:
        if waiter in self._line:
            del self._line[waiter]
            if not waiter.done():
                waiter.set_exception(TimeoutError())

    def take_to_open(self) -> bool:
        """Take an empty place to open something in it, if there is one and nobody waits for it."""
        if self.closed or self._line or self.taken + len(self._idle) >= self.limit:
            return False
        self.taken += 1
        return True

    def take_idle(self, wanted: Callable[[Thing], bool]) -> Thing | None:
        """Take an idle thing that is `wanted`, the longest idle first; for maintenance."""
        for number, thing in enumerate(self._idle):
            if wanted(thing):
                self.taken += 1
                return self._idle.pop(number)
        return None

    def give_back(self, thing: Thing) -> None:
        """What was taken is idle again, or goes to the first in line."""
        self._pass_on(thing)

    def free(self) -> None:
        """A taken place is empty now: the first in line may open something in it."""
        self._pass_on(Open.ONE)

    @property
    def surplus(self) -> bool:
        """Whether what comes back should be closed: the limit was lowered, or all is closing."""
        return self.closed or self.taken + len(self._idle) > self.limit

    def resize(self, limit: int) -> None:
        """Change the number of places; those in line move up where it grew."""
        self.limit = limit
        while self._line and self.taken + len(self._idle) < self.limit:
            self.taken += 1
            self.most_taken = max(self.most_taken, self.taken)
            self._pass_on(Open.ONE)

    def close(self) -> list[Thing]:
        """Give nothing out any more: those in line are told, and what is idle is returned, to be closed."""
        self.closed = True
        while self._line:
            waiter, _ = self._line.popitem(last=False)
            if not waiter.done():
                waiter.set_exception(ClosedError())
        idle, self._idle = self._idle, []
        self.taken += len(idle)
        return idle

    def _grab(self, suits: Callable[[Thing], bool] | None) -> Thing | Open | None:
        got: Thing | Open
        if self._idle:
            got = self._idle.pop(self._best(suits))
        elif self.taken < self.limit:
            got = Open.ONE
        else:
            return None
        self.taken += 1
        self.most_taken = max(self.most_taken, self.taken)
        return got

    def _best(self, suits: Callable[[Thing], bool] | None) -> int:
        """The last returned that suits, so that few are kept warm and the rest can be closed; else the last."""
        if suits is not None:
            for number in range(len(self._idle) - 1, -1, -1):
                if suits(self._idle[number]):
                    return number
        return -1

    def _pass_on(self, got: Thing | Open) -> None:
        """Hand a taken place to the first in line, or make it idle or empty."""
        while self._line and not (got is Open.ONE and self.taken + len(self._idle) > self.limit):
            waiter, _ = self._line.popitem(last=False)
            if not waiter.done():
                waiter.set_result(got)
                return
        self.taken -= 1
        if not isinstance(got, Open):
            self._idle.append(got)
