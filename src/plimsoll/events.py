"""Counters and a rate-limited log: what happened and how often, without a log that grows with the load.

One overload run of a plain service wrote 32 MB of tracebacks in half a minute. Here the first reports of a
kind are written in full, the rest are counted, and the next one written says how many were left out."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

FULL_REPORTS = 5
"""Reports of one kind written in full in each window: enough to see whether they are the same."""

WINDOW_S = 10.0
"""Seconds after which a kind may be written again: short enough that a log shows when trouble ended."""


class Counters:
    """Named counts since the process began; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        """Raise the count of `name` by `amount`."""
        with self._lock:
            self._counts[name] += amount

    def snapshot(self) -> Mapping[str, int]:
        """The counts at this moment, read-only."""
        with self._lock:
            return MappingProxyType(dict(self._counts))


@dataclass(slots=True)
class _Window:
    began_s: float
    written: int = 0
    left_out: int = 0


class LimitedLog:
    """A logger that writes at most `FULL_REPORTS` records of one kind in each window of `WINDOW_S` seconds.

    `kind` is a short fixed word (a route, an error class), never text that a client chooses, so the memory
    that this takes is bounded by the code that calls it.
    """

    def __init__(self, logger: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.listener: Callable[[str, str], None] | None = None
        """Is told of each record by its kind and message, of those that are not written too."""
        self._logger = logger
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    def log(self, level: int, kind: str, message: str, exc: BaseException | None = None) -> None:
        """Write `message` (with the traceback of `exc`), or count it where its kind was written enough."""
        if self.listener is not None:
            self.listener(kind, message)
        left_out = self._admit(kind)
        if left_out is None:
            return
        if left_out:
            message = f"{message} ({left_out} more like this were not written, to keep the log small)"
        self._logger.log(level, message, exc_info=exc)

    def _admit(self, kind: str) -> int | None:
        """How many were left out since the last one written; None where this one is left out too."""
        now = self._clock()
        with self._lock:
            window = self._windows.get(kind)
            left_out = 0
            if window is None or now - window.began_s >= WINDOW_S:
                left_out = window.left_out if window else 0
                window = self._windows[kind] = _Window(now)
            if window.written >= FULL_REPORTS:
                window.left_out += 1
                return None
            window.written += 1
            return left_out
