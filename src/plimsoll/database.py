"""`Database`: one object an application makes, from which it gets sessions, start-up and shut-down."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.engine import build_engine
from plimsoll.errors import MigrationError
from plimsoll.migrations import Migrations
from plimsoll.seeding import AdminAccount
from plimsoll.session import Purpose, SessionScope, SessionSource
from plimsoll.settings import DatabaseSettings, ServiceSettings, TopologySettings, read_settings
from plimsoll.settings.database import AUTO
from plimsoll.startup import Gate


class Database:
    """A database, its connection pool, and what start-up does with it. Making one connects to nothing.

    Args:
        settings: from `DatabaseSettings(...)`, or `DatabaseSettings.from_env()` for the environment and `.env`.
        metadata: the models' tables. Development creates those that are missing.
        migrations: the directory of the Alembic migrations. Needs `metadata`.
        admin: how the application keeps its admin account; seeded at start where there is none.
        on_ready: called with this object at the end of start-up, for example to seed sample data.
        topology: hosts, workers and engines that share the server, for `DB_POOL_SIZE=auto`; read from the environment
            and `.env` if not given.

    Raises:
        MigrationError: `migrations` is not such a directory, or was given without `metadata`.
        SettingsError: `DB_POOL_SIZE` is `auto`, and settings of the topology or the service are wrong.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        metadata: MetaData | None = None,
        migrations: str | Path | None = None,
        admin: AdminAccount | None = None,
        on_ready: Sequence[Callable[["Database"], Awaitable[None]]] = (),
        topology: TopologySettings | None = None,
    ) -> None:
        self.settings = settings
        self.engine: AsyncEngine = build_engine(settings)
        self.sessions = SessionSource(self.engine, settings.cleanup_timeout_s)
        self.counters = self.sessions.counters
        self.admin = admin
        self.migrations = _migrations(settings, metadata, migrations)
        service = ServiceSettings()
        if settings.pool_size == AUTO:
            declared, service = read_settings(TopologySettings, ServiceSettings)
            topology = topology or declared
        self.gate = Gate(
            self.engine,
            settings,
            metadata=metadata,
            migrations=self.migrations,
            admin=admin,
            on_ready=[partial(hook, self) for hook in on_ready],
            topology=topology or TopologySettings(),
            service=service,
        )

    @classmethod
    def from_env(
        cls,
        *,
        metadata: MetaData | None = None,
        migrations: str | Path | None = None,
        admin: AdminAccount | None = None,
        on_ready: Sequence[Callable[["Database"], Awaitable[None]]] = (),
        topology: TopologySettings | None = None,
    ) -> Self:
        """A database as the process environment and `.env` describe it.

        Raises:
            SettingsError: settings are wrong; one message lists all of them.
        """
        return cls(
            DatabaseSettings.from_env(),
            metadata=metadata,
            migrations=migrations,
            admin=admin,
            on_ready=on_ready,
            topology=topology,
        )

    def session(self) -> SessionScope:
        """`async with database.session() as session:`: a session whose user commits.

        Rolled back where the block does not commit; closed, and its connection back in the pool, after the block.
        """
        return self.sessions.open(Purpose.HANDLER_COMMITS, _caller())

    def transaction(self) -> SessionScope:
        """`async with database.transaction() as session:`: committed at the end, rolled back on an exception."""
        return self.sessions.open(Purpose.COMMIT_AT_END, _caller())

    def read_session(self) -> SessionScope:
        """`async with database.read_session() as session:`: a session that refuses to write."""
        return self.sessions.open(Purpose.READ, _caller())

    async def start(self) -> None:
        """Wait for the database, verify it, make or check the schema, seed the admin account.

        Returns at once where that is done. While another task is at it, as in an application's own lifespan,
        this waits for that task and shares its outcome.

        Raises:
            DatabaseUnavailableError: no connection in time.
            DatabaseRefusedError: the account or what start-up asks is refused; waiting would not help.
            NotReadyError: migrations are missing.
        """
        await self.gate.run()

    async def close(self) -> None:
        """Close the pool's connections. The object may be used again: `start` then passes the gate anew."""
        self.gate.reset()
        if self.admin is not None:
            self.admin.hasher.close()
        await self.engine.dispose()


def _migrations(
    settings: DatabaseSettings, metadata: MetaData | None, directory: str | Path | None
) -> Migrations | None:
    if directory is None:
        return None
    if metadata is None:
        raise MigrationError("Database(migrations=...) needs metadata=... as well: the models that they lead to.")
    return Migrations(
        Path(directory),
        metadata,
        lock_timeout_s=settings.migration_lock_timeout_s,
        lock_wait_timeout_s=settings.lock_wait_timeout_s,
    )


def _caller() -> str:
    """The line of code that opened a session: file and number."""
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
