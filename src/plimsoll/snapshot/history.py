"""What was: a few numbers of each second, of each ten seconds for an hour, and of each two minutes for a day, in memory
that is taken once and never grows."""

import math
import sys
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from plimsoll.snapshot.durations import Durations
from plimsoll.snapshot.moment import Moment, Sums

Span = Literal["10m", "1h", "1d"]
Join = Literal["highest", "lowest", "mean"]

STEPS: dict[Span, tuple[float, int]] = {"10m": (1.0, 600), "1h": (10.0, 360), "1d": (120.0, 720)}
"""Seconds of a step, and steps that are kept."""

GAP_STEPS = 2.5
"""Steps further apart than this have a gap between them. One step alone may be missing: a look that comes a little late
falls into the next second."""

NOT_KNOWN = math.nan

SERIES: dict[str, Join] = {
    "pool_taken": "highest",
    "pool_idle": "mean",
    "pool_waiting": "highest",
    "pool_limit": "highest",
    "in_flight": "highest",
    "line_waiting": "highest",
    "line_limit": "lowest",
    "client_connections": "highest",
    "server_connections": "highest",
    "rss_bytes": "highest",
    "memory_left_bytes": "lowest",
    "requests_per_s": "mean",
    "errors_per_s": "mean",
    "refused_per_s": "mean",
    "statements_per_s": "mean",
    "latency_mean_s": "mean",
    "latency_p99_s": "highest",
    "acquire_p99_s": "highest",
}
"""The numbers that are kept, and what becomes of several in one step: a peak is not to vanish in a mean."""


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers over time, oldest first. `values[name][i]` is of the step that ended at `times_s[i]` (Unix seconds); None
    where nothing was known, as in the one step that stands for a gap."""

    step_s: float
    times_s: tuple[float, ...]
    values: Mapping[str, tuple[float | None, ...]]


class _Step:
    """The step at hand: what its numbers have come to so far."""

    def __init__(self) -> None:
        self.values = dict.fromkeys(SERIES, NOT_KNOWN)
        self.empty = True
        self._counts = dict.fromkeys(SERIES, 0)

    def add(self, numbers: dict[str, float]) -> None:
        self.empty = False
        for name, number in numbers.items():
            if number != number:
                continue
            value, count = self.values[name], self._counts[name]
            join = SERIES[name]
            if not count:
                value = number
            elif join == "mean":
                value += (number - value) / (count + 1)
            else:
                value = max(value, number) if join == "highest" else min(value, number)
            self.values[name], self._counts[name] = value, count + 1


class _Ring:
    """Of the steps since the clock was last set back, those that fit."""

    def __init__(self, step_s: float, steps: int) -> None:
        self.step_s = step_s
        self._steps = steps
        self._times = array("d", [NOT_KNOWN]) * steps
        self._values = {name: array("d", [NOT_KNOWN]) * steps for name in SERIES}
        self._first = self._next = 0
        self._now = _Step()
        self._ends_s = 0.0

    def add(self, at_s: float, numbers: dict[str, float]) -> None:
        # A clock that was set back begins a new step, as time that has passed does.
        if at_s >= self._ends_s or at_s < self._ends_s - self.step_s:
            self._close()
            self._ends_s = (at_s // self.step_s + 1) * self.step_s
            self._forget_what_is_to_come()
        self._now.add(numbers)

    def _forget_what_is_to_come(self) -> None:
        """A step that ended no earlier than the one at hand was told by a clock that was wrong."""
        while self._next > self._first and self._times[(self._next - 1) % self._steps] >= self._ends_s:
            self._next -= 1

    def _close(self) -> None:
        if self._now.empty:
            return
        place = self._next % self._steps
        self._times[place] = self._ends_s
        for name, value in self._now.values.items():
            self._values[name][place] = value
        self._now = _Step()
        self._next += 1
        self._first = max(self._first, self._next - self._steps)

    def series(self) -> Series:
        """What is left of the span that ends with the newest step, with an empty step in each gap."""
        places = [place % self._steps for place in range(self._first, self._next)]
        times: list[float] = []
        rows: list[int | None] = []
        oldest_s = self._times[places[-1]] - self.step_s * self._steps if places else 0.0
        for place in places:
            ended_s = self._times[place]
            if ended_s <= oldest_s:
                continue
            if times and ended_s - times[-1] > GAP_STEPS * self.step_s:
                times.append(times[-1] + self.step_s)
                rows.append(None)
            times.append(ended_s)
            rows.append(place)
        values = {name: tuple(_known_at(ring, row) for row in rows) for name, ring in self._values.items()}
        return Series(self.step_s, tuple(times), values)

    @property
    def memory_bytes(self) -> int:
        return sum(sys.getsizeof(ring) for ring in (self._times, *self._values.values()))


def _known_at(ring: "array[float]", row: int | None) -> float | None:
    if row is None or math.isnan(ring[row]):
        return None
    return ring[row]


class History:
    """Of one worker."""

    def __init__(self) -> None:
        self._rings = {span: _Ring(*steps) for span, steps in STEPS.items()}
        self._before: Moment | None = None

    def add(self, now: Moment) -> None:
        """The worker at one moment; once a second is meant. One that no clock can tell is passed over."""
        if not math.isfinite(now.at_s):
            return
        before, self._before = self._before, now
        numbers = numbers_of(now, before)
        for ring in self._rings.values():
            ring.add(now.at_s, numbers)

    def series(self, span: Span) -> Series:
        """What is known of the last ten minutes, hour or day. The step at hand is not in it."""
        return self._rings[span].series()

    @property
    def memory_bytes(self) -> int:
        """What the rings take, whatever happens: some 250 KiB."""
        return sum(ring.memory_bytes for ring in self._rings.values())


def numbers_of(now: Moment, before: Moment | None) -> dict[str, float]:
    """The numbers of `SERIES`; rates and durations are those since `before`."""
    pool, line, sums = now.pool, now.admission, now.sums
    binding = now.memory.binding
    latency, acquire = sums.latency, pool.acquire
    if before is not None:
        latency, acquire = latency.since(before.sums.latency), acquire.since(before.pool.acquire)
    return {
        "pool_taken": pool.taken,
        "pool_idle": pool.idle,
        "pool_waiting": pool.waiting,
        "pool_limit": pool.limit,
        "in_flight": line.in_flight,
        "line_waiting": line.waiting,
        "line_limit": line.limit,
        "client_connections": _known(now.client_connections),
        "server_connections": _known(now.server_connections),
        "rss_bytes": now.memory.rss_bytes,
        "memory_left_bytes": _known(binding.left if binding is not None else None),
        "requests_per_s": _rate(now, before, lambda each: each.requests),
        "errors_per_s": _rate(now, before, lambda each: each.errors),
        "refused_per_s": _rate(now, before, lambda each: each.refused),
        "statements_per_s": _rate(now, before, lambda each: each.statements),
        "latency_mean_s": _known(latency.mean_s),
        "latency_p99_s": _p99_s(latency),
        "acquire_p99_s": _p99_s(acquire),
    }


def _known(value: float | None) -> float:
    return NOT_KNOWN if value is None else value


def _p99_s(durations: Durations) -> float:
    """Of those beyond all bounds the last bound is told, which no chart has to draw as infinity."""
    found_s = durations.quantile_s(0.99)
    if found_s == math.inf:
        return durations.bounds_s[-1] if durations.bounds_s else NOT_KNOWN
    return _known(found_s)


def _rate(now: Moment, before: Moment | None, count: Callable[[Sums], int]) -> float:
    if before is None or now.at_s <= before.at_s:
        return NOT_KNOWN
    return max(0, count(now.sums) - count(before.sums)) / (now.at_s - before.at_s)
