"""`Migrations.upgrade`: revisions one at a time, each kept; a failure named, and gone on from."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.errors import LockTimeoutError, MigrationError
from plimsoll.migrations import Migrations
from plimsoll.migrations.environment import CONNECTION
from plimsoll.server import exclusive
from tests.migrations.conftest import SERVER_DRIVERS, Driven
from tests.migrations.project_files import write_revision
from tests.servers import TestDatabase

Written = Callable[..., Migrations]
OpenEngine = Callable[[TestDatabase | str], AsyncEngine]
ALL = ("0001", "0002", "0003", "0004", "0005", "0006")


def silent(_line: str) -> None:
    """Takes what `upgrade` says, and forgets it."""


async def up_to(project: Migrations, engine: AsyncEngine, last: str) -> None:
    """Run the project's revisions up to `last`, as an older version of its code would have."""
    config = project.scripts.config()

    def run(connection: Connection) -> None:
        config.attributes[CONNECTION] = connection
        command.upgrade(config, last)

    async with engine.begin() as connection:
        await connection.run_sync(run)


async def test_all_revisions_make_what_the_models_expect(project: Migrations, driven: Driven) -> None:
    """An empty database ends at the newest revision, without a difference from the models; then nothing is left."""
    engine = driven.engine
    said: list[str] = []
    done = await project.upgrade(engine, said.append)
    assert tuple(revision.id for revision in done) == ALL
    assert said[0] == "[1/6] 0001 (Items)"
    assert said[-1] == "[6/6] 0006 (Admins)"
    assert await project.differences(engine) == ()
    state = await project.state(engine)
    assert (state.current, state.missing, state.unknown) == (("0006",), (), ())
    assert await project.upgrade(engine, silent) == ()


