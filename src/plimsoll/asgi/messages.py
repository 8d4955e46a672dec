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
    """One kind of answer to a request that is not carried out. `retry_after_s` is whole seconds, as the header has
    them."""

    status: int
    code: str
    title: str
    detail: str
    retry_after_s: int | None = None

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
        return json.dumps(document, separators=(",", ":")).encode()

    def start(self, *, close: bool, retry_after_s: int | None = None) -> Message:
        """The start of the response. With `close` it ends the connection: where the request's body is unread, what the
        client still sends would be taken for its next request. `retry_after_s` counts before the kind's own."""
        headers = [(b"content-type", MEDIA_TYPE), (b"content-length", b"%d" % len(self.body))]
        retry_after_s = self.retry_after_s if retry_after_s is None else retry_after_s
        if retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % retry_after_s))
        if close:
            headers.append(CLOSE)
        return {"type": "http.response.start", "status": self.status, "headers": headers}
