"""SIGUSR2 asks a worker for a record, where nobody else has a use for that signal."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from plimsoll.reports.tasks import frames_of

NUMBER = signal.SIGUSR2
STATUS = Path("/proc/self/status")


class Asked:
    """Calls `call` in the event loop with the stack, innermost first, that the signal came upon: of a loop that is
    blocked it tells what blocks it.

    gunicorn's main process starts itself anew at SIGUSR2 and its workers have the default, which ends them; uvicorn,
    hypercorn and granian do not use it. So a worker takes it where it has the default, and leaves it to whoever has
    it. A handler of C code (faulthandler's, a server's in Rust) is not in Python's own table: the kernel is asked."""

    def __init__(self, call: Callable[[tuple[str, ...]], object]) -> None:
        self._call = call
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self) -> bool:
        """From now on; call it in the event loop. Whether the signal is ours."""
        if threading.current_thread() is not threading.main_thread() or not _is_free():
            return False
        self._loop = asyncio.get_running_loop()
        signal.signal(NUMBER, self._hear)
        return True

    def undo(self) -> None:
        """Leave it as it was."""
        if self._loop is not None and signal.getsignal(NUMBER) == self._hear:
            signal.signal(NUMBER, signal.SIG_DFL)
        self._loop = None

    def _hear(self, _number: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._call, frames_of(frame))


def _is_free() -> bool:
    if signal.getsignal(NUMBER) is not signal.SIG_DFL:
        return False
    try:
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        masks = [int(line.partition(":")[2], 16) for line in lines if line.startswith(("SigCgt:", "SigIgn:"))]
    except (OSError, ValueError):
        return True
    return not any(mask >> (NUMBER - 1) & 1 for mask in masks)
