"""An engine on each database, with and without the table of accounts."""

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.seeding.accounts import engine_for, make_tables
from tests.servers import TestDatabase


@pytest_asyncio.fixture
async def empty_engine(any_database: TestDatabase) -> AsyncIterator[AsyncEngine]:
    """An engine on a database without tables."""
    engine = engine_for(any_database.url)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def engine(empty_engine: AsyncEngine) -> AsyncEngine:
    """An engine on a database with an empty table of accounts."""
    await make_tables(empty_engine)
    return empty_engine
