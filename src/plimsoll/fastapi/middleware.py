"""The ASGI layer that `install` adds: holds requests back until the gate is passed, and ends a request's
sessions before its response starts."""

from collections.abc import Awaitable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from plimsoll.asgi.routes import for_request
from plimsoll.asgi.work import RequestWork
from plimsoll.fastapi.problems import NOT_READY, response_of
from plimsoll.fastapi.runtime import SCOPE_KEY, RequestSessions, Runtime
from plimsoll.pool import WORK

TRY_AGAIN_LATER = 1013
"""WebSocket close code for it, from the registry of RFC 6455."""


class SessionMiddleware:
    """Pure ASGI: adds no task, no buffer and no copy of the body to a request."""

    def __init__(self, app: ASGIApp, runtime: Runtime, always: Iterable[str]) -> None:
        self._app = app
        self._runtime = runtime
        self._always = dict.fromkeys(always, True)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] not in ("http", "websocket"):
            return self._app(scope, receive, send)
        work = WORK.get()
        scope[SCOPE_KEY] = sessions = RequestSessions(self._runtime)
        if not isinstance(work, RequestWork) or work.scope is not scope:
            send = sessions.sending(send)
        return self._app(scope, receive, send) if self._runtime.ready else self._behind_gate(scope, receive, send)

    async def _behind_gate(self, scope: Scope, receive: Receive, send: Send) -> None:
        if for_request(self._always, scope) or await self._runtime.pass_gate():
            await self._app(scope, receive, send)
        else:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
            return
        await response_of(NOT_READY)(scope, receive, send)
