"""A session that knows when it has ended, whether it may write, and whether it wrote what nobody committed.

Everything else is SQLAlchemy's own: the class adds no query method and changes none."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction

from plimsoll.errors import ReadOnlySessionError, SessionEndedError, SharedConnectionError, StatementTimeoutError
from plimsoll.pool import OWNER, READING, PlimsollPool
from plimsoll.session.writing import own


class GuardedSession(Session):
    """The synchronous half, where SQLAlchemy does the work. Made only through `GuardedAsyncSession`."""

    owner: str = "unknown"
    read_only: bool = False
    ended: bool = False
    wrote: bool = False
    _task: "asyncio.Task[Any] | None" = None
    _taken: tuple[Connection, ...] = ()

    def _autobegin_t(self, begin: bool = False) -> SessionTransaction:
        # Every way to the database, and every add(), begins here.
        if self.ended:
            raise SessionEndedError(
                f"This session belonged to {self.owner} and has ended: its connection went back to the pool "
                "before the response was sent, and using it again would take one that nobody gives back. "
                "In a stream, a background task or any code that runs later, open one for the time it is "
                "needed: 'async with database.session() as session: ...'."
            )
        return super()._autobegin_t(begin)

    def _connection_for_bind(self, engine: Any, execution_options: Any = None, **kw: Any) -> Connection:
        # Where a statement takes its connection, a flush on a way of its own: the pool is told for whom, and
        # whether it is only to read.
        owner, reading = OWNER.set(self.owner), READING.set(self.read_only)
        try:
            return super()._connection_for_bind(engine, execution_options, **kw)
        finally:
            OWNER.reset(owner)
            READING.reset(reading)

    def took(self, connection: Connection) -> None:
        """A connection has joined the session's transaction."""
        self._taken = (*(each for each in self._taken if not each.closed), connection)
        own(connection, self.about_to_write)

    def let_go(self) -> None:
        """The session has ended. Its connections forget it: else they would refer to each other, for the garbage
        collector to find at every few requests."""
        for connection in self._taken:
            own(connection, None)
        self._taken = ()

    @property
    def ends_in_silence(self) -> bool:
        """Whether closing this session sends nothing to the server, as far as is known: its connections go back to
        the pool as they are."""
        return bool(self._taken) and all(each.closed or _is_settled(each) for each in self._taken)

    # --- statements ---

    def execute(self, *args: Any, **kw: Any) -> Any:
        """SQLAlchemy's, for one task at a time; the first read of a session for reading survives a lost connection."""
        return self._run(super().execute, *args, **kw)

    def scalar(self, *args: Any, **kw: Any) -> Any:
        """As `execute`."""
        return self._run(super().scalar, *args, **kw)

    def scalars(self, *args: Any, **kw: Any) -> Any:
        """As `execute`."""
        return self._run(super().scalars, *args, **kw)

    def flush(self, *args: Any, **kw: Any) -> None:
        """SQLAlchemy's, for one task at a time."""
        if self._is_clean():  # before each statement
            return
        before = self._enter()
        owner, reading = OWNER.set(self.owner), READING.set(self.read_only)
        try:
            super().flush(*args, **kw)
        finally:
            self._task = before
            OWNER.reset(owner)
            READING.reset(reading)

    def commit(self) -> None:
        """SQLAlchemy's, for one task at a time."""
        before = self._enter()
        try:
            super().commit()
        finally:
            self._task = before

    def _run(self, run: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        before = self._enter()
        try:
            if not self.read_only or self.in_transaction():
                return run(*args, **kw)
            try:
                return run(*args, **kw)
            except DBAPIError as error:
                # The connection broke under the first statement of a session that only reads: nothing was changed
                # and nothing was seen, so a fresh connection may be asked the same. What was too slow is not repeated.
                if not error.connection_invalidated or isinstance(error, StatementTimeoutError):
                    raise
            self.rollback()
            return run(*args, **kw)
        finally:
            self._task = before

    def _enter(self) -> "asyncio.Task[Any] | None":
        """The session is this task's now; whose it was, to be put back. No context manager: each statement comes here.

        Raises:
            SharedConnectionError: it is another task's.
        """
        task = asyncio.current_task()
        before = self._task
        if before is not None and before is not task:
            raise SharedConnectionError(_shared_words(self.owner, before, task))
        self._task = task
        return before

    # --- writes ---

    def lost_writes(self) -> str | None:
        """What was changed and not committed, in words for a log; None where nothing was."""
        if not self.wrote and self._is_clean():
            return None  # nearly always, and much cheaper than the sets below
        changed = [obj for obj in self.dirty if self.is_modified(obj)]
        counts = [
            f"{count} {word} {kind}"
            for word, objects in (("new", self.new), ("changed", changed), ("deleted", self.deleted))
            for kind, count in Counter(type(obj).__name__ for obj in objects).items()
        ]
        if self.wrote:
            counts.append("statements already sent")
        return ", ".join(counts) or None

    def about_to_write(self) -> None:
        """A statement that writes is about to be sent on a connection of this session."""
        self.refuse_to_write("a statement that changes data")
        self.wrote = True

    def refuse_to_write(self, what: str) -> None:
        """Raise where this session is for reading only."""
        if self.read_only:
            raise ReadOnlySessionError(
                f"{self.owner} has a session for reading and tried to write: {what}. "
                "Use SessionDep (and commit) or TransactionDep in a route that writes, "
                "database.session() or database.transaction() elsewhere."
            )


def _is_settled(connection: Connection) -> bool:
    """Whether the pool takes it back without a word to the server."""
    pool = connection.engine.pool
    if connection.invalidated or not isinstance(pool, PlimsollPool):
        return False
    link = pool.links.get(connection.connection.dbapi_connection)
    if link is None or pool.places.surplus:
        return False
    return not (link.ended or link.querying or link.must_close or link.in_pieces or link.in_transaction)


def _shared_words(owner: str, one: "asyncio.Task[Any]", other: "asyncio.Task[Any] | None") -> str:
    return (
        f"The session of {owner} is in use by the task {one.get_name()!r}, and "
        f"{other.get_name() if other else 'other code'!r} used it as well before that was done. A session belongs to "
        "one task at a time: give each task of gather() or a TaskGroup one of its own ('async with database.session() "
        "as session: ...'), or run the statements one after the other."
    )


class GuardedAsyncSession(AsyncSession):
    """SQLAlchemy's `AsyncSession` over a `GuardedSession`."""

    sync_session_class = GuardedSession
    sync_session: GuardedSession


@event.listens_for(GuardedSession, "before_flush")
def _before_flush(session: GuardedSession, _context: UOWTransaction, _instances: object) -> None:
    if session.read_only and (lost := session.lost_writes()):
        session.refuse_to_write(lost)


@event.listens_for(GuardedSession, "after_begin")
def _after_begin(session: GuardedSession, _transaction: SessionTransaction, connection: Connection) -> None:
    session.took(connection)


@event.listens_for(GuardedSession, "after_commit")
@event.listens_for(GuardedSession, "after_rollback")
def _settled(session: GuardedSession) -> None:
    # A savepoint's end settles nothing for the transaction around it.
    if not session.in_nested_transaction():
        session.wrote = False
