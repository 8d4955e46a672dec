"""Watches the connections of one event loop: wraps what makes listening sockets, so that each connection is counted
from its accept to its close, and limited before it costs memory."""

import asyncio
import functools
import logging
import os
import socket
import ssl as tls
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from plimsoll.asgi.connections.listener import Listener, WatchedServer
from plimsoll.asgi.connections.opened import ClientSocket, Connection, reads_header, speaks_http
from plimsoll.asgi.connections.rules import PLAIN_COST_BYTES, TLS_COST_BYTES, ConnectionFigures, ConnectionRules
from plimsoll.asgi.connections.sweep import WORDS, Sweep, close_idle
from plimsoll.events import Counters, LimitedLog

logger = logging.getLogger("plimsoll.connections")

RECENT_S = 0.1
"""A connection accepted less than this ago may not be in the sample of memory that `may_open` looks at, so it is told
of the memory of all of these: two intervals of the memory guard's sampling."""

MAX_HEADER_BYTES = 65_536
"""Of a request's header: h11's own limit. httptools has none: a header could take all memory before its time is up."""

TLS_SHUTDOWN_S = 5.0
"""For the client's part in ending TLS, where the server names no time: asyncio's 30 s keep the buffer for nobody."""

WRITE_BUFFER_BYTES = 65_536
"""High-water mark of a TLS transport, as asyncio has it without TLS; its own for TLS is 512 KiB."""

TLS_NOTE = (
    "TLS ends in this process: each connection takes about 280 KiB of address space (under asyncio of resident memory "
    "too; under uvloop 40 KiB of that). Behind a proxy that ends TLS it would be about 6 KiB: see docs/connections.md."
)


def watch_connections(
    loop: asyncio.AbstractEventLoop,
    rules: ConnectionRules,
    *,
    may_open: Callable[[int, int], bool] | None = None,
    closed: Callable[[int], None] | None = None,
    counters: Counters | None = None,
    log: LimitedLog | None = None,
) -> "ConnectionWatch":
    """Watch the connections to all listening sockets that `loop` makes from now on: call it in lifespan start-up.

    `may_open(cost, recent)` says whether memory has room for a connection of so many bytes, beside those of others let
    in too lately to be seen; the socket is closed at once where it says no. `closed(cost)` is told of each that has
    gone.
    """
    watch = ConnectionWatch(loop, rules, may_open, closed, counters or Counters(), log or LimitedLog(logger))
    watch.start()
    return watch


