"""Counters, gauges and histograms of a pool, as one frozen snapshot; and the protocol for those who watch."""

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from plimsoll.pool.context import OWNER, Account, Accounts, Work

logger = logging.getLogger("plimsoll.pool")

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' buckets: from a checkout that did not wait to the default pool timeout."""


RECENT = 30
"""How many observations a recent mean looks back on."""


@dataclass(frozen=True, slots=True)
class HistogramSnapshot:
    """`counts[i]` observations were at most `BOUNDS_S[i]`; the last count is of those beyond all bounds."""

    counts: tuple[int, ...]
    total_s: float

    @property
    def count(self) -> int:
        """All observations."""
        return sum(self.counts)

    @property
    def mean_s(self) -> float:
        """Their mean; 0 where there are none."""
        return self.total_s / self.count if self.count else 0.0


@dataclass(slots=True)
class Histogram:
    """Durations, in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0
    count: int = 0
    recent_mean_s: float = 0.0
    """Moving average, in which the last 30 or so observations have the say."""

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds
        self.count += 1
        self.recent_mean_s += (seconds - self.recent_mean_s) / min(self.count, RECENT)

    def snapshot(self) -> HistogramSnapshot:
        """As it is now."""
        return HistogramSnapshot(tuple(self.counts), self.total_s)


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """A pool at a moment.

    `checked_out` are in use; `opening` and `closing` (also: being looked at, to be pinged or closed) hold a place as
    well, so that `checked_out + opening + closing + idle <= limit`. While nothing is being closed,
    `opened == closed_total + checked_out + idle`.
    """

    size: int
    max_overflow: int
    checked_out: int
    idle: int
    opening: int
    closing: int
    waiting: int
    opened: int
    closed: Mapping[str, int]
    checkouts: int
    reused: int
    timeouts: int
    refused: int
    cancelled: int
    connect_failures: int
    pings: int
    resets: int
    killed: int
    leaks: int
    lost: int
    idle_transactions: int
    acquire: HistogramSnapshot
    use: HistogramSnapshot
    create: HistogramSnapshot
    most_taken: int = 0
    """The most places that users had at a time since the pool was made, and the most users who waited for one."""
    most_waiting: int = 0
    quiet_s: float | None = None
    """How long ago the server has last answered on a connection that is open."""

    @property
    def closed_total(self) -> int:
        """Connections that were closed, for whatever reason."""
        return sum(self.closed.values())

    @property
    def reuse_ratio(self) -> float:
        """The share of checkouts that got a connection which was open already; 0 before the first."""
        return self.reused / self.checkouts if self.checkouts else 0.0


class PoolObserver(Protocol):
    """Whoever wants to be told. Methods are called in the event loop and must return at once; an exception in one
    is logged and goes no further."""

    def opened(self, took_s: float) -> None:
        """A connection was opened."""

    def closed(self, reason: str) -> None:
        """A connection was closed."""

    def checked_out(self, waited_s: float) -> None:
        """A user got a connection."""

    def returned(self, used_s: float) -> None:
        """A user gave one back."""

    def failed(self, kind: str) -> None:
        """A user got none: `timeout`, `refused`, `cancelled` or `connect`."""


@dataclass(slots=True)
class Numbers:
    """The mutable half, which the pool counts in, and which tells those who watch."""

    counts: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    acquire: Histogram = field(default_factory=Histogram)
    use: Histogram = field(default_factory=Histogram)
    create: Histogram = field(default_factory=Histogram)
    observers: list[PoolObserver] = field(default_factory=list)
    accounts: Accounts | None = None
    listeners: list[Callable[[str, str], None]] = field(default_factory=list)
    """Are told of what is reported in words: its kind (`leak`, `idle-transaction`), and the words."""

    def account(self, work: Work | None) -> Account | None:
        """Who is told of what the current task does."""
        if work is not None:
            return work.account()
        return None if self.accounts is None else self.accounts(OWNER.get())

    def opened(self, took_s: float) -> None:
        """A connection was opened for the pool."""
        self.create.observe(took_s)
        for observer in self.observers:
            safely(observer.opened, took_s)

    def closed_one(self, reason: str) -> None:
        """A connection was closed."""
        self.closed[reason] += 1
        for observer in self.observers:
            safely(observer.closed, reason)

    def checked_out(self, waited_s: float, account: Account | None = None, *, reused: bool) -> None:
        """A user got a connection."""
        self.counts["checkouts"] += 1
        self.counts["reused"] += reused
        self.acquire.observe(waited_s)
        for observer in self.observers:
            safely(observer.checked_out, waited_s)
        if account is not None:
            safely(account.waited, waited_s)

    def waited_in_vain(self, waited_s: float, account: Account | None) -> None:
        """Whoever asked for a connection got none; `failed` says why."""
        if account is not None:
            safely(account.waited, waited_s)

    def returned(self, used_s: float, account: Account | None = None) -> None:
        """A user gave one back."""
        self.use.observe(used_s)
        for observer in self.observers:
            safely(observer.returned, used_s)
        if account is not None:
            safely(account.held, used_s)

    def report(self, kind: str, words: str) -> None:
        """Something was reported."""
        for listener in self.listeners:
            safely(listener, kind, words)

    def failed(self, kind: str) -> None:
        """A user got none."""
        self.counts[kind] += 1
        for observer in self.observers:
            safely(observer.failed, kind)

    def snapshot(
        self,
        *,
        size: int,
        max_overflow: int,
        checked_out: int,
        idle: int,
        opening: int,
        closing: int,
        waiting: int,
        killed: int,
        most_taken: int = 0,
        most_waiting: int = 0,
        quiet_s: float | None = None,
    ) -> PoolSnapshot:
        """All of it, frozen, with the gauges of the moment."""
        counts = self.counts
        return PoolSnapshot(
            size=size,
            max_overflow=max_overflow,
            checked_out=checked_out,
            idle=idle,
            opening=opening,
            closing=closing,
            waiting=waiting,
            killed=killed,
            opened=counts["opened"],
            closed=MappingProxyType(dict(self.closed)),
            checkouts=counts["checkouts"],
            reused=counts["reused"],
            timeouts=counts["timeout"],
            refused=counts["refused"],
            cancelled=counts["cancelled"],
            connect_failures=counts["connect"],
            pings=counts["pings"],
            resets=counts["resets"],
            leaks=counts["leaks"],
            lost=counts["lost"],
            idle_transactions=counts["idle_transactions"],
            acquire=self.acquire.snapshot(),
            use=self.use.snapshot(),
            create=self.create.snapshot(),
            most_taken=most_taken,
            most_waiting=most_waiting,
            quiet_s=quiet_s,
        )


def safely(tell: Callable[..., None], *details: Any) -> None:
    """An observer that fails is the observer's trouble."""
    try:
        tell(*details)
    except Exception:
        logger.exception("an observer of the pool failed")
