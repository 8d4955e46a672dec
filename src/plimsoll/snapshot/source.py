"""Where views have their snapshots from, and what an operator may do there."""

from typing import Protocol

from plimsoll.snapshot.history import History
from plimsoll.snapshot.model import Snapshot


class Source(Protocol):
    """One worker, as its views see it."""

    @property
    def history(self) -> History:
        """What was before."""

    def snapshot(self) -> Snapshot:
        """The worker now: at once, also while the pool is exhausted or the database is down; asks nobody."""

    async def refresh(self, max_age_s: float = 5.0) -> None:
        """See to it that the server's side of the next snapshot is no older than that, within two seconds. Where the
        server does not answer, the snapshot says so."""

    async def kill(self, holder: str, who: str) -> str:
        """End the statement of the checkout with this id, on the server; `who` is written into the events. What came of
        it, in words.

        Raises:
            ActionError: there is no such checkout any more, or it cannot be done; says why.
        """

    async def give_back(self, holder: str, who: str) -> str:
        """Take the connection of this checkout away and close it, so that its place is free. The same otherwise."""
