"""How long a client may keep us waiting: a bucket of seconds, which each byte that comes or goes refills."""

import asyncio
from collections.abc import Awaitable, Generator
from time import monotonic
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Patience:
    """Seconds left for one client; a transfer at `rate_bytes` a second or more never uses them up.

    The bucket begins with `grace_s`, and never holds more than `most_s`: whoever sent a lot at first may not
    rest for hours on it.
    """

    __slots__ = ("_most_s", "_rate_bytes", "left_s")

    def __init__(self, rate_bytes: int, grace_s: float, most_s: float) -> None:
        self._rate_bytes = rate_bytes
        self._most_s = most_s
        self.left_s = grace_s

    def refill(self, amount_bytes: int) -> None:
        """Bytes were transferred."""
        self.left_s = min(self._most_s, self.left_s + amount_bytes / self._rate_bytes)

    async def wait(self, awaitable: Awaitable[Result]) -> Result:
        """The result of `awaitable`, within the seconds left. One that need not wait costs no timer.

        Raises:
            TimeoutError: the seconds are used up; `awaitable` was cancelled.
        """
        steps = awaitable.__await__()
        try:
            first = next(steps)
        except StopIteration as done:
            result: Result = done.value
            return result
        return await self.wait_on(first, steps)

    async def wait_on(self, first: Any, steps: Generator[Any, Any, Result]) -> Result:
        """The same for an awaitable whose first step has been made, and that waits for `first`.

        Raises:
            TimeoutError: the seconds are used up; the awaitable was cancelled.
        """
        began_s = monotonic()
        try:
            async with asyncio.timeout(self.left_s):
                return await _Rest(first, steps)
        finally:
            self.left_s -= monotonic() - began_s


class _Rest(Generic[Result]):
    """An awaitable that has made its first step already, and waits for `first`."""

    def __init__(self, first: Any, steps: Generator[Any, Any, Result]) -> None:
        self._first = first
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Result]:
        try:
            yield self._first
        except BaseException as error:  # noqa: BLE001  a cancellation belongs to what is awaited
            try:
                again = self._steps.throw(error)
            except StopIteration as done:
                result: Result = done.value
                return result
            return (yield from _Rest(again, self._steps).__await__())
        return (yield from self._steps)
