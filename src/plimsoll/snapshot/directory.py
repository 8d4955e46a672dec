"""The directory that the workers of one host share: where it is, whose it is, and files that are there whole or not."""

import os
import stat
import tempfile
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from plimsoll.errors import SharingError

CHECKLIST = "checks"
"""Files of this name, with any ending, are those of `plimsoll.checks.last`."""


def directory_of_siblings(service: str = "") -> Path | None:
    """A directory for this process and those of the same `service` that its parent has started beside it; None where
    the parent is another program (a shell, systemd), and so no server with workers. A parent in Python may be one that
    starts several services (supervisord)."""
    parent = os.getppid()
    try:
        if os.readlink(f"/proc/{parent}/exe") != os.readlink("/proc/self/exe"):
            return None
        here = os.getcwd()
    except OSError:
        return None
    return root() / f"{parent}-{sha256(os.fsencode(here) + service.encode()).hexdigest()[:8]}"


def root() -> Path:
    """Where the directories are that nobody has named."""
    return Path(tempfile.gettempdir()) / f"plimsoll-{os.geteuid()}"


def make(directory: Path) -> None:
    """Make it, where it is not there, and see to it that nobody else can write or read there.

    Raises:
        SharingError: somebody could, or it is none.
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise SharingError(unusable(directory, "is not a directory of this account's own"))
    if found.st_mode & 0o077:
        raise SharingError(unusable(directory, "is open to other accounts (chmod 700 closes it)"))


def unusable(directory: Path, why: str) -> str:
    """What it means, and what to do."""
    return (
        f"{directory} {why}, so this worker shows itself alone and is missing where others show all. Set "
        "OPS_SHARED_DIR to a directory that this account alone may use, or to none."
    )


def written(path: Path, fresh: Path, content: bytes) -> None:
    """Write it, in one piece: as `fresh`, which then gets its name.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.rename(path)


def read(path: Path, most_bytes: int) -> bytes | None:
    """What is in it; None where it is longer than that, no file, or not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return content if len(content) <= most_bytes else None


def changed_ns(path: Path) -> int:
    """When it was written last; 0 where it is not there, or is of a time that has not come (the clock was set back)."""
    try:
        found_ns = path.lstat().st_mtime_ns
    except OSError:
        return 0
    return found_ns if found_ns < time.time_ns() + 1_000_000_000 else 0
