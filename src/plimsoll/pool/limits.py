"""A time limit for what SQLAlchemy's greenlet awaits in one block."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy.util.concurrency import in_greenlet

T = TypeVar("T")


class Within:
    """`with Within(seconds):` ends what the block awaits by `TimeoutError` after so long; None sets no limit.

    Outside SQLAlchemy's greenlet nothing can be awaited, and nothing is limited.
    """

    __slots__ = ("_limit",)

    def __init__(self, seconds: float | None) -> None:
        self._limit = asyncio.timeout(seconds) if seconds is not None and in_greenlet() else None

    def __enter__(self) -> None:
        if self._limit is not None:
            _at_once(self._limit.__aenter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._limit is not None:
            _at_once(self._limit.__aexit__(kind, error, trace))


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run what is a coroutine in name only: it waits for nothing, so no switch to the event loop is needed."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("a time limit was waited for")
