"""The connection that migrations run on: set up for schema changes, and holding the lock that the server keeps."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.server import acquire, holding, prepare_for_ddl, server_of

LOCK = "migrate"
"""Name of the lock that migrations and the creation of tables in development share."""

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
    """
    async with engine.connect() as connection:
        await prepare_for_ddl(connection, limits.statement_s)
        async with holding(connection, LOCK, wait_s=limits.lock_s, setting=SETTING, say=say):
            yield connection


async def commit(connection: AsyncConnection, limits: Limits) -> None:
    """Commit and go on holding the lock; SQLite gives it up for a moment, so look at the schema anew after this."""
    await connection.commit()
    if not server_of(connection.dialect.name).lock_outlives_commit:
        await acquire(connection, LOCK, wait_s=limits.lock_s, setting=SETTING)


async def end_transaction(connection: AsyncConnection) -> None:
    """End the transaction that reading began, except where it is the lock itself."""
    if server_of(connection.dialect.name).lock_outlives_commit:
        await connection.commit()
