"""Sees each statement, commit and roll-back pass between SQLAlchemy and the driver: which connection runs what, for how
long it may, and whether there is anything to commit or to roll back at all.

The functions of the engine's dialect object are wrapped, on that object only; a dialect that is shared by the pool's
successor (after `engine.dispose()`) is not wrapped twice."""

import re
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

from plimsoll.errors import ConnectionEndedError, StatementTimeoutError
from plimsoll.pool.context import WORK
from plimsoll.pool.limits import Within

_MARK = "_plimsoll_statements"

_PIECEWISE: dict[str, Callable[[Any], int]] = {
    "fetchone": lambda row: row is not None,
    "fetchmany": lambda rows: len(rows or ()),
    "fetchall": lambda rows: len(rows or ()),
    "close": lambda _nothing: 0,
}
"""What a server-side cursor waits in for the server, and how many rows that gave: MySQL's drivers read the rest of the
rows when it is closed."""

_LEAVES_STATE = re.compile(
    r"^\s*(?:set\s+(?!local\b|transaction\b|constraints\b)|lock\s+tables|use\s|listen\b|prepare\b|load\b|handler\b)"
    r"|\b(?:create\s+(?:local\s+|global\s+)?temp|get_lock\s*\(|is_used_lock|pg_(?:try_)?advisory_lock|set_config\s*\()"
    r"|\bwith\s+hold\b|@\w+\s*:=",
    re.IGNORECASE,
)
"""Statements whose effect outlives their transaction: session variables, temporary tables, named locks, cursors."""


class Watcher(Protocol):
    """What the pool wants to hear. `connection` is SQLAlchemy's adapted connection."""

    def knows(self, connection: DBAPIConnection) -> bool:
        """Whether the connection is one of its own."""

    def begins(self, connection: DBAPIConnection, statement: str, *, leaves_state: bool, in_pieces: bool) -> None:
        """`statement` is about to be sent, its rows to be fetched in pieces or at once.

        Raises:
            SharedConnectionError: another statement is running on the connection.
            ConnectionEndedError: the connection was ended: its transaction idled too long, or an operator said so.
        """

    def fetches(self, connection: DBAPIConnection) -> None:
        """More rows of a statement are about to be waited for."""

    def ends(self, connection: DBAPIConnection) -> None:
        """What was sent was answered."""

    def ran(self, connection: DBAPIConnection, statement: str, rows: int, *, failed: bool = False) -> None:
        """A statement that `begins` was told of has ended: was answered, given up or cancelled."""

    def fetched(self, connection: DBAPIConnection, rows: int) -> None:
        """So many rows have come after `fetches`."""

    def ended(self, connection: DBAPIConnection) -> str:
        """Why the connection was ended in its user's hands, in words; empty where it was not."""

    def in_time(self, connection: DBAPIConnection, *, clean_up: bool = False, commit: bool = False) -> Within:
        """The limit of what is sent now."""

    def transaction_ends(self, connection: DBAPIConnection, *, commit: bool) -> bool:
        """A commit or a roll-back is due; whether anything has to be sent for it.

        Raises:
            ConnectionEndedError: a commit, and the transaction was ended before.
            StatementTimeoutError: a commit, and the request's time is up: nothing was sent.
        """

    def transaction_ended(self, connection: DBAPIConnection) -> None:
        """The server has answered it."""

    def __len__(self) -> int:
        """How many connections it has."""


