"""Admission: which requests are let in, which wait a moment, which are refused, before anything of them costs anything.

`Admission` is what one process knows of it; `AdmissionLayer` is the outermost layer of an application, and asks."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from plimsoll.asgi.bodies import NO_BODY, announced_bytes
from plimsoll.asgi.clients import AllowedTime, ClientOf, client_of
from plimsoll.asgi.logs import raised_in
from plimsoll.asgi.messages import CLOSE, ASGIApp, Message, Receive, Refusal, Scope, Send, closes
from plimsoll.asgi.refusals import NO_MEMORY, OVERLOADED, STOPPING, TOO_LONG, Pacer, answer, leaves_body_unread
from plimsoll.asgi.routes import Kinds, PriorityOf
from plimsoll.asgi.slow import ReaderRules
from plimsoll.asgi.traffic import Traffic
from plimsoll.asgi.work import TICK_S, RequestWork, Running
from plimsoll.events import Counters, LimitedLog
from plimsoll.limiter import AdaptiveLimit, AdmissionLine, MemoryGuard, Priority, RefusedError, RetryAfter
from plimsoll.limiter.line import PATIENCE
from plimsoll.pool import WORK
from plimsoll.settings import ServiceSettings

logger = logging.getLogger("plimsoll.requests")

RELIEVE_EVERY_S = 1.0
"""While memory is pressed, idle connections are closed once in so long."""


@dataclass(frozen=True)
class Policy:
    """Whose request goes first, and whose it is; both get the ASGI scope."""

    priority_of: PriorityOf | None = None
    client_of: ClientOf = client_of


class Admission:
    """The state of one process. Without `adaptive` nothing is known of a database, and nothing is limited by one."""

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        kinds: Kinds,
        policy: Policy | None = None,
        adaptive: AdaptiveLimit | None = None,
        used: Callable[[], int] = lambda: 0,
        guard: MemoryGuard | None = None,
        relieve: Sequence[Callable[[], object]] = (),
        end_process: Callable[[str], None] | None = None,
        counters: Counters | None = None,
        log: LimitedLog | None = None,
        traffic: Traffic | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.kinds = kinds
        self.policy = policy or Policy()
        self.adaptive = adaptive if settings.admission else None
        self.guard = guard
        self.counters = counters or Counters()
        self.log = log or LimitedLog(logger)
        self.clock = clock
        target_s = settings.admission_wait_s
        self.line = AdmissionLine(adaptive.limit if adaptive else 0, target_s, target_s * PATIENCE, clock, used)
        self.retry = RetryAfter(clock)
        self.running = Running(clock, self._tick)
        self.traffic = traffic or Traffic(kinds)
        self.traffic.running = self.running
        self.pacer = Pacer(clock)
        self.allowed = AllowedTime(
            settings.request_timeout_s, settings.request_timeout_header, settings.trusted_proxies
        )
        self.stopping = False
        self.pressed = False
        """Whether memory is so scarce that connections are closed with their response."""
        self._relieve = relieve
        self._relieved_s = float("-inf")
        self._end_process = end_process

    # --- one request ---

    def refuses(self) -> Refusal | None:
        """Why no request is let in at the moment, whichever it is."""
        if self.stopping:
            return STOPPING
        shortage = None if self.guard is None else self.guard.shortage(len(self.running))
        if shortage is None:
            return None
        self.log.log(logging.WARNING, "memory-short", f"requests are refused: {shortage}")
        return NO_MEMORY

    async def wait(self, scope: Scope, work: RequestWork, allowed_s: float | None) -> bool | None:
        """Wait in line for a place. True where one was given, False where the request needs none, None if refused."""
        asked = self.policy.priority_of(scope) if self.policy.priority_of else None
        priority = work.kind.priority if asked is None else asked
        if priority is Priority.ALWAYS:
            return False
        try:
            await self.line.enter(work.client, priority, allowed_s)
        except RefusedError:
            if self.guard is not None:
                self.guard.turned_away()
            return None
        return True

    def let_go(self, work: RequestWork, scope: Scope) -> None:
        """A request is done."""
        self.running.remove(work)
        if work.counted:
            self.line.leave(work.client, fresh=work.fresh)
            self.retry.served()
            if self.adaptive is not None and self.adaptive.look(pressed=self.line.pressed):
                self.line.pressed = False
                self.line.limit = self.adaptive.limit
                # What takes a second may wait for one; what takes a millisecond should not.
                least_s = self.settings.admission_wait_s
                self.line.target_s = min(max(least_s, self.adaptive.usual_s), least_s * PATIENCE)
                self.line.turn_s = self.adaptive.usual_s / self.line.limit
        kind = work.kind
        if work.let_in and (work.took or kind.limited):
            self.kinds.learn(scope, kind, took_connection=work.took)
        work.count_end(self.clock)

    async def refuse(self, refusal: Refusal, scope: Scope, send: Send) -> None:
        """Answer 503."""
        retry_after_s = self.retry.refuse()
        self.counters.add(f"answered_{refusal.code}")
        await self.pacer.pause()
        close = refusal is not OVERLOADED or leaves_body_unread(scope)
        await answer(scope, send, refusal, retry_after_s=retry_after_s, close=close)

    def connection_came_back(self) -> None:
        """The pool has a connection more to give: somebody in line may have a place."""
        if self.line.waiting:
            asyncio.get_running_loop().call_soon(self.line.let_in)

    def memory_error(self, route: str, error: MemoryError) -> None:
        """A handler ran out of memory: count it, say which limit struck, end the process if that goes on."""
        self.counters.add("memory_errors")
        if self.guard is None:
            self.log.log(logging.ERROR, "memory-error", f"{route}: MemoryError", error)
            return
        seen = self.guard.memory_error(route)
        limit = f"{seen.limit.name} ({seen.limit.source})" if seen.limit else "no limit of this process is near"
        self.log.log(logging.ERROR, "memory-error", f"{route}: MemoryError, answered 503. Nearest: {limit}", error)
        if self.guard.should_exit(self.settings.memory_errors_to_exit) and self._end_process and not self.stopping:
            self._end_process(
                f"MemoryErrors {self.settings.memory_errors_to_exit} times in a minute: this worker ends in good "
                "order, to be started anew with a heap that is whole (MEMORY_ERRORS_TO_EXIT)"
            )

    # --- all of them ---

    def begin(self) -> None:
        """The process serves, from now on or again."""
        self.stopping = False
        self.running.ends_s = None

    def stop(self, within_s: float) -> None:
        """Let nobody in any more; whoever is in has `within_s` seconds, then is cancelled and rolled back.

        The earliest end holds where it is called more than once.
        """
        self.stopping = True
        ends_s = self.clock() + within_s
        if self.running.ends_s is None or ends_s < self.running.ends_s:
            self.running.ends_s = ends_s
            self.running.wake()

    async def drained(self, within_s: float, grace_s: float) -> bool:
        """Stop, and wait until nobody is in any more; `grace_s` seconds longer for those who roll back.

        False where somebody still was, who holds on to their task in spite of being cancelled.
        """
        self.stop(within_s)
        while self.running:
            ends_s = self.running.ends_s
            if ends_s is not None and self.clock() > ends_s + grace_s:
                return False
            await asyncio.sleep(TICK_S)
        return True

    def _tick(self) -> None:
        self.line.let_in()
        guard = self.guard
        self.pressed = guard is not None and guard.pressed
        if self.pressed and self.clock() - self._relieved_s >= RELIEVE_EVERY_S:
            self._relieved_s = self.clock()
            for relief in self._relieve:
                relief()


class AdmissionLayer:
    """The outermost layer. Adds no task and no buffer to a request.

    With `readers` it does what `SlowReaders` does, at less cost; without them a slow reader is waited for without end.
    """

    def __init__(self, app: ASGIApp, admission: Admission, readers: ReaderRules | None = None) -> None:
        self._app = app
        self._admission = admission
        self._readers = readers or ReaderRules(min_rate_bytes=0, grace_s=0.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        admission = self._admission
        kind = admission.kinds.of(scope)
        if kind.priority is Priority.ALWAYS:
            await self._app(scope, receive, send)
            return
        refusal = admission.refuses()
        if refusal is not None:
            admission.traffic.refused(kind)
            await admission.refuse(refusal, scope, send)
            return
        allowed_s = admission.allowed.of(scope)
        now_s = admission.clock()
        deadline_s = None if allowed_s is None else now_s + allowed_s
        work = RequestWork(
            scope, send, self._readers, admission.line, kind, deadline_s, self._starts, admission.traffic, now_s
        )
        # All that takes memory was made by now: a place in the line that was given is never lost for the lack of it.
        working = WORK.set(work)
        try:
            admission.running.add(work)
            if admission.adaptive is not None and kind.limited:
                work.client = admission.policy.client_of(scope)
                let_in = admission.line.enter_now(work.client) or await admission.wait(scope, work, allowed_s)
                if let_in is None:
                    work.failure = "refused"
                    admission.let_go(work, scope)  # counted before its answer, which may have to wait a while
                    await admission.refuse(OVERLOADED, scope, send)
                    return
                work.counted = work.fresh = let_in
                if let_in and announced_bytes(scope) != NO_BODY:
                    receive = partial(work.receive, receive)
            work.let_in = True
            await self._app(scope, receive, work.send)
        except asyncio.CancelledError:
            if not work.ended or work.task is None or work.task.uncancel() > 0:
                # Somebody else cancelled it, perhaps too: a server whose own patience is shorter than ours.
                work.failure = work.failure or "cancelled"
                if admission.stopping and not work.started:
                    await answer(scope, send, STOPPING, retry_after_s=None, close=True)
                raise
            await self._answer_ended(work, scope, send)
        except MemoryError as error:
            work.failure = "memory"
            admission.memory_error(admission.kinds.served(scope, kind).name, error)
            if work.started:
                raise
            await answer(scope, send, NO_MEMORY, retry_after_s=admission.retry.refuse(), close=True)
        except Exception as error:
            work.failure = "cancelled" if work.given_up else work.failure or "5xx"
            if not work.given_up:
                raised_in(error, scope)
                raise
        finally:
            if not work.gone:
                admission.let_go(work, scope)
            WORK.reset(working)

    def _starts(self, work: RequestWork, message: Message) -> None:
        """The response starts: what follows is the client's pace, not ours, and needs no place in the line."""
        admission = self._admission
        if work.fresh:
            work.settle()
            admission.line.let_in()
        work.count_start(message["status"], admission.clock())
        work.deadline_s = None
        if (admission.pressed or admission.stopping) and closes(work.scope):
            message["headers"] = [*message.get("headers", ()), CLOSE]

    async def _answer_ended(self, work: RequestWork, scope: Scope, send: Send) -> None:
        admission = self._admission
        route = admission.kinds.served(scope, work.kind).name
        admission.counters.add(f"ended_{work.ended}")
        work.failure = "cancelled" if work.ended == "shutdown" else "deadline"
        if work.ended == "shutdown":
            refusal, why = STOPPING, "the process stops (SHUTDOWN_TIMEOUT)"
        else:
            refusal, why = TOO_LONG, "its time was up (REQUEST_TIMEOUT)"
        words = f"{route}: ended and rolled back, since {why}"
        admission.log.log(logging.WARNING, f"ended:{route}", words)
        if not work.started:
            await answer(scope, send, refusal, retry_after_s=None, close=True)
