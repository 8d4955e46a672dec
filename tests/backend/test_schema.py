"""Migrations and models lead to the same schema, whatever a migration finds when it is run."""

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core import BackendDatabaseSettings
from app.models import Base
from plimsoll.engine import build_engine
from plimsoll.migrations import Migrations
from tests.backend.service import MIGRATIONS
from tests.servers import TestDatabase

PROFILE = "performance_team_profile"


def _parts(database: TestDatabase) -> tuple[Migrations, AsyncEngine]:
    engine = build_engine(BackendDatabaseSettings(database_url=SecretStr(database.url)), pooled=False)
    return Migrations(MIGRATIONS, Base.metadata), engine


async def test_migrations_make_what_the_models_expect(any_database: TestDatabase) -> None:
    """After all migrations, a comparison with the models finds no difference."""
    migrations, engine = _parts(any_database)
    done = await migrations.upgrade(engine, lambda _line: None)
    assert [revision.id for revision in done] == ["0001", "0002", "0003", "0004", "0005", "0006"]
    assert await migrations.differences(engine) == ()
    await engine.dispose()


async def test_tables_made_by_create_all_equal_the_models(any_database: TestDatabase) -> None:
    """What development makes does not differ, so that `plimsoll migrate --adopt` takes it."""
    migrations, engine = _parts(any_database)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    assert await migrations.differences(engine) == ()
    await engine.dispose()


async def test_the_profile_column_may_have_been_added_by_hand(any_database: TestDatabase) -> None:
    """The revision that adds the column succeeds where an operator has added it before."""
    migrations, engine = _parts(any_database)
    await migrations.upgrade(engine, lambda _line: None)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    done = await migrations.upgrade(engine, lambda _line: None)
    assert [revision.id for revision in done] == ["0006"]
    assert await migrations.differences(engine) == ()
    await engine.dispose()


async def test_every_migration_can_run_again_over_its_own_work(any_database: TestDatabase) -> None:
    """Where a run was killed before it was noted, the same revisions run again without an error."""
    migrations, engine = _parts(any_database)
    await migrations.upgrade(engine, lambda _line: None)
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM alembic_version"))
    done = await migrations.upgrade(engine, lambda _line: None)
    assert len(done) == 6
    assert await migrations.differences(engine) == ()
    await engine.dispose()
