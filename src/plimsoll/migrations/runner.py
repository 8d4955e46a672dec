"""Runs migrations: under a lock that the server holds, one revision at a time, so that a failure has a name."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.errors import MigrationError, SchemaDiffersError
from plimsoll.migrations.comparison import differences
from plimsoll.migrations.environment import CONNECTION, REACHED
from plimsoll.migrations.failure import RevisionFailedError, env_failed, explained, left_dangling
from plimsoll.migrations.locking import LOCK, Limits, commit, end_transaction, locked
from plimsoll.migrations.plan import printed, schema_copy
from plimsoll.migrations.state import FIRST_REVISION, MigrationState, Revision, Scripts
from plimsoll.origin import origin
from plimsoll.server import exclusive, server_of

logger = logging.getLogger("plimsoll.migrations")


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

    @property
    def limits(self) -> Limits:
        """How long locks are waited for."""
        return Limits(self.lock_timeout_s, self.lock_wait_timeout_s)

    async def state(self, engine: AsyncEngine) -> MigrationState:
        """Where the database stands; one SELECT."""
        async with engine.connect() as connection:
            return await self.scripts.state(connection)

    async def upgrade(self, engine: AsyncEngine, say: Callable[[str], None]) -> tuple[Revision, ...]:
        """Bring the database to the newest revision and return those that were run here, oldest first.

        However many call this at once, one works and the others find nothing left to do. `engine` should not
        be pooled: time limits for locks are set on its connections. `say` is told of each revision and of a wait.

        Raises:
            LockTimeoutError: another process migrated for longer than `lock_timeout_s` seconds.
            MigrationError: a revision failed; the text names it. Those before it stay, and the next run
                begins with it.
        """
        try:
            return await self._upgrade(engine, say)
        except RevisionFailedError as failure:
            raise MigrationError(
                f"Revision {failure.revision} failed: {failure.why}\nThe revisions before it are done and stay. "
                "Mend the cause, then run 'plimsoll migrate' again: it goes on with this revision."
            ) from failure

    async def _upgrade(self, engine: AsyncEngine, say: Callable[[str], None]) -> tuple[Revision, ...]:
        done: list[Revision] = []
        async with locked(engine, self.limits, say) as connection:
            while missing := await self._missing(connection):
                if missing[0] in done:
                    raise MigrationError(
                        f"Revision {missing[0]} was run, and the database does not know of it. The migrations' env.py "
                        "must run on the connection that it is given: let 'run_env(metadata)' be all that it does."
                    )
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

    async def _run(self, connection: AsyncConnection, revision: Revision) -> None:
        """Run one revision and commit it, so that a later failure does not take it back."""
        server = server_of(connection.dialect.name)
        before = await server.dangling_rows(connection)
        try:
            # Alembic then begins and ends transactions itself, as a revision with an autocommit_block needs.
            await end_transaction(connection)
            await connection.run_sync(self._upgrade_to, revision.id)
        except MigrationError:
            raise
        except Exception as error:
            logger.debug("revision %s failed", revision.id, exc_info=True)
            why = explained(error, connection.dialect.name, self.directory, self.lock_wait_timeout_s)
            raise RevisionFailedError(revision, why) from error
        if dangling := await server.dangling_rows(connection) - before:
            raise RevisionFailedError(revision, left_dangling(dangling))
        await commit(connection, self.limits)

    def _upgrade_to(self, connection: Connection, revision: str) -> None:
        self._alembic(connection, lambda config: command.upgrade(config, revision))

    def _alembic(self, connection: Connection, run: Callable[[Config], None]) -> None:
        """Run a command of Alembic on `connection`. What env.py itself does wrong is a MigrationError."""
        config = self.scripts.config()
        config.attributes[CONNECTION] = connection
        try:
            run(config)
        except Exception as error:
            if REACHED in config.attributes or origin(error, self.directory / "versions"):
                raise
            raise env_failed(error, self.directory) from error

    async def plan(self, engine: AsyncEngine) -> str:
        """The SQL that `upgrade` would run now; empty where the database is at the newest revision.

        Raises:
            MigrationError: the database is ahead of this code, or a revision's SQL is not known before it runs.
        """
        async with engine.connect() as connection:
            state = await self.scripts.state(connection)
            if state.unknown:
                raise MigrationError(f"There is no plan: {state.describe()}.")
            if not state.missing:
                return ""
            if connection.dialect.name != "sqlite":
                return printed(self.scripts, state, connection.dialect, self.lock_wait_timeout_s)
            async with schema_copy(connection, state) as copy:
                try:
                    await self._upgrade(copy.engine, copy.note)
                except RevisionFailedError as failure:
                    raise MigrationError(
                        f"The SQL of revision {failure.revision} cannot be shown: on an empty copy of the schema it "
                        f"failed: {failure.why}"
                    ) from failure
                return copy.sql()

    async def differences(self, engine: AsyncEngine) -> tuple[str, ...]:
        """Where the schema is not what the models expect, a line each. Tables the models do not know are left out."""
        async with engine.connect() as connection:
            return await connection.run_sync(differences, self.metadata)

    async def has_tables(self, engine: AsyncEngine) -> bool:
        """Whether the database has any of the models' tables."""
        async with engine.connect() as connection:
            return await connection.run_sync(self._any_table)

    async def adopt(self, engine: AsyncEngine, say: Callable[[str], None] | None = None) -> MigrationState:
        """Stamp a database whose tables were made without migrations, where they equal the models.

        One that is at the newest revision is left as it is. `say` is told of a wait.

        Raises:
            SchemaDiffersError: they do not; the text lists the differences. Nothing is changed.
            MigrationError: the database is empty, or stamped already at another revision, or there is no revision.
        """
        async with locked(engine, self.limits, say) as connection:
            state = await self.scripts.state(connection)
            if state.current:
                if state.missing or state.unknown:
                    raise MigrationError(f"This database is under migrations already: {state.describe()}.")
                return state
            if state.unwritten:
                raise MigrationError(f"There is no revision to adopt: {state.describe()}. {FIRST_REVISION}")
            await connection.run_sync(self._demand_equal)
            await connection.run_sync(self._stamp)
            return await self.scripts.state(connection)

    def _demand_equal(self, connection: Connection) -> None:
        if not self._any_table(connection):
            raise MigrationError(
                "There is nothing to adopt: the database has none of the models' tables. "
                "Run 'plimsoll migrate' to make them."
            )
        if found := differences(connection, self.metadata):
            raise SchemaDiffersError(
                "The schema is not what the models expect, so it was not stamped:\n  "
                + "\n  ".join(found)
                + "\nBring the tables to the models by hand (each line above is one difference), "
                "then run 'plimsoll migrate --adopt' again."
            )

    async def create_all(self, engine: AsyncEngine) -> None:
        """Make the tables that are missing, as development does, under the migrations' lock.

        An empty database is stamped as being at the newest revision, which it then is; one with tables is not,
        nor is there anything to stamp in a project without revisions.

        Raises:
            MigrationError: the project's env.py fails or does not call `run_env`.
        """
        async with exclusive(engine, LOCK, wait_s=self.lock_timeout_s) as connection:
            fresh = not await connection.run_sync(self._any_table)
            if fresh or not self.scripts.heads():
                # Before there are tables, which MySQL would keep: the next start would not find an empty database.
                await connection.run_sync(self._try_env)
            await connection.run_sync(self.metadata.create_all)
            if fresh:
                await connection.run_sync(self._stamp)

    def _any_table(self, connection: Connection) -> bool:
        wanted = {(table.schema, table.name) for table in self.metadata.tables.values()}
        names = inspect(connection).get_table_names
        return any((schema, name) in wanted for schema in {schema for schema, _ in wanted} for name in names(schema))

    def _stamp(self, connection: Connection) -> None:
        if self.scripts.heads():
            self._alembic(connection, lambda config: command.stamp(config, "heads"))

    def _try_env(self, connection: Connection) -> None:
        """Run env.py for a command that changes nothing, and forget what it prints."""

        def current(config: Config) -> None:
            config.stdout = StringIO()
            command.current(config)

        self._alembic(connection, current)
