"""The ASGI layer that `install` adds: holds requests back until the gate is passed, and ends a request's
sessions before its response starts."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plimsoll.fastapi.problems import NOT_READY, response_of
from plimsoll.fastapi.runtime import SCOPE_KEY, RequestSessions, Runtime

TRY_AGAIN_LATER = 1013
"""WebSocket close code for it, from the registry of RFC 6455."""


class SessionMiddleware:
    """Pure ASGI: adds no task, no buffer and no copy of the body to a request."""

    def __init__(self, app: ASGIApp, runtime: Runtime, always: Iterable[str]) -> None:
        self._app = app
        self._runtime = runtime
        self._always = frozenset(always)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope[SCOPE_KEY] = sessions = RequestSessions(self._runtime)
        if not (self._runtime.ready or self._is_health(scope) or await self._runtime.pass_gate()):
            await self._refuse(scope, receive, send)
            return

        async def send_after_sessions(message: Message) -> None:
            if sessions.are_open and message["type"] == "http.response.start":
                await sessions.response_starts()
            await send(message)

        await self._app(scope, receive, send_after_sessions)

    def _is_health(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return path.removeprefix(scope.get("root_path", "")) in self._always

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
            return
        await response_of(NOT_READY)(scope, receive, send)
