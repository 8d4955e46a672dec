"""One open connection as the pool knows it, and the questions that are asked of it without asking the server."""

import asyncio
import time
from dataclasses import dataclass
from functools import partial

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from plimsoll.errors import ConnectionEndedError, SharedConnectionError, StatementTimeoutError
from plimsoll.pool import drivers
from plimsoll.pool.context import deadline_s
from plimsoll.pool.holders import Checkout, Holder, Holders, shortened
from plimsoll.pool.limits import Within
from plimsoll.pool.numbers import safely

TOO_LATE = (
    "the request's time was up before its commit: nothing was committed, what its transaction did is rolled back. "
    "The limit is REQUEST_TIMEOUT, or what a proxy allowed the request. Make the work shorter, or commit in parts."
)


@dataclass(slots=True, eq=False)
class Link:
    """What the pool knows of one open connection. Times are the pool's clock."""

    record: ConnectionPoolEntry
    connection: DBAPIConnection
    driver: str
    opened_s: float
    age_limit_s: float
    idle_since_s: float
    server_id: int | None = None
    socket: int | None = None
    querying: bool = False
    """Whether something was sent that was not answered."""
    used: bool = False
    """Whether a statement was sent since the last commit or roll-back."""
    rolled_back: bool = False
    """Whether nothing was sent since the last commit or roll-back in this use, for drivers that do not say."""
    must_close: bool = False
    """Whether a statement left something that a roll-back does not take back."""
    in_pieces: bool = False
    """Whether a statement of this use fetches its rows as they are asked for: then there may be something to end."""
    reading: bool = False
    """Whether the pool has let its statements commit by themselves."""
    sent_s: float = 0.0
    answered_s: float = 0.0
    ended: str = ""
    """Why it was ended in its user's hands, in words for the user."""
    killed: bool = False
    """Whether the server was asked to end it, and may have yet to do so."""
    taken_back: bool = False
    """Whether its place was taken from its user, who still has it: it is not of the pool any more."""
    checkout: Checkout | None = None

    @property
    def is_closed_here(self) -> bool:
        """Whether its driver knows that the connection is gone."""
        return drivers.is_closed(self.connection, self.driver)

    @property
    def is_closed(self) -> bool:
        """Whether this machine knows that the connection is gone: its driver, or the socket."""
        return self.is_closed_here or (self.socket is not None and drivers.hung_up(self.socket))

    @property
    def autocommits(self) -> bool:
        """Whether statements outside an explicit transaction commit by themselves."""
        return drivers.autocommits(self.connection, self.driver)

    def set_reading(self, on: bool) -> None:
        """Before its user gets it: statements commit by themselves where it is only to read. What an engine or a
        user sets otherwise is left alone."""
        if on is self.reading:
            return
        if on:
            if not self.autocommits:
                drivers.set_autocommit(self.connection, self.driver, True)
            self.reading = True
        else:
            if self.autocommits:
                drivers.set_autocommit(self.connection, self.driver, False)
            self.reading = False

    @property
    def in_transaction(self) -> bool:
        """Whether there may be anything to commit or to roll back.

        aiomysql does not keep the status flags that come with rows, so on MySQL a statement since the last end counts
        as well, unless each commits by itself.
        """
        if self.driver not in drivers.KNOWN:
            return not self.rolled_back
        if drivers.in_transaction(self.connection, self.driver):
            return True
        return self.used and self.driver in drivers.MYSQL and not self.autocommits

    @property
    def state(self) -> str:
        """What it does in its user's hands."""
        if self.querying:
            return "querying"
        return "idle in transaction" if self.in_transaction else "idle"


