"""A time limit for what SQLAlchemy's greenlet awaits in one block."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy.util.concurrency import in_greenlet

T = TypeVar("T")


GRACE_S = 1.0
"""After its connection was hung up a driver has this long to notice, before its task is cancelled."""


class Within:
    """`with Within(seconds):` ends what the block awaits by `TimeoutError` after so long; None sets no limit.

    It is cancelled then; or, with `hang_up`, that is called first, for a driver that does not simply end when it is
    cancelled. Outside SQLAlchemy's greenlet nothing can be awaited, and nothing is limited.
    """

    __slots__ = ("_hang_up", "_hung_up", "_limit", "_timer", "seconds")

    def __init__(self, seconds: float | None, hang_up: Callable[[], None] | None = None) -> None:
        self.seconds = seconds
        self._hang_up = hang_up
        self._hung_up = False
        self._timer: asyncio.TimerHandle | None = None
        self._limit: asyncio.Timeout | None = None
        if seconds is not None and in_greenlet():
            self._limit = asyncio.timeout(seconds if hang_up is None else seconds + GRACE_S)

    def __enter__(self) -> None:
        if self._limit is not None and self.seconds is not None:
            _at_once(self._limit.__aenter__())
            if self._hang_up is not None:
                self._timer = asyncio.get_running_loop().call_later(self.seconds, self._fire, self._hang_up)

    def _fire(self, hang_up: Callable[[], None]) -> None:
        self._hung_up = True
        hang_up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._limit is not None:
            _at_once(self._limit.__aexit__(kind, error, trace))
            if self._hung_up and isinstance(error, Exception):
                raise TimeoutError from error


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run what is a coroutine in name only: it waits for nothing, so no switch to the event loop is needed."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("a time limit was waited for")
