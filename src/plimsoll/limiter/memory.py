"""Refuses new work while what is left of the memory is less than the work in flight may still need.

The line of thought is TiProxy's, which refuses connections by its cgroup's limit with the growth since the last sample
added, and lets all in when its sample is stale. Here what a request needs is measured, so there is no share to guess.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

HALF_LIFE_S = 10.0
"""A measured growth counts half as much after so long: a first request that imports half a library is not to be held
against all that follow, and a burst of dear ones is to be remembered until the next."""

LEAST_GROWTH_BYTES = 32 << 10
"""Taken for a request before one was measured, and never less: what a request that only waits took (290 MB for some
9,000 of them, measured with plain FastAPI at three times its pool's capacity)."""

PRESSED = 2
"""Memory is pressed below so many times the need: then what is idle goes, so that work need not be refused."""

NEAR = 8
"""Below so many times the need every request has a sample of its own: where the limit kills, a burst that is judged by
the sample before it is the last one."""

SEEN_LIMIT = 100
"""Occurrences that are remembered, of which a minute can have no more than twelve: see `EPISODE_S`."""

WINDOW_S = 60.0

EPISODE_S = 5.0
"""Memory errors within so long are one occurrence."""


class LimitLike(Protocol):
    """What binds, as `plimsoll.host.Limit` says it."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def left(self) -> int: ...


class SampleLike(Protocol):
    """Memory at one moment, as `plimsoll.host.MemorySample`: bytes, seconds of the guard's clock.

    `used_bytes` is what this process takes of what `binding` counts. `failing` is the nearest limit of those at which
    an allocation fails.
    """

    @property
    def at_s(self) -> float: ...
    @property
    def used_bytes(self) -> int: ...
    @property
    def left_bytes(self) -> int | None: ...
    @property
    def binding(self) -> LimitLike | None: ...
    @property
    def failing(self) -> LimitLike | None: ...


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a request is not let in: bytes that are left, bytes that are needed, and what limits."""

    left_bytes: int
    need_bytes: int
    growth_bytes: int
    in_flight: int
    limit_name: str
    limit_source: str

    def __str__(self) -> str:
        return (
            f"{_mib(self.left_bytes)} MiB are left of the {self.limit_name} ({self.limit_source}), and "
            f"{_mib(self.need_bytes)} MiB may be needed: {self.in_flight} requests are in flight, at up to "
            f"{_mib(self.growth_bytes)} MiB each."
        )


@dataclass(frozen=True, slots=True)
class MemoryErrorSeen:
    """A MemoryError: when, in which route, and the limit that most likely struck, with the bytes left of it just after.

    The limit is None where no limit that fails allocations is set: then one allocation asked for more than there is.
    """

    at_s: float
    route: str
    limit: LimitLike | None
    left_bytes: int | None


class MemoryGuard:
    """Judges by samples of the memory whether one more request may start.

    `read` takes a sample; it is called at most every `interval_s` seconds, by whichever request comes then. A sample
    older than `stale_s`, or without a limit, refuses nothing: a guard that cannot see must not stop the service. What a
    request needs is the memory that was taken between two samples, by request: of those started meanwhile, or of those
    in flight if they are more, since these grow too. The highest is kept, and halves every `HALF_LIFE_S` seconds.
    """

    def __init__(
        self,
        read: Callable[[], SampleLike],
        clock: Callable[[], float],
        *,
        reserve_bytes: int,
        interval_s: float = 0.05,
        stale_s: float = 1.0,
        least_growth_bytes: int = LEAST_GROWTH_BYTES,
    ) -> None:
        self._read = read
        self._clock = clock
        self.reserve_bytes = reserve_bytes
        self._interval_s = interval_s
        self._stale_s = stale_s
        self._least_growth = least_growth_bytes
        self._growth = float(least_growth_bytes)
        self._sample: SampleLike | None = None
        self._due_s = clock()
        self._failed = False
        self._room_for = 0.0
        """How many may be in flight by the last sample, until the next is due."""
        self._started = 0
        self._granted = 0
        """Bytes that `has_room` has granted since the last sample."""
        self._in_flight = 0
        self._episodes: deque[float] = deque(maxlen=SEEN_LIMIT)
        self.memory_errors = 0

    def shortage(self, in_flight: int) -> Shortage | None:
        """None where one more request may start beside the `in_flight`, else why not. Costs little, and the time
        of `read` where a sample is due. A request for which this was None counts as started."""
        self._in_flight = in_flight
        if self._clock() < self._due_s and in_flight < self._room_for:  # at a fraction of the cost of what follows
            self._started += 1
            return None
        left = self._left()
        need = self.need_bytes
        # Alone, a request may have of the reserve what it needs: else a process that never has so much left would
        # refuse everything for ever.
        if left is None or left >= need or (in_flight == 0 and left >= self._growth):
            self._started += 1
            return None
        limit = self.last_binding
        return Shortage(
            left_bytes=left,
            need_bytes=need,
            growth_bytes=self.growth_bytes,
            in_flight=in_flight,
            limit_name=limit.name if limit else "memory",
            limit_source=limit.source if limit else "an allocation failed",
        )

    def has_room(self, cost_bytes: int, recent_bytes: int, *, in_flight: int) -> bool:
        """Whether so much may be taken by something that is no request, such as a connection of a client, beside the
        `in_flight` requests and `recent_bytes` of others that may not have been taken yet. It is not held against
        requests when it is."""
        self._in_flight = in_flight
        left = self._left()
        if left is None:
            return True
        left -= cost_bytes + recent_bytes
        if left < self.need_bytes and (in_flight > 0 or left < self._growth):
            return False
        self._granted += cost_bytes
        return True

    def turned_away(self) -> None:
        """One for whom there was memory was not let in after all, so it does not count as started."""
        self._started = max(0, self._started - 1)

    @property
    def need_bytes(self) -> int:
        """What must be left for one more request: the reserve, and what those in flight and it may take."""
        return self.reserve_bytes + int(self._growth * (self._in_flight + 1))

    @property
    def left_bytes(self) -> int | None:
        """What is left, by a fresh sample; None where nothing limits or nothing is known."""
        return self._left()

    @property
    def growth_bytes(self) -> int:
        """What a request is taken to need."""
        return int(self._growth)

    @property
    def pressed(self) -> bool:
        """Whether so little is left that idle connections, of clients and of the pool, are to go."""
        left = self._left()
        return left is not None and left < PRESSED * self.need_bytes

    @property
    def last_binding(self) -> LimitLike | None:
        """The limit that was nearest at the last sample."""
        return None if self._sample is None else self._sample.binding

    def memory_error(self, route: str) -> MemoryErrorSeen:
        """Count a MemoryError that came out of `route` (its template, never a client's text), with what struck."""
        self.memory_errors += 1
        now = self._clock()
        # By now the request has given back what it had, so the distance is of little use; which limit it was still is.
        self._take_sample(now)
        limit = None if self._sample is None else self._sample.failing
        seen = MemoryErrorSeen(now, route, limit, None if limit is None else limit.left)
        if not self._episodes or now - self._episodes[-1] >= EPISODE_S:
            self._episodes.append(now)
        return seen

    def should_exit(self, limit: int, window_s: float = WINDOW_S) -> bool:
        """Whether memory errors came again and again, `limit` times within `window_s` seconds, so that the worker had
        better end in good order and be started anew: a heap in pieces does not mend. Those within `EPISODE_S` of one
        another's first are one: a burst that met the guard before it had learned what it needs. Never where `limit`
        is 0."""
        begins_s = self._clock() - window_s
        return limit > 0 and sum(began_s > begins_s for began_s in self._episodes) >= limit

    def _left(self) -> int | None:
        """Bytes left, by a sample that is fresh; None where nothing limits or nothing is known."""
        now = self._clock()
        if now >= self._due_s:
            self._take_sample(now)
        if self._failed:
            return 0
        sample = self._sample
        if sample is None or now - sample.at_s > self._stale_s:
            return None
        return sample.left_bytes

    def _take_sample(self, now: float) -> None:
        self._judge_sample(now)
        left = None if self._sample is None else self._sample.left_bytes
        if left is not None and left < NEAR * self.need_bytes:
            self._due_s = now
        if self._failed:
            self._room_for = 0.0
        elif left is None:
            self._room_for = math.inf
        else:
            self._room_for = (left - self.reserve_bytes) // max(self._growth, 1.0)

    def _judge_sample(self, now: float) -> None:
        self._due_s = now + self._interval_s
        try:
            sample = self._read()
        except MemoryError:
            # There is no memory for reading a line of text, so there is none for a request either.
            self._failed = True
            return
        except (OSError, ValueError):
            self._failed = False
            return
        self._failed = False
        before, self._sample = self._sample, sample
        if before is not None and sample.at_s > before.at_s:
            self._measure(before, sample)

    def _measure(self, before: SampleLike, sample: SampleLike) -> None:
        started, self._started = self._started, 0
        granted, self._granted = self._granted, 0
        self._growth *= 0.5 ** ((sample.at_s - before.at_s) / HALF_LIFE_S)
        same = before.binding and sample.binding and before.binding.source == sample.binding.source
        # Where another limit has come nearest the two numbers count different things.
        if same and started:
            rise = sample.used_bytes - before.used_bytes - granted
            self._growth = max(self._growth, rise / max(started, self._in_flight))
        self._growth = max(self._growth, float(self._least_growth))


def _mib(value: int) -> str:
    return f"{value / (1 << 20):.1f}"
