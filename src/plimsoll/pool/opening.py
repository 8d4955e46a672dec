"""Opens connections: few at a time; while the server is down with growing pauses, and one probe, not a stampede."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, cast

from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from plimsoll.errors import DatabaseDownError
from plimsoll.pool.limits import Within
from plimsoll.pool.numbers import Numbers

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.4
"""While connects fail, the next attempt comes after a pause that doubles from the first to the longest: a server that
is back is met in less than a second, at the cost of three connects a second."""

PROBE_AFTER_S = 0.5
"""While the server is down and an attempt hangs, another may be made after this: its socket may be silent for ever."""

PROBE_LIMIT_S = 2.0
"""Such an attempt ends after this, so that there is always room for another. Every fourth has the whole limit, for a
server that takes longer to connect to."""


class OutOfTimeError(Exception):
    """The one who asked has no time left, which says nothing of the server."""


class Opening:
    """The gate before a driver's connect. `clock` is the pool's; `limit_s` is the time for one connect with all its
    set-up."""

    def __init__(self, at_once: int, limit_s: float, numbers: Numbers, clock: Callable[[], float]) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._limit_s = limit_s
        self._numbers = numbers
        self._clock = clock
        self._pause_s = 0.0
        self._next_attempt_s = 0.0
        self._probes = 0
        self.last_failure: BaseException | None = None
        self.now = 0

    def open(self, connect: Callable[[], ConnectionPoolEntry], ends_s: float) -> ConnectionPoolEntry:
        """`connect()` in its turn, before `ends_s` on the clock. Runs in SQLAlchemy's greenlet.

        Raises:
            DatabaseDownError: the server was down a moment ago and no attempt is due, or it did not answer in time.
            OutOfTimeError: the time is up.
            Exception: whatever the driver raised.
        """
        try:
            self._refuse_while_down()
            with Within(max(0.0, ends_s - self._clock())):
                await_only(self._slots.acquire())
        except DatabaseDownError:
            self._numbers.failed("connect")
            raise
        except TimeoutError:
            raise OutOfTimeError from None
        try:
            return self._open(connect, ends_s)
        finally:
            self._slots.release()

    def _open(self, connect: Callable[[], ConnectionPoolEntry], ends_s: float) -> ConnectionPoolEntry:
        began_s = self._clock()
        try:
            self._refuse_while_down()  # it may have gone down while this one waited for its turn
            limit_s = self._limit_of_this()
            self.now += 1
            try:
                record = self._in_time(connect, limit_s, ends_s - began_s)
            except Exception as error:
                self.failed(error)
                raise
            finally:
                self.now -= 1
        except OutOfTimeError:
            raise
        except Exception:
            self._numbers.failed("connect")
            raise
        self.last_failure = None
        self._pause_s = 0.0
        self._numbers.opened(self._clock() - began_s)
        return record

    def _limit_of_this(self) -> float:
        """While the server is down, one attempt at a time, or one more where the last hangs."""
        if self.last_failure is None:
            return self._limit_s
        self._probes += 1
        self._next_attempt_s = self._clock() + PROBE_AFTER_S
        return self._limit_s if self._probes % 4 == 0 else min(PROBE_LIMIT_S, self._limit_s)

    def _in_time(
        self, connect: Callable[[], ConnectionPoolEntry], limit_s: float, left_s: float
    ) -> ConnectionPoolEntry:
        """Within one limit for all of it; and a cancellation that a driver swallowed is not lost."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        cancels = task.cancelling()
        try:
            with Within(max(0.0, min(limit_s, left_s)), again=True):
                record = connect()
        except TimeoutError as error:
            if left_s < limit_s:
                raise OutOfTimeError from None
            words = f"no connection within {limit_s:g} s: the server did not answer in time"
            raise DatabaseDownError(words, TimeoutError(words)) from error
        if task.cancelling() > cancels:
            record.invalidate()
            raise asyncio.CancelledError
        return record

    @property
    def is_down(self) -> bool:
        """Whether the last attempt to connect failed."""
        return self.last_failure is not None

    def refuse(self) -> DatabaseDownError:
        """What a server that is down means for whoever needs a connection now."""
        cause = self.last_failure or ConnectionError("unknown")
        left_s = max(0.0, self._next_attempt_s - self._clock())
        return DatabaseDownError(f"no attempt to connect for another {left_s:.2f} s after: {cause}", cause)

    def _refuse_while_down(self) -> None:
        if self.is_down and self._clock() < self._next_attempt_s:
            raise self.refuse() from self.last_failure

    def failed(self, error: Exception) -> None:
        """Nobody tries before the pause is over."""
        if isinstance(error, OutOfTimeError):
            return
        self.last_failure = error
        self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._next_attempt_s = self._clock() + self._pause_s * random.uniform(0.8, 1.0)  # noqa: S311
