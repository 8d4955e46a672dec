"""Opens connections: few at a time; while the server is down with growing pauses, and one probe, not a stampede."""

import asyncio
import random
from collections.abc import Callable

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.8
"""While connects fail, the next attempt comes after a pause that doubles from the first to the longest: a server that
is back is met in less than a second."""


class ServerDownError(Exception):
    """The last connect failed and the next attempt is not due: nobody is let to try before."""

    def __init__(self, cause: BaseException, next_attempt_s: float) -> None:
        super().__init__(f"no attempt for another {next_attempt_s:.2f} s after: {cause}")
        self.cause = cause


class Opening:
    """A gate before the driver's connect. `clock` is the event loop's."""

    def __init__(self, at_once: int, clock: Callable[[], float]) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._clock = clock
        self._pause_s = 0.0
        self._next_attempt_s = 0.0
        self._probing = False
        self.last_failure: BaseException | None = None

    async def enter(self) -> None:
        """Wait for a turn to connect; ended by `succeeded`, `failed` or `cancelled`.

        Raises:
            ServerDownError: the server was down a moment ago, and another attempt is made elsewhere or not due.
        """
        self._refuse_while_down()
        await self._slots.acquire()
        try:
            self._refuse_while_down()
        except ServerDownError:
            self._slots.release()
            raise
        self._probing = self.last_failure is not None

    def _refuse_while_down(self) -> None:
        if self.last_failure is None:
            return
        left_s = self._next_attempt_s - self._clock()
        if left_s > 0 or self._probing:
            raise ServerDownError(self.last_failure, max(left_s, 0.0))

    def succeeded(self) -> None:
        """The connect worked: the server is up."""
        self.last_failure = None
        self._pause_s = 0.0
        self._leave()

    def failed(self, error: BaseException) -> None:
        """The connect failed: nobody tries before the pause is over."""
        self.last_failure = error
        self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._next_attempt_s = self._clock() + self._pause_s * random.uniform(0.8, 1.0)  # noqa: S311
        self._leave()

    def cancelled(self) -> None:
        """The connect was given up by its user, which says nothing of the server."""
        self._leave()

    def _leave(self) -> None:
        self._probing = False
        self._slots.release()