class Statements:
    """The wrapped functions of one dialect, and those who watch its connections."""

    def __init__(self, dialect: Dialect) -> None:
        self._watchers: tuple[Watcher, ...] = ()
        self._known: dict[str, bool] = {}
        self._limited: dict[type, type] = {}
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            setattr(dialect, name, self._watched(getattr(dialect, name)))
        for name in ("do_rollback", "do_commit"):
            setattr(dialect, name, self._ending(getattr(dialect, name), commit=name == "do_commit"))
        event.listen(dialect, "handle_error", self._a_lost_connection)

    @classmethod
    def of(cls, dialect: Dialect) -> "Statements":
        """The one of this dialect object."""
        found: Statements | None = dialect.__dict__.get(_MARK)
        if found is None:
            found = cls(dialect)
            dialect.__dict__[_MARK] = found
        return found

    def watch(self, watcher: Watcher) -> None:
        """From now on `watcher` hears of its connections; so does one before it while it has any."""
        self._watchers = (watcher, *(before for before in self._watchers if len(before)))

    def _watcher_of(self, connection: DBAPIConnection | None) -> Watcher | None:
        if connection is not None:
            for watcher in self._watchers:
                if watcher.knows(connection):
                    return watcher
        return None

    def _watched(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        def watched(cursor: Any, statement: str, *rest: Any, **named: Any) -> Any:
            connection = getattr(cursor, "_adapt_connection", None)
            watcher = self._watcher_of(connection)
            if watcher is None or connection is None:
                return execute(cursor, statement, *rest, **named)
            in_pieces = cursor.server_side
            watcher.begins(connection, statement, leaves_state=self.leaves_state(statement), in_pieces=in_pieces)
            limit = watcher.in_time(connection)
            try:
                with limit:
                    result = execute(cursor, statement, *rest, **named)
            except BaseException as error:
                watcher.ran(connection, statement, 0, failed=True)
                if isinstance(error, TimeoutError):  # what was given up was not answered
                    raise _statement_timeout(limit.seconds, error) from None
                if isinstance(error, Exception):
                    watcher.ends(connection)  # answered by an error
                raise
            watcher.ends(connection)
            watcher.ran(connection, statement, 0 if in_pieces else _rows(cursor))
            if in_pieces:
                cursor.__class__ = self._with_limits(type(cursor))
            return result

        return watched

    def _ending(self, end: Callable[..., Any], *, commit: bool) -> Callable[..., Any]:
        def ending(connection: Any) -> None:
            # SQLAlchemy hands over its proxy of the connection at the return to the pool.
            adapted = getattr(connection, "dbapi_connection", connection)
            watcher = self._watcher_of(adapted)
            if watcher is None:
                end(connection)
            elif watcher.transaction_ends(adapted, commit=commit):
                limit = watcher.in_time(adapted, clean_up=not commit, commit=commit)
                work = WORK.get() if commit else None
                if work is not None:
                    work.committing += 1
                try:
                    with limit:
                        end(connection)
                except TimeoutError as error:
                    raise _statement_timeout(limit.seconds, error, commit=commit) from None
                except Exception:
                    watcher.ends(adapted)
                    raise
                finally:
                    if work is not None:
                        work.committing -= 1
                watcher.transaction_ended(adapted)

        return ending

    def _a_lost_connection(self, context: ExceptionContext) -> ConnectionEndedError | None:
        """What was given up, or ended, leaves a connection that nobody can use; the others are as good as before."""
        told = isinstance(context.original_exception, (StatementTimeoutError, ConnectionEndedError))
        words = "" if told else self._words_of_end(context)
        if told or words:
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False
        return ConnectionEndedError(words) if words else None

    def _words_of_end(self, context: ExceptionContext) -> str:
        """Why the connection was ended in its user's hands, where a driver met that before we could say so."""
        proxy = getattr(context.connection, "_dbapi_connection", None)
        connection = getattr(proxy, "dbapi_connection", None)
        watcher = self._watcher_of(connection)
        return watcher.ended(connection) if watcher is not None and connection is not None else ""

    def _with_limits(self, kind: type) -> type:
        """The class of a server-side cursor, with a time limit for each piece that it fetches."""
        found = self._limited.get(kind)
        if found is None:
            methods = {name: self._in_time(getattr(kind, name), rows) for name, rows in _PIECEWISE.items()}
            found = type(kind.__name__, (kind,), {"__slots__": (), **methods})
            self._limited[kind] = self._limited[found] = found
        return found

    def _in_time(self, fetch: Callable[..., Any], count: Callable[[Any], int]) -> Callable[..., Any]:
        def in_time(cursor: Any, *args: Any, **named: Any) -> Any:
            connection = cursor._adapt_connection
            watcher = self._watcher_of(connection)
            if watcher is None:
                return fetch(cursor, *args, **named)
            watcher.fetches(connection)
            limit = watcher.in_time(connection)
            try:
                with limit:
                    rows = fetch(cursor, *args, **named)
            except TimeoutError as error:
                raise _statement_timeout(limit.seconds, error) from None
            except Exception:
                watcher.ends(connection)
                raise
            watcher.ends(connection)
            watcher.fetched(connection, count(rows))
            return rows

        return in_time

    def leaves_state(self, statement: str) -> bool:
        """Whether something of it would be seen by the connection's next user. Remembered by text, a bounded number."""
        known = self._known.get(statement)
        if known is None:
            if len(self._known) > 2000:
                self._known.clear()
            known = self._known[statement] = _LEAVES_STATE.search(statement) is not None
        return known


def _rows(cursor: Any) -> int:
    """How many rows came or were changed; SQLite's driver does not tell of those that came."""
    count: int = cursor.rowcount
    return count if count >= 0 else len(cursor._rows)


def _statement_timeout(limit_s: float | None, error: BaseException, *, commit: bool = False) -> StatementTimeoutError:
    outcome = (
        "It was the commit: whether it took effect is not known"
        if commit
        else "What its transaction did is rolled back"
    )
    words = (
        f"the database did not answer within {limit_s or 0:.2f} s: the statement was given up and its connection "
        f"closed. {outcome}. The limit is DB_STATEMENT_TIMEOUT, or what was left of the request's own time. Look for a "
        "lock that it waits for, a missing index, or a server that hangs."
    )
    return StatementTimeoutError(words, error, outcome_unknown=commit)
