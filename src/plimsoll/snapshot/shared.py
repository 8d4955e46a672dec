"""The workers of one service on one host, seen together, whichever of them is asked.

Each has two files in a directory of their own: a lock, which the system lets go when the process ends, however it ends,
and its last snapshot. Snapshots are written when one of the workers asks for them, so nothing is while nobody looks."""

import asyncio
import fcntl
import json
import logging
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from plimsoll.errors import SharingError, SnapshotError
from plimsoll.snapshot.codec import from_json, to_json
from plimsoll.snapshot.model import Snapshot

logger = logging.getLogger("plimsoll.snapshot")

TICK_S = 0.2
"""How often a worker looks whether it was asked: one `stat`, some microseconds."""

POLL_S = 0.02

PATIENCE_S = 1.0
"""How long a worker is waited for. One that has not answered by then is busy with something that blocks it."""

KEEP_S = 3_600.0
"""How often the lock's time is renewed: what cleans /tmp takes away files that are days old."""

MOST_WORKERS = 256
"""As `WEB_CONCURRENCY` allows."""

MOST_SWEPT = 32

TRIES = 20

MOST_BYTES = 4 << 20
"""Of one file; a snapshot of a hundred routes takes some 200 KiB."""

_LOCK = re.compile(r"\d{1,10}-[0-9a-f]{8}\.lock")
_ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Others:
    """The other workers. `silent` counts those that live and did not answer in time."""

    snapshots: tuple[Snapshot, ...]
    silent: int


