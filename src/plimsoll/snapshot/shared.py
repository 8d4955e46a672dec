"""The workers of one service on one host, seen together, whichever of them is asked.

Each has two files in a directory of their own: a lock, which the system lets go when the process ends, however it ends,
and its last snapshot. Snapshots are written when one of the workers asks for them, so nothing is while nobody looks.
What is asked of one worker goes by letter."""

import asyncio
import fcntl
import json
import logging
import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from plimsoll.errors import SharingError, SnapshotError
from plimsoll.snapshot.codec import from_json, to_json
from plimsoll.snapshot.directory import CHECKLIST, changed_ns, make, read, root, unusable, written
from plimsoll.snapshot.letters import NAME, Letters, Question, is_letter
from plimsoll.snapshot.model import Snapshot
from plimsoll.snapshot.notes import Notes

logger = logging.getLogger("plimsoll.snapshot")

TICK_S = 0.2
"""How often a worker looks whether it was asked: a few `stat`, some microseconds."""

POLL_S = 0.02

PATIENCE_S = 1.0
"""How long a worker is waited for. One that has not answered by then is busy with something that blocks it."""

AGAIN_S = 0.3
"""One that has not answered just before is waited for no longer than others take; what it answers late counts."""

LATE_NS = 3_000_000_000
"""How long ago that may be: an answer that is older is none of now."""

KEEP_S = 3_600.0
"""How often the lock's time is renewed: what cleans /tmp takes away files that are days old."""

MOST_WORKERS = 256
"""As `WEB_CONCURRENCY` allows."""

MOST_SWEPT = 32
TRIES = 20

MOST_BYTES = 4 << 20
"""Of one file; a snapshot of a hundred routes takes some 200 KiB."""

LONGEST_NAME = 300
"""Bytes of a worker's name: a host's has up to 64, or 255 in the domain name system."""

_LOCK = re.compile(rf"{NAME}\.lock")
_CALLED = re.compile(r".+:[0-9]{1,10}")
_ASKED, _ENDED = "asked", "ended"


@dataclass(frozen=True, slots=True)
class Others:
    """The other workers. `silent` counts those that live and did not answer in time, `names` names them (`host:pid`),
    `last` are their last snapshots, however old."""

    snapshots: tuple[Snapshot, ...]
    silent: int
    names: tuple[str, ...] = ()
    last: tuple[Snapshot, ...] = ()


