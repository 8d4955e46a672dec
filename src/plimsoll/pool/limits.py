"""A time limit for what SQLAlchemy's greenlet awaits in one block."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

from sqlalchemy.util.concurrency import in_greenlet

GRACE_S = 1.0
"""After its connection was hung up a driver has this long to notice, before its task is cancelled; and with `again`, as
long after each cancellation, before the next."""


class Within:
    """`with Within(seconds):` ends what the block awaits by `TimeoutError` after so long; None sets no limit.

    As `asyncio.timeout`, for a block that is no coroutine, at a third of its cost: each statement has one. The task is
    cancelled at the end of the time; or, with `hang_up`, that is called first, for a driver that does not simply end
    when it is cancelled. With `again` it is cancelled until it ends: a driver may lose a cancellation while it connects
    (asyncmy by Python 3.11's `wait_for`, where the loop stalls at that moment), and would wait for ever. Outside
    SQLAlchemy's greenlet nothing can be awaited, and nothing is limited.
    """

    __slots__ = ("_again", "_cancelled", "_cancels", "_expired", "_hang_up", "_loop", "_task", "_timer", "seconds")

    def __init__(
        self, seconds: float | None, hang_up: Callable[[], None] | None = None, *, again: bool = False
    ) -> None:
        self.seconds = seconds
        self._hang_up = hang_up
        self._again = again
        self._expired = False
        self._cancelled = 0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if self.seconds is None or not in_greenlet():
            return
        self._loop = asyncio.get_running_loop()
        self._task = cast("asyncio.Task[Any]", asyncio.current_task(self._loop))
        self._cancels = self._task.cancelling()
        self._timer = self._loop.call_later(self.seconds, self._expire)

    def _expire(self) -> None:
        self._expired = True
        if self._hang_up is None:
            self._cancel()
        else:
            self._timer = self._loop.call_later(GRACE_S, self._cancel)
            self._hang_up()

    def _cancel(self) -> None:
        self._cancelled += 1
        self._task.cancel()
        if self._again:
            self._timer = self._loop.call_later(GRACE_S, self._cancel)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is None:
            return
        self._timer.cancel()
        if not self._expired:
            return
        for _ in range(self._cancelled):
            self._task.uncancel()
        # As asyncio.timeout: a cancellation that came from elsewhere is not taken for ours, and not lost, also where a
        # driver was busy with it when its connection was hung up.
        if self._task.cancelling() > self._cancels:
            if error is not None and not isinstance(error, asyncio.CancelledError):
                raise asyncio.CancelledError from error
            return
        if isinstance(error, asyncio.CancelledError) or (self._hang_up is not None and isinstance(error, Exception)):
            raise TimeoutError from error
