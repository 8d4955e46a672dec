"""Refuses a request whose declared length is over the limit before anything of it is read or looked up.

FastAPI's own limit counts the bytes of bodies that declare no length; its answer for those that do is plain
text, sent when the handler is done.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import ProblemResponse, problem_body


class DeclaredLengthLimit:
    """Pure ASGI middleware: 413 where `Content-Length` is over `limit_bytes`."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _declared(scope) > self._limit_bytes:
            detail = f"A request body has at most {self._limit_bytes} bytes here."
            # The body stays unread, so this connection cannot carry a further request.
            answer = ProblemResponse(problem_body(413, detail), 413, {"Connection": "close"})
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _declared(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "0")
    return int(length) if length.isdecimal() else 0
