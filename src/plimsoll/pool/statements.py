"""Sees each statement pass between SQLAlchemy and the driver: which connection runs what, and whether the server's
own flag says that there is anything to roll back or to commit.

The functions of the engine's dialect object are wrapped, on that object only; a dialect that is shared by the pool's
successor (after `engine.dispose()`) is not wrapped twice."""

import re
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

from plimsoll.pool import drivers

_MARK = "_plimsoll_statements"

_LEAVES_STATE = re.compile(
    r"^\s*(?:set\s+(?!local\b|transaction\b|constraints\b)|lock\s+tables|use\s|listen\b|prepare\b|load\b|handler\b)"
    r"|\b(?:create\s+(?:local\s+|global\s+)?temp|get_lock\s*\(|is_used_lock|pg_(?:try_)?advisory_lock|set_config\s*\()"
    r"|\bwith\s+hold\b|@\w+\s*:=",
    re.IGNORECASE,
)
"""Statements whose effect outlives their transaction: session variables, temporary tables, named locks, cursors."""


class Watcher(Protocol):
    """What the pool wants to hear."""

    def statement_begins(self, connection: DBAPIConnection, statement: str, leaves_state: bool) -> None:
        """`statement` is about to be sent on `connection`."""

    def statement_ends(self, connection: DBAPIConnection) -> None:
        """It was answered."""

    def in_transaction(self, connection: DBAPIConnection) -> bool:
        """Whether there may be anything to commit or to roll back."""

    def transaction_ended(self, connection: DBAPIConnection) -> None:
        """The server has answered a commit or a roll-back."""


class Statements:
    """The wrapped functions of one dialect, and the pool that listens now."""

    def __init__(self, dialect: Dialect) -> None:
        self.watcher: Watcher | None = None
        self._driver = dialect.driver
        self._known: dict[str, bool] = {}
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            setattr(dialect, name, self._watched(getattr(dialect, name)))
        if dialect.driver in drivers.MYSQL:
            # The other drivers look at their own flag before they send anything.
            for name in ("do_rollback", "do_commit"):
                setattr(dialect, name, self._if_in_transaction(getattr(dialect, name)))

    @classmethod
    def of(cls, dialect: Dialect) -> "Statements":
        """The one of this dialect object."""
        found: Statements | None = dialect.__dict__.get(_MARK)
        if found is None:
            found = cls(dialect)
            dialect.__dict__[_MARK] = found
        return found

    def _watched(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        def watched(cursor: Any, statement: str, *rest: Any, **named: Any) -> Any:
            watcher = self.watcher
            connection = getattr(cursor, "_adapt_connection", None)
            if watcher is None or connection is None:
                return execute(cursor, statement, *rest, **named)
            watcher.statement_begins(connection, statement, self.leaves_state(statement))
            try:
                result = execute(cursor, statement, *rest, **named)
            except Exception:
                watcher.statement_ends(connection)  # answered by an error; what was given up is not answered
                raise
            watcher.statement_ends(connection)
            return result

        return watched

    def _if_in_transaction(self, end: Callable[..., Any]) -> Callable[..., Any]:
        def if_in_transaction(connection: Any) -> None:
            watcher = self.watcher
            # SQLAlchemy hands over its proxy of the connection at the return to the pool.
            adapted = getattr(connection, "dbapi_connection", connection)
            if watcher is None or watcher.in_transaction(adapted):
                end(connection)
                if watcher is not None:
                    watcher.transaction_ended(adapted)

        return if_in_transaction

    def leaves_state(self, statement: str) -> bool:
        """Whether something of it would be seen by the connection's next user. Remembered by text, a bounded number."""
        known = self._known.get(statement)
        if known is None:
            if len(self._known) > 2000:
                self._known.clear()
            known = self._known[statement] = _LEAVES_STATE.search(statement) is not None
        return known
