"""A connection pool for SQLAlchemy's asyncio engines: fair, bounded, cheap on the wire, and it knows who holds what."""

from plimsoll.pool.holders import OWNER, Holder
from plimsoll.pool.limits import DEADLINE
from plimsoll.pool.numbers import HistogramSnapshot, PoolObserver, PoolSnapshot
from plimsoll.pool.options import PoolOptions
from plimsoll.pool.pool import READING, PlimsollPool

__all__ = [
    "DEADLINE",
    "OWNER",
    "READING",
    "HistogramSnapshot",
    "Holder",
    "PlimsollPool",
    "PoolObserver",
    "PoolOptions",
    "PoolSnapshot",
]
