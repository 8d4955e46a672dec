"""`--adopt`: tables made by `create_all` come under migrations if they equal the models; else they stay as they are."""

from collections.abc import Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.errors import MigrationError, SchemaDiffersError
from plimsoll.migrations import Migrations
from tests.migrations.test_plan import tables
from tests.migrations.test_upgrade import silent, up_to
from tests.servers import TestDatabase

Written = Callable[..., Migrations]


async def make_tables(project: Migrations, engine: AsyncEngine) -> None:
    """What an application without migrations did at its start."""
    async with engine.begin() as connection:
        await connection.run_sync(project.metadata.create_all)


async def test_tables_that_equal_the_models_are_stamped(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """From then on the database is at the newest revision, and its rows are as they were."""
    await make_tables(project, engine)
    any_database.sql("INSERT INTO items (id, sku, price, is_active) VALUES (1, 'rope', 2.5, true)")
    state = await project.adopt(engine)
    assert (state.current, state.missing) == (("0006",), ())
    assert await project.upgrade(engine, silent) == ()
    assert any_database.sql("SELECT sku FROM items") == [("rope",)]


async def test_tables_that_differ_are_listed_and_not_stamped(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """Each difference is a line; there is no alembic_version table afterwards."""
    await make_tables(project, engine)
    any_database.sql("ALTER TABLE items DROP COLUMN performance_team_profile")
    any_database.sql("ALTER TABLE orders ADD COLUMN by_hand INTEGER")
    with pytest.raises(SchemaDiffersError) as failure:
        await project.adopt(engine)
    lines = str(failure.value).splitlines()
    assert "  column items.performance_team_profile (JSON) is missing" in lines
    assert "  column orders.by_hand is not in the models" in lines
    assert "alembic_version" not in await tables(engine)

    any_database.sql("ALTER TABLE items ADD COLUMN performance_team_profile JSON")
    any_database.sql("ALTER TABLE orders DROP COLUMN by_hand")
    assert (await project.adopt(engine)).current == ("0006",)


async def test_an_empty_database_has_nothing_to_adopt(project: Migrations, engine: AsyncEngine) -> None:
    """The error says what to do instead; nothing is made."""
    with pytest.raises(MigrationError, match=r"nothing to adopt.*Run 'plimsoll migrate'"):
        await project.adopt(engine)
    assert await tables(engine) == {}


async def test_a_database_at_the_newest_revision_is_left_alone(project: Migrations, engine: AsyncEngine) -> None:
    """To adopt twice is no error."""
    await project.upgrade(engine, silent)
    assert (await project.adopt(engine)).current == ("0006",)


async def test_a_database_that_is_behind_is_not_adopted(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """It is under migrations already: to stamp it would leave out those that it lacks."""
    await up_to(project, engine, "0003")
    with pytest.raises(MigrationError, match=r"under migrations already: the database is at 0003 and lacks 3 rev"):
        await project.adopt(engine)
    assert any_database.sql("SELECT version_num FROM alembic_version") == [("0003",)]


async def test_a_database_ahead_of_the_code_is_not_adopted(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """The code is older than the database, or it is another program's."""
    await project.upgrade(engine, silent)
    any_database.sql("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(MigrationError, match="at 0099, which this code does not know"):
        await project.adopt(engine)


async def test_plain_migrations_also_take_over_tables_made_before(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """Their helpers leave alone what is there: tables made by create_all, less the column, end equal to the models."""
    await make_tables(project, engine)
    any_database.sql("ALTER TABLE items DROP COLUMN performance_team_profile")
    assert len(await project.upgrade(engine, silent)) == 6
    assert await project.differences(engine) == ()


async def test_development_stamps_what_it_makes(
    project: Migrations, engine: AsyncEngine, any_database: TestDatabase
) -> None:
    """An empty database, filled by `create_all` at start, is at the newest revision; one with tables is not stamped."""
    await project.create_all(engine)
    assert (await project.state(engine)).current == ("0006",)
    any_database.sql("DROP TABLE alembic_version")
    any_database.sql("DROP TABLE admins")
    await project.create_all(engine)
    assert "admins" in await tables(engine)
    assert not (await project.state(engine)).versioned
