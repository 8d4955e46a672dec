"""What `install` puts into an application: the database, its gate as a background task, and the sessions that
the request at hand has open."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.types import Message, Send

from plimsoll.asgi.work import RequestWork
from plimsoll.checks.on_demand import OnDemand
from plimsoll.database import Database
from plimsoll.errors import NotInstalledError, PlimsollError
from plimsoll.fastapi.protection import Protection
from plimsoll.pool import WORK
from plimsoll.session import Purpose, SessionScope
from plimsoll.session.cleanup import finish
from plimsoll.settings import Settings
from plimsoll.settings.records import is_as_asked
from plimsoll.snapshot.everyone import Everyone
from plimsoll.snapshot.source import Source
from plimsoll.snapshot.together import Together
from plimsoll.startup import State

if TYPE_CHECKING:
    from plimsoll.peers import Peers

logger = logging.getLogger("plimsoll.startup")

SCOPE_KEY = "plimsoll"
"""Where the request's record lies in the ASGI scope; mounted applications see it too."""

GRACE_S = 2.0
"""Start-up, or a first request, waits this long for the gate before it goes on without: with a healthy database
no request ever meets a closed gate, with a late one the health probes are answered meanwhile."""

RETRY_FAILED_S = 5.0
"""Where a failed gate does not end the process, a request tries it again after this."""

LAST_WORDS_S = 0.2
"""Between the gate's failure and the end of the process: answers on their way are sent, and an application's lifespan
that awaits `database.start()` fails with the same error, which the server then reports as it reports others."""

EXIT_STATUS = 3
"""Exit status of a process whose start-up failed, the same that uvicorn and gunicorn use."""


class Runtime:
    """One per application; `app.state.plimsoll`. Times are seconds of the monotonic clock."""

    together: Together
    """The other workers of this host; `install` sets it."""
    observer: Source
    """This worker, as its views see it; `install` sets it."""
    everyone: Everyone
    """All workers, as the console sees them; `install` sets it."""
    on_demand: OnDemand
    """The checklist, when an operator asks for it; `install` sets it."""
    peers: "Peers | None"
    """The other hosts; `install` sets it."""

    def __init__(self, database: Database, settings: Sequence[Settings], protection: Protection) -> None:
        self.database = database
        self.settings = tuple(settings)
        self.protection = protection
        self.ending = False
        """Whether this process is being ended since its start-up failed while it served."""
        self._task: asyncio.Task[None] | None = None
        self._began_s = self._ended_s = 0.0
        self._exit: asyncio.TimerHandle | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that start-up has warned of, for operators: of settings, and of what the gate has found. They may name
        hosts and users."""
        gate = self.database.gate
        admin = gate.report.admin
        seeding = "" if admin is None else admin.warning if admin.ok else f"{admin.message} {admin.fix}"
        notes = (note for group in (*self._noted, gate.settings) for note in group.notes if not is_as_asked(note))
        found = (*notes, *gate.report.warnings, seeding.strip(), self.together.problem)
        return tuple(dict.fromkeys(filter(None, found)))

    @property
    def _noted(self) -> tuple[Settings, ...]:
        """Groups beside the database's, whose notes the gate tells."""
        admin = self.database.admin
        return (*self.settings, *(() if admin is None else (admin.settings,)))

    @property
    def ready(self) -> bool:
        """Whether the gate has been passed."""
        return self.database.gate.report.state is State.READY

    async def start(self) -> None:
        """Lifespan's beginning. A failure within `GRACE_S` is raised, a later one ends the process.

        Raises:
            PlimsollError: start-up failed, and says why.
        """
        self.protection.start(asyncio.get_running_loop())
        self._task = task = self._begin()
        await asyncio.wait({task}, timeout=GRACE_S)
        if not task.done():
            logger.warning("listening meanwhile, and not ready: requests are answered 503 until the database is there")
            task.add_done_callback(self._end_process_on_failure)
        elif (error := _failure_of(task)) is not None:
            raise error

    async def stop(self) -> None:
        """Lifespan's end. Against a database that has fallen silent it takes two clean-up time limits at most."""
        self.protection.end()
        if self._exit is not None:
            self._exit.cancel()
        task, self._task = self._task, None
        limit_s = self.database.settings.cleanup_timeout_s
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=limit_s)
        if not await finish(self.database.close(), limit_s):
            logger.warning(
                "the database did not answer our good-bye within %g s; its connections were dropped", limit_s
            )

    async def pass_gate(self) -> bool:
        """Whether a request may go on. Starts the gate where no lifespan did, as under a WSGI server, and waits
        for it while it is no older than `GRACE_S`; after that requests are refused at once."""
        task = self.open_gate()
        left_s = self._began_s + GRACE_S - monotonic()
        if not self.ready and left_s > 0:
            await asyncio.wait({task}, timeout=left_s)
        return self.ready

    def open_gate(self) -> asyncio.Task[None]:
        """The task that passes the gate; started here where there is none, or where one failed a while ago."""
        task = self._task
        if task is None or self._may_retry(task):
            self._task = task = self._begin()
        return task

    def _may_retry(self, task: asyncio.Task[None]) -> bool:
        if not task.done() or self.ready or self.ending:
            return False
        # Cancelled: its loop has ended, as that of each request does where a client of tests runs no lifespan.
        return task.cancelled() or monotonic() - self._ended_s > RETRY_FAILED_S

    def _begin(self) -> asyncio.Task[None]:
        if self._task is None:
            for note in dict.fromkeys(note for group in self._noted for note in group.notes):
                logger.warning("%s", note)
        self._began_s = monotonic()
        task = asyncio.create_task(self._run_gate(), name="plimsoll start-up gate")
        task.add_done_callback(_failure_of)  # read, so that the loop does not report it a second time
        return task

    async def _run_gate(self) -> None:
        try:
            await self.database.gate.run_until_passed()
        except PlimsollError as error:
            logger.critical("Start-up failed: %s", error)
            raise
        except Exception:
            logger.critical("Start-up failed", exc_info=True)
            raise
        finally:
            self._ended_s = monotonic()

    def _end_process_on_failure(self, task: asyncio.Task[None]) -> None:
        """The server listens by now, to answer health probes, so only this ends it with a status that says so.

        A server in a thread, as in tests, is left to run: the process is not its own, and what is raised there
        ends only the thread. It stays alive and not ready, and its requests try the gate again.
        """
        if _failure_of(task) is None or threading.current_thread() is not threading.main_thread():
            return
        self.ending = True
        self._exit = task.get_loop().call_later(LAST_WORDS_S, _exit)


