"""The clients of `bench_overload.py`, in a process of their own: requests at times that are fixed beforehand.

Nothing is left out while the service is slow: latency counts from the moment at which a request was planned, also
where it had to wait for a connection. Clients keep their connections, open new ones as needed up to a cap, and hang
up when their patience ends. HTTP is read by hand, so that a small share of a core is enough for 2,000 requests/s.

Run by `overload_load.py`: a `Plan` as JSON on the standard input, a `Record` on the standard output.
"""

import asyncio
import gc
import json
import math
import ssl
import sys
import time
from collections import deque
from dataclasses import asdict
from typing import cast

import uvloop
from bench.arrivals_plan import BROKEN, HOST, TIMEOUT, UNSENT, Outcomes, Plan, Record, Stream

TICK_S = 0.005
"""How often outcomes are looked for that nobody reports: patience at its end, and that answers are normal again."""
IDLE_LIMIT_S = 4.0
"""As good clients do: a connection that has been idle for longer is not used. uvicorn closes them after 5 s."""
CALM_S = 1.0
"""Answers are normal again from the start of the first such time in which all were."""
AFTER_FAILURE_S = 0.01
"""A closed loop's client that was cut off comes again after this; without it, a refusing port would be asked as fast
as this process can."""


class Request:
    """One request that is to be made, or is under way."""

    __slots__ = ("done", "line", "planned_s")

    def __init__(self, planned_s: float) -> None:
        self.planned_s = planned_s
        self.done = False
        self.line: Line | None = None


class Line(asyncio.Protocol):
    """One connection of a crowd."""

    __slots__ = ("_buffer", "_crowd", "_transport", "idle_since_s", "request")

    def __init__(self, crowd: "Crowd") -> None:
        self._crowd = crowd
        self._buffer = b""
        self.request: Request | None = None
        self.idle_since_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._crowd.free(self)

    def send(self, request: Request, text: bytes) -> None:
        """Make a request."""
        self.request, request.line = request, self
        self._transport.write(text)

    def hang_up(self) -> None:
        """Close at once."""
        self._transport.abort()

    @property
    def is_closing(self) -> bool:
        """Whether no request can be made any more."""
        return self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        end = data.find(b"\r\n\r\n")
        head = data[:end].lower() if end >= 0 else b""
        if end < 0 or len(data) < end + 4 + body_length(head):
            self._buffer = data
            return
        self._buffer = b""
        request, self.request = self.request, None
        if b"connection: close" in head:
            self._transport.close()
        if request is not None:
            self._crowd.finish(request, int(head[9:12]))
        if not self.is_closing:
            self._crowd.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        request, self.request = self.request, None
        self._crowd.lost(self)
        if request is not None:
            self._crowd.finish(request, BROKEN)


def body_length(head: bytes) -> int:
    """Bytes after a head in small letters."""
    at = head.find(b"content-length:")
    if at < 0:
        return 0
    end = head.find(b"\r\n", at)
    return int(head[at + 15 : end if end >= 0 else None])


