"""The line before the work: who is let in now, who waits a moment, who is refused.

Knows no framework, no database and no clock but the one it is given. It runs in one event loop, and every decision
is made between two awaits, so it needs no lock.

While the line is short, clients take turns, each in its own order. A burst is worked off. The line is *overloaded*
once as many wait as are let in at once, it has stood for `INTERVAL_S` without having been empty, and whoever joins it
now would wait for longer than `target_s` at the pace of that time (the standing queue of CoDel, RFC 8289, seen at its
tail: whoever is refused learns it at once, not after the wait). From then on only a few wait, the newest is let in
first, whoever is one too many is refused at once, and so is whoever is not the next although as many could have been
let in since it came as may wait; this ends when nobody was refused for `CALM_S`. A queue that cannot be worked off
would serve nobody within the time that somebody still wants the answer.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

INTERVAL_S = 0.05
"""A line that has stood for less is a burst."""

CALM_S = 1.0
"""Overload is over when nobody had to be refused for so long."""

PATIENCE = 10
"""Outside of overload nobody waits longer than so many times the target that was set."""

MAX_WAITING = 1000
"""More never wait, whatever else is true: their buffers would be the memory that runs out."""

SHARE_WAITING = 4
"""In overload, one may wait for each so many that are let in at once (two at least): enough that a free place finds
somebody, few enough that who is one too many learns it within milliseconds."""


class Priority(IntEnum):
    """Who goes first when not all can. `ALWAYS` never waits and is not counted."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    ALWAYS = 3


