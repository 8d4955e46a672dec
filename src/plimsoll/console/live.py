"""`/ops/live`: the snapshot once a second as server-sent events, of all workers or of one that is named. One is made
for all who listen to the same, and none while nobody does; whoever reads slowly is sent the latest and never those
between."""

import asyncio
import contextvars
import json
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from plimsoll.asgi.messages import Refusal
from plimsoll.console.access import Access, Visitor
from plimsoll.console.answers import problem, unknown
from plimsoll.console.sessions import Role
from plimsoll.errors import UnknownWorkerError
from plimsoll.events import LimitedLog
from plimsoll.snapshot.codec import to_json
from plimsoll.snapshot.source import ALL, SELF, Overview

EVERY_S = 1.0

LOOK_EVERY_S = 0.2
"""How often it is looked whether the process is to end, which waits for us."""

REFRESHED_S = 2.0
"""How old the database server's side may be: who connects to it is seen within five seconds, as is its return."""

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
    """One who listens to `worker`, as an `Overview` names it: has the latest event until it is taken."""

    def __init__(self, worker: str = ALL) -> None:
        self.worker = worker
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

    def __init__(self, source: Overview, access: Access, *, stopping: Callable[[], bool], log: LimitedLog) -> None:
        self._source = source
        self._access = access
        self._stopping = stopping
        self._log = log
        self._listeners: dict[Listener, Visitor] = {}
        self._producer: asyncio.Task[None] | None = None
        self._latest: dict[str, bytes] = {}
        """Events by whom they are of."""

    async def stream(self, request: Request) -> Response:
        """The response to who may listen."""
        visitor = self._access.visitor(request.scope)
        if visitor.role < Role.READER:
            return self._access.turned_away(visitor)
        if "wsgi_environ" in request.scope:  # as a2wsgi leaves it
            return problem(NOT_HERE)
        worker = request.query_params.get("worker", ALL)
        if worker != ALL:
            try:
                await self._source.look(worker)
            except UnknownWorkerError as error:
                return unknown(error)
        if len(self._listeners) >= MOST_LISTENERS or self._stopping():
            return problem(FULL)
        return Stream(self, visitor, worker)

    def join(self, visitor: Visitor, worker: str = ALL) -> Listener:
        """One more listens; the first event comes at once."""
        listener = Listener(worker)
        self._listeners[listener] = visitor
        if worker in self._latest:
            listener.tell(self._latest[worker])
        elif self._latest:  # else the producer is about to
            self._tell(worker, [listener])
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
            self._producer, self._latest = None, {}

    async def _produce(self) -> None:
        beside = [Beside("the server's side", self._refresh), Beside("the other workers", self._look)]
        try:
            while not self._stopping():
                for each in beside:
                    each.go_on()
                self._tell_all()
                await self._pause()
        finally:
            for each in beside:
                each.end()
            if self._producer is asyncio.current_task():  # else nobody listened any more, and others may by now
                self._producer, self._latest = None, {}
                for listener in self._listeners:
                    listener.end()

    async def _pause(self) -> None:
        for _ in range(round(EVERY_S / LOOK_EVERY_S)):
            if not self._stopping():
                await asyncio.sleep(LOOK_EVERY_S)

    def _tell_all(self) -> None:
        views: dict[str, list[Listener]] = {}
        for listener, visitor in self._listeners.items():
            if self._access.goes_on(visitor):
                views.setdefault(listener.worker, []).append(listener)
            else:
                listener.end()
        self._latest = {}
        for worker, listeners in views.items():
            self._tell(worker, listeners)

    def _tell(self, worker: str, listeners: list[Listener]) -> None:
        try:
            text = json.dumps(to_json(self._source.snapshot(worker)), separators=(",", ":"), allow_nan=False)
        except UnknownWorkerError:  # it has ended: who asks again is told so
            for listener in listeners:
                listener.end()
            return
        except Exception as error:  # noqa: BLE001  the next one may be well, and who listens is told by its lack
            self._log.log(logging.ERROR, "console-snapshot", "no snapshot for the console", error)
            return
        self._latest[worker] = event = f"event: snapshot\ndata: {text}\n\n".encode()
        for listener in listeners:
            listener.tell(event)

    async def _refresh(self) -> None:
        try:
            await self._source.refresh(REFRESHED_S)
        except Exception as error:  # noqa: BLE001  the snapshot goes on without the server's side
            self._log.log(logging.ERROR, "console-refresh", "the database server's side cannot be read", error)

    async def _look(self) -> None:
        if all(listener.worker == SELF for listener in self._listeners):
            return
        try:
            await self._source.look()
        except Exception as error:  # noqa: BLE001  the snapshot goes on without them
            self._log.log(logging.ERROR, "console-look", "the other workers cannot be seen", error)


class Beside:
    """Something that is done beside the stream, once at a time, so that what waits there holds nothing back."""

    def __init__(self, name: str, do: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._name = f"plimsoll live console, {name}"
        self._do = do
        self._task: asyncio.Task[None] | None = None

    def go_on(self) -> None:
        """Begin it anew, unless it is under way."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._do(), name=self._name)

    def end(self) -> None:
        """Let go of it."""
        if self._task is not None:
            self._task.cancel()


class Stream(Response):
    """The response that goes on until the client, the session or the process ends."""

    def __init__(self, live: Live, visitor: Visitor, worker: str) -> None:
        self._live = live
        self._visitor = visitor
        self._worker = worker
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        listener = self._live.join(self._visitor, self._worker)
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
