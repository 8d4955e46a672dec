"""The first words on a connection, in as few statements as will do.

SQLAlchemy sets up each connection, and asks an engine's first one five questions, one statement each. Here its own code
runs on a stand-in for the connection, which folds the set-up into one statement and has asked all questions at once;
what it does not know, it passes on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.util.concurrency import in_greenlet

from plimsoll.pool import drivers
from plimsoll.pool.connecting import connect_of
from plimsoll.pool.context import READING

_MARK = "_plimsoll_contact"

_ISOLATION = {True: "@@tx_isolation", False: "@@transaction_isolation"}
"""By whether the server is MariaDB; MySQL has both up to 5.7."""

_POSTGRESQL = {
    "select pg_catalog.version()": "pg_catalog.version()",
    "select current_schema()": "current_schema()",
    "show transaction isolation level": "current_setting('transaction_isolation')",
    "show standard_conforming_strings": "current_setting('standard_conforming_strings')",
}
_HSTORE = "to_regtype('hstore') IS NOT NULL"


def _mysql_questions(connection: DBAPIConnection) -> dict[str, str]:
    asked = (
        "VERSION()",
        "DATABASE()",
        _ISOLATION[drivers.is_mariadb(connection)],
        "@@sql_mode",
        "@@lower_case_table_names",
    )
    return {f"SELECT {expression}": expression for expression in asked}


class Contact:
    """Wraps a dialect's `on_connect` and `initialize`, on that object only."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.may_switch = getattr(dialect, "_on_connect_isolation_level", None) is None
        """Whether the pool decides if statements commit by themselves: neither the engine nor its user does."""
        if dialect.driver in drivers.MYSQL:
            event.listen(dialect, "do_connect", self._before_connect)
            dialect.on_connect = self._on_connect(dialect.on_connect)  # type: ignore[method-assign]
        if dialect.driver in ("psycopg", "aiosqlite"):
            event.listen(dialect, "do_connect", self._connect_whole)
        if dialect.driver in drivers.WITH_SOCKETS:
            dialect.initialize = self._initialize(dialect.initialize)  # type: ignore[method-assign, assignment]

    @classmethod
    def of(cls, dialect: Dialect) -> "Contact":
        """The one of this dialect object."""
        found: Contact | None = dialect.__dict__.get(_MARK)
        if found is None:
            found = dialect.__dict__[_MARK] = cls(dialect)
        return found

    def _before_connect(self, _dialect: Dialect, _record: object, _args: object, arguments: dict[str, Any]) -> None:
        """The driver would send a statement of its own for this; `_on_connect` adds it to another."""
        if "autocommit" in arguments:
            self.may_switch = False
        elif self.may_switch:
            arguments["autocommit"] = None

    def _connect_whole(self, dialect: Dialect, _record: object, _args: object, arguments: dict[str, Any]) -> None:
        """Unless its user says how to connect."""
        arguments.setdefault("async_creator_fn", connect_of(dialect.driver))

    def _on_connect(self, original: Callable[[], Callable[[Any], Any] | None]) -> Callable[[], Callable[[Any], Any]]:
        def on_connect() -> Callable[[Any], Any]:
            set_up = original()

            def folded(connection: DBAPIConnection) -> None:
                on = READING.get()
                added = f", autocommit = {int(on)}" if self.may_switch else ""
                if set_up is not None:
                    set_up(_StandIn(connection, {}, added))
                if added:
                    drivers.note_autocommit(connection, self._dialect.driver, on)
                if self.may_switch and drivers.autocommits(connection, self._dialect.driver) is not on:
                    drivers.set_autocommit(connection, self._dialect.driver, on)  # there was nothing to fold it into

            return folded

        return on_connect

    def _initialize(self, original: Callable[[Connection], None]) -> Callable[[Connection], None]:
        def initialize(connection: Connection) -> None:
            adapted = connection.connection.dbapi_connection
            answers = self._ask(adapted) if adapted is not None and in_greenlet() else {}
            original(_StandIn(connection, answers))  # type: ignore[arg-type]

        return initialize

    def _ask(self, connection: DBAPIConnection) -> Mapping[str, Any]:
        """The answers by question; none where the server does not know one of them."""
        driver = self._dialect.driver
        committing = drivers.autocommits(connection, driver)
        if driver in drivers.MYSQL:
            questions = _mysql_questions(connection)
        else:
            questions = _POSTGRESQL | {"hstore": _HSTORE}
            drivers.set_autocommit(connection, driver, True)  # no BEGIN for it
        row = self._row(connection, "SELECT " + ", ".join(questions.values()))
        if driver not in drivers.MYSQL:
            # Not where that was cancelled: the connection is given up, and may be closed already.
            drivers.set_autocommit(connection, driver, committing)
        if row is None:
            return {}
        answers = dict(zip(questions, row, strict=True))
        if answers.pop("hstore", None) is False and driver == "psycopg":
            # Else it looks for the type itself, in a savepoint.
            dialect: Any = self._dialect
            dialect.use_native_hstore = dialect._has_native_hstore = False
        return answers

    def _row(self, connection: DBAPIConnection, question: str) -> Sequence[Any] | None:
        """The one row of the answer; None where the server does not know what it is asked."""
        cursor = connection.cursor()
        try:
            cursor.execute(question)
            row: Sequence[Any] | None = cursor.fetchone()
            return row
        except self._dialect.loaded_dbapi.Error:
            return None
        finally:
            cursor.close()


class _StandIn:
    """A connection of any level that has some answers ready, and adds something to SET NAMES."""

    def __init__(self, real: Any, answers: Mapping[str, Any], added: str = "") -> None:
        self._real = real
        self._answers = answers
        self._added = added

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return _StandIn(found, self._answers, self._added) if name in ("connection", "dbapi_connection") else found

    def exec_driver_sql(self, statement: str, *args: Any) -> Any:
        """The answer that is ready, or the server's."""
        if statement in self._answers:
            return _Answer(self._answers[statement])
        return self._real.exec_driver_sql(statement, *args)

    def cursor(self, *args: Any, **named: Any) -> "_StandInCursor":
        """A cursor of the same kind."""
        return _StandInCursor(self._real.cursor(*args, **named), self._answers, self._added)


class _Answer:
    """One row of one value."""

    def __init__(self, value: Any) -> None:
        self._row = (value,)

    def scalar(self) -> Any:
        """The value."""
        return self._row[0]

    def first(self) -> tuple[Any]:
        """The row."""
        return self._row

    fetchone = first


class _StandInCursor:
    def __init__(self, real: Any, answers: Mapping[str, Any], added: str) -> None:
        self._real = real
        self._answers = answers
        self._added = added
        self._answer: _Answer | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer if name == "fetchone" and self._answer is not None else self._real, name)

    def execute(self, statement: str, *args: Any) -> Any:
        """The answer that is ready, or the server's."""
        if statement in self._answers:
            self._answer = _Answer(self._answers[statement])
            return None
        self._answer = None
        return self._real.execute(statement + self._added if statement.startswith("SET NAMES") else statement, *args)
