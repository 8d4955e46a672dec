"""The requests in flight: what each does, until when it must have begun to answer, how it is ended if it has not."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from plimsoll.asgi.messages import Message, Receive, Scope, Send
from plimsoll.asgi.routes import Kind
from plimsoll.asgi.slow import PatientSender, ReaderRules
from plimsoll.asgi.traffic import BAD_REQUEST, RouteCounts, Traffic, failure_of
from plimsoll.limiter import AdmissionLine

TICK_S = 0.1
"""How often deadlines are looked at: no timer of its own for each request, and nobody notices a tenth of a second."""

LEEWAY_S = 0.25
"""Past its deadline a request may go on for so long: a statement that was ended at the deadline, its error and the
roll-back say more than a cancellation does."""

_ANSWERED = ("5xx", "deadline", "memory")
"""Failures that are answered past this `send`: by us, or by the server."""


class AtStart(Protocol):
    """What is to be done before a response starts."""

    async def response_starts(self) -> None:
        """Do it."""


class RequestWork(PatientSender):
    """One request in flight; `plimsoll.pool.Work`. Times are seconds of the monotonic clock.

    It is the `send` of its request too, for all layers that have a part in that: one call for each message."""

    committing = 0
    took = False
    """Whether it took a connection."""
    sessions: AtStart | None = None
    """What ends the sessions that are open, before its response starts."""
    gone = False
    """Whether it is done."""
    ended = ""
    """Why it was ended by us: `deadline` or `shutdown`."""

    route: RouteCounts | None = None
    """The counts of its route, once its response has started: by then the framework has found it."""
    failure = ""
    """The kind of error it is, as `RouteView.errors` has them."""

    client = ""
    """Whose it is, where that was asked."""
    let_in = False
    """Whether it was let in."""
    counted = False
    """Whether it was given a place in the line."""
    fresh = False
    """Whether it still counts in the line, since it has not asked for a connection."""

    def __init__(
        self,
        scope: Scope,
        send: Send,
        rules: ReaderRules,
        line: AdmissionLine,
        kind: Kind,
        deadline_s: float | None,
        when_started: Callable[["RequestWork", Message], None],
        traffic: Traffic,
        began_s: float,
    ) -> None:
        super().__init__(scope, send, rules)
        self._when_started = when_started
        self._line = line
        self.kind = kind
        self.deadline_s = deadline_s
        self._traffic = traffic
        self.began_s = began_s
        self.task = asyncio.current_task()

    @property
    def name(self) -> str:
        """Its route, as it is counted; empty where the framework has not found it yet."""
        return self._traffic.name_of(self.scope, self.kind)

    def asks_for_connection(self) -> None:
        """It is about to get one: from now on the pool's own figures show what it asks for."""
        self.took = True
        self.settle()

    def account(self) -> RouteCounts:
        """The counts of its route."""
        return self._traffic.of(self.scope, self.kind)

    def count_start(self, status: int, now_s: float) -> None:
        """Its response starts."""
        if status >= BAD_REQUEST:
            late = self.deadline_s is not None and now_s >= self.deadline_s
            self.failure = failure_of(status, late=late)
        self.route = route = self._traffic.of(self.scope, self.kind)
        route.latency.observe(now_s - self.began_s)

    def count_end(self, clock: Callable[[], float]) -> None:
        """It is over."""
        route = self.route
        if route is None:
            route = self._traffic.of(self.scope, self.kind)
            if self.failure in _ANSWERED:
                route.latency.observe(clock() - self.began_s)
        route.ended(self.failure)

    def settle(self) -> None:
        """It needs no place in the line any more."""
        if self.fresh:
            self.fresh = False
            self._line.settle()

    def _starts(self, message: Message) -> Awaitable[None] | None:
        if self.sessions is not None:
            return self._start_after(self.sessions, message)
        self.started = True
        self._when_started(self, message)
        return None

    async def _start_after(self, sessions: AtStart, message: Message) -> None:
        await sessions.response_starts()
        self.sessions = None
        await self.send(message)

    async def receive(self, receive: Receive) -> Message:
        """The next part of a body. Whoever waits for its client keeps nobody out: the place in the line is lent to
        others meanwhile, and taken again without a wait, since the work has begun."""
        if not self.fresh:
            return await receive()
        self.settle()
        self._line.let_in()
        try:
            return await receive()
        finally:
            # Whoever watches for the client's leave, in a task of its own, may hear of it long after the request.
            if not (self.took or self.started or self.gone):
                self.fresh = True
                self._line.unsettle()

    def end(self, why: str) -> bool:
        """Cancel it, unless that was done or would cut a commit short; whether it was."""
        if self.ended or self.committing or self.task is None:
            return False
        self.ended = why
        self.task.cancel()
        return True


class Running:
    """All requests in flight of one event loop. While there are some, `tick` is called every `TICK_S` seconds."""

    def __init__(self, clock: Callable[[], float], tick: Callable[[], None]) -> None:
        self._clock = clock
        self._tick = tick
        self._works: dict[RequestWork, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.ends_s: float | None = None
        """When all must have ended, since the process stops."""

    def __len__(self) -> int:
        return len(self._works)

    def __iter__(self) -> Iterator[RequestWork]:
        return iter(self._works)

    def add(self, work: RequestWork) -> None:
        """One more."""
        self._works[work] = None
        if self._timer is None:
            self.wake()

    def remove(self, work: RequestWork) -> None:
        """One less."""
        self._works.pop(work, None)
        work.gone = True

    def wake(self) -> None:
        """Tick from now on, at least once."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._clock()
        stopping = self.ends_s is not None and now >= self.ends_s
        for work in list(self._works):
            if stopping:
                work.end("shutdown")
            elif work.deadline_s is not None and now >= work.deadline_s + LEEWAY_S and not work.started:
                work.end("deadline")
        self._tick()
        if self._works:
            self.wake()
