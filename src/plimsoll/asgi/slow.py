"""Answers to clients that read slowly: how much of one waits in memory, and for how long."""

import asyncio
import logging
from collections.abc import Awaitable, Generator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from plimsoll.asgi.connections.opened import LOW_WATER_BYTES, current_connection
from plimsoll.asgi.messages import ASGIApp, Message, Receive, Scope, Send
from plimsoll.asgi.patience import Patience
from plimsoll.errors import SlowReaderError
from plimsoll.events import Counters, LimitedLog

logger = logging.getLogger("plimsoll.requests")

SLICE_BYTES = 65_536
"""Largest part of a body given to the server at once; asyncio's high-water mark, above which the next part waits."""

BUFFER_BYTES = 2 * SLICE_BYTES
"""What the server may hold when a part waits: a buffer just below the mark, and the part that went over it."""

TURNS_TO_HEAR = 4
"""Turns of the loop until a server has heard that a connection was aborted, through TLS too (asyncio: 3). It complains
of an application that ends without a whole answer only where the client is still there."""


@dataclass(frozen=True)
class ReaderRules:
    """How slowly a client may read its answer, and who is told of one that was given up."""

    min_rate_bytes: int
    """Bytes a second; 0 sets no minimum."""
    grace_s: float
    counters: Counters = field(default_factory=Counters)
    log: LimitedLog = field(default_factory=lambda: LimitedLog(logger))

    def gave_up(self, scope: Scope) -> None:
        """Count one, and say so."""
        self.counters.add("slow_readers")
        words = f"{scope['method']}: a client read below {self.min_rate_bytes} bytes/s and was given up"
        self.log.log(logging.WARNING, "slow-reader", words)


class SlowReaders:
    """ASGI layer that hands long bodies to the server in slices, and gives up a client that reads too slowly.

    A client may keep us waiting for `grace_s` seconds, and for one more with each `min_rate_bytes` that it has
    taken; 0 sets no minimum. Given up means that its connection is aborted, where `watch_connections` knows it, and
    that `send` raises `SlowReaderError` in the application, so that what it holds is let go.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        min_rate_bytes: int,
        grace_s: float,
        counters: Counters | None = None,
        log: LimitedLog | None = None,
    ) -> None:
        self._app = app
        self._rules = ReaderRules(min_rate_bytes, grace_s, counters or Counters(), log or LimitedLog(logger))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = PatientSender(scope, send, self._rules)
        try:
            await self._app(scope, receive, sender.send)
        except Exception:
            if not sender.given_up:
                raise


class PatientSender:
    """The `send` of one request."""

    started = False
    """Whether its response has started."""
    given_up = False
    """Whether its client was."""

    _patience: Patience | None = None
    _sent_bytes = 0

    def __init__(self, scope: Scope, send: Send, rules: ReaderRules) -> None:
        self.scope = scope
        self._send = send
        self._rules = rules
        self._connection = connection = current_connection()
        self._transport = connection.takes_at_once if connection is not None else None

    def send(self, message: Message) -> Awaitable[None]:
        """Send a message, a long body in slices.

        Raises:
            SlowReaderError: the client was given up.
        """
        if not self.started and message["type"] == "http.response.start":
            before = self._starts(message)
            if before is not None:
                return before
        size = len(message.get("body", b""))
        transport = self._transport
        # What the server takes at once is given to it as it is: most sends are so, and cost no coroutine of ours.
        if transport is not None and size <= SLICE_BYTES and transport.get_write_buffer_size() <= LOW_WATER_BYTES:
            self._sent_bytes += size
            return self._send(message)
        return self._send_with_patience(message, size)

    def _starts(self, message: Message) -> Awaitable[None] | None:
        """The response starts. What this returns is awaited in place of sending the message."""
        _ = message
        self.started = True
        return None

    async def _send_with_patience(self, message: Message, size: int) -> None:
        if size > SLICE_BYTES and message["type"] == "http.response.body":
            await self._send_in_slices(message, message["body"])
        elif not self._rules.min_rate_bytes:
            await self._send(message)
        elif self.given_up:
            raise SlowReaderError("The client was given up.")
        else:
            # The first step is made here, since most sends have no other, and need no timer.
            steps = self._send(message).__await__()
            try:
                first = next(steps)
            except StopIteration:
                self._sent_bytes += size
                return
            await self._wait(first, steps)
            self._sent_bytes += size

    async def _send_in_slices(self, message: Message, body: bytes) -> None:
        view = memoryview(body)
        more_body = message.get("more_body", False)
        for start in range(0, len(view), SLICE_BYTES):
            more = more_body or start + SLICE_BYTES < len(view)
            await self.send({**message, "body": bytes(view[start : start + SLICE_BYTES]), "more_body": more})

    async def _wait(self, first: Any, steps: Generator[Any, Any, None]) -> None:
        if (patience := self._patience) is None:
            rate_bytes, grace_s = self._rules.min_rate_bytes, self._rules.grace_s
            # A part that waits does so until the server's buffer has drained, which at the lowest rate takes this long.
            self._patience = patience = Patience(rate_bytes, grace_s, grace_s + BUFFER_BYTES / rate_bytes)
        patience.refill(self._sent_bytes)
        self._sent_bytes = 0
        try:
            await patience.wait_on(first, steps)
        except TimeoutError:
            await self._give_up()

    async def _give_up(self) -> NoReturn:
        self.given_up = True
        self._transport = None
        self._rules.gave_up(self.scope)  # before the connection ends: who sees that it has gone sees why
        if self._connection is not None:
            self._connection.abort()
            for _ in range(TURNS_TO_HEAR):
                await asyncio.sleep(0)
        raise SlowReaderError("The client read so slowly that its answer was given up.")
