"""What a pool tells of itself: who holds what, all numbers, and the names that SQLAlchemy's own pool has for them."""

from collections.abc import Callable

from sqlalchemy.pool import Pool

from plimsoll.pool.holders import Holder
from plimsoll.pool.keeping import Keeping
from plimsoll.pool.killing import Killing
from plimsoll.pool.links import Link, Links
from plimsoll.pool.numbers import Numbers, PoolSnapshot
from plimsoll.pool.opening import Opening
from plimsoll.pool.places import Places


class Figures(Pool):
    """The half of `PlimsollPool` that only reads."""

    size_limit: int
    overflow_limit: int
    timeout_s: float
    numbers: Numbers
    places: Places[Link]
    links: Links
    opening: Opening
    killing: Killing
    keeping: Keeping
    clock: Callable[[], float]

    def who(self) -> list[Holder]:
        """Who holds a connection now, the oldest first."""
        return self.links.who()

    def server_ids(self) -> list[int]:
        """What the server calls the pool's connections (`PROCESSLIST`'s id, `pg_stat_activity.pid`), as far as the
        driver tells."""
        return self.links.server_ids()

    def snapshot(self) -> PoolSnapshot:
        """All numbers at this moment."""
        opening, closing = self.opening.now, self.killing.pending + self.keeping.tending
        return self.numbers.snapshot(
            size=self.size_limit,
            max_overflow=self.overflow_limit,
            checked_out=self.places.taken - opening - closing,
            idle=self.places.idle,
            opening=opening,
            closing=closing,
            waiting=self.places.waiting,
            killed=self.killing.killed,
            most_taken=self.places.most_taken,
            most_waiting=self.places.most_waiting,
            quiet_s=self.links.quiet_s(),
        )

    def status(self) -> str:
        """One line for people."""
        now = self.snapshot()
        return (
            f"{type(self).__name__} size {now.size}, overflow {now.max_overflow}, checked out {now.checked_out}, "
            f"idle {now.idle}, waiting {now.waiting}"
        )

    def size(self) -> int:
        """As `QueuePool.size`."""
        return self.size_limit

    def timeout(self) -> float:
        """As `QueuePool.timeout`: the longest wait, in seconds."""
        return self.timeout_s

    def checkedin(self) -> int:
        """As `QueuePool.checkedin`: idle connections."""
        return self.places.idle

    def checkedout(self) -> int:
        """As `QueuePool.checkedout`: connections in somebody's hands, or being opened for somebody. The places of those
        that the server has yet to end are not free, but nobody's (`snapshot().closing`)."""
        return self.places.taken - self.killing.pending

    def overflow(self) -> int:
        """As `QueuePool.overflow`: places in use or idle beyond the size; negative while there are fewer."""
        return self.places.taken + self.places.idle - self.size_limit
