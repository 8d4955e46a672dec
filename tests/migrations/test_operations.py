"""The helpers for revisions: what each does, that it may be repeated, and that it can be undone, on each server."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.errors import MigrationError
from plimsoll.migrations import Migrations
from tests.migrations.test_upgrade import silent
from tests.servers import TestDatabase

Written = Callable[..., Migrations]
OpenEngine = Callable[[TestDatabase | str], AsyncEngine]

BASE = """
    create_table_if_missing("boats", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(40)))
    create_table_if_missing(
        "crew",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("boat_id", sa.Integer),
        sa.Column("grade", sa.String(20)),
    )
"""


async def shape(engine: AsyncEngine) -> dict[str, Any]:
    """Columns by table, and the names of all indexes and constraints: servers differ in which is which."""

    def read(connection: Connection) -> dict[str, Any]:
        schema = inspect(connection)
        tables = [name for name in schema.get_table_names() if name != "alembic_version"]
        kinds = (schema.get_indexes, schema.get_unique_constraints, schema.get_foreign_keys)
        return {
            "columns": {name: {column["name"] for column in schema.get_columns(name)} for name in tables},
            "names": {str(item["name"]) for name in tables for kind in kinds for item in kind(name)},
        }

    async with engine.connect() as connection:
        return await connection.run_sync(read)


UNDONE: dict[str, Any] = {
    "columns": {"boats": {"id", "name"}, "crew": {"id", "boat_id", "grade"}},
    "names": set(),
}
KEYS = """
    create_foreign_key_if_missing("fk_boat", "crew", "boats", ["boat_id"], ["id"], ondelete="CASCADE")
    create_unique_if_missing("uq_name", "boats", ["name"])
"""
NO_KEYS = """
    drop_constraint_if_present("fk_boat", "crew", "foreignkey")
    drop_constraint_if_present("uq_name", "boats", "unique")
    drop_index_if_present("fk_boat", "crew")  # which MariaDB makes for the key