class RefusedError(Exception):
    """Not let in. `reason` is a short fixed word: `full`, `overload` or `waited`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(eq=False, slots=True)
class _Waiter:
    client: str
    priority: Priority
    since_s: float
    ends_s: float
    future: "asyncio.Future[None]"
    timer: asyncio.TimerHandle | None = None


@dataclass(eq=False)
class AdmissionLine:
    """Lets in while `demand()` is below `limit`; the rest wait or are refused.

    `demand` is what the work that was let in asks of the scarce resource at this moment. Whoever is let in counts by
    `fresh` until it calls `settle` (from then on `demand` sees what it uses) or `leave`. Times are seconds of `clock`.
    """

    limit: int
    target_s: float
    longest_s: float
    """The longest wait, outside of overload."""
    clock: Callable[[], float]
    used: Callable[[], int] = lambda: 0
    """What is in use now by those who have settled, and by all others who use the resource."""
    turn_s: float = 0.0
    """The usual time from one that is let in to the next while the line stands; 0 where it is not known."""

    fresh: int = 0
    overloaded: bool = False
    pressed: bool = False
    """Whether somebody had to wait or was refused since this was last set to False: the limit was what bound."""
    refused: int = 0
    inside: dict[str, int] = field(default_factory=dict)
    """How many of each client are let in."""
    _waiting: dict[Priority, "OrderedDict[str, deque[_Waiter]]"] = field(
        default_factory=lambda: {priority: OrderedDict() for priority in reversed(Priority)}
    )
    _count: int = 0
    _stands_since_s: float = 0.0
    _let_in: int = 0
    """How many were let in from the line since it was last empty."""
    _cut_s: float = float("-inf")

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._count

    @property
    def demand(self) -> int:
        """What is asked of the resource at this moment."""
        return self.fresh + self.used()

    def enter_now(self, client: str) -> bool:
        """Let `client` in if that needs no wait. Whoever gets True must call `leave`."""
        if self._count or self.fresh + self.used() >= self.limit:
            return False
        self.fresh += 1
        self.inside[client] = self.inside.get(client, 0) + 1
        return True

    async def enter(self, client: str, priority: Priority = Priority.NORMAL, patience_s: float | None = None) -> None:
        """Let `client` in, perhaps after a wait of at most `patience_s` (default: `PATIENCE` times the target, in
        overload the target). Whoever gets here must call `leave`.

        Raises:
            RefusedError: too many wait already, or nothing became free in time.
        """
        now = self.clock()
        self._watch(now)
        if self.enter_now(client):
            return
        self.pressed = True
        waiter = _Waiter(client, priority, now, now, asyncio.get_running_loop().create_future())
        self._add(waiter)
        self._cut(now)
        longest_s = self.target_s if self.overloaded else self.longest_s
        waiter.ends_s += longest_s if patience_s is None else min(longest_s, patience_s)
        self._time(waiter, now, self._most_in_overload())
        try:
            await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
                # It was let in during the same turn of the loop in which it was cancelled.
                self.leave(client)
            else:
                self._remove(waiter)
            raise
        finally:
            if waiter.timer is not None:
                waiter.timer.cancel()

    def settle(self) -> None:
        """One that was let in has begun to use the resource, or is known never to: `used` tells the rest of it."""
        self.fresh -= 1

    def unsettle(self) -> None:
        """One that had settled is about to need the resource after all."""
        self.fresh += 1

    def leave(self, client: str, *, fresh: bool = True) -> None:
        """One that was let in is done; `fresh` where it has not settled."""
        left = self.inside[client] - 1
        if left:
            self.inside[client] = left
        else:
            del self.inside[client]
        if fresh:
            self.fresh -= 1
        if self._count:
            self.let_in()

    def let_in(self) -> None:
        """Let in as many as there is room for; to be called when what is in use became less, or the limit grew."""
        while self._count and self.fresh + self.used() < self.limit:
            waiter = self._next()
            if waiter.future.done():
                continue  # cancelled during this turn of the loop: its task has not run since
            self._let_in += 1
            self.fresh += 1
            self.inside[waiter.client] = self.inside.get(waiter.client, 0) + 1
            waiter.future.set_result(None)

    # --- overload ---

    def _watch(self, now: float) -> None:
        """At each arrival: is the line overloaded, still or from now on?"""
        if self.overloaded:
            self.overloaded = now - self._cut_s < CALM_S
        elif self._count >= self.limit and (stood_s := now - self._stands_since_s) >= INTERVAL_S:
            # A shorter line takes about as long as the work itself: nobody is refused for that, nor for the moment in
            # which a pool that was idle connects.
            #
            # One more would be let in when as many have been as are before it, at the pace of this time; where none
            # has been yet, as while a cold pool connects, it is known only that it takes longer than this.
            expected_s = (self._count + 1) * stood_s / self._let_in if self._let_in else stood_s
            if expected_s > self.target_s:
                self.overloaded = True
                self._cut_s = now

    def _cut(self, now: float) -> None:
        """Refuse whoever is one too many."""
        most = self._most_in_overload() if self.overloaded else MAX_WAITING
        while self._count > most:
            victim = self._heaviest()
            self._refuse(victim, "overload" if self.overloaded else "full")
            self._cut_s = now

    def _most_in_overload(self) -> int:
        return max(2, self.limit // SHARE_WAITING)

    def _heaviest(self) -> _Waiter:
        """Who is refused first: of the least important, of the client that has the most in line and inside, the one
        that has waited longest and is the least likely to be wanted still."""
        clients = next(clients for clients in reversed(self._waiting.values()) if clients)
        client = max(clients, key=lambda name: (len(clients[name]) + self._inside(name), -clients[name][0].since_s))
        return clients[client][0]

    def _first(self) -> _Waiter:
        """Whose turn it is."""
        clients = next(clients for clients in self._waiting.values() if clients)
        if self.overloaded:
            name = min(clients, key=lambda name: (self._inside(name), -clients[name][-1].since_s))
            return clients[name][-1]
        return next(iter(clients.values()))[0]

    def _next(self) -> _Waiter:
        """Whose turn it is. It is out of the line then."""
        waiter = self._first()
        if not self.overloaded:
            self._waiting[waiter.priority].move_to_end(waiter.client)
        self._remove(waiter)
        return waiter

    def _refuse(self, waiter: _Waiter, reason: str) -> None:
        self._remove(waiter)
        if not waiter.future.done():
            self.refused += 1
            waiter.future.set_exception(RefusedError(reason))

    def _time(self, waiter: _Waiter, now: float, turns: int) -> None:
        """Look at it again after so many turns; outside of overload, only at its end."""
        longest_s = waiter.ends_s - now
        soon_s = min(longest_s, turns * self.turn_s) if self.overloaded and self.turn_s else longest_s
        waiter.timer = asyncio.get_running_loop().call_later(soon_s, self._look_at, waiter)

    def _look_at(self, waiter: _Waiter) -> None:
        if waiter.future.done():
            return
        now = self.clock()
        if now < waiter.ends_s and self.overloaded and self._first() is waiter:
            self._time(waiter, now, 1)
            return
        self._cut_s = now
        self._refuse(waiter, "waited")

    # --- the books ---

    def _inside(self, client: str) -> int:
        return self.inside.get(client, 0)

    def _add(self, waiter: _Waiter) -> None:
        clients = self._waiting[waiter.priority]
        queue = clients.get(waiter.client)
        if queue is None:
            queue = clients[waiter.client] = deque()
        queue.append(waiter)
        if not self._count:
            self._stands_since_s, self._let_in = waiter.since_s, 0
        self._count += 1

    def _remove(self, waiter: _Waiter) -> None:
        clients = self._waiting[waiter.priority]
        queue = clients.get(waiter.client)
        if queue is None or waiter not in queue:
            return
        queue.remove(waiter)
        self._count -= 1
        if not queue:
            del clients[waiter.client]
