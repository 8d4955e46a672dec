"""The connection pool, under SQLAlchemy's asyncio engine: `create_async_engine(url, poolclass=PlimsollPool)`.

It decides who gets which connection, when one must be checked, reset, replaced or closed. The parts it puts together:
`places` and `line` (whose turn it is), `opening` (connects), `statements` and `links` (what runs where), `holders` (who
has what), `condition` (what may be given out), `closing` and `killing` (what ends, what was given up), `keeping` (what
is done while nobody asks), `life` and `figures`. SQLAlchemy keeps its own: records, events, invalidation.
"""

import asyncio
import logging
import math
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any, cast

from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry

from plimsoll.pool import drivers
from plimsoll.pool.closing import Closing
from plimsoll.pool.condition import Condition
from plimsoll.pool.contact import Contact
from plimsoll.pool.context import READING, WORK, Account
from plimsoll.pool.holders import Checkout, Holders, who_asks
from plimsoll.pool.keeping import Keeping
from plimsoll.pool.killing import Killing
from plimsoll.pool.life import Life
from plimsoll.pool.limits import Within
from plimsoll.pool.line import Line
from plimsoll.pool.links import Link, Links
from plimsoll.pool.numbers import Numbers
from plimsoll.pool.opening import Opening, OutOfTimeError
from plimsoll.pool.options import PoolOptions
from plimsoll.pool.places import Open, Places
from plimsoll.pool.statements import Statements
from plimsoll.settings.drivers import DRIVERS, missing

logger = logging.getLogger("plimsoll.pool")

_ABANDONED: list[object] = []
"""Connections of a parent process, kept from the garbage collector, which would write a farewell on its sockets."""