def _failure_of(task: asyncio.Task[None]) -> BaseException | None:
    """What the task ended with; None where it is fine or was cancelled."""
    return None if task.cancelled() else task.exception()


def _exit() -> None:
    """Raised from a callback this leaves the loop; the servers then cancel what runs, lifespan included, which
    closes the pool, and exit with the status."""
    raise SystemExit(EXIT_STATUS)


class RequestSessions:
    """The sessions that one request has open; ended at the latest when its response starts."""

    __slots__ = ("_open", "integrity_is_conflict", "runtime")

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.integrity_is_conflict = False
        self._open: list[SessionScope] = []

    def open(self, purpose: Purpose, owner: str) -> SessionScope:
        scope = self.runtime.database.sessions.open(purpose, owner)
        self._open.append(scope)
        # Looked up, not kept: a request whose parts refer to one another in a circle is left to the garbage collector.
        work = WORK.get()
        if isinstance(work, RequestWork) and work.scope.get(SCOPE_KEY) is self:
            work.sessions = self
        return scope

    def sending(self, send: Send) -> Send:
        """A `send` that ends the sessions first: where no `RequestWork` does."""

        async def send_after_sessions(message: Message) -> None:
            if self._open and message["type"] == "http.response.start":
                await self.response_starts()
            await send(message)

        return send_after_sessions

    async def response_starts(self) -> None:
        """Give every connection back: whoever reads the response slowly, or never, holds none."""
        while self._open:
            await self._open.pop().response_starts()


def of_request(connection: HTTPConnection) -> RequestSessions:
    """The record that the middleware put into the scope.

    Raises:
        NotInstalledError: `install` was not called for this application.
    """
    found: Any = connection.scope.get(SCOPE_KEY)
    if not isinstance(found, RequestSessions):
        raise NotInstalledError(
            "A session dependency was used in an application that Plimsoll is not installed in. "
            "Call 'install(app, database)' once, where the application is made."
        )
    return found


def route_name(connection: HTTPConnection) -> str:
    """The route's pattern, such as `GET /items/{item_id}`: never what the client sent."""
    method = connection.scope.get("method", "WEBSOCKET")
    path = getattr(connection.scope.get("route"), "path", None)
    if path is None:
        path = getattr(connection.scope.get("endpoint"), "__qualname__", "unknown route")
    return f"{method} {path}"
