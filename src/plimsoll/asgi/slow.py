"""Answers to clients that read slowly: how much of one waits in memory, and for how long."""

import asyncio
import logging
from collections.abc import Generator
from typing import Any, NoReturn

from plimsoll.asgi.connections.opened import current_connection
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
        self._min_rate_bytes = min_rate_bytes
        self._grace_s = grace_s
        self._counters = counters or Counters()
        self._log = log or LimitedLog(logger)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = PatientSender(send, self._min_rate_bytes, self._grace_s)
        try:
            await self._app(scope, receive, sender.send)
        except Exception:
            if not sender.given_up:
                raise
        if sender.given_up:
            self._counters.add("slow_readers")
            words = f"{scope['method']}: a client read below {self._min_rate_bytes} bytes/s and was given up"
            self._log.log(logging.WARNING, "slow-reader", words)


class PatientSender:
    """The `send` of one request."""

    __slots__ = ("_grace_s", "_min_rate_bytes", "_patience", "_send", "_sent_bytes", "given_up")

    def __init__(self, send: Send, min_rate_bytes: int, grace_s: float) -> None:
        self._send = send
        self._min_rate_bytes = min_rate_bytes
        self._grace_s = grace_s
        self._patience: Patience | None = None
        self._sent_bytes = 0
        self.given_up = False

    async def send(self, message: Message) -> None:
        """Send a message, a long body in slices.

        Raises:
            SlowReaderError: the client was given up.
        """
        body = message.get("body", b"")
        size = len(body)
        if size > SLICE_BYTES and message["type"] == "http.response.body":
            await self._send_in_slices(message, body)
        elif not self._min_rate_bytes:
            await self._send(message)
        else:
            # The first step is made here, since most sends have no other: they cost neither a timer nor a coroutine.
            if self.given_up:
                raise SlowReaderError("The client was given up.")
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
            # A part that waits does so until the server's buffer has drained, which at the lowest rate takes this long.
            most_s = self._grace_s + BUFFER_BYTES / self._min_rate_bytes
            self._patience = patience = Patience(self._min_rate_bytes, self._grace_s, most_s)
        patience.refill(self._sent_bytes)
        self._sent_bytes = 0
        try:
            await patience.wait_on(first, steps)
        except TimeoutError:
            await self._give_up()

    async def _give_up(self) -> NoReturn:
        self.given_up = True
        if (connection := current_connection()) is not None:
            connection.abort()
            for _ in range(TURNS_TO_HEAR):
                await asyncio.sleep(0)
        raise SlowReaderError("The client read so slowly that its answer was given up.")
