"""The SQL that an upgrade would run, without running it.

MySQL, MariaDB and PostgreSQL: Alembic prints the statements of each revision. SQLite alters a table by copying it,
which needs a look at the table first, so there the upgrade is really run: on an empty copy of the schema, in memory.
"""

import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, redirect_stdout, suppress
from typing import Any

from alembic import command
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.engine import build_engine
from plimsoll.errors import MigrationError
from plimsoll.migrations.environment import DIALECT
from plimsoll.migrations.state import MigrationState, Scripts
from plimsoll.origin import origin
from plimsoll.server import server_of
from plimsoll.settings import DatabaseSettings

_ANNOUNCED = "-- Running upgrade "
"""What Alembic prints before the statements of a revision."""


def printed(scripts: Scripts, state: MigrationState, dialect: Dialect, lock_wait_s: float) -> str:
    """The statements as Alembic prints them, after those that limit the wait for locks.

    Raises:
        MigrationError: a revision asks the database something, so its statements are not known beforehand.
    """
    config = scripts.config()
    config.attributes[DIALECT] = dialect
    config.output_buffer = out = io.StringIO()
    start = ",".join(state.current) or "base"
    try:
        with redirect_stdout(io.StringIO()):
            command.upgrade(config, f"{start}:heads", sql=True)
    except Exception as error:
        revision = state.missing[max(0, out.getvalue().count(_ANNOUNCED) - 1)]
        where = origin(error, scripts.directory)
        raise MigrationError(
            f"The SQL of revision {revision} cannot be shown: {type(error).__name__}: {error}"
            f"{f' ({where})' if where else ''}. A revision that asks the database something has no SQL until it runs; "
            "the helpers in plimsoll.migrations.operations ask only where there is a database."
        ) from error
    settings = "".join(f"{statement};\n" for statement in server_of(dialect.name).ddl_settings(lock_wait_s))
    return f"{settings}\n{out.getvalue().strip()}\n"


class SchemaCopy:
    """An empty copy of a SQLite database, in memory, and the statements that were run on it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._lines: list[str] = []

    def note(self, line: str) -> None:
        """Put a comment between the statements."""
        self._lines.append(f"-- {line}")

    def remember(self, statement: str) -> None:
        """Keep a statement, unless it only asks something. SQLite gives it with its parameters filled in."""
        verb = statement.split(maxsplit=1)[0].upper() if statement.strip() else ""
        if verb == "PRAGMA" and "=" not in statement:
            return
        if verb not in ("", "SELECT", "ROLLBACK") and not verb.startswith("--"):
            self._lines.append(f"{statement.strip()};")

    def sql(self) -> str:
        """All of it. A transaction in which nothing was done is left out."""
        return "\n".join(self._lines).replace("\nBEGIN IMMEDIATE;\nCOMMIT;", "") + "\n"


@asynccontextmanager
async def schema_copy(connection: AsyncConnection, state: MigrationState) -> AsyncGenerator[SchemaCopy]:
    """A copy of what `connection` is connected to, at the same revision; gone after the block."""
    found = await connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    statements = found.scalars().all()
    copy = SchemaCopy(build_engine(DatabaseSettings(database_url="sqlite+aiosqlite://")))
    try:
        async with copy.engine.begin() as inner:
            for statement in statements:
                with suppress(OperationalError):  # what SQLite makes by itself, such as the tables of an index of words
                    await inner.exec_driver_sql(statement)
            for revision in state.current:
                await inner.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (revision,))
        raw: Any = await _driver_connection(copy.engine)
        await raw.set_trace_callback(copy.remember)
        yield copy
    finally:
        await copy.engine.dispose()


async def _driver_connection(engine: AsyncEngine) -> Any:
    """aiosqlite's own object; the pool of such an engine has only this one."""
    async with engine.connect() as connection:
        return (await connection.get_raw_connection()).driver_connection
