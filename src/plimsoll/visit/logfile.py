"""Counts the lines of a log that tell of trouble. Lines themselves are never kept: they may hold anything."""

import os
import re
import stat
from pathlib import Path

from plimsoll.checks.running import LogFacts
from plimsoll.checks.verdict import Known

MOST_BYTES = 16 << 20
"""Of a longer log the end is read: an overload wrote 32 MB of tracebacks in half a minute, and the newest matter."""

KINDS = {
    "memory_errors": rb"MemoryError\b",
    "pool_timeouts": rb"QueuePool limit of size|for a database connection and got none|refused a database connection",
    "leaks": rb"trying to clean up non-checked-in|DB_LEAK_THRESHOLD is|lost a database connection: what held it",
    "oom_kills": rb"oom-kill:|Out of memory: Kill|Memory cgroup out of memory|Perhaps out of memory\?",
    "lost_workers": rb"Child process \[\d+\] died|Worker \(pid:\d+\) was sent SIG(?:KILL|SEGV)",
}
"""What is counted, as lines of Python, SQLAlchemy, this library, gunicorn, uvicorn and the kernel have it."""

_PATTERNS = {kind: re.compile(pattern, re.MULTILINE) for kind, pattern in KINDS.items()}


def read_log(path: Path, from_byte: int = 0) -> Known[LogFacts]:
    """Count from `from_byte` on, where an earlier run had ended; from the beginning where the file is shorter now,
    since it is another then."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        return Known(why=f"{path} cannot be read: {error.strerror}", fix="Name a log that this user may read.")
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Known(why=f"{path} is no file", fix="Name the file that the service's output goes to.")
        begin = max(from_byte if from_byte <= status.st_size else 0, status.st_size - MOST_BYTES)
        text = _read(descriptor, begin)
    except OSError as error:
        return Known(why=f"{path} cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)
    counts = {kind: len(set(_lines(text, pattern))) for kind, pattern in _PATTERNS.items()}
    return Known(LogFacts(path.name, begin, len(text), status.st_size, counts))


def _read(descriptor: int, begin: int) -> bytes:
    parts: list[bytes] = []
    while (left := MOST_BYTES - sum(map(len, parts))) and (part := os.pread(descriptor, left, begin)):
        parts.append(part)
        begin += len(part)
    return b"".join(parts)


def _lines(text: bytes, pattern: re.Pattern[bytes]) -> list[int]:
    """Where the lines begin that match; a line that matches twice is one."""
    return [text.rfind(b"\n", 0, found.start()) for found in pattern.finditer(text)]
