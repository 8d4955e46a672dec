"""Watches the memory of the workers for a while: one look every few seconds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Protocol

from plimsoll.checks.running import Worker

LOOKS = 60
"""In a watch, however long: more points make an interval narrower, but memory that stands still has little more to say.
"""

LEAST_PAUSE_S = 1.0
MOST_PAUSE_S = 30.0

Watch = dict[int, tuple[tuple[float, float], ...]]
"""By process id: (seconds since the watch began, bytes RSS)."""


class Look(Protocol):
    """What a look found: a fact, or why there is none."""

    @property
    def known(self) -> bool: ...


async def samples_of(look: Callable[[], Awaitable[Look]], met: Callable[[], Sequence[Worker]], watch_s: float) -> Watch:
    """Look until `watch_s` have passed. A worker that is not met at one look has no point there."""
    pause_s = min(max(watch_s / LOOKS, LEAST_PAUSE_S), MOST_PAUSE_S)
    began_s = monotonic()
    points: dict[int, list[tuple[float, float]]] = {}
    seen: dict[int, float] = {}
    while True:
        await look()
        at_s = monotonic() - began_s
        for worker in met():
            # A figure that was there before this look is the last look's.
            if seen.get(worker.pid) != worker.number("age_s"):
                seen[worker.pid] = worker.number("age_s")
                points.setdefault(worker.pid, []).append((at_s, worker.number("memory.rss_bytes")))
        if at_s >= watch_s:
            return {pid: tuple(found) for pid, found in points.items()}
        await asyncio.sleep(min(pause_s, watch_s - at_s))
