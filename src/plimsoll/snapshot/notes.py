"""Short lines that all workers of one host remember together, in a file of the directory that they share: of what is to
hold for all of them at once, also for one that is blocked now, and for one that begins later."""

import os
import stat
from pathlib import Path

from plimsoll.snapshot.directory import read, written

MOST = 1_000
"""Lines that are remembered; of more, the first are forgotten."""

LONGEST = 100
"""Characters of a line."""

_MOST_BYTES = 2 * MOST * (LONGEST + 1)


class Notes:
    """The lines in the file at `path`, as one worker has them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_as: tuple[int, int, int] | None = None
        self._lines: frozenset[str] = frozenset()

    def add(self, line: str) -> None:
        """One more; a line of its own, printable.

        Raises:
            OSError: it cannot be written.
            ValueError: it is no such line.
        """
        if len(line) > LONGEST or not line.isprintable():
            raise ValueError(f"{line!r:.40} is no line of at most {LONGEST} characters")
        descriptor = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())  # one write at the end of a file is not torn by another's
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if size > _MOST_BYTES // 2:
            self._shorten()

    def __contains__(self, line: str) -> bool:
        """Whether anybody has added it. One `stat` while nothing was added."""
        try:
            found = self._path.lstat()
        except OSError:
            return False
        changed = (found.st_ino, found.st_mtime_ns, found.st_size)
        if changed != self._read_as:
            self._read_as = changed
            self._lines = frozenset(self._all()) if stat.S_ISREG(found.st_mode) else frozenset()
        return line in self._lines

    def _all(self) -> list[str]:
        content = read(self._path, _MOST_BYTES) or b""
        return [line for line in content.decode("utf-8", "replace").split("\n") if 0 < len(line) <= LONGEST][-MOST:]

    def _shorten(self) -> None:
        lines = self._all()[-MOST // 2 :]
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        written(self._path, fresh, "".join(f"{line}\n" for line in lines).encode())
