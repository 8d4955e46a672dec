"""The checklist, run where an operator asks a service for it: one at a time, by nobody else, and not while memory is
short."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plimsoll.checks.child import LIMIT_S, Child, ChildError
from plimsoll.checks.last import LastRuns, Run, Running
from plimsoll.checks.own_name import own_name
from plimsoll.errors import ActionError
from plimsoll.host import Limit, binding, survey
from plimsoll.host.rlimits import ADDRESS_SPACE, DATA

logger = logging.getLogger("plimsoll.checks")

MIB = 1 << 20

MORE_BYTES = 16 * MIB
"""What the checklist takes beside the application that it imports: 8 MiB were measured over `backend/`, 114 MB resident
at the most against 106 MB of the service when it begins to serve."""

JOIN_S = 1.0
"""For the end of what was killed."""


@dataclass(frozen=True, slots=True)
class About:
    """A run under way. `began_s` is Unix time."""

    began_s: float
    worker: str
    limit_s: float


class OnDemand:
    """Of one application in one process. `tell` is told of what was done; `stopping` says whether the process ends."""

    def __init__(
        self,
        served: tuple[object, ...],
        *,
        release: str,
        reserve_bytes: int,
        directory: Callable[[], Path | None],
        tell: Callable[[str, str], object],
        stopping: Callable[[], bool],
        limit_s: float = LIMIT_S,
    ) -> None:
        self._served = served
        self._release = release
        self._reserve_bytes = reserve_bytes
        self._last = LastRuns(directory)
        self._tell = tell
        self._stopping = stopping
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._about: About | None = None
        self._child: Child | None = None
        self._thread: threading.Thread | None = None
        self._need_bytes: int | None = None

    def begin(self) -> None:
        """In lifespan start-up, when the application is imported and nothing was served."""
        self._need_bytes = survey().rss_bytes + MORE_BYTES

    def end(self) -> None:
        """At the lifespan's end: what runs ends too."""
        child, thread = self._child, self._thread
        if child is not None and thread is not None and thread.is_alive():
            child.end()
            thread.join(JOIN_S)

    def start(self, who: str) -> str:
        """Run it. What `who` is told.

        Raises:
            ActionError: it cannot be run now; says why.
        """
        if self._stopping():
            raise ActionError("This worker is being stopped. Ask another one.")
        with self._lock:
            if self._about is not None:
                raise ActionError(_runs_already(self._about.worker))
            self._see_memory()
            about = About(time.time(), f"{socket.gethostname()}:{os.getpid()}", self._limit_s)
            running = self._hold(about)
            child = Child(self._limit_s)
            thread = threading.Thread(
                target=self._run, args=(about, running, child, who), name="plimsoll runs the checklist", daemon=True
            )
            self._about, self._child, self._thread = about, child, thread
            try:
                thread.start()
            except RuntimeError as error:
                self._about = None
                running.release()
                raise ActionError(f"It cannot be run: {error}. 'plimsoll limits' says which limit that is.") from error
            self._note(f"{who} ran the checklist.")
        return "The checklist runs."

    def state(self) -> dict[str, Any]:
        """What is known of it, as JSON takes it. Times are Unix seconds."""
        about = self._about
        lasts = self._last.lasts()
        return {
            "now_s": time.time(),
            "running": asdict(about) if about is not None else self._last.elsewhere(),
            "results": None if lasts.results is None else asdict(lasts.results),
            "failed": None if lasts.failed is None else asdict(lasts.failed),
        }

    def _note(self, sentence: str) -> None:
        logger.info("%s", sentence)
        self._tell("operator", sentence)

    def _hold(self, about: About) -> Running:
        try:
            running = self._last.hold(asdict(about))
        except OSError as error:
            logger.warning("other workers do not see that the checklist runs: %s", error)
            return Running(None)
        if running is None:
            raise ActionError(_runs_already(str((self._last.elsewhere() or {}).get("worker", ""))))
        return running

    def _see_memory(self) -> None:
        if self._need_bytes is None:  # no lifespan was run
            self.begin()
        needed = (self._need_bytes or 0) + self._reserve_bytes
        nearest = binding(limit for limit in survey().memory if _is_shared(limit))
        if nearest is not None and nearest.left < needed:
            raise ActionError(
                f"Memory is too short for it: {nearest.left // MIB} MiB are left of the {nearest.name} "
                f"({nearest.source}), and a process that imports this application needs {needed // MIB} MiB, with "
                "MEMORY_RESERVE. Try again later, or run 'plimsoll check' where there is more."
            )

    def _run(self, about: About, running: Running, child: Child, who: str) -> None:
        try:
            run = self._result(about, child)
            summary = run.error if run.report is None else run.report["summary"]
            with self._lock:  # `start` has it until it has told that this runs
                self._note(f"The checklist of {who} has ended: {summary}")
            self._last.keep(run)
        finally:
            self._about = None
            running.release()

    def _result(self, about: About, child: Child) -> Run:
        report, error, own = None, "", None
        try:
            own = own_name(*self._served)
            report = child.run(own)
        except ChildError as failure:
            error = str(failure)
        except Exception as failure:
            logger.exception("the checklist could not be run")
            error = f"It could not be run: {type(failure).__name__}. The service's log has more."
        name = own.name if own is not None else ""
        return Run(about.began_s, time.time(), about.worker, self._release, name, report, error)


def _runs_already(worker: str) -> str:
    return f"The checklist runs already{f', in worker {worker}' if worker else ''}. Its results will be here too."


def _is_shared(limit: Limit) -> bool:
    """Whether another process takes of it as well."""
    return limit.source not in (ADDRESS_SPACE[0], DATA[0])