class Shared:
    """This worker's place in the directory, from `begin` to `end`. The directory is one of the service's own, on a
    local file system, since it is the file system's clock and locks that count."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._name = ""
        self._lock: int | None = None

    def begin(self) -> None:
        """Take a place.

        Raises:
            SharingError: the directory cannot be used; says why.
        """
        self.end()
        try:
            if self._is_ours:
                _make(self._directory.parent)
                self._sweep()
            for _ in range(TRIES):
                # Whoever was the last in it, and ended just now, has removed the directory.
                with suppress(FileNotFoundError):
                    return self._take_place()
            self._take_place()
        except OSError as error:
            raise SharingError(_unusable(self._directory, f"cannot be used ({error.strerror})")) from error

    def _take_place(self) -> None:
        _make(self._directory)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        # Under its name only once it is locked: a lock that is free is taken for a dead worker's, and removed.
        fresh = self._path(".new", name)
        lock = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh.rename(self._path(".lock", name))
        except OSError:
            os.close(lock)
            self._remove(name)
            raise
        self._name, self._lock = name, lock

    def end(self) -> None:
        """Give it up."""
        if self._lock is None:
            return
        self._remove(self._name)
        os.close(self._lock)
        self._name, self._lock = "", None
        if self._is_ours:
            self._clear()

    @property
    def _is_ours(self) -> bool:
        """Whether nobody has named the directory, so that it is made and removed with those in it."""
        return self._directory.parent == _root()

    def _sweep(self) -> None:
        """Remove directories in which nobody lives any more: of services that were killed."""
        with suppress(OSError):
            for name in sorted(os.listdir(_root()))[:MOST_SWEPT]:
                if name != self._directory.name:
                    Shared(_root() / name)._clear()

    def _clear(self) -> None:
        if not self._living():
            with suppress(OSError):
                (self._directory / _ASKED).unlink(missing_ok=True)
                self._directory.rmdir()

    def publish(self, snapshot: Snapshot) -> None:
        """Write this worker's snapshot, in one piece. One that is too large goes without its long lists.

        Raises:
            OSError: it cannot be written.
        """
        content = _encoded(snapshot)
        if len(content) > MOST_BYTES:
            content = _encoded(replace(snapshot, holders=(), statements=(), settings=(), events=(), server=None))
        fresh = self._path(".new")
        descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.rename(self._path(".json"))

    def wanted(self) -> bool:
        """Whether somebody has asked since the last `publish`."""
        asked_ns = _changed_ns(self._directory / _ASKED)
        return asked_ns > 0 and asked_ns >= _changed_ns(self._path(".json"))

    def others(self) -> tuple[Snapshot, ...]:
        """The last snapshots of the other workers that live, however old (`at_s` tells); asks nobody."""
        found = (self._read(name) for name in self._living())
        return tuple(snapshot for snapshot in found if snapshot is not None)

    async def ask(self, patience_s: float = PATIENCE_S) -> Others:
        """The other workers as they are now."""
        try:
            asked_ns = self._ask()
        except OSError as error:
            logger.warning("the other workers cannot be asked: %s", error)
            return Others((), 0)
        waited_for = self._living()
        found: list[Snapshot] = []
        until_s = time.monotonic() + patience_s
        while True:
            for name in sorted(waited_for):
                if asked_ns < _changed_ns(self._path(".json", name)):
                    waited_for.remove(name)
                    if (snapshot := self._read(name)) is not None:
                        found.append(snapshot)
                    await asyncio.sleep(0)  # reading takes milliseconds: requests go on between two of them
            if not waited_for or time.monotonic() >= until_s:
                return Others(tuple(found), len(waited_for))
            await asyncio.sleep(POLL_S)

    async def serve(self, take: Callable[[], Snapshot]) -> None:
        """Answer with what `take` gives, whenever somebody asks, until this is cancelled."""
        renewed_s = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            try:
                if self.wanted():
                    self.publish(take())
                if time.monotonic() - renewed_s > KEEP_S:
                    renewed_s = time.monotonic()
                    self._renew()
            except (OSError, SharingError) as error:
                logger.warning("this worker is missing where all are shown together: %s", error)
                await asyncio.sleep(PATIENCE_S)

    def _renew(self) -> None:
        try:
            os.utime(self._path(".lock"))
        except FileNotFoundError:
            self.begin()

    def _ask(self) -> int:
        """Leave the mark that all workers look at; the time of it."""
        descriptor = os.open(self._directory / _ASKED, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        try:
            os.utime(descriptor)
            return os.fstat(descriptor).st_mtime_ns
        finally:
            os.close(descriptor)

    def _living(self) -> set[str]:
        """The names of the other workers that live. What the dead have left is removed."""
        try:
            entries = sorted(name for name in os.listdir(self._directory) if _LOCK.fullmatch(name))
        except OSError:
            return set()
        names = [entry.removesuffix(".lock") for entry in entries]
        living = {name for name in names[:MOST_WORKERS] if name != self._name and not self._is_dead(name)}
        for name in set(names[:MOST_WORKERS]) - living - {self._name}:
            self._remove(name)
        return living

    def _is_dead(self, name: str) -> bool:
        try:
            descriptor = os.open(self._path(".lock", name), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def _read(self, name: str) -> Snapshot | None:
        try:
            descriptor = os.open(self._path(".json", name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(MOST_BYTES + 1)
            return from_json(json.loads(content)) if len(content) <= MOST_BYTES else None
        except (OSError, ValueError, RecursionError, SnapshotError):
            return None

    def _remove(self, name: str) -> None:
        for ending in (".lock", ".json", ".new"):
            with suppress(OSError):
                self._path(ending, name).unlink()

    def _path(self, ending: str, name: str | None = None) -> Path:
        return self._directory / f"{name or self._name}{ending}"


def directory_of_siblings() -> Path | None:
    """A directory for this process and those that its parent has started beside it; None where the parent is another
    program (a shell, systemd), and so no server with workers."""
    parent = os.getppid()
    try:
        if os.readlink(f"/proc/{parent}/exe") != os.readlink("/proc/self/exe"):
            return None
        here = os.getcwd()
    except OSError:
        return None
    return _root() / f"{parent}-{sha256(os.fsencode(here)).hexdigest()[:8]}"


def _root() -> Path:
    return Path(tempfile.gettempdir()) / f"plimsoll-{os.geteuid()}"


def _make(directory: Path) -> None:
    """Make it, where it is not there, and see to it that nobody else can write or read there."""
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise SharingError(_unusable(directory, "is not a directory of this account's own"))
    if found.st_mode & 0o077:
        raise SharingError(_unusable(directory, "is open to other accounts (chmod 700 closes it)"))


def _unusable(directory: Path, why: str) -> str:
    return (
        f"{directory} {why}, so this worker shows itself alone and is missing where others show all. Set "
        "OPS_SHARED_DIR to a directory that this account alone may use, or to none."
    )


def _encoded(snapshot: Snapshot) -> bytes:
    return json.dumps(to_json(snapshot), allow_nan=False, separators=(",", ":")).encode()


def _changed_ns(path: Path) -> int:
    """When it was written last; 0 where it is not there, or is of a time that has not come (the clock was set back)."""
    try:
        changed_ns = path.lstat().st_mtime_ns
    except OSError:
        return 0
    return changed_ns if changed_ns < time.time_ns() + 1_000_000_000 else 0
