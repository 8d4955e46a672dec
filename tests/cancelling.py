"""Cancels a coroutine the n-th time that it waits for anything."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class CancelAt(Generic[T]):
    """`await CancelAt(work, n)` runs `work` in this task, and cancels the task as it waits for the n-th time.

    Where it waits less often, it ends as if nothing had been asked. `waits` says how often it waited.
    """

    def __init__(self, work: Coroutine[Any, Any, T], step: int) -> None:
        self._work = work
        self._step = step
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, T]:
        resume = self._work.send
        value: Any = None
        while True:
            try:
                waited_for = resume(value)
            except StopIteration as end:
                result: T = end.value
                return result
            self.waits += 1
            if self.waits == self._step:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                resume, value = self._work.send, (yield waited_for)
            except BaseException as error:  # noqa: BLE001 - the work shall see whatever the task got
                resume, value = self._work.throw, error
