"""`/ops/live`: the snapshot once a second as server-sent events. One is made for all who listen, and none while nobody
does; whoever reads slowly is sent the latest and never those between."""

import asyncio
import contextvars
import json
import logging
from collections.abc import Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from plimsoll.asgi.messages import Refusal
from plimsoll.console.access import Access, Visitor
from plimsoll.console.answers import problem
from plimsoll.console.sessions import Role
from plimsoll.events import LimitedLog
from plimsoll.snapshot.codec import to_json
from plimsoll.snapshot.source import Source

EVERY_S = 1.0

LOOK_EVERY_S = 0.2
"""How often it is looked whether the process is to end, which waits for us."""

REFRESHED_S = 5.0
"""How old the database server's side may be."""

HEART_BEAT_S = 10.0
"""After so long without a snapshot a line that means nothing is sent: proxies end what is silent (nginx: 60 s)."""

MOST_LISTENERS = 20
"""Each costs a connection, a task, and the sending of a snapshot a second."""

MIN_RATE_BYTES = 8_192
GRACE_S = 10.0
"""A listener may keep us waiting for this, and for a second more for each `MIN_RATE_BYTES` that it has read lately: the
rate is below that of the smallest snapshot a second."""

AGAIN_MS = 2_000
"""A browser that lost the stream asks again after this."""

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would keep events until its buffer is full
}

FULL = Refusal(
    503,
    "too-many-listeners",
    "Service Unavailable",
    f"{MOST_LISTENERS} listen already, or the process is being stopped. Ask /ops/snapshot meanwhile.",
    retry_after_s=10,
)
NOT_HERE = Refusal(
    503,
    "no-stream-here",
    "Service Unavailable",
    "Under a WSGI server a stream would keep one of its few threads for as long as it lasts. Ask /ops/snapshot.",
)


class Listener:
    """One who listens: has the latest event until it is taken."""

    def __init__(self) -> None:
        self._event: bytes | None = None
        self._news = asyncio.Event()
        self.ended = False

    def tell(self, event: bytes) -> None:
        """There is a new one."""
        self._event = event
        self._news.set()

    def end(self, *_: object) -> None:
        """There will be none any more."""
        self.ended = True
        self._news.set()

    async def next(self) -> bytes | None:
        """The next one, or after `HEART_BEAT_S` a line that means nothing; None at the end."""
        try:
            async with asyncio.timeout(HEART_BEAT_S):
                await self._news.wait()
        except TimeoutError:
            return b": still here\n\n"
        self._news.clear()
        event, self._event = self._event, None
        return None if self.ended else event


class Live:
    """The stream of one process."""

    def __init__(self, source: Source, access: Access, *, stopping: Callable[[], bool], log: LimitedLog) -> None:
        self._source = source
        self._access = access
        self._stopping = stopping
        self._log = log
        self._listeners: dict[Listener, Visitor] = {}
        self._producer: asyncio.Task[None] | None = None
        self._latest: bytes | None = None

    async def stream(self, request: Request) -> Response:
        """The response to who may listen."""
        visitor = self._access.visitor(request.scope)
        if visitor.role < Role.READER:
            return self._access.turned_away(visitor)
        if "wsgi_environ" in request.scope:  # as a2wsgi leaves it
            return problem(NOT_HERE)
        if len(self._listeners) >= MOST_LISTENERS or self._stopping():
            return problem(FULL)
        return Stream(self, visitor)

    def join(self, visitor: Visitor) -> Listener:
        """One more listens; the first event comes at once."""
        listener = Listener()
        self._listeners[listener] = visitor
        if self._latest is not None:
            listener.tell(self._latest)
        if self._producer is None:
            # Of no request's context: what that refers to would live as long as somebody listens.
            task = asyncio.create_task(self._produce(), name="plimsoll live console", context=contextvars.Context())
            self._producer = task
        return listener

    def leave(self, listener: Listener) -> None:
        """One less."""
        self._listeners.pop(listener, None)
        if not self._listeners and self._producer is not None:
            self._producer.cancel()
            self._producer = self._latest = None

    async def _produce(self) -> None:
        refreshing: asyncio.Task[None] | None = None
        try:
            while not self._stopping():
                if refreshing is None or refreshing.done():
                    refreshing = asyncio.create_task(self._refresh(), name="plimsoll live console, the server's side")
                self._tell_all()
                await self._pause()
        finally:
            if refreshing is not None:
                refreshing.cancel()
            if self._producer is asyncio.current_task():  # else nobody listened any more, and others may by now
                self._producer = self._latest = None
                for listener in self._listeners:
                    listener.end()

    async def _pause(self) -> None:
        for _ in range(round(EVERY_S / LOOK_EVERY_S)):
            if not self._stopping():
                await asyncio.sleep(LOOK_EVERY_S)

    def _tell_all(self) -> None:
        try:
            text = json.dumps(to_json(self._source.snapshot()), separators=(",", ":"), allow_nan=False)
        except Exception as error:  # noqa: BLE001  the next one may be well, and who listens is told by its lack
            self._log.log(logging.ERROR, "console-snapshot", "no snapshot for the console", error)
            return
        self._latest = f"event: snapshot\ndata: {text}\n\n".encode()
        for listener, visitor in self._listeners.items():
            if self._access.goes_on(visitor):
                listener.tell(self._latest)
            else:
                listener.end()

    async def _refresh(self) -> None:
        try:
            await self._source.refresh(REFRESHED_S)
        except Exception as error:  # noqa: BLE001  the snapshot goes on without the server's side
            self._log.log(logging.ERROR, "console-refresh", "the database server's side cannot be read", error)


class Stream(Response):
    """The response that goes on until the client, the session or the process ends."""

    def __init__(self, live: Live, visitor: Visitor) -> None:
        self._live = live
        self._visitor = visitor
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        listener = self._live.join(self._visitor)
        gone = asyncio.create_task(_until_gone(receive), name="plimsoll live console, until its reader has gone")
        gone.add_done_callback(listener.end)
        try:
            event: bytes | None = f"retry: {AGAIN_MS}\n\n".encode()
            while event is not None:
                await send({"type": "http.response.body", "body": event, "more_body": True})
                event = await listener.next()
            await send({"type": "http.response.body"})
        finally:
            gone.cancel()
            self._live.leave(listener)


async def _until_gone(receive: Receive) -> None:
    with suppress(Exception):  # a middleware's, say: one whom we cannot hear has gone
        while (await receive())["type"] != "http.disconnect":
            pass
