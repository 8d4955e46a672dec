"""A pooler such as PgBouncer between us and PostgreSQL: whether there is one, whether it lends a connection of the
server for one transaction only, and a lock that holds through it all the same."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Literal

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.errors import LockTimeoutError
from plimsoll.server.place import handshake_of
from plimsoll.server.postgresql import LOCK_POLL_S, lock_key

Lending = Literal["unseen", "carries", "breaks"]
"""What was seen of a pooler: `carries` and `breaks` are a transaction (or statement) mode in which a prepared statement
is carried over to another connection of the server, or is not."""

TRIES = 3
"""Rounds of asking: another client may have been lent the connection in between."""

PREPARED_AFTER = 7
"""By then psycopg has prepared a statement: at its sixth use. asyncpg does so at the first."""

_LOST_STATEMENT = ("26000", "42P05")
"""A prepared statement that does not exist, or that exists already, since another client has made it."""

_WHO = text("SELECT pg_backend_pid()")
_NEW_SNAPSHOTS = text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
_TRY = text("SELECT pg_try_advisory_xact_lock(:key)")


async def is_pooled(connection: AsyncConnection) -> bool:
    """Whether the process of PostgreSQL that answers is another than the one we were told of at the connect. One
    question, in a transaction that it ends; none to another database."""
    if connection.dialect.name != "postgresql":
        return False
    number = (await handshake_of(connection)).number
    answering, _ = await _answer(connection, _WHO)
    return number is not None and answering != number


async def see_lending(first: AsyncConnection, second: AsyncConnection) -> Lending:
    """How a pooler lends what it has, seen on two connections of which nothing is under way.

    While the second is in a transaction on the process that has answered the first, the first gets another one: what it
    has prepared is known there, or is not. Where others are busy, or the mode is session, nothing is seen.
    """
    token = secrets.randbelow(2**31)
    ours = text(f"SELECT pg_backend_pid(), {token}")  # known to no other client, who may have used our names
    try:
        for _ in range(TRIES):
            for _ in range(PREPARED_AFTER):
                home, _ = await _answer(first, ours)
            if await second.scalar(_WHO) == home:
                _, said = await _answer(first, ours)
                return "carries" if said == token else "breaks"
            await second.rollback()
    except DBAPIError as error:
        if lost_a_statement(error):
            return "breaks"
        raise
    return "unseen"


def lost_a_statement(error: BaseException) -> bool:
    """Whether the server did not know what we had prepared, or somebody else had prepared under our name."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return getattr(original, "sqlstate", None) in _LOST_STATEMENT


async def _answer(connection: AsyncConnection, question: TextClause) -> tuple[int, int]:
    row = (await connection.execute(question)).one()
    await connection.commit()  # at a roll-back psycopg forgets what it has prepared
    return row[0], row[-1]


@asynccontextmanager
async def exclusive_in_transaction(connection: AsyncConnection, name: str, wait_s: float) -> AsyncGenerator[None]:
    """Hold the lock `name` for the one transaction that the block is, which a pooler leaves on one connection of the
    server. It excludes those who hold it otherwise too. Committed at the end, rolled back on an exception.

    Raises:
        LockTimeoutError: another process held the lock for more than `wait_s` seconds.
    """
    ends = monotonic() + wait_s
    while not await _got(connection, name):
        await connection.rollback()
        if monotonic() >= ends:
            raise LockTimeoutError(
                f"After {wait_s:g} s another process still holds the lock '{name}'. Wait for that process to end or end"
                " it, then run this again."
            )
        await asyncio.sleep(LOCK_POLL_S)
    try:
        yield
        await connection.commit()
    except Exception:
        await connection.rollback()
        raise
    except BaseException:
        # Cancelled in the middle of anything: closing the connection frees the lock without a further word.
        await connection.invalidate()
        raise


async def _got(connection: AsyncConnection, name: str) -> bool:
    """Each statement after it sees what earlier holders have committed, whatever the account's isolation is."""
    await connection.execute(_NEW_SNAPSHOTS)
    return bool(await connection.scalar(_TRY, {"key": lock_key(name)}))
