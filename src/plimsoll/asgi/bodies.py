"""Bodies of requests: how large one may be, and how slowly it may come. Nothing of it is kept here."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from plimsoll.asgi.messages import ASGIApp, Message, Receive, Refusal, Scope, Send, closes
from plimsoll.asgi.patience import Patience
from plimsoll.errors import BodyRefusedError
from plimsoll.events import Counters, LimitedLog

logger = logging.getLogger("plimsoll.requests")

TOO_LARGE = Refusal(413, "body-too-large", "Content Too Large", "The body is larger than this address takes.")
TOO_SLOW = Refusal(408, "body-too-slow", "Request Timeout", "The body came too slowly, and was given up.")

NO_BODY: Final = 0
UNKNOWN: Final = -1

LINGER_S = 1.0
LINGER_BYTES = 4 * 1_048_576
"""After a refusal this much of the rest is read and thrown away before the connection is closed. One that is closed
with data unread is reset, and a client that still sends sees the reset in place of the answer."""


def announced_bytes(scope: Scope) -> int:
    """The size of the body as the header has it: `NO_BODY`, or `UNKNOWN` until it has come."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            # Servers refuse what is no number; whoever does not is not to be trusted with the body either.
            return int(value) if value.isdigit() else UNKNOWN
        if name == b"transfer-encoding":
            return UNKNOWN
    # HTTP/2 and 3 mark the end of a body in their frames, and need neither header.
    return NO_BODY if scope.get("http_version", "1.1")[0] == "1" else UNKNOWN


class BodyLimits:
    """ASGI layer that answers 413 for bodies over `limit_for(scope)` bytes, and 408 for those that come too slowly.

    A client may keep us waiting for `grace_s` seconds, and for one more with each `min_rate_bytes` that come (the
    manner, and with 20 s and 500 the figures, of Apache's mod_reqtimeout); 0 sets no minimum. A request without a
    body goes through as it is.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit_for: Callable[[Scope], int],
        min_rate_bytes: int,
        grace_s: float,
        counters: Counters | None = None,
        log: LimitedLog | None = None,
    ) -> None:
        self._app = app
        self._limit_for = limit_for
        self._min_rate_bytes = min_rate_bytes
        self._grace_s = grace_s
        self._counters = counters or Counters()
        self._log = log or LimitedLog(logger)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or (announced := announced_bytes(scope)) == NO_BODY:
            return self._app(scope, receive, send)
        return self._limited(announced, scope, receive, send)

    async def _limited(self, announced: int, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._limit_for(scope)
        reader = BodyReader(receive, send, limit, self._patience())
        if announced > limit:
            reader.refusal = TOO_LARGE
        else:
            await self._run(scope, reader)
        if reader.refusal is not None:
            self._report(scope, reader.refusal, limit)
            if reader.may_answer:
                await reader.answer(close=closes(scope), linger=announced <= limit or not _waits_for_go(scope))

    async def _run(self, scope: Scope, reader: "BodyReader") -> None:
        try:
            await self._app(scope, reader.receive, reader.send)
        except Exception:
            if reader.refusal is None or not reader.may_answer:
                raise

    def _patience(self) -> Patience | None:
        return Patience(self._min_rate_bytes, self._grace_s, self._grace_s) if self._min_rate_bytes else None

    def _report(self, scope: Scope, refusal: Refusal, limit: int) -> None:
        self._counters.add(f"answered_{refusal.code}")
        why = f"over {limit} bytes" if refusal is TOO_LARGE else f"below {self._min_rate_bytes} bytes/s"
        self._log.log(logging.WARNING, refusal.code, f"{scope['method']}: answered {refusal.status}: a body {why}")


class BodyReader:
    """The `receive` and `send` of one request with a body. `refusal` says why the body is not taken, once it is not.

    Frameworks turn any error while they read a body into an answer of their own (FastAPI into 400), so `send` looks
    at `refusal`, and drops an answer that starts after it: the layer sends the right one when the application is done.
    """

    __slots__ = ("_complete", "_left_bytes", "_patience", "_receive", "_send", "_started", "may_answer", "refusal")

    def __init__(self, receive: Receive, send: Send, limit_bytes: int, patience: Patience | None) -> None:
        self._receive = receive
        self._send = send
        self._left_bytes = limit_bytes
        self._patience = patience
        self._complete = False
        self._started = False
        self.may_answer = True
        self.refusal: Refusal | None = None

    async def receive(self) -> Message:
        """The next part of the body, or what comes after it.

        Raises:
            BodyRefusedError: the body is too large, or comes too slowly.
        """
        if self._complete:
            return await self._receive()
        if self.refusal is not None:
            raise BodyRefusedError(self.refusal.detail)
        message = await self._next()
        if message["type"] != "http.request":
            self._complete = True
            return message
        self._complete = not message.get("more_body", False)
        self._left_bytes -= len(message.get("body", b""))
        if self._left_bytes < 0:
            self._refuse(TOO_LARGE)
        return message

    async def _next(self) -> Message:
        patience = self._patience
        if patience is None:
            return await self._receive()
        try:
            message = await patience.wait(self._receive())
        except TimeoutError:
            self._refuse(TOO_SLOW)
        patience.refill(len(message.get("body", b"")))
        return message

    def _refuse(self, refusal: Refusal) -> NoReturn:
        self.refusal = refusal
        raise BodyRefusedError(refusal.detail)

    async def send(self, message: Message) -> None:
        """Send what the application answers, unless the body was refused before its answer began."""
        if self.refusal is not None and self.may_answer:
            return
        self.may_answer = False
        await self._send(message)

    async def answer(self, *, close: bool, linger: bool) -> None:
        """Send the refusal; then read on for a moment, and end the response, at which the server closes."""
        assert self.refusal is not None
        self.may_answer = False
        await self._send(self.refusal.start(close=close))
        await self._send({"type": "http.response.body", "body": self.refusal.body, "more_body": True})
        if linger and not self._complete:
            await self._linger()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _linger(self) -> None:
        left_bytes = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_S):
                while left_bytes > 0:
                    message = await self._receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    left_bytes -= len(message.get("body", b""))
        except TimeoutError:
            return


def _waits_for_go(scope: Scope) -> bool:
    """Whether the client sends its body only once it is told to: refused at once, it sends none."""
    return any(name == b"expect" for name, _ in scope["headers"])
