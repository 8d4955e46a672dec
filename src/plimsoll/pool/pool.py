"""The connection pool, under SQLAlchemy's asyncio engine: `create_async_engine(url, poolclass=PlimsollPool)`.

It decides who gets which connection, when one must be checked, reset, replaced or closed. The parts it puts together:
`places` (the line), `opening` (connects), `statements` and `links` (what runs where), `holders` (who has what),
`killing` (what was given up), `keeping` (what is done while nobody asks). SQLAlchemy keeps its own: records, events,
invalidation.
"""

import asyncio
import contextlib
import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, cast

from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry, Pool
from sqlalchemy.util import await_only, greenlet_spawn
from sqlalchemy.util.concurrency import in_greenlet

from plimsoll.errors import DatabaseDownError, PoolClosedError, PoolTimeoutError
from plimsoll.pool import drivers
from plimsoll.pool.holders import OWNER, Holder, Holders
from plimsoll.pool.keeping import Keeping
from plimsoll.pool.killing import Killing
from plimsoll.pool.links import Link, Links
from plimsoll.pool.numbers import Numbers, PoolSnapshot
from plimsoll.pool.opening import Opening, ServerDownError
from plimsoll.pool.options import PoolOptions
from plimsoll.pool.places import ClosedError, LineFullError, Open, Places
from plimsoll.pool.statements import Statements
from plimsoll.pool.words import full_line_words, hopeless_words, timeout_words

logger = logging.getLogger("plimsoll.pool")

DEADLINE: ContextVar[float | None] = ContextVar("plimsoll_deadline", default=None)
"""When the current request's time is up, on `time.monotonic`; None where it has no limit."""

READING: ContextVar[bool] = ContextVar("plimsoll_reading", default=False)
"""Whether the checkout that begins now is for reading only, so that its statements may commit by themselves."""

_ABANDONED: list[object] = []
"""Connections of a parent process, kept from the garbage collector, which would write a farewell on its sockets."""


