"""The types of ASGI, and problem documents (RFC 9457) as messages of it."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

CLOSE = (b"connection", b"close")


def closes(scope: Scope) -> bool:
    """Whether `CLOSE` means anything: HTTP/2 and 3 have one connection for many requests, and forbid the header."""
    return str(scope.get("http_version", "1.1"))[0] == "1"


MEDIA_TYPE = b"application/problem+json"


@dataclass(frozen=True)
class Refusal:
    """One kind of answer to a request that is not carried out."""

    status: int
    code: str
    title: str
    detail: str

    @cached_property
    def body(self) -> bytes:
        """The problem document."""
        document = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        return json.dumps(document).encode()

    def messages(self, *, close: bool = True) -> tuple[Message, Message]:
        """The start and the whole body of the response, which ends the connection: what the client still sends would
        be read as its next request."""
        body = self.body
        headers = [(b"content-type", MEDIA_TYPE), (b"content-length", str(len(body)).encode())]
        if close:
            headers.append(CLOSE)
        return (
            {"type": "http.response.start", "status": self.status, "headers": headers},
            {"type": "http.response.body", "body": body, "more_body": True},
        )