class ConnectionWatch:
    """The connections of one event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        rules: ConnectionRules,
        may_open: Callable[[int, int], bool] | None,
        closed: Callable[[int], None] | None,
        counters: Counters,
        log: LimitedLog,
    ) -> None:
        self._loop = loop
        self._rules = rules
        self._may_open = may_open
        self._closed = closed
        self._counters = counters
        self._log = log
        self._open: set[Connection] = set()
        self._open_tls = self._accepted = self._refused = self._cut = 0
        self._recent_bytes = 0
        self._recent_until_s = 0.0
        self._connecting: set[asyncio.Task[None]] = set()
        self._sweep = Sweep(loop, rules, lambda: self._open, self._report_cut)
        self._wrapped: list[str] = []
        self._listeners: list[Listener] = []
        self._handler_before: Any = None

    def start(self) -> None:
        """Wrap this loop's `create_server` and `create_unix_server`."""
        for name in ("create_server", "create_unix_server"):
            if name not in vars(self._loop):  # a second watch of one loop would count everything twice
                original = getattr(self._loop, name)
                setattr(self._loop, name, functools.partial(self._create, original))
                self._wrapped.append(name)
        if self._wrapped:
            self._handler_before = self._loop.get_exception_handler()
            self._loop.set_exception_handler(self._heard)
        self._sweep.start()

    def stop(self) -> None:
        """Let go of the loop; sockets that listen go on as they are, connections too."""
        if self._wrapped and self._loop.get_exception_handler() == self._heard:
            self._loop.set_exception_handler(self._handler_before)
        while self._wrapped:
            delattr(self._loop, self._wrapped.pop())
        self._sweep.stop()

    @property
    def open_count(self) -> int:
        """Connections open now, those in a TLS handshake too."""
        return len(self._open)

    def figures(self) -> ConnectionFigures:
        """The numbers at this moment."""
        return ConnectionFigures(len(self._open), self._open_tls, self._accepted, self._refused, self._cut)

    def close_idle(self) -> int:
        """Close the connections that are kept alive and have no request; their number."""
        closed = close_idle(self._open)
        if closed:
            self._counters.add("connections_idle_closed", closed)
        return closed

    async def _create(
        self,
        original: Callable[..., Any],
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *arguments: Any,
        ssl: tls.SSLContext | None = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        **options: Any,
    ) -> WatchedServer:
        """In place of `create_server`: the loop binds the sockets, and does not accept on them."""
        if ssl is not None and not isinstance(ssl, tls.SSLContext):
            raise TypeError("ssl argument must be an SSLContext or None")
        connect_options: dict[str, Any] = {}
        if ssl is not None:
            logger.info(TLS_NOTE)
            handshake_s = ssl_handshake_timeout or self._rules.header_timeout_s or None
            shutdown_s = ssl_shutdown_timeout or TLS_SHUTDOWN_S
            connect_options = {"ssl": ssl, "ssl_handshake_timeout": handshake_s, "ssl_shutdown_timeout": shutdown_s}
        server = await original(protocol_factory, *arguments, backlog=backlog, start_serving=False, **options)
        listeners = [self._listener(shown, protocol_factory, connect_options) for shown in server.sockets]
        watched = WatchedServer(server, listeners, backlog)
        if start_serving:
            await watched.start_serving()
        return watched

    def _listener(self, shown: Any, factory: Callable[[], asyncio.BaseProtocol], options: dict[str, Any]) -> Listener:
        own = socket.socket(shown.family, shown.type, shown.proto, fileno=os.dup(shown.fileno()))
        own.set_inheritable(False)
        has_tls = bool(options)

        def connect(client: ClientSocket) -> None:
            connection = self._opened(client, has_tls=has_tls)
            task = self._loop.create_task(self._connect(connection, factory, options, listener))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

        listener = Listener(self._loop, own, functools.partial(self._admit, has_tls), connect, self._log)
        self._listeners.append(listener)
        return listener

    def _admit(self, has_tls: bool) -> bool:
        """Whether one more may be opened."""
        self._accepted += 1
        limit = self._rules.max_connections
        if (limit and len(self._open) >= limit) or not self._has_room(_cost_bytes(has_tls)):
            self._refused += 1
            self._counters.add("connections_refused")
            self._log.log(logging.WARNING, "connections", f"A connection was refused: {len(self._open)} are open.")
            return False
        return True

    def _has_room(self, cost_bytes: int) -> bool:
        if self._may_open is None:
            return True
        now_s = self._loop.time()
        if now_s >= self._recent_until_s:
            self._recent_until_s = now_s + RECENT_S
            self._recent_bytes = 0
        if not self._may_open(cost_bytes, self._recent_bytes):
            return False
        self._recent_bytes += cost_bytes
        return True

    def _opened(self, client: ClientSocket, *, has_tls: bool) -> Connection:
        connection = Connection(client, self._loop.time(), tls=has_tls)
        client.on_gone = functools.partial(self._gone, connection)
        self._open.add(connection)
        self._open_tls += has_tls
        return connection

    def _gone(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.discard(connection)
            self._open_tls -= connection.tls
            connection.forget()
            if self._closed is not None:
                self._closed(_cost_bytes(connection.tls))

    async def _connect(
        self,
        connection: Connection,
        factory: Callable[[], asyncio.BaseProtocol],
        options: dict[str, Any],
        listener: Listener,
    ) -> None:
        """Give the connection to the server, and TLS its handshake."""
        connection.enter()

        def make_protocol() -> asyncio.BaseProtocol:
            connection.protocol = protocol = factory()
            if speaks_http(protocol):
                listener.says_farewell = not connection.tls
                self._limit_header(connection, protocol)
            return protocol

        try:
            transport, _ = await self._loop.connect_accepted_socket(make_protocol, connection.socket, **options)
        except (OSError, MemoryError) as error:  # a TLS error is an OSError
            connection.socket.close()
            if isinstance(error, MemoryError):
                self._lacks_memory()
            else:
                self._report_cut("handshake", WORDS["handshake"])
        except BaseException:
            connection.socket.close()
            raise
        else:
            connection.transport = transport
            if speaks_http(connection.protocol):
                connection.takes_at_once = transport
            if connection.tls:
                transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def _heard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a callback of the loop ended with, such as a TLS connection's. The loop's own words of it take memory:
        where there is none, writing them fails, and that ends the loop and the process."""
        try:
            if isinstance(context.get("exception"), MemoryError):
                self._lacks_memory()
            elif self._handler_before is not None:
                self._handler_before(loop, context)
            else:
                loop.default_exception_handler(context)
        except MemoryError:
            self._lacks_memory()

    def _lacks_memory(self) -> None:
        for listener in self._listeners:
            listener.lacks_memory()
        with suppress(MemoryError):
            self._report_cut("memory", WORDS["memory"])

    def _limit_header(self, connection: Connection, protocol: Any) -> None:
        """Count what comes while the parser is inside a header. Set before the transport looks at the protocol."""
        feed: Callable[[bytes], None] = protocol.data_received

        def data_received(data: bytes) -> None:
            if protocol.transport.is_closing():  # what uvloop had read already when the connection was cut
                return
            feed(data)
            if not reads_header(protocol):
                connection.header_bytes = 0
                return
            connection.header_bytes += len(data)
            if connection.header_bytes > MAX_HEADER_BYTES:
                self._report_cut("large-header", WORDS["large-header"])
                connection.abort()

        protocol.data_received = data_received

    def _report_cut(self, kind: str, words: str) -> None:
        self._cut += 1
        self._counters.add(f"connections_cut_{kind.replace('-', '_')}")
        self._log.log(logging.WARNING, kind, words)


def _cost_bytes(tls: bool) -> int:
    return TLS_COST_BYTES if tls else PLAIN_COST_BYTES