async def test_a_column_added_by_hand_is_no_failure(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """The operator has added performance_team_profile already: its revision succeeds, and the schema is equal."""
    await up_to(project, engine, "0003")
    any_database.sql("ALTER TABLE items ADD COLUMN performance_team_profile JSON")
    done = await project.upgrade(engine, silent)
    assert [revision.id for revision in done] == ["0004", "0005", "0006"]
    assert await project.differences(engine) == ()


async def test_altering_a_table_keeps_the_rows_that_refer_to_it(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """SQLite copies `items` and drops the old one: the orders of its items, which cascade, are still there."""
    await up_to(project, engine, "0002")
    any_database.sql("INSERT INTO items (id, sku, price, is_active) VALUES (1, 'rope', 2.5, true)")
    any_database.sql("INSERT INTO orders (id, item_id) VALUES (7, 1)")
    await project.upgrade(engine, silent)
    assert any_database.sql("SELECT id, item_id, status FROM orders") == [(7, 1, "new")]
    assert any_database.sql("SELECT sku FROM items") == [("rope",)]
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM items"))
    assert any_database.sql("SELECT id FROM orders") == [], "the foreign key is in force again"


async def test_rows_that_would_refer_to_nothing_fail_the_revision(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase, written: Written
) -> None:
    """A revision deletes an item. Servers delete its orders too; SQLite, whose keys are off, refuses in the end."""
    await project.upgrade(engine, silent)
    any_database.sql("INSERT INTO items (id, sku, price, is_active) VALUES (1, 'rope', 2.5, true)")
    any_database.sql("INSERT INTO orders (id, item_id) VALUES (7, 1), (8, 1)")
    any_database.sql("DELETE FROM alembic_version")
    deleting = written({"one": "op.execute('DELETE FROM items')"})
    if any_database.kind == "sqlite":
        with pytest.raises(
            MigrationError, match=r"Revision one .* refer to what is not there: orders -> items \(2 rows"
        ):
            await deleting.upgrade(engine, silent)
        assert any_database.sql("SELECT count(*) FROM items") == [(1,)]
        any_database.sql("PRAGMA foreign_keys = OFF")
        any_database.sql("INSERT INTO orders (id, item_id) VALUES (9, 99)")  # was wrong before: nobody's fault now
        deleting = written({"one": "op.execute('UPDATE items SET price = 1')"})
    await deleting.upgrade(engine, silent)
    expected = [(7,), (8,), (9,)] if any_database.kind == "sqlite" else []
    assert any_database.sql("SELECT id FROM orders ORDER BY id") == expected


GOOD = {"one": "create_table_if_missing('first', sa.Column('id', sa.Integer, primary_key=True))"}
THIRD = {"three": "create_table_if_missing('third', sa.Column('id', sa.Integer, primary_key=True))"}
BAD = {
    "statement": ("op.execute('INSERT INTO nowhere VALUES (1)')", "nowhere"),
    "python": ("raise KeyError('sextant')", "KeyError: 'sextant'"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_failing_revision_is_named_and_the_next_run_goes_on_with_it(
    written: Written, engine: AsyncEngine, any_database: TestDatabase, kind: str
) -> None:
    """Those before it stay and are not run again; when it is mended, it and those after it are run."""
    body, words = BAD[kind]
    with pytest.raises(MigrationError) as failure:
        await written({**GOOD, "two": body, **THIRD}).upgrade(engine, silent)
    message = str(failure.value)
    assert message.startswith("Revision two (Two) failed: ")
    assert words in message
    place = "in: INSERT INTO nowhere" if kind == "statement" else "two.py, line"
    assert place in message
    assert any_database.sql("SELECT version_num FROM alembic_version") == [("one",)]

    mended = written({"one": "raise RuntimeError('run twice')", "two": "pass", **THIRD})
    assert [revision.id for revision in await mended.upgrade(engine, silent)] == ["two", "three"]
    assert any_database.sql("SELECT * FROM third") == []


async def test_half_a_revision_is_finished_by_the_next_run(
    written: Written, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """It fails after its first table. MariaDB keeps that table, the others do not; mended, it makes both."""
    columns = "sa.Column('id', sa.Integer, primary_key=True), sa.Column('x', sa.Integer, index=True)"
    table = f"create_table_if_missing('{{0}}', {columns})"
    both = f"{table.format('first')}\n{{}}\n{table.format('second')}"
    with pytest.raises(MigrationError):
        await written({"one": both.format("raise RuntimeError('half-way')")}).upgrade(engine, silent)
    kept = any_database.kind == "mariadb"
    if kept:
        assert any_database.sql("SELECT * FROM first") == []
        any_database.sql("DROP INDEX ix_first_x ON first")  # as if it had been killed before the index was made
    await written({"one": both.format("pass")}).upgrade(engine, silent)
    assert any_database.sql("SELECT * FROM second") == []
    async with engine.connect() as connection:
        indexes = await connection.run_sync(lambda inner: inspect(inner).get_indexes("first"))
    assert [index["name"] for index in indexes] == ["ix_first_x"]


async def test_a_connection_lost_in_the_middle_fails_the_revision_and_the_next_run_succeeds(
    written: Written, server_database: TestDatabase, open_engine: OpenEngine
) -> None:
    """The server ends the session during a statement: the error has the server's words, and no lock is left."""
    sleep = "SLEEP(60)" if server_database.kind == "mariadb" else "pg_sleep(60)"
    engine = open_engine(server_database)
    task = asyncio.create_task(written({"one": f"op.execute('SELECT {sleep}')"}).upgrade(engine, silent))
    async with asyncio.timeout(30):
        while sleep not in str(await asyncio.to_thread(server_database.connections)):  # noqa: ASYNC110 - the server's
            await asyncio.sleep(0.05)
    assert server_database.server is not None
    assert await asyncio.to_thread(server_database.server.kill_connections, server_database) == 1
    with pytest.raises(MigrationError, match=r"Revision one \(One\) failed: "):
        await asyncio.wait_for(task, 30)
    assert len(await written({"one": "pass"}, lock_timeout_s=30).upgrade(engine, silent)) == 1


# Locks.


@pytest.mark.parametrize("driven", SERVER_DRIVERS, indirect=True)
async def test_a_table_in_use_fails_the_migration_soon_and_queries_go_on(written: Written, driven: Driven) -> None:
    """An open transaction holds the table: the ALTER waits 1 s and gives up, and what queued behind it goes on."""
    engine = driven.engine
    await written({**GOOD}).upgrade(engine, silent)
    adding = written({**GOOD, "two": "op.add_column('first', sa.Column('x', sa.Integer))"}, lock_wait_timeout_s=1)
    async with engine.connect() as holder:
        await holder.execute(text("SELECT * FROM first"))
        task = asyncio.create_task(adding.upgrade(engine, silent))
        await asyncio.sleep(0.5)
        async with engine.connect() as other, asyncio.timeout(20):
            await other.execute(text("SELECT * FROM first"))
        with pytest.raises(MigrationError, match=r"(?s)Revision two.*DB_LOCK_WAIT_TIMEOUT"):
            await asyncio.wait_for(task, 20)
    await adding.upgrade(engine, silent)


async def test_a_lock_that_is_not_free_in_time_is_an_error_that_names_the_setting_and_the_holder(
    written: Written, driven: Driven
) -> None:
    """Another process migrates for longer than DB_MIGRATION_LOCK_TIMEOUT; nothing is run."""
    any_database, engine = driven
    said: list[str] = []
    waiting = written(GOOD, lock_timeout_s=0.5, lock_wait_timeout_s=0.2)
    async with exclusive(engine, "migrate", wait_s=5):
        with pytest.raises(LockTimeoutError, match="DB_MIGRATION_LOCK_TIMEOUT") as failure:
            await waiting.upgrade(engine, said.append)
    holder = {"mariadb": " (connection ", "postgres": " (process ", "sqlite": ""}[any_database.kind]
    assert said[0].startswith(f"Another process holds the lock 'migrate'{holder}")
    assert said[0].endswith(": waiting up to 0.5 s.")
    assert f"After 0.5 s another process still holds the lock 'migrate'{holder}" in str(failure.value)
    assert (await waiting.state(engine)).current == ()
    assert len(await waiting.upgrade(engine, silent)) == 1


# Histories that are not a line.


async def test_branches_and_what_merges_them_are_run(engine: AsyncEngine, written: Written) -> None:
    """Two branches, one of which depends on the other, and then the revision that joins them: each is run once."""
    migrations = written({"root": "pass"})
    versions = migrations.directory / "versions"
    write_revision(versions, "left", "root", "pass")
    write_revision(versions, "right", "root", "pass", depends_on="left")
    branched = Migrations(migrations.directory, migrations.metadata)
    assert set(branched.scripts.heads()) == {"left", "right"}
    done = await branched.upgrade(engine, silent)
    assert [revision.id for revision in done] == ["root", "left", "right"]
    assert await branched.upgrade(engine, silent) == ()

    write_revision(versions, "join", ("left", "right"), "pass")
    joined = Migrations(migrations.directory, migrations.metadata)
    assert [revision.id for revision in (await joined.state(engine)).missing] == ["join"]
    assert "join" in await joined.plan(engine)
    assert [revision.id for revision in await joined.upgrade(engine, silent)] == ["join"]
    assert (await joined.state(engine)).current == ("join",)


async def test_a_database_ahead_of_the_code_is_left_alone(
    written: Written, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """A revision that the code does not have: nothing is run, and the error says what it means."""
    await written({**GOOD, "two": "pass"}).upgrade(engine, silent)
    with pytest.raises(MigrationError, match="Nothing was run: the database is at two, which this code does not know"):
        await written(GOOD).upgrade(engine, silent)
    assert any_database.sql("SELECT version_num FROM alembic_version") == [("two",)]


async def test_an_env_that_ignores_our_connection_is_found_out(
    written: Written, sqlite_database: TestDatabase, open_engine: OpenEngine
) -> None:
    """An env.py that runs somewhere else would have the revision run for ever: it is run once, then it is an error."""
    migrations = written(GOOD)
    (migrations.directory / "env.py").write_text("")
    with pytest.raises(MigrationError, match=r"Revision one .* the database does not know of it"):
        await migrations.upgrade(open_engine(sqlite_database), silent)


@pytest.mark.filterwarnings("ignore:Revision zero referenced")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("def upgrade(:\n", "one.py, line 1"),
        ("revision = 'one'\ndown_revision = 'zero'\n", "zero"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError"),
    ],
    ids=["syntax", "no such ancestor", "import"],
)
async def test_a_revision_that_cannot_be_read_is_named(
    written: Written, sqlite_database: TestDatabase, open_engine: OpenEngine, content: str, words: str
) -> None:
    """A file that is no revision stops everything before anything is run."""
    migrations = written(GOOD)
    (migrations.directory / "versions" / "one.py").write_text(content)
    broken = Migrations(migrations.directory, migrations.metadata)
    with pytest.raises(MigrationError, match="cannot be read") as failure:
        await broken.upgrade(open_engine(sqlite_database), silent)
    assert words in str(failure.value)


def test_a_directory_without_env_is_refused(tmp_path: Path) -> None:
    """The error says what the directory must have."""
    with pytest.raises(MigrationError, match=r"has no env\.py"):
        Migrations(tmp_path, MetaData())
