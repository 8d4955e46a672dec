"""Reads the small text files of `/proc` and `/sys`; what cannot be read is noted and left out, never raised."""

import os
from dataclasses import dataclass, field

UNLIMITED = 1 << 60
"""A limit from here on is none: cgroup v1 writes "unlimited" as 2**63 less a page, whose size differs."""

PAGE_BYTES = os.sysconf("SC_PAGESIZE") if hasattr(os, "sysconf") else 4096


@dataclass(slots=True)
class Files:
    """The files of a host, seen from `root`, and those of `process` in `/proc` ("self", or a process's number).

    Paths are given as the host has them ("/proc/meminfo"). `unreadable` collects those that are there and cannot be
    read or understood; a file that does not exist says that the kernel lacks what it stands for.
    """

    root: str = "/"
    process: str = "self"
    unreadable: dict[str, None] = field(default_factory=dict)

    @property
    def are_own(self) -> bool:
        """Whether they are those of the process that reads them, and not of another or of a test's tree."""
        return self.process == "self" and self.root == "/"

    def path(self, path: str) -> str:
        """Where `path` lies on this machine."""
        return path if self.root == "/" else self.root.rstrip("/") + path

    def proc(self, name: str) -> str:
        """The path of the process's file `name`."""
        return f"/proc/{self.process}/{name}"

    def text(self, path: str) -> str | None:
        """What is in a file; None where it is not there or cannot be read."""
        try:
            # Unbuffered and without the io module's layers: a third of the time of open(path).read().
            descriptor = os.open(self.path(path), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            self.odd(path)
            return None
        try:
            parts = []
            while part := os.read(descriptor, 1 << 16):
                parts.append(part)
        except ProcessLookupError:
            # It has ended since.
            return None
        except OSError:
            self.odd(path)
            return None
        finally:
            os.close(descriptor)
        return b"".join(parts).decode("utf-8", "replace")

    def number(self, path: str) -> int | None:
        """The whole number in a file; None where there is none."""
        text = self.text(path)
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            self.odd(path)
            return None

    def limit(self, path: str) -> int | None:
        """The limit in a file; None where there is none: no file, the word "max", or v1's huge number."""
        text = self.text(path)
        if text is None or text.strip() in ("max", "-1"):
            return None
        try:
            value = int(text)
        except ValueError:
            self.odd(path)
            return None
        return value if 0 <= value < UNLIMITED else None

    def table(self, path: str) -> dict[str, int]:
        """A file of lines "name number" (a colon behind the name is left out); empty where there is none."""
        found: dict[str, int] = {}
        for line in (self.text(path) or "").splitlines():
            words = line.split()
            if len(words) > 1 and words[1].isdigit():
                found[words[0].rstrip(":")] = int(words[1])
        return found

    def odd(self, path: str) -> None:
        """Note that a file is there and of no use."""
        self.unreadable[path] = None
