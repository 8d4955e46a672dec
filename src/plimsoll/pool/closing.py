"""The end of connections: closed politely or cut, counted once, and their places kept until the server has let go."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from plimsoll.pool import drivers
from plimsoll.pool.holders import Checkout, last_words
from plimsoll.pool.killing import Killing
from plimsoll.pool.limits import Within
from plimsoll.pool.links import Link, Links
from plimsoll.pool.numbers import Numbers

logger = logging.getLogger("plimsoll.pool")

DEAD = ("closed by the server", "invalidated", "ping failed", "mode switch failed")
"""Reasons after which no farewell can reach the server."""


@dataclass(slots=True)
class Closing:
    """Closes the connections of one pool. `free_place` is called when a connection's place may be taken again."""

    links: Links
    numbers: Numbers
    killing: Killing
    dialect: str
    driver: str
    limit_s: float
    free_place: Callable[[], None]
    _reason: str | None = None
    _doomed: dict[int, int] = field(default_factory=dict)
    _taken_back: dict[int, ConnectionPoolEntry] = field(default_factory=dict)
    """Records whose place was given to others while their users still have them."""

    def politely(self, link: Link, reason: str) -> None:
        """With a farewell, where something can be sent. The place stays taken."""
        with self._because(reason):
            if in_greenlet():
                link.record.close()
            else:
                link.record.invalidate()

    def end(self, link: Link, reason: str) -> None:
        """Politely, or without a word where no farewell can reach the server. The place stays taken."""
        if reason in DEAD:
            self.drop(link, None, reason)
        else:
            self.politely(link, reason)

    def retire(self, link: Link, reason: str) -> None:
        """End a connection and give its place, also where that is cancelled: then it is cut."""
        try:
            self.end(link, reason)
        finally:
            self.place_of(link.record)

    def drop(self, link: Link, error: BaseException | None, reason: str) -> None:
        """Without a word. The place stays taken."""
        with self._because(reason):
            link.record.invalidate(error)

    @contextlib.contextmanager
    def _because(self, reason: str) -> Iterator[None]:
        self._reason = reason
        try:
            yield
        finally:
            self._reason = None

    def close(self, connection: DBAPIConnection, say_farewell: Callable[[], None] | None) -> None:
        """The one way on which every connection ends, counted here. None cuts the socket."""
        link = self.links.remove(connection)
        if link is not None and not link.taken_back:
            self.numbers.closed_one(_reason(self._reason, link, cut=say_farewell is None))
            if (link.querying or link.killed) and link.server_id is not None:
                self._doomed[id(link.record)] = link.server_id
        if say_farewell is None:
            drivers.cut(connection, self.driver)
            return
        try:
            with Within(self.limit_s):
                say_farewell()
        except TimeoutError:
            drivers.cut(connection, self.driver)
        except BaseException:
            drivers.cut(connection, self.driver)
            raise

    def left_the_pool(self, link: Link, checkout: Checkout | None, *, lost: bool) -> None:
        """A connection that was not closed is not ours any more: its user took it out of the pool, or its user was lost
        to the garbage collector, and SQLAlchemy closes it next."""
        self.links.remove(link.connection)
        if link.taken_back:
            return
        self.numbers.closed_one("lost" if lost else "detached")
        if link.querying and link.server_id is not None:
            self._doomed[id(link.record)] = link.server_id
        if lost:
            # SQLAlchemy leaves psycopg's to the garbage collector, who may come to it much later.
            drivers.cut(link.connection, self.driver)
        if lost and checkout is not None:
            self.numbers.counts["lost"] += 1
            words = _lost_words(checkout, self.dialect)
            self.numbers.report("leak", words)
            logger.error("%s", words)

    def place_of(self, record: ConnectionPoolEntry) -> None:
        """The connection of a record is gone. Its place is free, unless the server still works for it, or it was given
        to others before."""
        if self._taken_back.pop(id(record), None) is not None:
            return
        server_id = self._doomed.pop(id(record), None)
        if server_id is None:
            self.free_place()
        else:
            self.killing.add(server_id, self.free_place)

    def wait_for_end(self, record: ConnectionPoolEntry) -> None:
        """Before a record whose user goes on gets another connection: the server must have let go of the one before."""
        server_id = self._doomed.pop(id(record), None)
        if server_id is None:
            return
        gone = asyncio.Event()
        self.killing.add(server_id, gone.set)
        try:
            await_only(gone.wait())
        except BaseException:
            self._doomed[id(record)] = server_id
            raise

    def end_in_hands(self, link: Link, words: str) -> None:
        """End a connection in its user's hands, who is told when it uses it again; the place stays taken."""
        link.ended = words
        if link.socket is None:
            drivers.cut(link.connection, self.driver)
        else:  # the driver's own object stays usable, so that its user gets these words and not the driver's
            drivers.hang_up(link.socket)

    def kill(self, link: Link, words: str, gone: Callable[[], None]) -> None:
        """End what runs on a connection in its user's hands, who is told; `gone` is called when the server has done
        it. The place stays taken until its user has returned it."""
        link.ended = words
        if link.server_id is None:
            drivers.interrupt(link.connection, self.driver)
            gone()
        else:
            link.killed = True
            self.killing.add(link.server_id, gone)

    def take_back(self, link: Link, words: str, gone: Callable[[], None]) -> None:
        """End a connection in its user's hands and give its place to others, as soon as the server has let go of it;
        then `gone` is called. Its user is told when it uses it again."""
        link.taken_back, link.checkout = True, None
        self._taken_back[id(link.record)] = link.record
        self.numbers.closed_one("taken back")
        self.end_in_hands(link, words)

        def free() -> None:
            self.free_place()
            gone()

        if link.server_id is None:
            free()
        else:
            self.killing.add(link.server_id, free)


def _reason(reason: str | None, link: Link, *, cut: bool) -> str:
    if link.killed:
        return "killed"
    return reason or ("invalidated" if cut else "closed")


def _lost_words(checkout: Checkout, dialect: str) -> str:
    return (
        f"{checkout.owner} lost a database connection: what held it was garbage-collected without giving it back. It "
        f"was closed, and its place in the pool is free again. Use 'async with' for sessions and connections. "
        f"{last_words(checkout, dialect)}"
    )
