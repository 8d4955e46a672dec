"""Answers to requests that are not let in: small, ready beforehand, and paced where they would take the whole CPU."""

import asyncio
import random
from collections.abc import Callable

from plimsoll.asgi.messages import Refusal, Scope, Send, closes

OVERLOADED = Refusal(
    503,
    "database-busy",
    "Service Unavailable",
    "The service is at the limit of what its database can take. Try again shortly.",
)
NO_MEMORY = Refusal(
    503, "memory-short", "Service Unavailable", "The service is short of memory at the moment. Try again shortly."
)
STOPPING = Refusal(503, "stopping", "Service Unavailable", "The service is being stopped. Try again shortly.")
TOO_LONG = Refusal(
    504,
    "request-timeout",
    "Gateway Timeout",
    "The request took longer than it may. What it had not committed was rolled back.",
)

UNREAD_BYTES = 65_536
"""A body announced as larger is not read to its end after a refusal: the connection is closed instead."""

BUSY_S = 0.0012
CALM_S = 0.0008
"""Where a turn of the loop takes longer than the first on average, refusals are slowed down until below the second:
a request that was let in waits for some ten turns, and holds a connection for most of them. (At ten times the capacity
of a small service, which is no closed loop, the mean is below that: see `bench/`.)"""

LAG_WEIGHT = 0.05
ADJUST_EVERY_S = 0.05

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.25
"""Longer holds nobody back who would not come back anyway: where the load is no closed loop it only piles up."""
PARKED = 500
"""Most refusals that wait, each with a connection and some 10 KB; more are sent at once."""


class Pacer:
    """Delays refusals while they crowd the event loop.

    Clients that come back the moment they are refused would take all the CPU, and the work that was let in would
    crawl. A refusal that waits costs neither CPU nor a connection to the database. `lag_s` is how long a turn of the
    loop takes on average, as the time between a `call_soon` and its call.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._probing = False
        self._parked = 0
        self.pause_s = 0.0
        self.lag_s = 0.0
        self._adjust_s = 0.0

    async def pause(self) -> None:
        """Wait as long as refusals must at the moment; not at all, as a rule."""
        if not self._probing:
            self._probing = True
            asyncio.get_running_loop().call_soon(self._probe, self._clock())
        if self.pause_s and self._parked < PARKED:
            self._parked += 1
            try:
                # Spread, so that those who were refused together do not come back together.
                await asyncio.sleep(self.pause_s * random.uniform(0.5, 1.5))  # noqa: S311
            finally:
                self._parked -= 1

    def _probe(self, began_s: float) -> None:
        self._probing = False
        now = self._clock()
        self.lag_s += (now - began_s - self.lag_s) * LAG_WEIGHT
        if now < self._adjust_s:
            return
        self._adjust_s = now + ADJUST_EVERY_S
        if self.lag_s > BUSY_S:
            self.pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, self.pause_s * 1.5))
        elif self.lag_s < CALM_S:
            self.pause_s = self.pause_s * 0.9 if self.pause_s > FIRST_PAUSE_S else 0.0


def leaves_body_unread(scope: Scope) -> bool:
    """Whether the request announced a body too long to be thrown away for the sake of the connection."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return not value.isdigit() or int(value) > UNREAD_BYTES
        if name == b"transfer-encoding":
            return True
    return False


async def answer(scope: Scope, send: Send, refusal: Refusal, *, retry_after_s: int | None, close: bool) -> None:
    """Send a refusal."""
    await send(refusal.start(close=close and closes(scope), retry_after_s=retry_after_s))
    await send({"type": "http.response.body", "body": refusal.body})
