"""The connection that migrations run on: set up for schema changes, and holding the lock that the server keeps."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.errors import MigrationError
from plimsoll.server import acquire, holding, is_pooled, prepare_for_ddl, see_lending, server_of

LOCK = "migrate"
"""Name of the lock that migrations and the creation of tables in development share."""

LENT = (
    "A pooler (PgBouncer or its like) lends each transaction another connection of PostgreSQL (pool_mode = "
    "transaction): the lock that keeps two migrations apart would stay behind on one that is not ours, and keep the "
    "next migration waiting. Nothing was changed. Run this with a DATABASE_URL that leads to PostgreSQL itself, or to "
    "a pool with pool_mode = session."
)

SETTING = "DB_MIGRATION_LOCK_TIMEOUT"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to wait: `lock_s` for another process that migrates, `statement_s` for a lock of a table or row."""

    lock_s: float = 300
    statement_s: float = 5


@asynccontextmanager
async def locked(
    engine: AsyncEngine, limits: Limits, say: Callable[[str], None] | None = None
) -> AsyncGenerator[AsyncConnection]:
    """A connection of `engine`, which should not be pooled, with the migrations' lock. `say` is told of a wait.

    Raises:
        LockTimeoutError: another process held the lock for more than `limits.lock_s` seconds.
        MigrationError: a pooler is between, in whose mode the lock would be left behind.
    """
    async with engine.connect() as connection:
        if await is_pooled(connection):
            await _refuse_a_lender(connection, engine)
        await prepare_for_ddl(connection, limits.statement_s)
        async with holding(connection, LOCK, wait_s=limits.lock_s, setting=SETTING, say=say):
            yield connection


async def _refuse_a_lender(connection: AsyncConnection, engine: AsyncEngine) -> None:
    async with engine.connect() as other:
        if await see_lending(connection, other) != "unseen":
            raise MigrationError(LENT)


async def commit(connection: AsyncConnection, limits: Limits) -> None:
    """Commit and go on holding the lock; SQLite gives it up for a moment, so look at the schema anew after this."""
    await connection.commit()
    if not server_of(connection.dialect.name).lock_outlives_commit:
        await acquire(connection, LOCK, wait_s=limits.lock_s, setting=SETTING)


async def end_transaction(connection: AsyncConnection) -> None:
    """End the transaction that reading began, except where it is the lock itself."""
    if server_of(connection.dialect.name).lock_outlives_commit:
        await connection.commit()
