"""The signal to stop, heard beside the server: so that the process is known to be stopping before the server has told
the application, which it does when the last request is done."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

STOP = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Calls `stopping` in the event loop at the first signal to stop; the server's own handling goes on.

    A server that has a `should_exit` (uvicorn) is told by that at the first signal, in place of its handler, which
    would raise the signal again at the end: so the process ends with status 0. The second signal is the server's own.
    """

    def __init__(self, stopping: Callable[[], None]) -> None:
        self._stopping = stopping
        self._before: dict[signal.Signals, Any] = {}
        self._heard = False

    def listen(self) -> None:
        """From now on; call it in the event loop. Outside of the main thread no signal can be heard, and none is."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for number in STOP:
            before = signal.getsignal(number)
            if callable(before):  # a server that stops in its own way: the default would have ended us by now
                self._before[number] = before
                signal.signal(number, self._hear)

    def undo(self) -> None:
        """Leave the server's handlers in place again."""
        for number, before in self._before.items():
            if signal.getsignal(number) == self._hear:
                signal.signal(number, before)
        self._before.clear()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        before = self._before.get(signal.Signals(number))
        first, self._heard = not self._heard, True
        if first:
            self._loop.call_soon_threadsafe(self._stopping)
        server = getattr(before, "__self__", None)
        if first and server is not None and hasattr(server, "should_exit"):
            server.should_exit = True
        elif callable(before):
            before(number, frame)
