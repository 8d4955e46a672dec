"""Under LOG_FORMAT=json everything that a process of the service writes is a JSON object a line: also what is printed,
warnings, and exceptions that nobody catches."""

import io
import json
import logging
import sys
import threading
from types import TracebackType
from typing import Any, BinaryIO, TextIO

from plimsoll.asgi.logs import JsonFormatter

logger = logging.getLogger("plimsoll.process")

STREAMS = ("stdout", "stderr")


class Printed(io.TextIOBase):
    """Takes the place of a stream of the process, and writes to it each line as an object whose logger is its name."""

    encoding = "utf-8"

    def __init__(self, name: str, stream: TextIO) -> None:
        self._name = name
        self._stream = stream
        self._formatter = JsonFormatter()
        self._lock = threading.Lock()
        self._rest = ""

    def writable(self) -> bool:
        """As the stream is."""
        return True

    def fileno(self) -> int:
        """The stream's own: what is written there directly is as it is."""
        return self._stream.fileno()

    @property
    def buffer(self) -> BinaryIO:
        """The same for bytes."""
        return self._stream.buffer

    def write(self, text: str) -> int:
        """Whole lines; what has no end yet waits for it."""
        if not isinstance(text, str):
            raise TypeError("this takes text")
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._stream.write(f"{self._as_json(line)}\n")
        return len(text)

    def flush(self) -> None:
        """Lines that are whole."""
        self._stream.flush()

    def _as_json(self, line: str) -> str:
        if _is_object(line):
            return line  # of a logger of the application's own
        level = logging.INFO if self._name == "stdout" else logging.WARNING
        return self._formatter.format(logging.LogRecord(self._name, level, "", 0, line.rstrip("\r"), None, None))


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def begin() -> None:
    """From now on, in this process; a second time changes nothing."""
    for name in STREAMS:
        stream = getattr(sys, f"__{name}__")
        if stream is not None and not isinstance(getattr(sys, name), Printed):
            setattr(sys, name, Printed(name, stream))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def formatter() -> JsonFormatter:
    """For a configuration of logging, which is all of ours that reaches a server's worker processes at their start."""
    begin()
    return JsonFormatter()


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logger.critical("Nothing caught this, so the process ends.", exc_info=(kind, error, trace))


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None and not issubclass(found.exc_type, SystemExit):
        name = found.thread.name if found.thread is not None else "a thread"
        logger.error("Nothing caught this in %s, which ends.", name, exc_info=found.exc_value)


def _unraisable(found: Any) -> None:
    """As where `__del__` fails."""
    words = found.err_msg or "Exception ignored in"
    logger.error("%s: %s", words, _name_of(found.object), exc_info=found.exc_value)


def _name_of(thing: object) -> str:
    return getattr(thing, "__qualname__", type(thing).__qualname__)
