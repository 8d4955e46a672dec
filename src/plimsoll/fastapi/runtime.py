"""What `install` puts into an application: the database, its gate as a background task, and the sessions that
the request at hand has open."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from starlette.requests import HTTPConnection

from plimsoll.database import Database
from plimsoll.errors import NotInstalledError, PlimsollError
from plimsoll.session import Purpose, SessionScope
from plimsoll.settings import Settings
from plimsoll.startup import State

logger = logging.getLogger("plimsoll.startup")

SCOPE_KEY = "plimsoll"
"""Where the request's record lies in the ASGI scope; mounted applications see it too."""

GRACE_S = 2.0
"""Start-up, or a first request, waits this long for the gate before it goes on without: with a healthy database
no request ever meets a closed gate, with a late one the health probes are answered meanwhile."""

RETRY_FAILED_S = 5.0
"""Without lifespan nothing ends the process when the gate failed; a request tries it again after this."""

EXIT_STATUS = 3
"""Exit status of a process whose start-up failed, the same that uvicorn uses."""


class Runtime:
    """One per application; `app.state.plimsoll`."""

    def __init__(self, database: Database, settings: Sequence[Settings]) -> None:
        self.database = database
        self.settings = tuple(settings)
        self._task: asyncio.Task[None] | None = None
        self._failed_at_s = 0.0

    @property
    def ready(self) -> bool:
        """Whether the gate has been passed."""
        return self.database.gate.report.state is State.READY

    async def start(self) -> None:
        """Lifespan's beginning. A failure within `GRACE_S` is raised, a later one ends the process.

        Raises:
            PlimsollError: start-up failed, and says why.
        """
        self._task = task = asyncio.create_task(self._run_gate(), name="plimsoll start-up gate")
        await asyncio.wait({task}, timeout=GRACE_S)
        if task.done():
            task.result()
        else:
            task.add_done_callback(_end_process_on_failure)

    async def stop(self) -> None:
        """Lifespan's end."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.database.close()

    async def pass_gate(self) -> bool:
        """Whether a request may go on. Starts the gate where no lifespan did, as under a WSGI server."""
        if self._task is None or self._may_retry(self._task):
            self._task = asyncio.create_task(self._run_gate(), name="plimsoll start-up gate")
        if not self.ready:
            await asyncio.wait({self._task}, timeout=GRACE_S)
        return self.ready

    def _may_retry(self, task: asyncio.Task[None]) -> bool:
        """Never inside a lifespan: there a failure ends the process."""
        if self.ready or not task.done():
            return False
        return asyncio.get_running_loop().time() - self._failed_at_s > RETRY_FAILED_S

    async def _run_gate(self) -> None:
        try:
            await self.database.gate.run_until_passed()
        except PlimsollError as error:
            self._failed_at_s = asyncio.get_running_loop().time()
            logger.critical("Start-up failed: %s", error)
            raise


def _end_process_on_failure(task: asyncio.Task[None]) -> None:
    """The server has been listening, to answer health probes, so only this ends it with a status that says so."""
    if not task.cancelled() and task.exception() is not None:
        raise SystemExit(EXIT_STATUS)


class RequestSessions:
    """The sessions that one request has open; ended at the latest when its response starts."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.integrity_is_conflict = False
        self._open: list[SessionScope] = []

    def open(self, purpose: Purpose, owner: str) -> SessionScope:
        scope = self.runtime.database.sessions.open(purpose, owner)
        self._open.append(scope)
        return scope

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
