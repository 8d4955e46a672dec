"""One limit: its value, how much of it is used, where it was read, and what happens when it strikes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit and what is used of it, both in `unit`.

    `source` is where the limit was read: a file, or the name of a resource limit. `kills`: the kernel ends a process
    when it strikes. `fails`: what asks for more gets an error (`MemoryError`, `OSError`). Neither: the process is
    slowed down. `note` says it in words. `swap_left` are bytes that may still go to swap when the limit is reached,
    which puts the end off by as much. `struck` is how often it has struck so far, None where nobody counts.
    """

    name: str
    limit: int
    used: int
    unit: Literal["bytes", "count"]
    source: str
    kills: bool
    note: str
    fails: bool = False
    swap_left: int = 0
    struck: int | None = None

    @property
    def left(self) -> int:
        """What may still be taken before it strikes; never below 0."""
        return max(0, self.limit - self.used) + self.swap_left

    @property
    def share(self) -> float:
        """The part that is used: 0 is nothing, 1 is all, more than 1 is possible where a limit was lowered."""
        return self.used / self.limit if self.limit > 0 else 1.0


def binding(limits: Iterable[Limit]) -> Limit | None:
    """The limit with the least left in bytes, which strikes first; None where none is in bytes."""
    return min((limit for limit in limits if limit.unit == "bytes"), key=lambda limit: limit.left, default=None)
