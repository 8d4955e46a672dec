"""Reads again and again, cheaply, how much memory is left before a limit strikes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.host import rlimits
from plimsoll.host.files import Files
from plimsoll.host.limit import Limit, binding
from plimsoll.host.machine import Facts, read_facts
from plimsoll.host.survey import Gauge, gauges

LOOK_AROUND_S = 10.0
"""After so long it is looked anew which limits there are, a millisecond's work: a group can get one. That the process
was moved to another group is seen at once."""


@dataclass(frozen=True, slots=True)
class MemorySample:
    """Memory at one moment, in bytes. `left_bytes` is None where nothing limits, or nothing could be read.

    `used_bytes` is what this process takes of what `binding` counts: its address space, data or RSS. `failing` is the
    nearest of those limits at which an allocation fails: where a MemoryError came from, while `binding` may be one that
    kills.
    """

    at_s: float
    rss_bytes: int
    address_space_bytes: int
    used_bytes: int
    left_bytes: int | None
    binding: Limit | None
    failing: Limit | None


class MemoryReader:
    """`read()` takes samples, some tens of microseconds each. Not for use from several threads at once.

    What limits there are is looked up every `LOOK_AROUND_S` seconds, with the resource limits' values, and when the
    process is in another group than before; usage, and the limits of groups, are read each time.
    """

    def __init__(self, root: str = "/", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._files = Files(root)
        self._clock = clock
        self._gauges: list[Gauge] = []
        self._look_at_s = clock()
        self._groups: str | None = None

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The files that are there and could not be read."""
        return tuple(self._files.unreadable)

    def read(self) -> MemorySample:
        """A sample of now. Raises nothing but MemoryError; 0 stands for what cannot be read."""
        now = self._clock()
        facts = read_facts(self._files)
        if facts is None:
            return MemorySample(now, 0, 0, 0, None, None, None)
        groups = self._files.text(self._files.proc("cgroup"))
        if now >= self._look_at_s or groups != self._groups:
            self._look_around(facts)
            self._look_at_s, self._groups = now + LOOK_AROUND_S, groups
        limits = [limit for gauge in self._gauges if (limit := gauge(self._files, facts)) is not None]
        nearest = binding(limits)
        return MemorySample(
            at_s=now,
            rss_bytes=facts.rss,
            address_space_bytes=facts.address_space,
            used_bytes=_used(nearest, facts),
            left_bytes=None if nearest is None else nearest.left,
            binding=nearest,
            failing=binding(limit for limit in limits if limit.fails),
        )

    def _look_around(self, facts: Facts) -> None:
        self._gauges = [gauge for gauge in gauges(self._files, counted=False) if gauge(self._files, facts) is not None]


def _used(limit: Limit | None, facts: Facts) -> int:
    """What the process itself takes in the limit's currency; `limit.used` may count other processes too."""
    if limit is None or limit.source not in (rlimits.ADDRESS_SPACE[0], rlimits.DATA[0]):
        return facts.rss
    return limit.used
