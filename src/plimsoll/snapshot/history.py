"""What was: a few numbers of each second, of each ten seconds for an hour, and of each two minutes for a day, in memory
that is taken once and never grows."""

import math
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from plimsoll.snapshot.durations import NONE, Durations
from plimsoll.snapshot.model import Snapshot

Span = Literal["10m", "1h", "1d"]

STEPS: dict[Span, tuple[float, int]] = {"10m": (1.0, 600), "1h": (10.0, 360), "1d": (120.0, 720)}
"""Seconds of a step, and steps that are kept."""

NOT_KNOWN = math.nan


def _highest(values: Iterable[float]) -> float:
    known = [value for value in values if value == value]
    return max(known, default=NOT_KNOWN)


def _lowest(values: Iterable[float]) -> float:
    known = [value for value in values if value == value]
    return min(known, default=NOT_KNOWN)


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else NOT_KNOWN


SERIES: dict[str, Callable[[Iterable[float]], float]] = {
    "pool_taken": _highest,
    "pool_idle": _mean,
    "pool_waiting": _highest,
    "pool_limit": _highest,
    "in_flight": _highest,
    "line_waiting": _highest,
    "line_limit": _lowest,
    "client_connections": _highest,
    "server_connections": _highest,
    "rss_bytes": _highest,
    "memory_left_bytes": _lowest,
    "requests_per_s": _mean,
    "errors_per_s": _mean,
    "refused_per_s": _mean,
    "statements_per_s": _mean,
    "latency_mean_s": _mean,
    "latency_p99_s": _highest,
    "acquire_p99_s": _highest,
}
"""The numbers that are kept, and what becomes of several in one step: a peak is not to vanish in a mean."""


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers over time, oldest first. `values[name][i]` is of the step that ended at `times_s[i]` (Unix seconds); None
    where nothing was known."""

    step_s: float
    times_s: tuple[float, ...]
    values: dict[str, tuple[float | None, ...]]


class _Ring:
    def __init__(self, step_s: float, steps: int) -> None:
        self.step_s = step_s
        self._steps = steps
        self._times = array("d", [NOT_KNOWN]) * steps
        self._values = {name: array("d", [NOT_KNOWN]) * steps for name in SERIES}
        self._next = 0
        self._gathered: dict[str, list[float]] = {name: [] for name in SERIES}
        self._ends_s = 0.0

    def add(self, at_s: float, numbers: dict[str, float]) -> None:
        # A clock that was set back begins a new step, as time that has passed does.
        if at_s >= self._ends_s or at_s < self._ends_s - self.step_s:
            self._close()
            self._ends_s = (at_s // self.step_s + 1) * self.step_s
        for name, number in numbers.items():
            self._gathered[name].append(number)

    def _close(self) -> None:
        if not self._gathered["pool_taken"]:
            return
        place = self._next % self._steps
        self._times[place] = self._ends_s
        for name, join in SERIES.items():
            self._values[name][place] = join(self._gathered[name])
            self._gathered[name].clear()
        self._next += 1

    def series(self) -> Series:
        places = [place % self._steps for place in range(max(0, self._next - self._steps), self._next)]
        values = {
            name: tuple(None if math.isnan(ring[place]) else ring[place] for place in places)
            for name, ring in self._values.items()
        }
        return Series(self.step_s, tuple(self._times[place] for place in places), values)

    @property
    def memory_bytes(self) -> int:
        return 8 * self._steps * (len(SERIES) + 1)


class History:
    """Of one worker."""

    def __init__(self) -> None:
        self._rings = {span: _Ring(*steps) for span, steps in STEPS.items()}
        self._before: Snapshot | None = None

    def add(self, snapshot: Snapshot) -> None:
        """The worker at one moment; once a second is meant."""
        before, self._before = self._before, snapshot
        numbers = numbers_of(snapshot, before)
        for ring in self._rings.values():
            ring.add(snapshot.at_s, numbers)

    def series(self, span: Span) -> Series:
        """What is known of the last ten minutes, hour or day. The step at hand is not in it."""
        return self._rings[span].series()

    @property
    def memory_bytes(self) -> int:
        """What the rings take, whatever happens: some 250 KiB."""
        return sum(ring.memory_bytes for ring in self._rings.values())


def numbers_of(now: Snapshot, before: Snapshot | None) -> dict[str, float]:
    """The numbers of `SERIES`; rates and durations are those since `before`."""
    pool, line = now.pool, now.admission
    binding = now.memory.binding
    passed_s = now.at_s - before.at_s if before is not None else 0.0
    latency = _joined(route.latency for route in now.routes)
    acquire = pool.acquire
    if before is not None:
        latency = latency.since(_joined(route.latency for route in before.routes))
        acquire = acquire.since(before.pool.acquire)
    return {
        "pool_taken": pool.taken,
        "pool_idle": pool.idle,
        "pool_waiting": pool.waiting,
        "pool_limit": pool.limit,
        "in_flight": line.in_flight,
        "line_waiting": line.waiting,
        "line_limit": line.limit,
        "client_connections": _known(now.client_connections),
        "server_connections": _known(now.server.connections if now.server is not None else None),
        "rss_bytes": now.memory.rss_bytes,
        "memory_left_bytes": _known(binding.left if binding is not None else None),
        "requests_per_s": _rate(now, before, passed_s, lambda each: sum(route.requests for route in each.routes)),
        "errors_per_s": _rate(now, before, passed_s, lambda each: _errors(each, "5xx")),
        "refused_per_s": _rate(now, before, passed_s, lambda each: _errors(each, "refused")),
        "statements_per_s": _rate(now, before, passed_s, lambda each: sum(route.statements for route in each.routes)),
        "latency_mean_s": _known(latency.mean_s),
        "latency_p99_s": _known(latency.quantile_s(0.99)),
        "acquire_p99_s": _known(acquire.quantile_s(0.99)),
    }


def _known(value: float | None) -> float:
    return NOT_KNOWN if value is None else value


def _rate(now: Snapshot, before: Snapshot | None, passed_s: float, count: Callable[[Snapshot], int]) -> float:
    if before is None or passed_s <= 0:
        return NOT_KNOWN
    return max(0, count(now) - count(before)) / passed_s


def _errors(snapshot: Snapshot, kind: str) -> int:
    return sum(route.errors.get(kind, 0) for route in snapshot.routes)


def _joined(parts: Iterable[Durations]) -> Durations:
    joined = NONE
    for part in parts:
        if len(part.counts) == len(joined.counts):
            counts = tuple(a + b for a, b in zip(joined.counts, part.counts, strict=True))
            joined = Durations(part.bounds_s, counts, joined.total_s + part.total_s)
        elif not joined.count:
            joined = part
    return joined
