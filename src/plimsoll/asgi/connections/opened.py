"""One open connection: when it came, what serves it, and how it is ended."""

import asyncio
import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Self

LOW_WATER_BYTES = 16_384
"""Below it a transport of asyncio and uvloop never holds its protocol back: a quarter of the high-water mark."""

_current: ContextVar["Connection | None"] = ContextVar("plimsoll_connection", default=None)


def current_connection() -> "Connection | None":
    """The connection that the request at hand came on, where it is one that `watch_connections` watches.

    Event loops call a protocol in the context that its transport was made in, and servers make the task of a request
    there; both are so in asyncio and uvloop.
    """
    return _current.get()


class ClientSocket(socket.socket):
    """A socket that tells when it is closed, by whomever: asyncio closes it, uvloop detaches and closes by itself."""

    __slots__ = ("on_gone",)

    on_gone: Callable[[], None]

    @classmethod
    def of(cls, accepted: socket.socket) -> Self:
        """The same connection; `accepted` lets go of it."""
        taken = cls(accepted.family, accepted.type, accepted.proto, fileno=accepted.fileno())
        taken.on_gone = _told
        accepted.detach()
        return taken

    def close(self) -> None:
        """Close, and tell."""
        super().close()
        self._tell()

    def detach(self) -> int:
        """Hand the descriptor over, and tell: uvloop does so at the moment when it closes it."""
        descriptor = super().detach()
        self._tell()
        return descriptor

    def _tell(self) -> None:
        if self.fileno() < 0:
            on_gone, self.on_gone = self.on_gone, _told
            on_gone()


def _told() -> None:
    """In place of what has been called: it is called once, and its references end with it."""


class Connection:
    """What is known of one connection. Times are those of the event loop's clock."""

    __slots__ = (
        "accepted_s",
        "flush_by_s",
        "header_bytes",
        "header_since_s",
        "protocol",
        "socket",
        "takes_at_once",
        "tls",
        "transport",
    )

    def __init__(self, client: ClientSocket, accepted_s: float, *, tls: bool) -> None:
        self.socket = client
        self.accepted_s = accepted_s
        self.tls = tls
        self.protocol: Any = None
        self.takes_at_once: asyncio.Transport | None = None
        """The transport of a server that takes a message without a wait while it has `LOW_WATER_BYTES` or less to send:
        uvicorn waits for its transport's buffer to come down to that, once it was over the high-water mark, and for
        nothing else."""
        self.transport: asyncio.Transport | None = None
        self.header_since_s: float | None = None
        self.header_bytes = 0
        self.flush_by_s: float | None = None

    def enter(self) -> None:
        """Make this the connection of the running task's context, and of all that begins in it."""
        _current.set(self)

    def forget(self) -> None:
        """The connection has gone: what refers to itself through this is taken apart, so memory is free at once."""
        if self.protocol is not None:
            vars(self.protocol).pop("data_received", None)
        self.protocol = self.transport = self.takes_at_once = None

    def abort(self) -> None:
        """End it now: what waits to be sent is dropped, and the server is told that the client has gone. Does nothing
        in a TLS handshake, which has a time limit of its own, and where it has ended already."""
        transport = self.transport or getattr(self.protocol, "transport", None)
        if transport is not None:
            transport.abort()


def speaks_http(protocol: object) -> bool:
    """Whether this is one of uvicorn's protocols for HTTP/1, told by what the sweep looks at."""
    return hasattr(protocol, "cycle") and hasattr(protocol, "timeout_keep_alive_task") and hasattr(protocol, "scope")


def is_idle(protocol: Any) -> bool:
    """Whether the connection is kept alive and no byte of a next request has come."""
    cycle = protocol.cycle
    return cycle is not None and cycle.response_complete and protocol.timeout_keep_alive_task is not None


def awaits_header(protocol: Any) -> bool:
    """Whether a header is due or incomplete, with no request in work beside it.

    uvicorn stops its keep-alive timer at the first byte of a next request, so a header that never ends keeps the
    connection for ever.
    """
    cycle = protocol.cycle
    return cycle is None or (cycle.response_complete and protocol.timeout_keep_alive_task is None)


def reads_header(protocol: Any) -> bool:
    """Whether the parser is inside a header: httptools makes the scope at a request's first line and the cycle at the
    header's end."""
    scope, cycle = protocol.scope, protocol.cycle
    return scope is not None and (cycle is None or cycle.scope is not scope)
