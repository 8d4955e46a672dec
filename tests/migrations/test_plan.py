"""`--plan`: the SQL that an upgrade would run. It changes nothing, and running it by hand has the same effect."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.errors import MigrationError
from plimsoll.migrations import Migrations
from tests.migrations.test_upgrade import silent, up_to
from tests.servers import TestDatabase

Written = Callable[..., Migrations]


async def tables(engine: AsyncEngine) -> dict[str, list[str]]:
    """The database's tables, with their columns."""

    def read(connection: Connection) -> dict[str, list[str]]:
        schema = inspect(connection)
        return {name: [column["name"] for column in schema.get_columns(name)] for name in schema.get_table_names()}

    async with engine.connect() as connection:
        return await connection.run_sync(read)


def run_by_hand(database: TestDatabase, plan: str) -> None:
    """Run a plan as an operator would, with the server's own client."""
    lines = [line for line in plan.splitlines() if line.strip() and not line.startswith("--")]
    for statement in "\n".join(lines).split(";\n"):
        # Each statement has a session of its own here, so transactions and settings of a session have no effect.
        if not statement.startswith(("BEGIN", "COMMIT", "SET ", "PRAGMA")):
            database.sql(statement.removesuffix(";"))


async def test_the_plan_of_an_empty_database_changes_nothing_and_makes_all_of_it_by_hand(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """Every revision is in it, in order; run by hand it leads to the newest revision and to the models."""
    plan = await project.plan(engine)
    assert await tables(engine) == {}
    places = [plan.index(f"'000{number}'") for number in range(1, 7)]
    assert places == sorted(places)
    run_by_hand(any_database, plan)
    assert await project.upgrade(engine, silent) == ()
    assert await project.differences(engine) == ()


async def test_the_plan_begins_where_the_database_stands(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """From the middle on: what was run is not in it. At the newest revision it is empty."""
    await up_to(project, engine, "0002")
    before = await tables(engine)
    plan = await project.plan(engine)
    assert "CREATE TABLE orders" not in plan
    assert "ADD COLUMN performance_team_profile JSON" in plan
    assert await tables(engine) == before
    assert any_database.sql("SELECT version_num FROM alembic_version") == [("0002",)]
    run_by_hand(any_database, plan)
    assert await project.differences(engine) == ()
    assert await project.plan(engine) == ""


async def test_the_plan_limits_the_wait_for_locks_as_the_upgrade_does(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """Whoever runs it by hand gets the same protection: the first lines set it."""
    limited = Migrations(project.directory, project.metadata, lock_wait_timeout_s=7)
    expected = {
        "mariadb": "SET SESSION lock_wait_timeout = 7, SESSION innodb_lock_wait_timeout = 7;",
        "postgres": "SET lock_timeout = '7000ms';",
        "sqlite": "PRAGMA foreign_keys = OFF;\nPRAGMA busy_timeout = 7000;",
    }
    assert (await limited.plan(engine)).startswith(expected[any_database.kind])


async def test_the_plan_for_sqlite_shows_the_copy_of_a_table_and_values(
    written: Written, sqlite_database: TestDatabase, open_engine: Callable[[TestDatabase], AsyncEngine]
) -> None:
    """Statements as they would really be run, parameters filled in; questions are left out."""
    engine = open_engine(sqlite_database)
    first = "create_table_if_missing('first', sa.Column('id', sa.Integer), sa.Column('word', sa.Text))"
    await written({"one": first}).upgrade(engine, silent)
    body = """
        op.bulk_insert(sa.table("first", sa.column("word")), [{"word": "it's"}])
        with op.batch_alter_table("first") as batch:
            batch.alter_column("word", type_=sa.String(20))
    """
    plan = await written({"one": first, "two": body}).plan(engine)
    assert "INSERT INTO first (word) VALUES ('it''s');" in plan
    assert "CREATE TABLE _alembic_tmp_first" in plan
    assert "SELECT name" not in plan
    assert plan.count("BEGIN IMMEDIATE;") == plan.count("COMMIT;") == 1


async def test_the_plan_says_percent_signs_and_outside_of_transactions_as_they_are(
    written: Written, server_database: TestDatabase, open_engine: Callable[[TestDatabase], AsyncEngine]
) -> None:
    """A driver's own escapes are not printed, and a statement for the outside of a transaction is outside."""
    body = """
        op.execute("DELETE FROM first WHERE word LIKE '10%'")
        with op.get_context().autocommit_block():
            op.execute("VACUUM first")
    """
    plan = await written({"one": body}).plan(open_engine(server_database))
    assert "LIKE '10%';" in plan
    if server_database.kind == "postgres":
        assert "COMMIT;\n\nVACUUM first;\n\nBEGIN;" in plan


ASKING = "op.get_bind().execute(sa.text('SELECT 1')).scalar_one()"


async def test_a_revision_whose_sql_is_not_known_beforehand_is_named(
    written: Written, server_database: TestDatabase, open_engine: Callable[[TestDatabase], AsyncEngine]
) -> None:
    """It asks the database something. The error says which revision, where, and why; nothing was run."""
    engine = open_engine(server_database)
    with pytest.raises(MigrationError, match=r"The SQL of revision two \(Two\) cannot be shown: .*two\.py, line"):
        await written({"one": "pass", "two": ASKING}).plan(engine)
    assert await tables(engine) == {}


async def test_sqlite_answers_what_a_revision_asks(
    written: Written, sqlite_database: TestDatabase, open_engine: Callable[[TestDatabase], AsyncEngine]
) -> None:
    """There it is run on a copy, which has a schema and no rows; a failure there is named as well."""
    engine = open_engine(sqlite_database)
    assert "'one'" in await written({"one": ASKING}).plan(engine)
    with pytest.raises(MigrationError, match=r"The SQL of revision two \(Two\) cannot be shown: .*empty copy"):
        await written({"one": "pass", "two": "op.execute('DROP TABLE nowhere')"}).plan(engine)
    assert await tables(engine) == {}


async def test_there_is_no_plan_for_a_database_ahead_of_the_code(
    written: Written, sqlite_database: TestDatabase, open_engine: Callable[[TestDatabase], AsyncEngine]
) -> None:
    """The error says at which revision it is."""
    engine = open_engine(sqlite_database)
    await written({"one": "pass", "two": "pass"}).upgrade(engine, silent)
    with pytest.raises(MigrationError, match="There is no plan: the database is at two"):
        await written({"one": "pass"}).plan(engine)
