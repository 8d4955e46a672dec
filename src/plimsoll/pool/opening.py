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
LONGEST_PAUSE_S = 0.8
"""While connects fail, the next attempt comes after a pause that doubles from the first to the longest: a server that
is back is met in less than a second."""


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
        self._probing = False
        self.last_failure: BaseException | None = None
        self.now = 0

    def open(self, connect: Callable[[], ConnectionPoolEntry]) -> ConnectionPoolEntry:
        """`connect()` in its turn. Runs in SQLAlchemy's greenlet.

        Raises:
            DatabaseDownError: the server was down a moment ago and no attempt is due, or it did not answer in time.
            Exception: whatever the driver raised.
        """
        try:
            self._refuse_while_down()
            await_only(self._slots.acquire())
        except DatabaseDownError:
            self._numbers.failed("connect")
            raise
        try:
            return self._open(connect)
        finally:
            self._slots.release()

    def _open(self, connect: Callable[[], ConnectionPoolEntry]) -> ConnectionPoolEntry:
        began_s = self._clock()
        probing = False
        try:
            self._refuse_while_down()  # it may have gone down while this one waited for its turn
            self._probing = probing = self.last_failure is not None
            self.now += 1
            try:
                record = self._in_time(connect)
            except Exception as error:
                self._failed(error)
                raise
            finally:
                self.now -= 1
        except Exception:
            self._numbers.failed("connect")
            raise
        finally:
            if probing:
                self._probing = False
        self.last_failure = None
        self._pause_s = 0.0
        self._numbers.opened(self._clock() - began_s)
        return record

    def _in_time(self, connect: Callable[[], ConnectionPoolEntry]) -> ConnectionPoolEntry:
        """Within one limit for all of it; and a cancellation that a driver swallowed is not lost."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        cancels = task.cancelling()
        try:
            with Within(self._limit_s):
                record = connect()
        except TimeoutError as error:
            words = f"no connection within {self._limit_s:g} s: the server did not answer in time"
            raise DatabaseDownError(words, error) from error
        if task.cancelling() > cancels:
            record.invalidate()
            raise asyncio.CancelledError
        return record

    def _refuse_while_down(self) -> None:
        if self.last_failure is None:
            return
        left_s = self._next_attempt_s - self._clock()
        if left_s > 0 or self._probing:
            words = f"no attempt to connect for another {max(left_s, 0.0):.2f} s after: {self.last_failure}"
            raise DatabaseDownError(words, self.last_failure) from self.last_failure

    def _failed(self, error: Exception) -> None:
        """Nobody tries before the pause is over."""
        self.last_failure = error
        self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._next_attempt_s = self._clock() + self._pause_s * random.uniform(0.8, 1.0)  # noqa: S311