class Shared:
    """This worker's place in the directory, from `begin` to `end`. The directory is one of the service's own, on a
    local file system, since it is the file system's clock and locks that count."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._name = ""
        self._lock: int | None = None
        self.letters = Letters(directory, "")
        """This worker's, from `begin` on."""
        self._asked_ns = 0
        self._late: dict[str, int] = {}
        """Who did not answer when asked last, and when that was."""
        self.ended = Notes(directory / _ENDED)
        """Digests of the browsers' sessions that were ended before their time."""

    def begin(self) -> None:
        """Take a place.

        Raises:
            SharingError: the directory cannot be used; says why.
        """
        self.end()
        try:
            if self._is_ours:
                make(self._directory.parent)
                self._sweep()
            for _ in range(TRIES):
                # Whoever was the last in it, and ended just now, has removed the directory.
                with suppress(FileNotFoundError):
                    return self._take_place()
            self._take_place()
        except OSError as error:
            raise SharingError(unusable(self._directory, f"cannot be used ({error.strerror})")) from error

    def _take_place(self) -> None:
        make(self._directory)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        # Under its name only once it is locked: a lock that is free is taken for a dead worker's, and removed.
        fresh = self._path(".new", name)
        lock = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(lock, f"{socket.gethostname()}:{os.getpid()}".encode())
            fresh.rename(self._path(".lock", name))
        except OSError:
            os.close(lock)
            self._remove(name)
            raise
        self._name, self._lock = name, lock
        self.letters = Letters(self._directory, name)

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
        return self._directory.parent == root()

    def _sweep(self) -> None:
        """Remove directories in which nobody lives any more: of services that were killed."""
        with suppress(OSError):
            for name in sorted(os.listdir(root()))[:MOST_SWEPT]:
                if name != self._directory.name:
                    Shared(root() / name)._clear()

    def _clear(self) -> None:
        if not self._living():
            with suppress(OSError):
                for entry in os.listdir(self._directory):
                    if entry.partition(".")[0] in (_ASKED, _ENDED, CHECKLIST) or is_letter(entry):
                        (self._directory / entry).unlink(missing_ok=True)
                self._directory.rmdir()

    def publish(self, snapshot: Snapshot) -> None:
        """Write this worker's snapshot, in one piece. One that is too large goes without its long lists.

        Raises:
            OSError: it cannot be written.
        """
        content = _encoded(snapshot)
        if len(content) > MOST_BYTES:
            content = _encoded(replace(snapshot, holders=(), statements=(), settings=(), events=(), server=None))
        written(self._path(".json"), self._path(".new"), content)

    def wanted(self) -> bool:
        """Whether somebody has asked since the last `publish`."""
        asked_ns = changed_ns(self._directory / _ASKED)
        return asked_ns > 0 and asked_ns >= changed_ns(self._path(".json"))

    async def ask(self, patience_s: float = PATIENCE_S, tell: Callable[[Snapshot], object] = lambda _: None) -> Others:
        """The other workers as they are now; each is told as it comes."""
        try:
            asked_ns = self._ask()
        except OSError as error:
            logger.warning("the other workers cannot be asked: %s", error)
            return Others((), 0)
        waited_for = self._living()
        late = self._late if asked_ns - self._asked_ns < LATE_NS else {}
        self._asked_ns = asked_ns
        found: list[Snapshot] = []
        began_s = time.monotonic()
        while True:
            for name in sorted(waited_for):
                if late.get(name, asked_ns) < changed_ns(self._path(".json", name)):
                    waited_for.remove(name)
                    if (snapshot := self._read(name)) is not None:
                        found.append(snapshot)
                        tell(snapshot)
                    await asyncio.sleep(0)  # reading takes milliseconds: requests go on between two of them
            passed_s = time.monotonic() - began_s
            if not waited_for or passed_s >= (min(AGAIN_S, patience_s) if waited_for <= late.keys() else patience_s):
                self._late = {name: late.get(name, asked_ns) for name in waited_for}
                return self._answered(found, sorted(waited_for))
            await asyncio.sleep(POLL_S)

    def _answered(self, found: list[Snapshot], silent: list[str]) -> Others:
        last = map(self._read, silent)
        snapshots = tuple(snapshot for snapshot in last if snapshot is not None)
        return Others(tuple(found), len(silent), tuple(self._worker_at(name) for name in silent), snapshots)

    def names(self) -> tuple[str, ...]:
        """Of the other workers that live (`host:pid`)."""
        return tuple(map(self._worker_at, sorted(self._living())))

    def places(self, worker: str) -> list[str]:
        """The places of the other workers that live and have this name (`host:pid`): one, or none."""
        return [name for name in sorted(self._living()) if self._worker_at(name) == worker]

    def _worker_at(self, name: str) -> str:
        """As its lock tells: containers that share a directory have names of their own for their host."""
        told = (read(self._path(".lock", name), LONGEST_NAME) or b"").decode("utf-8", "replace")
        return (
            told
            if told.isprintable() and _CALLED.fullmatch(told)
            else f"{socket.gethostname()}:{name.partition('-')[0]}"
        )

    async def serve(self, take: Callable[[], Snapshot], begin: Callable[[Question], object] = lambda _: None) -> None:
        """Answer with what `take` gives, when somebody asks, until this is cancelled. `begin` is given what is asked
        of this one alone; it must not raise."""
        renewed_s = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            try:
                for question in self.letters.taken():
                    begin(question)
                if self.wanted():
                    self.publish(take())
                if time.monotonic() - renewed_s > KEEP_S:
                    renewed_s = time.monotonic()
                    self._renew()
            except Exception as error:  # noqa: BLE001  the next one may be well, and others wait for it
                logger.warning("this worker is missing where all are shown together: %r", error)
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
        content = read(self._path(".json", name), MOST_BYTES)
        try:
            return None if content is None else from_json(json.loads(content))
        except (ValueError, RecursionError, SnapshotError):
            return None

    def _remove(self, name: str) -> None:
        """What this one has, or had: its letters too."""
        with suppress(OSError):
            for entry in os.listdir(self._directory):
                if entry.startswith(f"{name}."):
                    with suppress(OSError):
                        (self._directory / entry).unlink()

    def _path(self, ending: str, name: str | None = None) -> Path:
        return self._directory / f"{name or self._name}{ending}"


def _encoded(snapshot: Snapshot) -> bytes:
    return json.dumps(to_json(snapshot), allow_nan=False, separators=(",", ":")).encode()
