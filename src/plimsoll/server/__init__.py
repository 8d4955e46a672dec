"""Facts and locks of the database server: the only place that knows SQL and error codes of a dialect."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.errors import ConnectionEndedError, DatabaseDownError, LockTimeoutError, StatementTimeoutError
from plimsoll.server import mysql_facts, postgresql_facts, sqlite_facts
from plimsoll.server.asking import Questions
from plimsoll.server.base import Server
from plimsoll.server.facts import ServerClients, ServerFacts
from plimsoll.server.faults import Fault
from plimsoll.server.lending import exclusive_in_transaction, is_pooled, see_lending
from plimsoll.server.mysql import MySQL
from plimsoll.server.postgresql import PostgreSQL
from plimsoll.server.sqlite import SQLite

__all__ = [
    "Fault",
    "Server",
    "ServerFacts",
    "acquire",
    "exclusive",
    "fault_of",
    "holding",
    "is_pooled",
    "prepare_for_ddl",
    "read_clients",
    "read_facts",
    "see_lending",
    "server_of",
]

_SERVERS: dict[str, Server] = {
    "mysql": MySQL(),
    "mariadb": MySQL(),
    "postgresql": PostgreSQL(),
    "sqlite": SQLite(),
}

_FACTS: dict[str, Callable[[AsyncConnection, Questions], Awaitable[ServerFacts]]] = {
    "mysql": mysql_facts.read,
    "mariadb": mysql_facts.read,
    "postgresql": postgresql_facts.read,
    "sqlite": sqlite_facts.read,
}


_CLIENTS: dict[str, Callable[[Questions, ServerFacts], Awaitable[ServerClients]]] = {
    "mysql": mysql_facts.read_clients,
    "mariadb": mysql_facts.read_clients,
    "postgresql": postgresql_facts.read_clients,
}


def server_of(dialect: str) -> Server:
    """The server class for a dialect's name as SQLAlchemy gives it; `KeyError` for any other database."""
    return _SERVERS[dialect]


def fault_of(error: BaseException, dialect: str) -> Fault:
    """What an error means: SQLAlchemy's (a driver's error in it, or a pool's time-out) or a bare driver's."""
    if isinstance(error, StatementTimeoutError) and error.outcome_unknown:
        return Fault.UNAVAILABLE
    if isinstance(error, (PoolTimeoutError, StatementTimeoutError, ConnectionEndedError)):
        return Fault.BUSY
    if not isinstance(error, DBAPIError):
        return server_of(dialect).fault(error)
    fault = server_of(dialect).fault(error.orig) if error.orig is not None else Fault.OTHER
    if fault is Fault.OTHER and (error.connection_invalidated or isinstance(error, DatabaseDownError)):
        return Fault.UNAVAILABLE
    return fault


@asynccontextmanager
async def exclusive(engine: AsyncEngine, name: str, *, wait_s: float) -> AsyncGenerator[AsyncConnection]:
    """A connection of `engine` in a transaction, holding the lock `name` of its database while the block runs.

    The lock is the server's (GET_LOCK, an advisory lock, SQLite's write lock), so it holds across processes and
    hosts and is freed by the server when the holder dies. Whoever comes second sees what the first committed.
    The block's work is committed at its end and rolled back on an exception.

    Raises:
        LockTimeoutError: another process held the lock for more than `wait_s` seconds.
    """
    async with engine.connect() as connection:
        if await is_pooled(connection):
            async with exclusive_in_transaction(connection, name, wait_s):
                yield connection
            return
        async with holding(connection, name, wait_s=wait_s):
            if not connection.in_transaction():
                await connection.begin()
            yield connection


@asynccontextmanager
async def holding(
    connection: AsyncConnection,
    name: str,
    *,
    wait_s: float,
    setting: str = "",
    say: Callable[[str], None] | None = None,
) -> AsyncGenerator[None]:
    """Hold the lock `name` on `connection` while the block runs; what is open at its end is committed.

    A block that commits by itself keeps the lock, except in SQLite (see `Server.lock_outlives_commit`).
    For `setting` and `say` see `acquire`.

    Raises:
        LockTimeoutError: another process held the lock for more than `wait_s` seconds.
    """
    server = server_of(connection.dialect.name)
    await acquire(connection, name, wait_s=wait_s, setting=setting, say=say)
    try:
        yield
        await connection.commit()
    except Exception:
        await _give_up(connection, server, name)
        raise
    except BaseException:
        # Cancelled in the middle of anything: closing the connection frees the lock without a further word.
        await connection.invalidate()
        raise
    await server.release(connection, name)


async def acquire(
    connection: AsyncConnection,
    name: str,
    *,
    wait_s: float,
    setting: str = "",
    say: Callable[[str], None] | None = None,
) -> None:
    """Take the lock `name` for `connection`.

    `setting` is the name of the setting that `wait_s` came from, for the error; `say` is told that there is a wait.

    Raises:
        LockTimeoutError: another process held the lock for more than `wait_s` seconds. It names the holder.
    """
    server = server_of(connection.dialect.name)
    if say is not None:
        if await server.acquire(connection, name, 0):
            return
        say(f"Another process {await _holder(connection, server, name)}: waiting up to {wait_s:g} s.")
    if not await server.acquire(connection, name, wait_s):
        named = f" ({setting})" if setting else ""
        raise LockTimeoutError(
            f"After {wait_s:g} s another process still {await _holder(connection, server, name)}. Wait for that "
            f"process to end or end it, or allow a longer wait{named}, then run this again."
        )


async def _holder(connection: AsyncConnection, server: Server, name: str) -> str:
    holder = await server.holder(connection, name)
    return f"holds the lock '{name}' ({holder})" if holder else f"holds the lock '{name}'"


async def prepare_for_ddl(connection: AsyncConnection, lock_wait_s: float) -> None:
    """Set `connection`, which should not go back to a pool, up for schema changes (see `Server.ddl_settings`)."""
    for statement in server_of(connection.dialect.name).ddl_settings(lock_wait_s):
        await connection.exec_driver_sql(statement)
    await connection.commit()


async def read_facts(connection: AsyncConnection) -> ServerFacts:
    """What the server of `connection` says of itself; the connection must have nothing under way, and is rolled back.

    A question that fails is noted in `ServerFacts.unread`, and does not keep the others from being asked. Each takes
    no longer than the statement timeout of the connection's pool. `KeyError` for any other database.
    """
    read = _FACTS[connection.dialect.name]
    ask = Questions(connection)
    try:
        return await read(connection, ask)
    finally:
        await ask.end()


async def read_clients(connection: AsyncConnection, facts: ServerFacts) -> ServerClients:
    """Who is connected now, with fewer questions than `read_facts`, whose answer of before is `facts`. The connection
    must have nothing under way, and is rolled back. `KeyError` for any other database."""
    read = _CLIENTS[connection.dialect.name]
    ask = Questions(connection)
    try:
        return await read(ask, facts)
    finally:
        await ask.end()


async def _give_up(connection: AsyncConnection, server: Server, name: str) -> None:
    """Roll back and free the lock; where the connection is broken, drop it, which frees the lock as well."""
    try:
        await connection.rollback()
        await server.release(connection, name)
    except DBAPIError:
        await connection.invalidate()
