"""A connection pool for SQLAlchemy's asyncio engines: fair, bounded, cheap on the wire, and it knows who holds what."""

from plimsoll.pool.context import DEADLINE, OWNER, READING, WORK, Account, Accounts, Work, deadline_s
from plimsoll.pool.holders import Holder
from plimsoll.pool.numbers import HistogramSnapshot, PoolObserver, PoolSnapshot
from plimsoll.pool.options import PoolOptions
from plimsoll.pool.pool import PlimsollPool

__all__ = [
    "DEADLINE",
    "OWNER",
    "READING",
    "WORK",
    "Account",
    "Accounts",
    "HistogramSnapshot",
    "Holder",
    "PlimsollPool",
    "PoolObserver",
    "PoolOptions",
    "PoolSnapshot",
    "Work",
    "deadline_s",
]