class PlimsollPool(Life):
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
        ValueError: a limit is missing (a pool without one is what this replaces), the driver is asyncmy before 0.2.13,
            or the pool was not made by its engine.
    """

    _is_asyncio = True

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
        _refuse_unsafe(kw.get("dialect"))
        self.options = pool_options or PoolOptions()
        self.size_limit, self.overflow_limit = pool_size, max_overflow
        self.timeout_s, self.recycle_s = timeout, recycle
        self._reset_wanted = reset_on_return
        self.numbers = Numbers()
        self.clock: Callable[[], float] = time.monotonic
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(creator, recycle=-1, reset_on_return=None, pre_ping=False, **kw)
        self._contact = Contact.of(self.dialect)
        self._begin()

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's; it sets it when it makes the pool."""
        if not hasattr(self._dialect, "driver"):
            raise ValueError(
                "PlimsollPool must know its engine's dialect: make the engine by "
                "create_async_engine(url, poolclass=PlimsollPool, pool_size=...), not with pool=PlimsollPool(...)."
            )
        return cast(Dialect, self._dialect)

    def _begin(self) -> None:
        """The parts that live in one event loop of one process."""
        options, driver = self.options, self.dialect.driver
        self.places: Places[Link] = Places(self.size_limit + self.overflow_limit, options.max_waiting, self.clock)
        self.holders = Holders(self.clock)
        self.links = Links(self.holders, options.statement_timeout_s, options.cleanup_timeout_s)
        self.opening = Opening(options.connects_at_once, options.connect_timeout_s, self.numbers, self.clock)
        self.killing = Killing(driver, self._open_aside)
        self.closing = Closing(
            links=self.links,
            numbers=self.numbers,
            killing=self.killing,
            dialect=self.dialect.name,
            driver=driver,
            limit_s=options.cleanup_timeout_s,
            free_place=self.places.free,
        )
        self._line = Line(
            places=self.places,
            opening=self.opening,
            killing=self.killing,
            numbers=self.numbers,
            timeout_s=self.timeout_s,
            describe=lambda: (self.snapshot(), self.who()),
        )
        self.condition = Condition(self.dialect, options, self.numbers, self.clock, self._reset_wanted)
        self.keeping = Keeping(self)
        Statements.of(self.dialect).watch(self.links)

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
        successor.numbers.accounts = self.numbers.accounts
        successor.numbers.listeners = self.numbers.listeners
        return successor

    # --- taking one ---

    def _do_get(self) -> ConnectionPoolEntry:
        self.be_in_this_loop()
        began_s = self.clock()
        work = WORK.get()
        if work is not None:
            work.asks_for_connection()  # from here on the places show it: waiting, connecting, using
        account = self.numbers.account(work)
        try:
            link, reused = self._take(began_s)
        except BaseException:
            self.numbers.waited_in_vain(self.clock() - began_s, account)
            raise
        self._note_checkout(link, self.clock() - began_s, account, reused=reused)
        return link.record

    def _take(self, began_s: float) -> tuple[Link, bool]:
        """A connection, and whether it was open already."""
        reading = READING.get() and self._contact.may_switch
        got = self._line.take(began_s, self._suits(reading))
        try:
            link = self._ready(got, reading, began_s)
        except BaseException as error:
            self._give_up(got, error)
            raise
        return link, link is got

    def _suits(self, reading: bool) -> Callable[[Link], bool] | None:
        """Connections whose mode need not be changed come first: on MySQL that is a round trip, elsewhere none."""
        return (lambda link: link.reading is reading) if self.dialect.driver in drivers.MYSQL else None

    def _ready(self, got: Link | Open, reading: bool, began_s: float) -> Link:
        """A connection that works, as far as can be known without asking too often; else a new one in its place."""
        if not isinstance(got, Open):
            reason = self.condition.reason_to_replace(got) or self.condition.reason_not_to_switch(got, reading)
            if reason is None:
                return got
            self.closing.end(got, reason)
        try:
            link = self.open(self._line.connect_ends_s(began_s))
        except OutOfTimeError:
            raise self._line.out_of_time(began_s) from None
        try:
            link.set_reading(reading)  # it was set up for that, so nothing is sent; but psycopg waits
        except BaseException as error:
            self.closing.drop(link, error, "gave up")
            raise
        return link

    def _give_up(self, got: Link | Open, error: BaseException) -> None:
        """What was taken cannot be used: nothing of it may stay in the place."""
        if isinstance(got, Open):
            self.places.free()
            return
        if got.record.dbapi_connection is not None:
            self.closing.drop(got, error, "gave up")
        self.closing.place_of(got.record)

    def open(self, ends_s: float = math.inf) -> Link:
        """Open a connection in a place that is taken already."""
        record = self.opening.open(self._create_connection, ends_s)
        link = self.links.get(record.dbapi_connection)
        assert link is not None
        return link

    def _should_wrap_creator(self, creator: Any) -> Any:
        """Every connection is known from the moment it is open, also one that SQLAlchemy opens in place of another."""
        create = super()._should_wrap_creator(creator)

        def known(record: ConnectionPoolEntry) -> DBAPIConnection:
            self.closing.wait_for_end(record)
            connection: DBAPIConnection = create(record)
            driver, now = self.dialect.driver, self.clock()
            jitter = random.uniform(0, self.options.recycle_jitter)  # noqa: S311 - spreads the load
            limit_s = self.recycle_s * (1 - jitter) if self.recycle_s >= 0 else float("inf")
            link = Link(record, connection, driver, opened_s=now, age_limit_s=limit_s, idle_since_s=now)
            link.server_id = drivers.server_id(connection, driver)
            link.socket = drivers.socket_number(connection, driver)
            # On MySQL the set-up that follows lets it commit by itself, whoever will be its user.
            link.reading = READING.get() and self._contact.may_switch and driver in drivers.MYSQL
            self.links.add(link)
            self.numbers.counts["opened"] += 1
            return connection

        return known

    def _note_checkout(self, link: Link, waited_s: float, account: Account | None, *, reused: bool) -> None:
        link.rolled_back = link.in_pieces = False
        self.numbers.checked_out(waited_s, account, reused=reused)
        if self.options.track:
            link.checkout = self.holders.add(link.record, who_asks(), account)
        self.keeping.wake()

    # --- giving one back ---

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if record.dbapi_connection is not None:
            self._return(record)
            return
        # It was invalidated in its user's hands, or left the pool: with its user, or lost to the garbage collector,
        # as only the name of SQLAlchemy's function tells that led here.
        lost = sys._getframe(2).f_code.co_name == "_finalize_fairy"
        if self.is_elsewhere():
            self._from_elsewhere(self._return_without_connection, record, lost)
        else:
            self._return_without_connection(record, lost)

    def _return_without_connection(self, record: ConnectionPoolEntry, lost: bool) -> None:
        checkout = self._note_return(record)
        for link in self.links.of(record):
            self.closing.left_the_pool(link, checkout, lost=lost)
        self.closing.place_of(record)

    def _return(self, record: ConnectionPoolEntry) -> None:
        self._note_return(record)
        link = self.links.get(record.dbapi_connection)
        if link is None:
            self.closing.place_of(record)
            return
        link.checkout = None
        try:
            reason = self.condition.reset(link)
        except BaseException as error:
            failed = isinstance(error, Exception)
            self.closing.drop(link, error, "reset failed" if failed else "cancelled")
            self.closing.place_of(record)
            if failed:  # the connection goes; the user's own outcome stands
                return
            raise
        if reason is not None or self.places.surplus:
            self.closing.retire(link, reason or "surplus")
            return
        link.idle_since_s = self.clock()
        self.places.give_back(link)

    def _note_return(self, record: ConnectionPoolEntry) -> Checkout | None:
        checkout = self.holders.end(record)
        if checkout is not None:
            used_s = self.clock() - checkout.since_s
            self.numbers.returned(used_s, checkout.account)
            if checkout.reported:
                logger.warning("%s: returned after %.1f s, taken at %s", checkout.owner, used_s, checkout.place())
        return checkout

    def _close_connection(self, connection: DBAPIConnection, *, terminate: bool = False) -> None:
        """SQLAlchemy's one way of closing."""
        if self.is_elsewhere():
            self._from_elsewhere(self.closing.close, connection, None)
            return
        farewell = super()._close_connection
        # How a connection without a socket of ours is cut, only its dialect knows.
        driver = self.dialect.driver
        cut = terminate and driver in drivers.WITH_SOCKETS
        if terminate and not cut:
            drivers.interrupt(connection, driver)
        self.closing.close(connection, None if cut else lambda: farewell(connection, terminate=terminate))

    def _from_elsewhere(self, work: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None and not self._loop.is_closed() and self._pid == os.getpid():
            self._loop.call_soon_threadsafe(work, *arguments)

    # --- where it lives ---

    def be_in_this_loop(self) -> None:
        """Connections belong to one event loop of one process: in another, those of before are left alone."""
        loop = asyncio.get_running_loop()
        if self._loop is loop and self._pid == os.getpid():
            return
        if self._loop is not None:
            if self._pid != os.getpid():
                _ABANDONED.append((self.links, self.places))
            if len(self.links):
                logger.warning("the pool is used in another event loop or process than before: it connects anew")
                self.numbers.closed["left behind"] += len(self.links)
            self.keeping.stop()
            self._begin()
        self._loop, self._pid = loop, os.getpid()

    def _open_aside(self) -> DBAPIConnection:
        """A connection beside the limit, for `killing` only: not known to the books."""
        try:
            with Within(self.options.connect_timeout_s, again=True):
                connection: DBAPIConnection = super()._should_wrap_creator(self._creator)(cast(Any, None))
        except Exception as error:
            self.opening.failed(error)
            raise
        return connection


def _refuse_unsafe(dialect: Dialect | None) -> None:
    if dialect is not None and dialect.driver == "asyncmy" and (reason := missing(DRIVERS["mysql+asyncmy"])):
        raise ValueError(f"This engine {reason}")
