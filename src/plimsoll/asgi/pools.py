"""What admission is told by the pool of an engine."""

from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.asgi.admission import RELIEVE_EVERY_S, Admission
from plimsoll.limiter import Usage
from plimsoll.pool import PlimsollPool

SHORT_FOR_S = 2 * RELIEVE_EVERY_S
"""The pool is told of pressed memory again before this is over, as long as it lasts."""


class PoolOfEngine:
    """The figures of an engine's present pool: `engine.dispose()` puts another in its place."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.sync_engine

    @property
    def pool(self) -> PlimsollPool:
        """The present one."""
        pool = self._engine.pool
        assert isinstance(pool, PlimsollPool)
        return pool

    def used(self) -> int:
        """Places in use, and those who stand in line for one."""
        places = self.pool.places
        return places.taken + places.waiting

    def usage(self) -> Usage:
        """The totals that the limit follows."""
        pool = self.pool
        acquire, use = pool.numbers.acquire, pool.numbers.use
        most = pool.size_limit + pool.overflow_limit
        return Usage(acquire.total_s, acquire.count, use.total_s, use.count, pool.size_limit, most)

    def memory_is_short(self) -> None:
        """Close what idles."""
        self.pool.memory_is_short(SHORT_FOR_S)


class Returns:
    """Tells admission of connections that came back; a `PoolObserver`."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def opened(self, took_s: float) -> None:
        """Nothing follows from it."""

    def closed(self, reason: str) -> None:
        """A place may be free."""
        self._admission.connection_came_back()

    def checked_out(self, waited_s: float) -> None:
        """Nothing follows from it."""

    def returned(self, used_s: float) -> None:
        """A connection is free."""
        self._admission.connection_came_back()

    def failed(self, kind: str) -> None:
        """Who was in the pool's line is not any more."""
        self._admission.connection_came_back()
