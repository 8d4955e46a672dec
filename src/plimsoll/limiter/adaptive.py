"""How many may be let in at once: the pool's places to begin with, then what the database shows that it sustains.

Additive increase, multiplicative decrease (Chiu and Jain 1989, the rule of TCP), on two signs: requests wait for a
connection although they were let in, so more were let in than the pool carries; or statements take a multiple of
what they usually take, so the database is slower the more it is given (the gradient of Netflix's concurrency-limits).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW_S = 0.25
"""How often the limit is looked at again: some tens of requests on a small server."""

LEAST_SAMPLES = 5
"""A window with fewer uses says nothing."""

WAIT_SHARE = 0.1
LEAST_WAIT_S = 0.002
"""A mean wait for a connection above this share of the mean time of its use, and above the least, means that too many
were let in. Below it the pool's own line is what keeps every connection busy."""

SLOWER = 2.0
"""Uses that take so many times the usual mean that the database is above what it sustains."""

DECREASE = 0.9
"""As in the additive-increase, multiplicative-decrease limits of the field; TCP's half would waste capacity where the
pool itself bounds the damage."""

USUAL_WEIGHT = 0.05
"""Weight of one window in what is usual: it follows a change of the load's kind within some 5 s."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A pool's running totals, in seconds and counts, and how many connections it may have."""

    waited_s: float
    waits: int
    used_s: float
    uses: int
    size: int
    most: int


@dataclass(eq=False)
class AdaptiveLimit:
    """The number, moved once a window by `look`. `usage` gives the totals since the pool began."""

    usage: Callable[[], Usage]
    clock: Callable[[], float]
    limit: int = 0
    usual_s: float = 0.0
    """The usual mean time of a connection's use."""
    _last: Usage = field(init=False)
    _next_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.usage()
        self._next_s = self.clock() + WINDOW_S
        self.limit = self._last.most

    def look(self, *, pressed: bool) -> bool:
        """Perhaps move the limit; whether a window ended. `pressed`: somebody had to wait because of the limit."""
        now = self.clock()
        if now < self._next_s:
            return False
        usage, last = self.usage(), self._last
        self._next_s = now + WINDOW_S
        uses, waits = usage.uses - last.uses, usage.waits - last.waits
        if uses < 0:  # the pool began anew
            self._last = usage
        elif uses >= LEAST_SAMPLES and waits:
            self._last = usage
            self._move((usage.waited_s - last.waited_s) / waits, (usage.used_s - last.used_s) / uses, usage, pressed)
        self.limit = min(max(self.limit, usage.size), 2 * usage.most)
        return True

    def _move(self, wait_s: float, use_s: float, usage: Usage, pressed: bool) -> None:
        usual_s = self.usual_s or use_s
        crowded = wait_s > max(LEAST_WAIT_S, WAIT_SHARE * use_s)
        slower = use_s > SLOWER * usual_s and self.limit > usage.size
        if crowded or slower:
            self.limit = int(self.limit * DECREASE)
        elif pressed:
            self.limit += 1
        # Faster is believed at once: else a slow start would be taken for usual.
        self.usual_s = usual_s + (use_s - usual_s) * (USUAL_WEIGHT if use_s > usual_s else 0.5)
