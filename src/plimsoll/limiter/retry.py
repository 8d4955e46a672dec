"""When a refused client should come back: from how fast the work goes on and how many were turned away."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

WINDOW_S = 1.0
LONGEST_S = 30
"""Nobody is sent away for longer: the load may end at any moment."""


@dataclass(eq=False)
class RetryAfter:
    """Counts who was served and who was refused. Times are seconds of `clock`."""

    clock: Callable[[], float]
    jitter: Callable[[float, float], float] = random.uniform
    served_rate: float = 0.0
    refused_rate: float = 0.0
    _served: int = 0
    _refused: int = 0
    _since_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._since_s = self.clock()

    def served(self) -> None:
        """One more is done."""
        self._served += 1

    def refuse(self) -> int:
        """Whole seconds for the `Retry-After` of one more that is refused.

        If all who were refused within the last second came back together, the work would take refused / served
        seconds; half of that to one and a half is drawn, so that they do not come back together. 1 to 30.
        """
        self._refused += 1
        now = self.clock()
        if (elapsed_s := now - self._since_s) >= WINDOW_S:
            self.served_rate, self.refused_rate = self._served / elapsed_s, self._refused / elapsed_s
            self._served = self._refused = 0
            self._since_s = now
        needed_s = self.refused_rate / max(self.served_rate, 1.0)
        return min(LONGEST_S, max(1, ceil(needed_s * self.jitter(0.5, 1.5))))
