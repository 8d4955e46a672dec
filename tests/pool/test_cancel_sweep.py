"""Whatever is cancelled at whichever wait: nothing is left checked out, the books agree with the server, and no
transaction is half there."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from tests.pool.conftest import SERVERS, engine_on
from tests.pool.sweep_works import CASES, Case, leave_open, warm
from tests.pool.sweeping import Deliver, Scene, by_scope, by_timeout, once, scene_on, sweep, thrice, twice
from tests.servers import TestDatabase

DRIVERS = [*SERVERS, "aiosqlite"]


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver."""
    return str(request.param)


@pytest.fixture
def database(driver: str, request: pytest.FixtureRequest) -> TestDatabase:
    """With one table, in which every write is a transaction's."""
    found: TestDatabase = request.getfixturevalue(f"{SERVERS.get(driver, 'sqlite')}_database")
    found.sql("CREATE TABLE note (name VARCHAR(50))" + (" ENGINE=InnoDB" if found.kind == "mariadb" else ""))
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_work_given_up_at_any_wait_leaves_nothing_behind(
    driver: str, database: TestDatabase, case: Case
) -> None:
    """On the pool alone, under plain SQLAlchemy."""
    if case.servers_only and driver == "aiosqlite":
        pytest.skip("SQLite has no such work")
    async with engine_on(database.url_for(driver), size=case.size, **case.options) as engine:
        async with scene_on(database, engine) as scene:
            waits = await sweep(scene, case.work, case.before)
            print(case, waits)
