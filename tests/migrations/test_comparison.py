"""The comparison of schema and models: equal is equal on every server, and what differs is said."""

import logging
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import Column as C  # noqa: N817
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.migrations.comparison import differences
from tests.migrations.wide_models import wide_models
from tests.servers import TestDatabase

OpenEngine = Callable[[TestDatabase | str], AsyncEngine]


async def compared(engine: AsyncEngine, there: sa.MetaData, wanted: sa.MetaData) -> tuple[str, ...]:
    """What differs after `there` was made and `wanted` is expected."""
    async with engine.begin() as connection:
        await connection.run_sync(there.create_all)
    async with engine.connect() as connection:
        return await connection.run_sync(differences, wanted)


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.filterwarnings("ignore:Name .* ignored for PRIMARY key")
async def test_what_create_all_makes_equals_the_models(
    any_database: TestDatabase, engine: AsyncEngine, named: bool
) -> None:
    """Every kind of column, default, index and key: no difference that is none."""
    models = wide_models(any_database.dialect, named=named)
    assert await compared(engine, models, wide_models(any_database.dialect, named=named)) == ()


async def test_the_other_drivers_see_the_same(server_database: TestDatabase, open_engine: OpenEngine) -> None:
    """asyncmy and psycopg reflect what aiomysql and asyncpg do."""
    driver = "asyncmy" if server_database.kind == "mariadb" else "psycopg"
    models = wide_models(server_database.dialect, named=True)
    assert await compared(open_engine(server_database.url_for(driver)), models, models) == ()


def small(*more: sa.schema.SchemaItem, **changed: C[object] | None) -> sa.MetaData:
    """One table of a parent, one of children; `changed` replaces a column, or leaves it out."""
    metadata = sa.MetaData()
    sa.Table("parents", metadata, C("id", sa.Integer, primary_key=True))
    columns: dict[str, C[object] | None] = {
        "id": C("id", sa.Integer, primary_key=True),
        "name": C("name", sa.String(40), nullable=False, server_default="x"),
        "count": C("count", sa.Integer),
        "data": C("data", sa.JSON),
        "at": C("at", sa.DateTime),
        "kind": C("kind", sa.Enum("a", "b", name="kinds")),
        "parent_id": C("parent_id", sa.Integer),
    }
    sa.Table("children", metadata, *(c for c in (columns | changed).values() if c is not None), *more)
    return metadata


def without_a_table() -> sa.MetaData:
    metadata = small()
    metadata.remove(metadata.tables["children"])
    return metadata


def with_a_key(name: str | None) -> sa.MetaData:
    return small(sa.ForeignKeyConstraint(["parent_id"], ["parents.id"], name=name))


