"""When a record is due: told by one moment after another, as they are gathered once a second."""

from collections import deque
from typing import Literal

from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.moment import Moment

Kind = Literal["exhausted", "leak", "memory-error", "refusals", "signal"]

EXHAUSTED = "pool-exhausted"
"""The key of the diagnosis' problem."""

EXHAUSTED_LOOKS = 5
"""Moments, one a second, that show every place taken and somebody waiting: a short peak is no exhaustion."""

REFUSED_AT_ONCE, REFUSED_LOOKS = 50, 10
"""Refused requests within so many moments, one a second, that are a storm: a few are what the line is there for."""


class Causes:
    """Compares each moment with the one before. A state that lasts is told once, when it begins."""

    def __init__(self) -> None:
        self._before: Moment | None = None
        self._full_looks = 0
        self._refused: deque[int] = deque(maxlen=REFUSED_LOOKS + 1)
        self._lasting: frozenset[Kind] = frozenset()

    def look(self, now: Moment) -> list[tuple[Kind, str]]:
        """What has begun or happened since the last look, and why that is thought, in a sentence."""
        before, self._before = self._before, now
        self._refused.append(now.admission.refused + now.pool.refused)
        if before is None:
            return []
        states: dict[Kind, str] = {"exhausted": self._exhausted(now, before), "refusals": self._storm(now)}
        found = {kind: why for kind, why in states.items() if why}
        begun = [(kind, why) for kind, why in found.items() if kind not in self._lasting]
        self._lasting = frozenset(found)
        if now.pool.leaks > before.pool.leaks:
            begun.append(("leak", f"The pool found a leak, {now.pool.leaks} in all."))
        if now.memory.errors > before.memory.errors:
            begun.append(("memory-error", f"MemoryError was raised, {now.memory.errors} times in all."))
        return begun

    def _exhausted(self, now: Moment, before: Moment) -> str:
        pool = now.pool
        full = pool.taken >= pool.limit and pool.waiting > 0
        self._full_looks = self._full_looks + 1 if full else 0
        turned_away = _turned_away(now) - _turned_away(before)
        if pool.taken >= pool.limit and turned_away > 0:
            return f"All {pool.limit} places of the pool are taken, and {turned_away} requests were turned away."
        if self._full_looks >= EXHAUSTED_LOOKS:
            return f"All {pool.limit} places of the pool are taken, and {pool.waiting} wait."
        return ""

    def _storm(self, now: Moment) -> str:
        refused = self._refused[-1] - self._refused[0]
        if refused < REFUSED_AT_ONCE:
            return ""
        passed = len(self._refused) - 1
        return f"{refused} requests were refused within {passed} s; {now.admission.in_flight} are in flight."


def _turned_away(now: Moment) -> int:
    """With admission on, nobody waits for a connection for long: who would is refused before."""
    return now.pool.timeouts + now.pool.refused + now.admission.refused


def better_words(kind: Kind, whole: Snapshot) -> str:
    """What the diagnosis, or an event, says of it: with routes and lines of code, which no moment has. Empty where
    neither says anything."""
    if kind == "exhausted":
        return next((problem.sentence for problem in whole.problems if problem.key == EXHAUSTED), "")
    if kind == "leak":
        return next((event.text for event in whole.events if event.kind == "leak"), "")
    return ""
