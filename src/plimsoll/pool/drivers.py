"""What is known of a connection without asking the server: from the protocol's own status flags and from its socket.

One function a fact; each takes SQLAlchemy's adapted connection. Where a driver does not say, the answer is the safe
one: in a transaction, and perhaps alive."""

import contextlib
import os
import select
import socket
import sqlite3
from typing import Any, cast

from sqlalchemy.engine.interfaces import DBAPIConnection

MYSQL = ("aiomysql", "asyncmy")
WITH_SOCKETS = (*MYSQL, "asyncpg", "psycopg")
KNOWN = (*WITH_SOCKETS, "aiosqlite")

_AUTOCOMMIT_FLAG = 2
"""SERVER_STATUS_AUTOCOMMIT of the MySQL protocol."""

_HANG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)
"""Linux says at once that the other side has closed; elsewhere a ping finds it."""


def _raw(connection: DBAPIConnection) -> Any:
    return getattr(connection, "driver_connection", None) or getattr(connection, "_connection", connection)


def _transport(connection: DBAPIConnection, driver: str) -> Any:
    raw = _raw(connection)
    if driver == "aiomysql":
        return raw._writer.transport if raw._writer is not None else None
    return raw._transport if driver in ("asyncmy", "asyncpg") else None


def is_plain(connection: DBAPIConnection, driver: str) -> bool:
    """Whether a connection of MySQL's drivers is without TLS: where a server, or somebody on the way, says that it has
    none, they go on in plain text, whatever was asked of them. PostgreSQL's drivers refuse that themselves."""
    return driver in MYSQL and _transport(connection, driver).get_extra_info("ssl_object") is None


def socket_number(connection: DBAPIConnection, driver: str) -> int | None:
    """The file descriptor of its socket; None where it has none."""
    if driver == "psycopg":
        return int(_raw(connection).fileno())
    transport = _transport(connection, driver)
    found = transport.get_extra_info("socket") if transport is not None else None
    return int(found.fileno()) if found is not None else None


def in_transaction(connection: DBAPIConnection, driver: str) -> bool:
    """Whether the server has a transaction open on this connection, from its last answer."""
    raw = _raw(connection)
    if driver in MYSQL:
        return bool(raw.get_transaction_status())
    if driver == "asyncpg":
        # SQLAlchemy keeps an object for it, which must be ended as well.
        return bool(raw.is_in_transaction()) or cast(Any, connection)._transaction is not None
    if driver == "psycopg":
        return bool(raw.info.transaction_status.name != "IDLE")
    if driver == "aiosqlite":
        return bool(raw.in_transaction)
    return True


def is_closed(connection: DBAPIConnection, driver: str) -> bool:
    """Whether the driver knows already that the connection is gone."""
    raw = _raw(connection)
    if driver == "aiomysql":
        closed = raw._writer is None or raw._writer.transport.is_closing()
    elif driver == "asyncmy":
        closed = raw._transport is None or raw._transport.is_closing()
    elif driver == "asyncpg":
        closed = raw.is_closed()
    elif driver == "psycopg":
        closed = raw.closed
    else:
        return False
    return bool(closed)


def hung_up(number: int) -> bool:
    """Whether the other side of a socket has closed it."""
    return _polled(number, _HANG_UP)


def has_unread(driver: str, number: int | None) -> bool:
    """Whether the server sent something while nobody asked: a notice, or that it ends the connection. Only psycopg
    leaves it unread; the other drivers read as it comes."""
    return driver == "psycopg" and number is not None and _polled(number, select.POLLIN)


def _polled(number: int, wanted: int) -> bool:
    poll = select.poll()
    poll.register(number, wanted)
    return bool(poll.poll(0))


def hang_up(number: int) -> None:
    """Close both directions of a socket, so that whoever waits for it learns that it is over."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as own:
        own.shutdown(socket.SHUT_RDWR)


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


def is_mariadb(connection: DBAPIConnection) -> bool:
    """Whether the server behind a connection of MySQL's drivers calls itself MariaDB."""
    return "mariadb" in str(_raw(connection).get_server_info()).lower()


def autocommits(connection: DBAPIConnection, driver: str) -> bool:
    """Whether statements outside an explicit transaction commit by themselves."""
    if driver in MYSQL:
        return bool(_raw(connection).get_autocommit())
    if driver in ("asyncpg", "psycopg"):
        return bool(cast(Any, connection).autocommit)
    return False


def set_autocommit(connection: DBAPIConnection, driver: str, on: bool) -> None:
    """Let statements commit by themselves, or not. On MySQL a round trip where that changes anything; PostgreSQL's
    drivers only leave out their BEGIN. SQLite begins nothing before a write."""
    if driver in MYSQL:
        cast(Any, connection).autocommit(on)
    elif driver in ("asyncpg", "psycopg"):
        cast(Any, connection).autocommit = on


def note_autocommit(connection: DBAPIConnection, driver: str, on: bool) -> None:
    """A statement has set the mode. asyncmy (0.2.18) takes a status of no flags at all for none
    and keeps the one before, so it is told."""
    if driver == "asyncmy" and not on:
        raw = _raw(connection)
        raw.server_status &= ~_AUTOCOMMIT_FLAG


def interrupt(connection: DBAPIConnection, driver: str) -> None:
    """End a statement that runs in a connection's thread; without one it does nothing."""
    if driver == "aiosqlite":
        # Its thread may close it in this moment.
        with contextlib.suppress(ValueError, AttributeError, sqlite3.ProgrammingError):
            _raw(connection)._conn.interrupt()


def cut(connection: DBAPIConnection, driver: str) -> None:
    """Close the socket now, without a word and without waiting, also where the other side reads nothing any more."""
    raw = _raw(connection)
    if driver == "psycopg":
        raw.pgconn.finish()
        return
    interrupt(connection, driver)
    transport = _transport(connection, driver)
    if transport is not None:
        # A TLS transport's close waits for the other side's farewell.
        transport.abort()
    force = getattr(connection, "_terminate_force_close", None)
    if force is not None:
        force()
