"""Looks at all connections in turn, and ends those that wait for nothing that will come."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from plimsoll.asgi.connections.opened import Connection, awaits_header, is_idle, speaks_http
from plimsoll.asgi.connections.rules import ConnectionRules

LONGEST_INTERVAL_S = 1.0
SHARE_OF_TIMEOUT = 0.25
"""The sweep comes after a quarter of the time-out, so that none is exceeded by more, and at least every second."""


class Sweep:
    """Ends the connections of `connections()` that break `rules`. `report(kind, words)` is told of each."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        rules: ConnectionRules,
        connections: Callable[[], Iterable[Connection]],
        report: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._rules = rules
        self._connections = connections
        self._report = report
        shortest_s = min((limit for limit in (rules.header_timeout_s, rules.grace_s) if limit), default=0.0)
        self._interval_s = min(LONGEST_INTERVAL_S, shortest_s * SHARE_OF_TIMEOUT)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; does nothing where the rules leave nothing to look for."""
        if self._interval_s:
            self._timer = self._loop.call_later(self._interval_s, self._run)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def _run(self) -> None:
        self._timer = self._loop.call_later(self._interval_s, self._run)
        now_s = self._loop.time()
        for connection in tuple(self._connections()):
            try:
                kind = self._overdue(connection, now_s)
            except Exception:
                # A protocol that is not what it looks like is left alone, and the others are still looked at.
                logging.getLogger("plimsoll.connections").debug("a connection was not understood", exc_info=True)
                continue
            if kind is not None:
                self._report(kind, WORDS[kind])
                connection.abort()

    def _overdue(self, connection: Connection, now_s: float) -> str | None:
        transport = connection.transport
        if transport is None:  # still in its TLS handshake, which has a time limit of its own
            return None
        if transport.is_closing():
            return "slow-reader" if self._flush_overdue(connection, transport, now_s) else None
        protocol = transport.get_protocol()
        if not speaks_http(protocol) or not awaits_header(protocol):
            connection.header_since_s = None
            return None
        return "header" if self._header_overdue(connection, protocol, now_s) else None

    def _header_overdue(self, connection: Connection, protocol: object, now_s: float) -> bool:
        if not self._rules.header_timeout_s:
            return False
        if connection.header_since_s is None:
            first = getattr(protocol, "cycle", None) is None
            connection.header_since_s = connection.accepted_s if first else now_s
        return now_s - connection.header_since_s >= self._rules.header_timeout_s

    def _flush_overdue(self, connection: Connection, transport: asyncio.Transport, now_s: float) -> bool:
        """The server has closed, and the transport does so once all is sent: to a client that reads nothing, never."""
        if not self._rules.min_rate_bytes:
            return False
        if connection.flush_by_s is None:
            left_bytes = transport.get_write_buffer_size()
            connection.flush_by_s = now_s + self._rules.grace_s + left_bytes / self._rules.min_rate_bytes
        return now_s > connection.flush_by_s


WORDS = {
    "header": "A connection was ended: its client did not send a whole header in time.",
    "slow-reader": "A connection was ended: its client did not take the rest of its answer.",
    "large-header": "A connection was ended: its client sent a header larger than any request needs.",
    "handshake": "A connection was ended: its TLS handshake failed or was not finished in time.",
    "memory": "A connection was ended: there was no memory for it.",
}
"""What is reported, by kind."""


def close_idle(connections: Iterable[Connection]) -> int:
    """Close the connections that are only kept alive; their number."""
    closed = 0
    for connection in tuple(connections):
        transport = connection.transport
        if transport is None or transport.is_closing():
            continue
        protocol = transport.get_protocol()
        if speaks_http(protocol) and is_idle(protocol):
            transport.close()
            closed += 1
    return closed
