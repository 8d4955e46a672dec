"""A worker that tests make up, for the box to look at."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.history import History
from plimsoll.snapshot.moment import Moment
from tests.snapshot.samples import HEALTHY


@dataclass
class Worker:
    """A `Source` whose snapshot is what the test says; `asked` counts how often it was asked for."""

    now: Snapshot = HEALTHY
    asked: int = 0
    history: History = field(default_factory=History)
    _seconds: Iterator[int] = field(default_factory=lambda: count(1))

    def snapshot(self) -> Snapshot:
        """As it is."""
        self.asked += 1
        return self.now

    async def refresh(self, max_age_s: float = 5.0) -> None:
        """There is no server."""

    async def kill(self, holder: str, who: str) -> str:
        """Not here."""
        raise NotImplementedError

    async def give_back(self, holder: str, who: str) -> str:
        """Not here."""
        raise NotImplementedError

    def second(self, snapshot: Snapshot) -> Moment:
        """Be so, a second later."""
        self.now = replace(snapshot, at_s=HEALTHY.at_s + next(self._seconds))
        moment = Moment.of(self.now)
        self.history.add(moment)
        return moment


def with_pool(snapshot: Snapshot = HEALTHY, **numbers: int) -> Snapshot:
    """The same with other numbers of the pool."""
    return replace(snapshot, pool=replace(snapshot.pool, **numbers))  # type: ignore[arg-type]