"""
# Name: what does it, what undoes it, and what is there in between.
PAIRS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "table": (
        'create_table_if_missing("ropes", sa.Column("id", sa.Integer, index=True), sa.Column("x", sa.Text))',
        'drop_table_if_present("ropes")',
        {"columns": UNDONE["columns"] | {"ropes": {"id", "x"}}, "names": {"ix_ropes_id"}},
    ),
    "index": (
        'create_index_if_missing("ix_name", "boats", ["name", "id"], unique=True)',
        'drop_index_if_present("ix_name", "boats")',
        {"names": {"ix_name"}},
    ),
    "index online": (
        'create_index_online("ix_grade", "crew", [sa.text("grade"), "id"])',
        'drop_index_if_present("ix_grade", "crew")',
        {"names": {"ix_grade"}},
    ),
    "column": (
        'add_column_if_missing("boats", sa.Column("profile", sa.JSON))',
        'drop_column_if_present("boats", "profile")',
        {"columns": UNDONE["columns"] | {"boats": {"id", "name", "profile"}}},
    ),
    "keys": (
        KEYS,
        NO_KEYS,
        {"names": {"fk_boat", "uq_name"}},
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
async def test_each_change_may_be_made_and_undone_twice(written: Written, engine: AsyncEngine, pair: str) -> None:
    """Done, done again, undone, undone again: never an error, and the schema is as it should be in between."""
    do, undo, between = PAIRS[pair]
    revisions = {"begin": BASE, "do": do, "again": do}
    await written(revisions).upgrade(engine, silent)
    assert await shape(engine) == UNDONE | between
    await written(revisions | {"undo": undo, "undo_again": undo}).upgrade(engine, silent)
    assert await shape(engine) == UNDONE


@pytest.mark.parametrize("pair", PAIRS)
async def test_the_plan_shows_each_change(
    written: Written, server_database: TestDatabase, open_engine: OpenEngine, pair: str
) -> None:
    """Where SQL is only printed, there is no schema to look at: each helper prints its statement."""
    do, undo, _ = PAIRS[pair]
    plan = await written({"do": do, "undo": undo}).plan(open_engine(server_database))
    did, _, undid = plan.partition("-- Running upgrade do -> undo")
    words = {
        "table": ("CREATE TABLE ropes", "DROP TABLE ropes"),
        "index": ("CREATE UNIQUE INDEX ix_name ON boats (name, id)", "DROP INDEX ix_name"),
        "index online": ("ix_grade ON crew (grade, id)", "DROP INDEX ix_grade"),
        "column": ("ALTER TABLE boats ADD COLUMN profile JSON", "ALTER TABLE boats DROP COLUMN profile"),
        "keys": ("FOREIGN KEY(boat_id) REFERENCES boats (id) ON DELETE CASCADE", "fk_boat"),
    }[pair]
    assert words[0] in did
    assert words[1] in undid


async def test_names_that_differ_in_case_are_one_name_where_the_server_says_so(
    written: Written, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """`Profile`, added by hand, is `profile` for MariaDB and SQLite, and another column for PostgreSQL."""
    quote = '"' if any_database.kind != "mariadb" else "`"
    await written({"begin": BASE}).upgrade(engine, silent)
    any_database.sql(f"ALTER TABLE boats ADD COLUMN {quote}Profile{quote} TEXT")
    await written({"begin": BASE, "one": PAIRS["column"][0]}).upgrade(engine, silent)
    both = {"Profile", "profile"} if any_database.kind == "postgres" else {"Profile"}
    assert (await shape(engine))["columns"]["boats"] == {"id", "name"} | both


@pytest.mark.parametrize("more", ["index=True", "unique=True", "sa.ForeignKey('boats.id')"])
async def test_a_column_with_an_index_or_a_key_is_refused(
    written: Written, sqlite_database: TestDatabase, open_engine: OpenEngine, more: str
) -> None:
    """That would be two statements, of which a repeated run would leave out the second."""
    column = f'sa.Column("x", sa.Integer, {more})'
    with pytest.raises(MigrationError, match="create_index_if_missing, create_unique_if_missing or create_foreign_key"):
        await written({"begin": BASE, "one": f'add_column_if_missing("crew", {column})'}).upgrade(
            open_engine(sqlite_database), silent
        )


async def test_an_index_that_broke_off_is_made_anew(
    written: Written, postgres_database: TestDatabase, open_engine: OpenEngine
) -> None:
    """CONCURRENTLY leaves an index that is not used where rows are not unique; the next run drops and makes it."""
    engine = open_engine(postgres_database)
    one = 'create_index_online("ix_name", "boats", ["name"], unique=True)'
    await written({"begin": BASE}).upgrade(engine, silent)
    postgres_database.sql("INSERT INTO boats (id, name) VALUES (1, 'Ebb'), (2, 'Ebb')")
    with pytest.raises(MigrationError, match="could not create unique index"):
        await written({"begin": BASE, "one": one}).upgrade(engine, silent)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_name'::regclass"
    assert postgres_database.sql(valid) == [(False,)]
    postgres_database.sql("DELETE FROM boats WHERE id = 2")
    await written({"begin": BASE, "one": one}).upgrade(engine, silent)
    assert postgres_database.sql(valid) == [(True,)]


async def test_an_index_is_made_while_a_transaction_is_open(
    written: Written, postgres_database: TestDatabase, open_engine: OpenEngine
) -> None:
    """`create_index_online` lets others write: one who has read and will write is not in its way for ever."""
    engine = open_engine(postgres_database)
    await written({"begin": BASE}).upgrade(engine, silent)
    online = {"begin": BASE, "one": 'create_index_online("ix_name", "boats", ["name"])'}
    plain = {"begin": BASE, "one": 'create_index_if_missing("ix_name", "boats", ["name"])'}
    async with engine.connect() as other:
        await other.exec_driver_sql("INSERT INTO boats (id) VALUES (1)")
        with pytest.raises(MigrationError, match="DB_LOCK_WAIT_TIMEOUT"):
            await written(plain, lock_wait_timeout_s=1).upgrade(engine, silent)
        await other.commit()
    await written(online, lock_wait_timeout_s=1).upgrade(engine, silent)
    assert (await shape(engine))["names"] == {"ix_name"}
