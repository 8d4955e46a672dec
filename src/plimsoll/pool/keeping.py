"""What a pool does while nobody asks: reports checkouts held too long, closes what is idle too long or too old, keeps
the least number open, pings what was silent. A timer of the event loop, not a task: it costs nothing between two looks,
and holds no pool alive that its engine has forgotten."""

import asyncio
import logging
import weakref
from collections.abc import Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

from sqlalchemy.util import greenlet_spawn

from plimsoll.pool.holders import Checkout, last_words
from plimsoll.pool.links import Link

if TYPE_CHECKING:
    from plimsoll.pool.pool import PlimsollPool

logger = logging.getLogger("plimsoll.pool")

LOOK_EVERY_S = 0.5

SHORT_IDLE_S = 1.0
"""While memory is short a connection that nobody used for so long is closed."""


class Keeping:
    """The timer of one pool, and what it does at each look."""

    def __init__(self, pool: "PlimsollPool") -> None:
        self._pool = weakref.ref(pool)
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.tending = 0
        """Idle connections that were taken out of the line, to be closed or pinged: nobody uses them."""

    def wake(self) -> None:
        """Look again soon. Called with each checkout: a pool that nobody uses has no timer."""
        if self._timer is None:
            # Nobody's context: else it would work under the deadline and the mode of whoever happened to wake it.
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look, context=Context())

    def stop(self) -> None:
        """No further look."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Decides only; what takes time is a task."""
        self._timer = None
        pool = self._pool()
        if pool is None or pool.places.closed:
            return
        self._report_leaks(pool)
        self._look_at_idle_transactions(pool)
        tired = self._tired(pool)
        self.tending += len(tired)
        if tired or self._missing(pool):
            self._spawn(greenlet_spawn(self._refresh, pool, tired))
        if len(pool.links) or pool.options.min_idle:
            self.wake()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="plimsoll pool: keeping")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _missing(self, pool: "PlimsollPool") -> bool:
        return pool.places.taken + pool.places.idle < min(pool.options.min_idle, pool.places.limit)

    def _tired(self, pool: "PlimsollPool") -> list[Link]:
        """Idle connections to look at closer, taken out of the line for it."""
        options, now = pool.options, pool.clock()
        spare = pool.places.idle - options.min_idle

        def is_tired(link: Link) -> bool:
            idle_s = now - link.idle_since_s
            too_old = now - link.opened_s > link.age_limit_s
            return (
                too_old
                or link.is_closed
                or idle_s > options.keepalive_s
                or (spare > 0 and idle_s > _idle_timeout_s(pool))
            )

        found: list[Link] = []
        while (link := pool.places.take_idle(is_tired)) is not None:
            spare -= 1
            found.append(link)
        return found

    def _refresh(self, pool: "PlimsollPool", tired: list[Link]) -> None:
        """In SQLAlchemy's greenlet: close or ping those, then open what is missing of the least number."""
        while tired:
            link = tired.pop()
            try:
                self._refresh_one(pool, link)
            except BaseException:
                self.tending -= len(tired)
                for left in tired:
                    pool.places.give_back(left)
                raise
            finally:
                self.tending -= 1
        while self._missing(pool) and pool.places.take_to_open():
            try:
                pool.open_idle()
            except Exception as error:  # noqa: BLE001 - the next look tries again
                logger.warning("could not open a connection to keep idle: %s", error)
                return

    def _refresh_one(self, pool: "PlimsollPool", link: Link) -> None:
        idle_s = pool.clock() - link.idle_since_s
        reason = pool.condition.reason_to_replace(link)
        if reason is None and idle_s > _idle_timeout_s(pool) and pool.places.idle >= pool.options.min_idle:
            reason = "idle"
        if reason is not None or pool.places.surplus:
            pool.closing.retire(link, reason or "surplus")
            return
        link.idle_since_s = pool.clock()
        pool.places.give_back(link)

    def _report_leaks(self, pool: "PlimsollPool") -> None:
        now, options = pool.clock(), pool.options
        for _key, checkout in pool.holders:
            held_s = now - checkout.since_s
            if options.leak_threshold_s and not checkout.reported and held_s > options.leak_threshold_s:
                checkout.reported = True
                pool.numbers.counts["leaks"] += 1
                words = _leak_words(checkout, pool.dialect.name, held_s, options.leak_threshold_s)
                pool.numbers.report("leak", words)
                logger.warning("%s", words)

    def _look_at_idle_transactions(self, pool: "PlimsollPool") -> None:
        options, now = pool.options, pool.clock()
        for link in pool.links.in_use():
            checkout, idle_s = link.checkout, now - link.answered_s
            if checkout is None or not checkout.statements or link.ended or link.state != "idle in transaction":
                continue
            if options.idle_transaction_s and idle_s > options.idle_transaction_s and not checkout.reported_idle:
                checkout.reported_idle = True
                pool.numbers.counts["idle_transactions"] += 1
                words = _idle_words(checkout, pool.dialect.name, idle_s)
                pool.numbers.report("idle-transaction", words)
                logger.warning("%s", words)
            if options.end_idle_transaction_s and idle_s > options.end_idle_transaction_s:
                words = _ended_words(checkout, idle_s, options.end_idle_transaction_s)
                pool.numbers.report("idle-transaction", words)
                logger.error("%s", words)
                pool.closing.end_in_hands(link, words)


def _idle_words(checkout: Checkout, dialect: str, idle_s: float) -> str:
    return (
        f"{checkout.owner} has a transaction open in which nothing has happened for {idle_s:.1f} s: it keeps its locks "
        "and its connection. End it (commit, or leave the session's block) before slow work that needs no database. "
        f"{last_words(checkout, dialect)}"
    )


def _ended_words(checkout: Checkout, idle_s: float, limit_s: float) -> str:
    return (
        f"The transaction of {checkout.owner}, taken at {checkout.place()}, was idle for {idle_s:.1f} s and was ended "
        f"and rolled back (DB_END_IDLE_TRANSACTION is {limit_s:g} s). End a transaction before slow work that needs no "
        "database, and begin another one after it."
    )


def _leak_words(checkout: Checkout, dialect: str, held_s: float, threshold_s: float) -> str:
    return (
        f"{checkout.owner} has held a database connection for {held_s:.1f} s (DB_LEAK_THRESHOLD is {threshold_s:g} s). "
        f"{last_words(checkout, dialect)}"
    )


def _idle_timeout_s(pool: "PlimsollPool") -> float:
    short = pool.clock() < pool.short_until_s
    return min(SHORT_IDLE_S, pool.options.idle_timeout_s) if short else pool.options.idle_timeout_s
