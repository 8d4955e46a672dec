"""Runs migrations: under a lock that the server holds, one revision at a time, so that a failure has a name."""

import io
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.errors import MigrationError, SchemaDiffersError
from plimsoll.migrations.describe import describe
from plimsoll.migrations.environment import CONNECTION, DIALECT, options
from plimsoll.migrations.state import MigrationState, Revision, Scripts
from plimsoll.server import acquire, exclusive, holding, server_of

logger = logging.getLogger("plimsoll.migrations")

LOCK = "migrate"
"""Name of the lock that migrations and the creation of tables in development share."""


@dataclass(frozen=True)
class Migrations:
    """The revisions in `directory` and the models in `metadata`, run against one database."""

    directory: Path
    metadata: MetaData
    lock_timeout_s: float = 300
    lock_wait_timeout_s: float = 5
    scripts: Scripts = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scripts", Scripts(self.directory))

    async def state(self, engine: AsyncEngine) -> MigrationState:
        """Where the database stands; one SELECT."""
        async with engine.connect() as connection:
            return await self.scripts.state(connection)

    async def upgrade(self, engine: AsyncEngine, say: Callable[[str], None]) -> tuple[Revision, ...]:
        """Bring the database to the newest revision and return those that were run here, oldest first.

        However many call this at once, one works and the others find nothing left to do. `engine` should not
        be pooled: time limits for locks are set on its connections.

        Raises:
            LockTimeoutError: another process migrated for longer than `lock_timeout_s` seconds.
            MigrationError: a revision failed; the text names it. Those before it stay, and the next run
                begins with it.
        """
        done: list[Revision] = []
        async with self._locked(engine) as connection:
            while missing := await self._missing(connection):
                say(f"[{len(done) + 1}/{len(done) + len(missing)}] {missing[0]}")
                await self._run(connection, missing[0])
                done.append(missing[0])
        return tuple(done)

    async def _missing(self, connection: AsyncConnection) -> tuple[Revision, ...]:
        state = await self.scripts.state(connection)
        if state.unknown:
            raise MigrationError(
                f"Nothing was run: {state.describe()}. Deploy the code that has this revision, then run this again."
            )
        return state.missing

    @asynccontextmanager
    async def _locked(self, engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
        """A connection that holds the migrations' lock and is set up for schema changes."""
        async with engine.connect() as connection:
            await server_of(engine.dialect.name).prepare_for_ddl(connection, self.lock_wait_timeout_s)
            async with holding(connection, LOCK, wait_s=self.lock_timeout_s):
                yield connection

    async def _run(self, connection: AsyncConnection, revision: Revision) -> None:
        """Run one revision and commit it, so that a later failure does not take it back."""
        try:
            await connection.run_sync(self._upgrade_to, revision.id)
            await connection.commit()
        except Exception as error:
            logger.debug("revision %s failed", revision.id, exc_info=True)
            raise MigrationError(
                f"Revision {revision} failed: {_cause(error)}. The revisions before it are done and stay. "
                "Mend the cause, then run 'plimsoll migrate' again: it goes on with this revision."
            ) from error
        if not server_of(connection.dialect.name).lock_outlives_commit:
            await acquire(connection, LOCK, wait_s=self.lock_timeout_s)

    def _upgrade_to(self, connection: Connection, revision: str) -> None:
        config = self.scripts.config()
        config.attributes[CONNECTION] = connection
        command.upgrade(config, revision)

    async def plan(self, engine: AsyncEngine) -> str:
        """The SQL that `upgrade` would run now; empty where the database is at the newest revision."""
        state = await self.state(engine)
        if state.unknown:
            raise MigrationError(f"There is no plan: {state.describe()}.")
        if not state.missing:
            return ""
        return self._sql(state, engine.dialect.name)

    def _sql(self, state: MigrationState, dialect: str) -> str:
        config = self.scripts.config()
        config.attributes[DIALECT] = dialect
        config.output_buffer = out = io.StringIO()
        start = ",".join(state.current) or "base"
        with redirect_stdout(io.StringIO()):
            command.upgrade(config, f"{start}:heads", sql=True)
        return out.getvalue()

    async def differences(self, engine: AsyncEngine) -> tuple[str, ...]:
        """Where the schema is not what the models expect, a line each. Tables the models do not know are left out."""
        async with engine.connect() as connection:
            return await connection.run_sync(self._differences)

    def _differences(self, connection: Connection) -> tuple[str, ...]:
        context = MigrationContext.configure(connection, opts=options(self.metadata))
        return tuple(describe(difference) for difference in compare_metadata(context, self.metadata))

    async def adopt(self, engine: AsyncEngine) -> MigrationState:
        """Stamp a database whose tables were made without migrations, where they equal the models.

        Raises:
            SchemaDiffersError: they do not; the text lists the differences. Nothing is changed.
            MigrationError: the database is empty, or stamped already at another revision.
        """
        async with self._locked(engine) as connection:
            state = await self.scripts.state(connection)
            if state.current:
                if state.missing or state.unknown:
                    raise MigrationError(f"This database is under migrations already: {state.describe()}.")
                return state
            if not await connection.run_sync(self._any_table):
                raise MigrationError(
                    "There is nothing to adopt: the database has none of the models' tables. "
                    "Run 'plimsoll migrate' to make them."
                )
            if differences := await connection.run_sync(self._differences):
                raise SchemaDiffersError(
                    "The schema is not what the models expect, so it was not stamped:\n  "
                    + "\n  ".join(differences)
                    + "\nBring the tables to the models by hand (each line above is one difference), "
                    "then run 'plimsoll migrate --adopt' again."
                )
            await connection.run_sync(self._stamp)
            return await self.scripts.state(connection)

    async def create_all(self, engine: AsyncEngine) -> None:
        """Make the tables that are missing, as development does, under the migrations' lock.

        An empty database is stamped as being at the newest revision, which it then is; one with tables is not.
        """
        async with exclusive(engine, LOCK, wait_s=self.lock_timeout_s) as connection:
            fresh = not await connection.run_sync(self._any_table)
            await connection.run_sync(self.metadata.create_all)
            if fresh:
                await connection.run_sync(self._stamp)

    def _any_table(self, connection: Connection) -> bool:
        names = {*inspect(connection).get_table_names()}
        return any(table.name in names for table in self.metadata.tables.values())

    def _stamp(self, connection: Connection) -> None:
        config = self.scripts.config()
        config.attributes[CONNECTION] = connection
        command.stamp(config, "heads")


def _cause(error: Exception) -> str:
    """The server's own words where it has any; SQLAlchemy's text would add the statement and a link."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return f"{type(cause).__name__}: {cause}"