class Links:
    """All open connections of a pool, by the adapted connection; the `Watcher` of its dialect's statements."""

    def __init__(self, holders: Holders, statement_timeout_s: float, cleanup_timeout_s: float) -> None:
        self._holders = holders
        self._timeout_s = statement_timeout_s or None
        self._cleanup_timeout_s = cleanup_timeout_s
        self._by_connection: dict[int, Link] = {}

    def __len__(self) -> int:
        return len(self._by_connection)

    def add(self, link: Link) -> None:
        """A connection was opened, perhaps in a record that is in use already."""
        link.checkout = self._holders.get(link.record)
        self._by_connection[id(link.connection)] = link

    def get(self, connection: DBAPIConnection | None) -> Link | None:
        """What is known of it."""
        return self._by_connection.get(id(connection))

    def remove(self, connection: DBAPIConnection) -> Link | None:
        """A connection is closed, or not ours any more."""
        return self._by_connection.pop(id(connection), None)

    def of(self, record: ConnectionPoolEntry) -> list[Link]:
        """Those of a record: one, or none."""
        return [link for link in self._by_connection.values() if link.record is record]

    def clear(self) -> None:
        """Forget all."""
        self._by_connection.clear()

    def in_use(self) -> list[Link]:
        """Those in somebody's hands."""
        return [link for link in self._by_connection.values() if link.checkout is not None]

    def server_ids(self) -> list[int]:
        """What the server calls them, in order."""
        links = self._by_connection.values()
        return sorted(link.server_id for link in links if link.server_id is not None and not link.taken_back)

    def quiet_s(self) -> float | None:
        """How long ago the server has last answered on any of them; None where there is none."""
        times_s = [max(link.opened_s, link.answered_s) for link in self._by_connection.values()]
        return self._holders.clock() - max(times_s) if times_s else None

    # --- what `statements` reports ---

    def knows(self, connection: DBAPIConnection) -> bool:
        """Whether the connection is one of these."""
        return id(connection) in self._by_connection

    def begins(self, connection: DBAPIConnection, statement: str, *, leaves_state: bool, in_pieces: bool) -> None:
        """Something is about to be sent.

        Raises:
            SharedConnectionError: something else was, and is not answered.
            ConnectionEndedError: the connection was ended.
        """
        link = self._by_connection[id(connection)]
        if link.ended:
            raise ConnectionEndedError(link.ended)
        if link.querying:
            raise SharedConnectionError(_shared_words(link.checkout))
        link.querying = link.used = True
        link.rolled_back = False
        link.must_close = link.must_close or leaves_state
        if link.checkout is not None:
            link.checkout.statement = statement
            link.checkout.statements += 1
        link.sent_s = self._holders.clock()
        link.in_pieces = link.in_pieces or in_pieces
        if in_pieces and link.reading and link.driver not in drivers.MYSQL:
            # PostgreSQL's cursors live in a transaction.
            drivers.set_autocommit(connection, link.driver, False)
            link.reading = False

    def fetches(self, connection: DBAPIConnection) -> None:
        """More rows are about to be waited for."""
        link = self._by_connection.get(id(connection))
        if link is not None:
            link.querying = True
            link.sent_s = self._holders.clock()

    def ends(self, connection: DBAPIConnection) -> None:
        """It was answered."""
        link = self._by_connection.get(id(connection))
        if link is not None:
            link.querying = False
            link.answered_s = self._holders.clock()

    def ran(self, connection: DBAPIConnection, statement: str, rows: int, *, failed: bool = False) -> None:
        """A statement that `begins` was told of has ended, in whatever way."""
        link = self._by_connection.get(id(connection))
        if link is not None and link.checkout is not None and link.checkout.account is not None:
            safely(link.checkout.account.ran, statement, self._holders.clock() - link.sent_s, rows, failed)

    def fetched(self, connection: DBAPIConnection, rows: int) -> None:
        """What `fetches` was told of has come: of the last statement, as a rule."""
        link = self._by_connection.get(id(connection))
        if link is not None and link.checkout is not None and link.checkout.account is not None:
            took_s = self._holders.clock() - link.sent_s
            safely(link.checkout.account.fetched, link.checkout.statement, took_s, rows)

    def ended(self, connection: DBAPIConnection) -> str:
        """Why it was ended in its user's hands, in words; empty where it was not."""
        link = self._by_connection.get(id(connection))
        return "" if link is None else link.ended

    def in_time(self, connection: DBAPIConnection, *, clean_up: bool = False, commit: bool = False) -> Within:
        """The limit of what is sent now: that of statements, or what is left of the request's time. A roll-back has
        its own. A commit may go on for as long as one: to give it up leaves its outcome unknown."""
        seconds = self._cleanup_timeout_s if clean_up else self._time_left(self._cleanup_timeout_s if commit else 0.0)
        link = self._by_connection.get(id(connection))
        if link is None or link.socket is None or link.driver != "psycopg":
            return Within(seconds)
        # When it is cancelled psycopg asks the server to end the query, and waits twice for 5 s: a server that is
        # frozen answers neither.
        return Within(seconds, partial(drivers.hang_up, link.socket))

    def _time_left(self, least_s: float) -> float | None:
        deadline = deadline_s()
        if deadline is None:
            return self._timeout_s
        left_s = max(least_s, deadline - time.monotonic())
        return left_s if self._timeout_s is None else min(left_s, self._timeout_s)

    def transaction_ends(self, connection: DBAPIConnection, *, commit: bool) -> bool:
        """A commit or a roll-back is due; whether anything has to be sent for it.

        Raises:
            ConnectionEndedError: a commit, and the connection was ended.
            StatementTimeoutError: a commit, and the request's time is up: nothing was sent.
        """
        link = self._by_connection[id(connection)]
        if link.ended:
            if commit:
                raise ConnectionEndedError(link.ended)
            return False
        if commit and self._time_left(0.0) == 0.0:
            raise StatementTimeoutError(TOO_LATE, TimeoutError("the request's time was up"))
        if link.driver in drivers.KNOWN and not link.in_transaction:
            return False
        link.querying = True
        return True

    def transaction_ended(self, connection: DBAPIConnection) -> None:
        """It was answered."""
        link = self._by_connection.get(id(connection))
        if link is not None:
            link.querying = link.used = False
            link.rolled_back = True
            link.answered_s = self._holders.clock()

    # --- who ---

    def held(self, number: int) -> Link | None:
        """The connection of the checkout with this number."""
        for link in self._by_connection.values():
            if link.checkout is not None and link.checkout.number == number:
                return link
        return None

    def who(self) -> list[Holder]:
        """Who holds a connection now, the oldest first."""
        links = {id(link.record): link for link in self._by_connection.values()}
        found = [self._holder(links.get(key), checkout) for key, checkout in self._holders]
        return sorted(found, key=lambda holder: -holder.age_s)

    def _holder(self, link: Link | None, checkout: Checkout) -> Holder:
        return Holder(
            owner=checkout.owner,
            age_s=self._holders.clock() - checkout.since_s,
            state=link.state if link is not None else "lost",
            place=checkout.place(),
            statement=shortened(checkout.statement),
            statements=checkout.statements,
            server_id=link.server_id if link else None,
            number=checkout.number,
            stack=checkout.frames(),
        )


def _shared_words(checkout: Checkout | None) -> str:
    task = asyncio.current_task()
    other = f"{checkout.owner} (taken at {checkout.place()})" if checkout is not None else "another task"
    return (
        f"The task {task.get_name() if task else 'of this code'!r} sent a statement on a connection on which one "
        f"of {other} is still running. A session or connection belongs to one task at a time: give each of the "
        "tasks in gather() or a TaskGroup one of its own ('async with database.session() as session: ...'), or run the "
        "statements one after the other."
    )
