"""What the protocol's own status flags say about a connection, without asking the server.

One function a fact; each takes SQLAlchemy's adapted connection. Where a driver does not say, the answer is the safe
one: in a transaction, and perhaps alive."""

from typing import Any, cast

from sqlalchemy.engine.interfaces import DBAPIConnection

MYSQL = ("aiomysql", "asyncmy")


def _raw(connection: DBAPIConnection) -> Any:
    return getattr(connection, "driver_connection", None) or getattr(connection, "_connection", connection)


def in_transaction(connection: DBAPIConnection, driver: str) -> bool:
    """Whether the server has a transaction open on this connection, from its last answer."""
    raw = _raw(connection)
    if driver in MYSQL:
        return bool(raw.get_transaction_status())
    if driver == "asyncpg":
        return bool(raw.is_in_transaction())
    if driver == "psycopg":
        return bool(raw.info.transaction_status.name != "IDLE")
    if driver == "aiosqlite":
        return bool(raw.in_transaction)
    return True


def is_closed(connection: DBAPIConnection, driver: str) -> bool:
    """Whether this side knows already that the connection is gone."""
    raw = _raw(connection)
    if driver == "aiomysql":
        return bool(raw.closed or raw._reader is None or raw._reader.at_eof())
    if driver == "asyncpg":
        return bool(raw.is_closed())
    if driver == "psycopg":
        return bool(raw.closed)
    return False


def server_id(connection: DBAPIConnection, driver: str) -> int | None:
    """The server's number for this connection; None where it has none."""
    raw = _raw(connection)
    if driver in MYSQL:
        return int(raw.thread_id())
    if driver == "asyncpg":
        return int(raw.get_server_pid())
    if driver == "psycopg":
        return int(raw.info.backend_pid)
    return None


def autocommits(connection: DBAPIConnection, driver: str) -> bool:
    """Whether statements outside an explicit transaction commit by themselves."""
    raw = _raw(connection)
    if driver in MYSQL:
        return bool(raw.get_autocommit())
    return False


def set_autocommit(connection: DBAPIConnection, driver: str, on: bool) -> None:
    """Let statements commit by themselves, or not, where that saves a round trip and costs nothing: on MySQL.

    A round trip where the mode is another. PostgreSQL's drivers are left alone: their server-side cursors need a
    transaction.
    """
    if driver in MYSQL and autocommits(connection, driver) is not on:
        cast(Any, connection).autocommit(on)


def cut(connection: DBAPIConnection) -> None:
    """Close the socket now, without a word and without waiting."""
    force = getattr(connection, "_terminate_force_close", None)
    if force is not None:
        force()