class PlimsollPool(Pool):
    """A bounded, fair pool for asyncio engines.

    Args:
        creator: opens a connection; SQLAlchemy's.
        pool_size: connections that are kept.
        max_overflow: connections beyond those that may be opened at a peak.
        timeout: longest wait for a connection, in seconds.
        recycle: age at which a connection is replaced, in seconds; -1 for never.
        reset_on_return: what ends a transaction that its user left open: "rollback" (or True), "commit", or None.
        pool_options: everything else.

    `pre_ping` and `use_lifo` are accepted and change nothing: a connection is checked after it was idle, and the one
    used last is used next.

    Raises:
        ValueError: a limit is missing; a pool without one is what this replaces.
    """

    def __init__(
        self,
        creator: Any,
        pool_size: int = 5,
        max_overflow: int = 10,
        timeout: float = 30.0,
        recycle: float = -1,
        reset_on_return: Any = True,
        pre_ping: bool = False,
        use_lifo: bool = True,
        pool_options: PoolOptions | None = None,
        **kw: Any,
    ) -> None:
        if pool_size < 1 or max_overflow < 0:
            raise ValueError(
                f"pool_size={pool_size} must be at least 1 and max_overflow={max_overflow} at least 0: without a limit "
                "the server's own is the only one, and it ends every client's connections."
            )
        self.options = pool_options or PoolOptions()
        self.size_limit, self.overflow_limit = pool_size, max_overflow
        self.timeout_s, self.recycle_s = timeout, recycle
        self._reset_wanted = reset_on_return
        self.numbers = Numbers()
        self.clock: Callable[[], float] = time.monotonic
        self._opening_now = 0
        self._reason: str | None = None
        self._doomed: dict[int, int] = {}
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(creator, recycle=-1, reset_on_return=None, pre_ping=False, **kw)
        self._begin()

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's; it sets it when it makes the pool."""
        return cast(Dialect, self._dialect)

    def _begin(self) -> None:
        """The parts that live in one event loop of one process."""
        self.places: Places[Link] = Places(self.size_limit + self.overflow_limit, self.options.max_waiting, self.clock)
        self.holders = Holders(self.clock)
        self.links = Links(self.dialect.driver, self.holders)
        self._opening = Opening(self.options.connects_at_once, self.clock)
        self._keeping = Keeping(self)
        self._killing = Killing(self.dialect.name, self._open_aside, drivers.cut)
        Statements.of(self.dialect).watcher = self.links

    def recreate(self) -> "PlimsollPool":
        """A new, empty pool like this one, with its observers; its numbers begin anew."""
        successor = type(self)(
            self._creator,
            pool_size=self.size_limit,
            max_overflow=self.overflow_limit,
            timeout=self.timeout_s,
            recycle=self.recycle_s,
            reset_on_return=self._reset_wanted,
            pool_options=self.options,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )
        successor.numbers.observers = self.numbers.observers
        return successor

    # --- taking one ---

    def _do_get(self) -> ConnectionPoolEntry:
        self._be_in_this_loop()
        began_s = self.clock()
        reading = READING.get()
        got = self._take(began_s, reading)
        link: Link | None = None
        try:
            link = self._ready(got)
            drivers.set_autocommit(link.connection, self.dialect.driver, reading)
        except BaseException as error:
            self._give_up(link or got, error)
            raise
        self._note_checkout(link, self.clock() - began_s, reused=link is got)
        return link.record

    def _take(self, began_s: float, reading: bool) -> Link | Open:
        """A place, and what is in it: at once where nobody waits, else in line."""
        try:
            got = self.places.take_now(self._suits(reading))
        except ClosedError:
            raise PoolClosedError(f"{_who()} asked a pool that was disposed of for a connection.") from None
        return got if got is not None else await_only(self._line_up(began_s, reading))

    def _suits(self, reading: bool) -> Callable[[Link], bool] | None:
        """Connections whose mode need not be changed come first: on MySQL that is a round trip, elsewhere none."""
        driver = self.dialect.driver
        if driver not in drivers.MYSQL:
            return None
        return lambda link: drivers.autocommits(link.connection, driver) is reading

    async def _line_up(self, began_s: float, reading: bool) -> Link | Open:
        who = _who()
        deadline = DEADLINE.get()
        ends_s = began_s + self.timeout_s
        deadline_s = ends_s if deadline is None else min(ends_s, deadline)
        self._refuse_hopeless(who, deadline_s)
        try:
            return await self.places.take(deadline_s, suits=self._suits(reading), who=who)
        except LineFullError:
            self.numbers.failed("refused")
            words = full_line_words(who, self.options.max_waiting, self.snapshot(), self.who())
            raise PoolTimeoutError(words) from None
        except TimeoutError:
            self.numbers.failed("timeout")
            failure = self._opening.last_failure
            waited_s = self.clock() - began_s
            raise PoolTimeoutError(timeout_words(who, waited_s, self.snapshot(), self.who(), failure)) from failure
        except ClosedError:
            raise PoolClosedError(f"{who} waited for a connection when the pool was disposed of.") from None
        except asyncio.CancelledError:
            self.numbers.failed("cancelled")
            raise

    def _refuse_hopeless(self, who: str, deadline_s: float) -> None:
        """Refuse at once whoever cannot be served in time: a line of n moves on every (mean use / limit) seconds
        (Little's law). Before there were as many uses as places, the mean says nothing."""
        use = self.numbers.use
        if use.count < self.places.limit:
            return
        expected_s = (self.places.waiting + 1) * use.recent_mean_s / self.places.limit
        left_s = deadline_s - self.clock()
        if expected_s > left_s:
            self.numbers.failed("refused")
            raise PoolTimeoutError(hopeless_words(who, left_s, expected_s, self.snapshot(), self.who()))

    def _ready(self, got: Link | Open) -> Link:
        """A connection that works, as far as can be known without asking too often; else a new one in its place."""
        if not isinstance(got, Open):
            reason = self.reason_to_replace(got)
            if reason is None:
                return got
            self.close_link(got, reason)
        return self._open()

    def _give_up(self, got: Link | Open, error: BaseException) -> None:
        """What was taken cannot be used: nothing of it may stay in the place."""
        if not isinstance(got, Open) and got.record.dbapi_connection is not None:
            self._drop(got, error, "gave up")
        self.places.free()

    def reason_to_replace(self, link: Link) -> str | None:
        """Why an idle connection cannot be used; None where it can. The server is asked only after idleness."""
        now = self.clock()
        if drivers.is_closed(link.connection, self.dialect.driver):
            return "closed by the server"
        if cast(Any, link.record)._is_hard_or_soft_invalidated():
            return "invalidated"
        if now - link.opened_s > link.age_limit_s:
            return "recycled"
        if now - link.idle_since_s > self.options.ping_after_idle_s and not self._ping(link):
            return "ping failed"
        return None

    def _ping(self, link: Link) -> bool:
        self.numbers.counts["pings"] += 1
        try:
            with self._within(self.options.cleanup_timeout_s):
                return bool(self.dialect.do_ping(link.connection))
        except Exception:  # noqa: BLE001 - whatever it was, the connection is not used
            return False

    def _open(self) -> Link:
        """Open a connection in a place that is taken already."""
        try:
            await_only(self._opening.enter())
        except ServerDownError as down:
            self.numbers.failed("connect")
            raise DatabaseDownError(str(down), down.cause) from down.cause
        self._opening_now += 1
        began_s = self.clock()
        try:
            record = self._create_connection()
        except Exception as error:
            self.numbers.failed("connect")
            self._opening.failed(error)
            raise
        except BaseException:
            self._opening.cancelled()
            raise
        finally:
            self._opening_now -= 1
        self._opening.succeeded()
        self.numbers.opened(self.clock() - began_s)
        link = self.links.get(record.dbapi_connection)
        assert link is not None
        return link

    def _should_wrap_creator(self, creator: Any) -> Any:
        """Every connection is known from the moment it is open, also one that SQLAlchemy opens in place of another."""
        create = super()._should_wrap_creator(creator)

        def known(record: ConnectionPoolEntry) -> DBAPIConnection:
            connection = create(record)
            now = self.clock()
            jitter = random.uniform(0, self.options.recycle_jitter)  # noqa: S311 - spreads the load
            limit_s = self.recycle_s * (1 - jitter) if self.recycle_s >= 0 else float("inf")
            server_id = drivers.server_id(connection, self.dialect.driver)
            self.links.add(connection, Link(record, now, limit_s, now, server_id))
            self.numbers.counts["opened"] += 1
            return connection

        return known

    def _note_checkout(self, link: Link, waited_s: float, *, reused: bool) -> None:
        self.numbers.checked_out(waited_s, reused=reused)
        if self.options.track:
            self.holders.add(link.record, _who())
        self._keeping.wake()

    # --- giving one back ---

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self._note_return(record)
        link = self.links.get(record.dbapi_connection)
        if record.dbapi_connection is None or link is None:
            self._place_of_lost(record)
            return
        try:
            reason = self._reset(link)
        except Exception as error:  # noqa: BLE001 - the connection goes; the user's own outcome stands
            self._drop(link, error, "reset failed")
            self._place_of_lost(record)
            return
        except BaseException as error:
            self._drop(link, error, "cancelled")
            self._place_of_lost(record)
            raise
        if reason is not None or self.places.surplus:
            try:
                self.close_link(link, reason or "surplus")
            finally:
                self._place_of_lost(record)
            return
        link.idle_since_s = self.clock()
        self.places.give_back(link)

    def _note_return(self, record: ConnectionPoolEntry) -> None:
        checkout = self.holders.end(record)
        if checkout is None:
            return
        used_s = self.clock() - checkout.since_s
        self.numbers.returned(used_s)
        if checkout.reported:
            logger.warning("%s: returned after %.1f s, taken at %s", checkout.owner, used_s, checkout.place())

    def _reset(self, link: Link) -> str | None:
        """Leave nothing of this user for the next one; why the connection must be closed instead, if it must."""
        if drivers.is_closed(link.connection, self.dialect.driver):
            return "closed by the server"
        if not in_greenlet():
            return "returned where nothing can be sent"
        if self.links.in_transaction(link.connection):
            self.numbers.counts["resets"] += 1
            with self._within(self.options.cleanup_timeout_s):
                if self._reset_wanted == "commit":
                    self.dialect.do_commit(cast(Any, link.connection))
                elif self._reset_wanted not in (None, False, "none"):
                    self.dialect.do_rollback(cast(Any, link.connection))
        return "left state behind" if link.must_close else None

    def _place_of_lost(self, record: ConnectionPoolEntry) -> None:
        """The connection of a returned record is gone. Its place is free, unless the server still has to confirm."""
        doomed = self._doomed.pop(id(record), None)
        if doomed is None:
            self.places.free()
        else:
            self._killing.add(doomed, self.places.free)

    # --- the end of a connection ---

    def _drop(self, link: Link, error: BaseException | None, reason: str) -> None:
        """Close without a word to the server."""
        with self._because(reason):
            link.record.invalidate(error)

    def close_link(self, link: Link, reason: str) -> None:
        """Close politely where something can be sent, within the time for clean-up. The place stays taken."""
        with self._because(reason):
            if in_greenlet():
                link.record.close()
            else:
                link.record.invalidate()

    @contextlib.contextmanager
    def _because(self, reason: str) -> Iterator[None]:
        self._reason = reason
        try:
            yield
        finally:
            self._reason = None

    def _close_connection(self, connection: DBAPIConnection, *, terminate: bool = False) -> None:
        """SQLAlchemy's one way of closing; the books are kept here, so that each is counted once."""
        link = self.links.remove(connection)
        if link is not None:
            self.numbers.closed_one(self._reason or ("invalidated" if terminate else "closed"))
            if link.querying and link.server_id is not None:
                self._doomed[id(link.record)] = link.server_id
        if terminate:
            drivers.cut(connection)
            return
        try:
            with self._within(self.options.cleanup_timeout_s):
                super()._close_connection(connection)
        except TimeoutError:
            drivers.cut(connection)
        except BaseException:
            drivers.cut(connection)
            raise

    @contextlib.contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """A time limit for what a greenlet of SQLAlchemy's awaits; `TimeoutError` at its end."""
        if not in_greenlet():
            yield
            return
        limit = asyncio.timeout(seconds)
        await_only(limit.__aenter__())
        try:
            yield
        except BaseException as error:
            await_only(limit.__aexit__(type(error), error, error.__traceback__))
            raise
        await_only(limit.__aexit__(None, None, None))

    # --- who and how many ---

    def who(self) -> list[Holder]:
        """Who holds a connection now, the oldest first."""
        return self.links.who()

    def snapshot(self) -> PoolSnapshot:
        """All numbers at this moment."""
        closing = self._killing.pending
        return self.numbers.snapshot(
            size=self.size_limit,
            max_overflow=self.overflow_limit,
            checked_out=self.places.taken - self._opening_now - closing,
            idle=self.places.idle,
            opening=self._opening_now,
            closing=closing,
            waiting=self.places.waiting,
            killed=self._killing.killed,
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

    def checkedin(self) -> int:
        """As `QueuePool.checkedin`: idle connections."""
        return self.places.idle

    def checkedout(self) -> int:
        """As `QueuePool.checkedout`: connections in somebody's hands, or being opened for somebody. The places of those
        that the server has yet to end are not free, but nobody's (`snapshot().closing`)."""
        return self.places.taken - self._killing.pending

    def overflow(self) -> int:
        """As `QueuePool.overflow`: places in use or idle beyond the size; negative while there are fewer."""
        return self.places.taken + self.places.idle - self.size_limit

    # --- change and end ---

    async def warm_up(self, count: int) -> None:
        """Open connections until there are `count`, at most `connects_at_once` at a time.

        Raises:
            ExceptionGroup: of SQLAlchemy's errors, where the server could not be reached.
        """
        self._be_in_this_loop()
        missing = min(count, self.places.limit) - self.places.taken - self.places.idle
        async with asyncio.TaskGroup() as group:
            for _ in range(missing):
                if self.places.take_to_open():
                    group.create_task(greenlet_spawn(self.open_idle))

    def open_idle(self) -> None:
        """Open a connection in a place that was taken for it, and leave it idle."""
        try:
            link = self._open()
        except BaseException:
            self.places.free()
            raise
        self.places.give_back(link)

    def resize(self, pool_size: int, max_overflow: int) -> None:
        """Change the limits while running: those in line move up, what is too much is closed when it comes back."""
        self.size_limit, self.overflow_limit = pool_size, max_overflow
        self.places.resize(pool_size + max_overflow)

    async def drain(self, timeout_s: float) -> bool:
        """Give nothing out any more and wait until all has come back; False where that took longer."""
        await greenlet_spawn(self.dispose)
        ends = self.clock() + timeout_s
        while self.places.taken and self.clock() < ends:  # noqa: ASYNC110 - the last returns, from anywhere
            await asyncio.sleep(0.01)
        return self.places.taken == 0

    def dispose(self) -> None:
        """Close what is idle and give nothing out any more; what is in use is closed as it comes back."""
        self._keeping.stop()
        if self._loop is not None and self._loop.is_closed():
            self.links.clear()
            return
        for link in self.places.close():
            self.close_link(link, "disposed")
            self.places.free()
        self.logger.info("Pool disposed. %s", self.status())

    def _be_in_this_loop(self) -> None:
        """Connections belong to one event loop of one process: in another, those of before are left alone."""
        loop = asyncio.get_running_loop()
        if self._loop is loop and self._pid == os.getpid():
            return
        if self._loop is not None and len(self.links):
            if self._pid != os.getpid():
                _ABANDONED.append((self.links, self.places))
            logger.warning("the pool is used in another event loop or process than before: it connects anew")
            self._keeping.stop()
            self._begin()
        self._loop, self._pid = loop, os.getpid()

    def _open_aside(self) -> DBAPIConnection:
        """A connection beside the limit, for `killing` only: not known to the books."""
        return super()._should_wrap_creator(self._creator)(cast(Any, None))


def _who() -> str:
    """What the current task works for, as far as it can be told."""
    owner = OWNER.get()
    if owner:
        return owner
    task = asyncio.current_task()
    return task.get_name() if task is not None else "no task"
