"""Where a database stands against the revisions in the code: one SELECT, whatever the number of models."""

from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError as AlembicError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.errors import MigrationError
from plimsoll.origin import origin
from plimsoll.server import Fault, fault_of, server_of

ENV_LINES = (
    "Let these three lines be all of env.py, with your models' module for app.models:\n"
    "  from app.models import Base\n"
    "  from plimsoll.migrations import run_env\n"
    "  run_env(Base.metadata)"
)

NO_REVISIONS = "the project has no revisions yet"

FIRST_REVISION = (
    "Write the first one against an empty database, here one in memory: "
    "DATABASE_URL=sqlite:// alembic revision --autogenerate -m first"
)
"""Against a database that has the tables already Alembic finds nothing to write, and the revision makes none."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of the schema."""

    id: str
    title: str

    def __str__(self) -> str:
        return f"{self.id} ({self.title})"


@dataclass(frozen=True, slots=True)
class MigrationState:
    """`current`: revisions stamped in the database; `missing`: those of the code that it lacks, oldest first;
    `unknown`: stamped ones that the code does not have, as after a roll-back of the code;
    `versioned`: there is a table for stamps; `unwritten`: the code has no revision at all."""

    current: tuple[str, ...]
    missing: tuple[Revision, ...]
    unknown: tuple[str, ...]
    versioned: bool
    unwritten: bool = False

    @property
    def behind(self) -> bool:
        """Whether a migration must run before this code can use the database."""
        return bool(self.missing) and not self.unknown

    def describe(self) -> str:
        """The state in one sentence, without an instruction."""
        stands = f"is at {', '.join(self.current)}" if self.current else "is at no revision"
        if not self.versioned:
            stands = "has no alembic_version table"
        if self.unknown:
            return f"the database {stands}, which this code does not know: it is ahead, or of another program"
        if self.unwritten:
            return NO_REVISIONS
        if self.missing:
            missing = ", ".join(str(revision) for revision in self.missing)
            revisions = "1 revision" if len(self.missing) == 1 else f"{len(self.missing)} revisions"
            return f"the database {stands} and lacks {revisions}: {missing}"
        return f"the database {stands}, the newest revision"


class Scripts:
    """The revisions in a project's migrations directory."""

    def __init__(self, directory: Path) -> None:
        if not (directory / "env.py").is_file():
            raise MigrationError(
                f"{directory} is not a directory of migrations: it has no env.py. Name the directory that "
                "'alembic init' made, as in Database(settings, migrations=Path(__file__).parent / 'migrations'). "
                f"{ENV_LINES}"
            )
        self.directory = directory
        self._scripts = ScriptDirectory.from_config(self.config())

    def config(self) -> Config:
        """A fresh Alembic configuration for one command."""
        config = Config()
        config.set_main_option("script_location", str(self.directory).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        return config

    def heads(self) -> tuple[str, ...]:
        """The newest revisions: one, or several where the history has branches.

        Raises:
            MigrationError: a revision's file cannot be read, or its place in the history is wrong.
        """
        try:
            return tuple(self._scripts.get_heads())
        except Exception as error:
            where = origin(error, self.directory)
            raise MigrationError(
                f"The revisions in {self.directory} cannot be read: {type(error).__name__}: {error}"
                f"{f' ({where})' if where else ''}."
            ) from error

    async def state(self, connection: AsyncConnection) -> MigrationState:
        """Compare the revisions stamped in the database with those in the code."""
        heads = self.heads()  # reads the files first: what is wrong with them is an error of its own
        stamped = await stamped_revisions(connection)
        current = stamped or ()
        unknown = tuple(revision for revision in current if not self._knows(revision))
        missing = () if unknown else self._between(current)
        return MigrationState(current, missing, unknown, versioned=stamped is not None, unwritten=not heads)

    def _knows(self, revision: str) -> bool:
        try:
            return self._scripts.get_revision(revision) is not None
        except AlembicError:
            return False

    def _between(self, current: tuple[str, ...]) -> tuple[Revision, ...]:
        newest_first = self._scripts.iterate_revisions("heads", current or "base", implicit_base=True)
        return tuple(Revision(script.revision, (script.doc or "").partition("\n")[0]) for script in newest_first)[::-1]


async def stamped_revisions(connection: AsyncConnection) -> tuple[str, ...] | None:
    """What `alembic_version` holds; None where there is no such table."""
    try:
        rows = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars().all()
    except DBAPIError as error:
        if fault_of(error, connection.dialect.name) is not Fault.NO_TABLE:
            raise
        if server_of(connection.dialect.name).lock_outlives_commit:
            await connection.rollback()  # PostgreSQL answers nothing more in a transaction that had an error
        return None
    return tuple(sorted(str(row) for row in rows))