class Crowd:
    """The clients of one stream."""

    def __init__(self, plan: Plan, stream: Stream, tls: ssl.SSLContext | None, begin_s: float) -> None:
        self.stream = stream
        self.outcomes = Outcomes()
        self._plan = plan
        self._tls = tls
        self._begin_s = begin_s + stream.begins_s
        self._end_s = self._begin_s + stream.lasts_s
        self._text = f"GET {stream.path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        self._idle: list[Line] = []
        self._waiting: deque[Request] = deque()
        self._asked: deque[Request] = deque()
        """All that are not over yet, by the time of their plan; some of those that are."""
        self._open = 0
        self._opening: set[asyncio.Task[None]] = set()
        self._planned = 0
        self._last_odd_s = self._begin_s

    @property
    def next_s(self) -> float:
        """When the next request is planned; infinite where the stream is over, or a closed loop is on its way."""
        if self.stream.clients:
            each_s = self.stream.ramp_s / self.stream.clients
            return self._begin_s + self._planned * each_s if self._planned < self.stream.clients else math.inf
        due_s = self._begin_s + self._planned / self.stream.rate
        return due_s if due_s < self._end_s else math.inf

    @property
    def is_over(self) -> bool:
        """Whether each request has its outcome and no more will come."""
        closed_loop_over = not self.stream.clients or time.monotonic() >= self._end_s
        return self.next_s == math.inf and closed_loop_over and all(each.done for each in self._asked)

    def arrive(self, planned_s: float) -> None:
        """Make one request, planned for this time."""
        self._planned += 1
        self._ask(planned_s)

    def _ask(self, planned_s: float) -> None:
        request = Request(planned_s)
        self._asked.append(request)
        while self._idle:
            line = self._idle.pop()
            if line.is_closing:
                continue
            if planned_s - line.idle_since_s > IDLE_LIMIT_S:
                line.hang_up()
                continue
            line.send(request, self._text)
            return
        self._waiting.append(request)
        self._open_for_who_waits()

    def _open_for_who_waits(self) -> None:
        while self._open < self.stream.connections and len(self._opening) < len(self._waiting):
            self._open += 1
            task = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        # Bound only where it must be: the kernel gives out far fewer ports to sockets that are bound first.
        own = None if self.stream.source == HOST else (self.stream.source, 0)
        name = None if self._tls is None else HOST
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._plan.patience_s):
                await loop.create_connection(
                    lambda: Line(self), HOST, self._plan.port, ssl=self._tls, server_hostname=name, local_addr=own
                )
        except OSError as error:  # TimeoutError is one of them
            self._open -= 1
            self.outcomes.connects_failed += 1
            while self._waiting:
                if not (request := self._waiting.popleft()).done:
                    self.finish(request, UNSENT if isinstance(error, TimeoutError) else BROKEN)
                    break

    def free(self, line: Line) -> None:
        """A connection can take the next request: that of whoever waits first."""
        while self._waiting:
            if not (request := self._waiting.popleft()).done:
                line.send(request, self._text)
                return
        line.idle_since_s = time.monotonic()
        self._idle.append(line)

    def lost(self, line: Line) -> None:
        """A connection is closed."""
        self._open -= 1
        if line in self._idle:
            self._idle.remove(line)
        self._open_for_who_waits()

    def finish(self, request: Request, status: int) -> None:
        """A request has its outcome."""
        if request.done:
            return
        request.done, request.line = True, None
        now_s = time.monotonic()
        latency_s = now_s - request.planned_s
        self.outcomes.planned_s.append(request.planned_s)
        self.outcomes.latency_s.append(latency_s)
        self.outcomes.status.append(status)
        if status != 200 or latency_s > (self.stream.normal_s or math.inf):
            self._last_odd_s = max(self._last_odd_s, request.planned_s)
        if self.stream.clients:
            pause_s = max(self.stream.think_s, 0.0 if status > 0 else AFTER_FAILURE_S)
            if now_s + pause_s < self._end_s:
                asyncio.get_running_loop().call_later(pause_s, self._come_again)

    def _come_again(self) -> None:
        self._ask(time.monotonic())

    def look(self, now_s: float) -> None:
        """End what has waited for too long; end the stream where its answers are normal again."""
        asked = self._asked
        while asked and (asked[0].done or now_s - asked[0].planned_s >= self._plan.patience_s):
            request = asked.popleft()
            line = request.line
            if not request.done:
                self.finish(request, UNSENT if line is None else TIMEOUT)
            if line is not None:
                line.request = None
                line.hang_up()
        if self.stream.normal_s is not None and now_s >= self._begin_s and self.outcomes.normal_after_s is None:
            self._look_for_calm(now_s, self.stream.normal_s)

    def _look_for_calm(self, now_s: float, normal_s: float) -> None:
        for request in self._asked:
            if now_s - request.planned_s <= normal_s:
                break
            if not request.done:
                self._last_odd_s = max(self._last_odd_s, request.planned_s)
        if now_s - self._last_odd_s > CALM_S + normal_s and now_s < self._end_s:
            self.outcomes.normal_after_s = self._last_odd_s - self._begin_s
            self._end_s = now_s


class Clock:
    """Lets each stream's requests come at their time, and notes how late that was."""

    def __init__(self, crowds: list[Crowd], begin_s: float) -> None:
        self._crowds = crowds
        self._look_s = begin_s
        self.late_s: list[float] = []

    async def run(self) -> None:
        """Until every stream is over."""
        while not all(crowd.is_over for crowd in self._crowds):
            now_s = time.monotonic()
            for crowd in self._crowds:
                while (planned_s := crowd.next_s) <= now_s:
                    crowd.arrive(planned_s)
                    self.late_s.append(now_s - planned_s)
            if now_s >= self._look_s:
                self.late_s.append(now_s - self._look_s)
                self._look_s = now_s + TICK_S
                for crowd in self._crowds:
                    crowd.look(now_s)
            next_s = min(self._look_s, *(crowd.next_s for crowd in self._crowds))
            # uvloop's timers count whole milliseconds: one that is too early would be asked for again and again.
            await asyncio.sleep(max(0.001, math.ceil((next_s - time.monotonic()) * 1000) / 1000))


LEAD_S = 0.05
"""From the start of this process's loop to the first request."""


async def carry_out(plan: Plan) -> Record:
    """Make all requests of a plan."""
    tls = None if plan.ca is None else ssl.create_default_context(cafile=plan.ca)
    begin_s = time.monotonic() + LEAD_S
    crowds = [Crowd(plan, stream, tls, begin_s) for stream in plan.streams]
    clock = Clock(crowds, begin_s)
    used_s, started_s = time.process_time(), time.monotonic()
    await clock.run()
    share = (time.process_time() - used_s) / (time.monotonic() - started_s)
    return Record({crowd.stream.name: crowd.outcomes for crowd in crowds}, clock.late_s, share)


def main() -> None:
    """Read a plan, carry it out, print what came of it."""
    plan = Plan.read(sys.stdin.read())
    # A walk of the collector would be taken for slowness of the service.
    gc.disable()
    record = uvloop.run(carry_out(plan))
    json.dump(asdict(record), sys.stdout)


if __name__ == "__main__":
    main()
