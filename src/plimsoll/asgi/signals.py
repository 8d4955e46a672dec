"""The signal to stop, heard beside the server: so that the process is known to be stopping before the server has told
the application, which it does when the last request is done."""

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Any

STOP = (signal.SIGTERM, signal.SIGINT)

REPEATED_S = 2.0
"""A second SIGTERM within this is the first one, which came twice: a service manager sends it to each process of the
service (systemd's `KillMode=control-group`), and the parent passes it on (uvicorn's looks every half second)."""

ARRIVED_S = 0.05
"""So much later uvicorn is told: requests that had arrived when the signal came are then answered, where it would have
closed their connections as idle ones, with their bytes unread (a reset)."""


class StopSignals:
    """Hears the signals to stop; the server's own handling goes on.

    `heard` is called within the signal handler, so before anything else of the process, and must only set a flag;
    `stopping` in the event loop at the first signal, `at_once` in the event loop at the second.

    A server that has a `should_exit` (uvicorn) is told by that at the first signal, in place of its handler, which
    would raise the signal again at the end: so the process ends with status 0. The second signal is ours alone: what
    is in flight is rolled back before the server may go. From the third on the server's handler does what it does.
    """

    def __init__(
        self, heard: Callable[[], object], stopping: Callable[[], object], at_once: Callable[[], object]
    ) -> None:
        self._call_heard = heard
        self._stopping = stopping
        self._at_once = at_once
        self._before: dict[signal.Signals, Any] = {}
        self._times = 0
        self._first_s = 0.0
        self._interrupted = False
        self.alone = False
        """Whether the server has no handler in this process, so that the application must end it."""

    @property
    def heard(self) -> bool:
        """Whether a signal has come."""
        return self._times > 0

    def listen(self) -> None:
        """From now on; call it in the event loop. Outside of the main thread no signal can be heard, and none is."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for number in STOP:
            before = signal.getsignal(number)
            if callable(before):  # a server that stops in its own way: the default would have ended us by now
                self._before[number] = before
                # A loop's own handlers (gunicorn, hypercorn, granian) hear by its wake-up descriptor, beside this one.
                signal.signal(number, self._hear)
            elif before is signal.SIG_DFL and number == signal.SIGTERM and multiprocessing.parent_process() is not None:
                # A worker of hypercorn's, which SIGTERM would end in the middle of everything. No other process: what
                # ends a script or a test run by SIGTERM is not ours to change.
                self.alone = True
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
        if not self._counts(number):
            return
        self._times += 1
        server = getattr(before, "__self__", None)
        told = hasattr(server, "should_exit")
        if self._times == 1:
            self._call_heard()
            self._loop.call_soon_threadsafe(self._first, server if told else None)
        elif self._times == 2:
            self._loop.call_soon_threadsafe(self._at_once)
        if callable(before) and not (told and self._times <= 2):
            before(number, frame)

    def _first(self, server: Any) -> None:
        self._stopping()
        if server is not None:
            self._loop.call_later(ARRIVED_S, setattr, server, "should_exit", True)

    def _counts(self, number: int) -> bool:
        """Whether it is another one, and not the last one again."""
        if not self._times:
            self._first_s = monotonic()
        again = number == signal.SIGINT and self._interrupted  # Ctrl+C twice: nobody passes SIGINT on as itself
        self._interrupted = self._interrupted or number == signal.SIGINT
        return not self._times or again or monotonic() - self._first_s > REPEATED_S