# Name: what is in the database, what the models say, the line that is expected.
CASES: dict[str, tuple[Callable[[], sa.MetaData], Callable[[], sa.MetaData], str]] = {
    "table": (without_a_table, small, "table children is missing"),
    "column": (lambda: small(data=None), small, "column children.data (JSON) is missing"),
    "column too many": (small, lambda: small(data=None), "column children.data is not in the models"),
    "longer": (
        lambda: small(name=C("name", sa.String(20), nullable=False, server_default="x")),
        small,
        "column children.name is VARCHAR(20), the models say VARCHAR(40)",
    ),
    "type": (
        lambda: small(count=C("count", sa.String(10))),
        small,
        "column children.count is VARCHAR(10), the models say INTEGER",
    ),
    "json as text": (
        lambda: small(data=C("data", sa.String(200))),
        small,
        "column children.data is VARCHAR(200), the models say JSON",
    ),
    "nullable": (
        lambda: small(count=C("count", sa.Integer, nullable=False)),
        small,
        "column children.count is NOT NULL, the models say NULL",
    ),
    "default": (
        lambda: small(name=C("name", sa.String(40), nullable=False, server_default="y")),
        small,
        "column children.name has the default 'y', the models say x",
    ),
    "no default": (
        lambda: small(name=C("name", sa.String(40), nullable=False)),
        small,
        "column children.name has the default none, the models say x",
    ),
    "default too many": (
        lambda: small(count=C("count", sa.Integer, server_default="3")),
        small,
        "column children.count has the default 3, the models say none",
    ),
    "current time missing": (
        small,
        lambda: small(at=C("at", sa.DateTime, server_default=sa.func.now())),
        "column children.at has the default none, the models say now()",
    ),
    "index": (
        small,
        lambda: small(sa.Index("ix_count", "count")),
        "index ix_count on children is missing",
    ),
    "index too many": (
        lambda: small(sa.Index("ix_count", "count")),
        small,
        "index ix_count on children is not in the models",
    ),
    "index on others": (
        lambda: small(sa.Index("ix_count", "count")),
        lambda: small(sa.Index("ix_count", "count", "id")),
        "index ix_count on children is not as in the models",
    ),
    "unique": (
        small,
        lambda: small(sa.UniqueConstraint("name", name="uq_name")),
        "constraint uq_name on children is missing",
    ),
    "foreign key": (small, lambda: with_a_key("fk_parent"), "foreign key fk_parent on children is missing"),
    "foreign key without a name": (
        small,
        lambda: with_a_key(None),
        "foreign key on children (parent_id) is missing",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_differs_is_said_in_one_line(engine: AsyncEngine, case: str) -> None:
    """Each change of a table, a column, an index or a key is found, on every server, and nothing else."""
    make_there, make_wanted, line = CASES[case]
    (found,) = await compared(engine, make_there(), make_wanted())
    # PostgreSQL tells a default with its type.
    assert found.replace("::character varying", "").replace("'3'", "3") == line


async def test_a_value_that_an_enum_lacks_is_found(server_database: TestDatabase, open_engine: OpenEngine) -> None:
    """MariaDB and PostgreSQL have types for them, which a new value must be added to."""
    wanted = small(kind=C("kind", sa.Enum("a", "b", "c", name="kinds")))
    (found,) = await compared(open_engine(server_database), small(), wanted)
    assert found == "column children.kind is ENUM(a, b), the models say ENUM(a, b, c)"


async def test_fractions_of_a_second_are_compared(mariadb_database: TestDatabase, open_engine: OpenEngine) -> None:
    """DATETIME and DATETIME(6) keep different times."""
    wanted = small(at=C("at", mysql.DATETIME(fsp=6)))
    (found,) = await compared(open_engine(mariadb_database), small(), wanted)
    assert found == "column children.at is DATETIME, the models say DATETIME(6)"


async def test_tables_of_other_programs_are_left_out(
    any_database: TestDatabase, open_engine: OpenEngine, engine: AsyncEngine
) -> None:
    """A table that the models do not know is no difference."""
    any_database.sql("CREATE TABLE of_another_program (id INTEGER)")
    assert await compared(engine, small(), small()) == ()


async def test_tables_in_another_schema_are_compared(postgres_database: TestDatabase, open_engine: OpenEngine) -> None:
    """Models with a schema are looked for there; other schemas are nobody's business."""

    def models(length: int) -> sa.MetaData:
        metadata = sa.MetaData()
        sa.Table("here", metadata, C("id", sa.Integer, primary_key=True))
        sa.Table("there", metadata, C("id", sa.Integer, primary_key=True), C("x", sa.String(length)), schema="depot")
        return metadata

    for schema in ("depot", "foreign_place"):
        postgres_database.sql(f"CREATE SCHEMA {schema} AUTHORIZATION {postgres_database.user}")
    postgres_database.sql("CREATE TABLE foreign_place.there (id INTEGER)")
    engine = open_engine(postgres_database)
    assert await compared(engine, models(10), models(10)) == ()
    assert await compared(engine, sa.MetaData(), models(20)) == (
        "column depot.there.x is VARCHAR(10), the models say VARCHAR(20)",
    )


async def test_what_cannot_be_compared_is_logged(
    sqlite_database: TestDatabase, open_engine: OpenEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLAlchemy cannot read an index of an expression from SQLite; it is not taken for missing."""

    def models() -> sa.MetaData:
        metadata = small()
        sa.Index("ix_lower", sa.func.lower(metadata.tables["children"].c.name))
        return metadata

    with caplog.at_level(logging.INFO, "plimsoll.migrations"):
        assert await compared(open_engine(sqlite_database), models(), models()) == ()
    assert "not compared: " in caplog.text
    assert "ix_lower" in caplog.text
