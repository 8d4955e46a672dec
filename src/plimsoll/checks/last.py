"""What the checklist came to the last time that the service ran it: in memory, and where the workers of a host show
themselves to one another, so that any of them can tell, and the next process too."""

import fcntl
import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plimsoll.checks.child import MOST_BYTES
from plimsoll.snapshot.directory import CHECKLIST, read, written

logger = logging.getLogger("plimsoll.checks")

RESULTS, NEW, RUNNING = (f"{CHECKLIST}.{ending}" for ending in ("json", "new", "running"))

MOST_READ = 2 * MOST_BYTES


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Times are Unix seconds; `worker` is `host:pid`; `application` is empty where no name of it was found."""

    began_s: float
    ended_s: float
    worker: str
    release: str
    application: str
    report: Mapping[str, Any] | None = None
    error: str = ""
    """Why there is no report."""


@dataclass(frozen=True, slots=True)
class Lasts:
    """The last run that came to a report, and one after it that did not."""

    results: Run | None = None
    failed: Run | None = None

    @property
    def at_s(self) -> float:
        """When the later of both ended."""
        return max((run.ended_s for run in (self.results, self.failed) if run is not None), default=0.0)


class Running:
    """Held by the worker that runs the checklist; the system lets go of it when the worker ends, however it ends."""

    def __init__(self, lock: int | None) -> None:
        self._lock = lock

    def release(self) -> None:
        """Another one may."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(OSError):
                # Not only closed: a process that the application has forked meanwhile has a copy.
                fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)


class LastRuns:
    """Of the service on this host; of this worker alone where `directory` gives none."""

    def __init__(self, directory: Callable[[], Path | None]) -> None:
        self._directory = directory
        self._known = Lasts()

    def keep(self, run: Run) -> None:
        """One more. Where it cannot be written, this worker alone knows of it."""
        self._known = Lasts(self.lasts().results, run) if run.report is None else Lasts(run)
        directory = self._directory()
        if directory is None:
            return
        try:
            content = json.dumps(asdict(self._known), allow_nan=False).encode()
            written(directory / RESULTS, directory / NEW, content)
        except (OSError, ValueError) as error:
            logger.warning("other workers do not see what the checklist came to: %s", error)

    def lasts(self) -> Lasts:
        """Whoever ran it."""
        directory = self._directory()
        found = None if directory is None else _read(directory / RESULTS)
        try:
            known = Lasts(_run(found["results"]), _run(found["failed"])) if found is not None else Lasts()
            return known if known.at_s > self._known.at_s else self._known
        except (KeyError, TypeError):  # of another release
            return self._known

    def hold(self, about: Mapping[str, Any]) -> Running | None:
        """Keep other workers from running it too; `about` tells them. None while one does.

        Raises:
            OSError: the directory cannot be used.
        """
        directory = self._directory()
        if directory is None:
            return Running(None)
        lock = os.open(directory / RUNNING, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.write(lock, json.dumps(dict(about)).encode())
        except OSError as error:
            os.close(lock)
            if isinstance(error, BlockingIOError):
                return None
            raise
        return Running(lock)

    def elsewhere(self) -> dict[str, Any] | None:
        """What the worker that runs it now has told; None where none does."""
        directory = self._directory()
        if directory is None:
            return None
        path = directory / RUNNING
        try:
            lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _read(path) or {}
        finally:
            os.close(lock)
        return None


def _run(found: Any) -> Run | None:
    return None if found is None else Run(**found)


def _read(path: Path) -> dict[str, Any] | None:
    content = read(path, MOST_READ)
    try:
        found = None if content is None else json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
