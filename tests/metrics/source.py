"""A worker that stands still."""

from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.history import History


class Still:
    """A `Source` of one snapshot. `refreshed` has the ages that were asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.now = snapshot
        self.refreshed: list[float] = []

    @property
    def history(self) -> History:
        return History()

    def snapshot(self) -> Snapshot:
        return self.now

    async def refresh(self, max_age_s: float = 5.0) -> None:
        self.refreshed.append(max_age_s)

    async def kill(self, holder: str, who: str) -> str:
        raise NotImplementedError

    async def give_back(self, holder: str, who: str) -> str:
        raise NotImplementedError
