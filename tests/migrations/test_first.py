"""A new project: no revision yet, an env.py as `alembic init` makes it, and the way to the first revision."""

import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll import Database, DatabaseSettings
from plimsoll.errors import MigrationError
from plimsoll.migrations import Migrations
from plimsoll.migrations.state import FIRST_REVISION
from plimsoll.startup import State
from tests.migrations.project.chandlery.models import Base
from tests.migrations.project_files import write_revision
from tests.migrations.test_alembic import alembic, place
from tests.migrations.test_plan import tables
from tests.migrations.test_upgrade import silent
from tests.servers import TestDatabase

OpenEngine = Callable[[TestDatabase | str], AsyncEngine]
LINES = "  from app.models import Base\n  from plimsoll.migrations import run_env\n  run_env(Base.metadata)"
__all__ = ["place"]


@pytest.fixture
def new(place: Path) -> Migrations:
    """The project before its first revision."""
    shutil.rmtree(place / "migrations" / "versions")
    (place / "migrations" / "versions").mkdir()
    return Migrations(place / "migrations", Base.metadata)


@pytest.fixture
def unedited(tmp_path: Path) -> Migrations:
    """Migrations with the env.py of `alembic init`."""
    directory = tmp_path / "unedited" / "migrations"
    directory.parent.mkdir()
    command.init(Config(directory.parent / "alembic.ini", stdout=StringIO()), str(directory))
    return Migrations(directory, Base.metadata)


def database_of(new: Migrations, url: str, **settings: bool | str) -> Database:
    """The application's database, with the migrations of the test."""
    return Database(DatabaseSettings(database_url=url, **settings), metadata=new.metadata, migrations=new.directory)


async def test_the_command_that_start_up_names_writes_a_whole_revision(
    new: Migrations, place: Path, any_database: TestDatabase, engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Development makes the tables and warns; the revision makes them elsewhere, and here they are adopted."""
    made = database_of(new, any_database.url)
    await made.start()
    (warning,) = made.gate.report.warnings
    await made.close()
    assert "the project has no revisions yet" in warning
    assert warning.endswith(FIRST_REVISION)
    assert warning in caplog.messages
    assert "items" in await tables(engine)
    assert "alembic_version" not in await tables(engine)

    assignment, program, *arguments = warning.rpartition(": ")[2].split()
    assert program == "alembic"
    name, _, value = assignment.partition("=")
    written = await alembic(place, any_database.environ() | {name: value}, *arguments)
    assert written.returncode == 0, written.stderr

    whole = Migrations(new.directory, Base.metadata)
    state = await whole.adopt(engine)
    assert state.describe().endswith("the newest revision")
    await whole_revision_makes_everything(whole, any_database, engine)


async def whole_revision_makes_everything(whole: Migrations, database: TestDatabase, engine: AsyncEngine) -> None:
    """Assert that the one revision takes an empty database to the models."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    database.sql("DROP TABLE alembic_version")
    assert len(await whole.upgrade(engine, silent)) == 1
    assert await whole.differences(engine) == ()


async def test_production_is_warned_that_nothing_makes_its_tables(
    new: Migrations, sqlite_database: TestDatabase
) -> None:
    """There is no revision to wait for, so it starts; the health page says why there are no tables."""
    made = database_of(new, sqlite_database.url, production_flag="1")
    await made.start()
    report = made.gate.report
    await made.close()
    assert report.migrations is not None
    assert report.migrations.describe() == "the project has no revisions yet"
    assert any("Nothing makes tables in production" in warning for warning in report.warnings)


async def test_nothing_can_be_adopted_without_a_revision(new: Migrations, engine: AsyncEngine) -> None:
    """The error names the command that writes one; nothing is stamped."""
    await new.create_all(engine)
    with pytest.raises(MigrationError, match=r"no revisions yet.*alembic revision --autogenerate"):
        await new.adopt(engine)
    assert "alembic_version" not in await tables(engine)


async def test_a_database_of_another_program_is_not_one_without_revisions(
    new: Migrations, sqlite_database: TestDatabase, open_engine: OpenEngine
) -> None:
    """It has a stamp that the code does not know, and that is what matters."""
    sqlite_database.sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    sqlite_database.sql("INSERT INTO alembic_version VALUES ('0099')")
    state = await new.state(open_engine(sqlite_database))
    assert "is at 0099, which this code does not know" in state.describe()


@pytest.mark.parametrize("revisions", [0, 1])
async def test_development_says_that_env_does_not_call_run_env(
    unedited: Migrations, any_database: TestDatabase, engine: AsyncEngine, revisions: int
) -> None:
    """With a revision and without, at each start anew, with the lines to put in; no table is made before."""
    if revisions:
        write_revision(unedited.directory / "versions", "one", None, "")
    made = database_of(unedited, any_database.url)
    for _ in range(2):
        with pytest.raises(MigrationError, match=r"env\.py does not call run_env") as caught:
            await made.start()
        assert LINES in str(caught.value)
        assert made.gate.report.state is State.FAILED
    await made.close()
    assert await tables(engine) == {}


async def test_migrate_does_not_blame_the_revision_for_env(
    unedited: Migrations, sqlite_database: TestDatabase, open_engine: OpenEngine
) -> None:
    """The same error as at start, and no word of a revision that failed."""
    write_revision(unedited.directory / "versions", "one", None, "")
    whole = Migrations(unedited.directory, Base.metadata)
    with pytest.raises(MigrationError, match=r"env\.py does not call run_env") as caught:
        await whole.upgrade(open_engine(sqlite_database), silent)
    assert LINES in str(caught.value)
    assert "Revision one" not in str(caught.value)


async def test_an_env_that_cannot_be_imported_is_named_with_its_line(
    new: Migrations, sqlite_database: TestDatabase, open_engine: OpenEngine
) -> None:
    """It would call run_env, and does not come that far."""
    env = new.directory / "env.py"
    env.write_text("import no_such_module\n" + env.read_text())
    with pytest.raises(MigrationError, match=r"env\.py failed: ModuleNotFoundError: .*env\.py, line 1\)"):
        await new.create_all(open_engine(sqlite_database))


def test_a_directory_without_env_is_told_what_to_put_in(tmp_path: Path) -> None:
    """The three lines, in the error that names the directory."""
    with pytest.raises(MigrationError, match=r"it has no env\.py") as caught:
        Migrations(tmp_path, Base.metadata)
    assert LINES in str(caught.value)
