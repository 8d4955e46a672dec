"""The service on each of the three databases."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.backend.service import Service, service_on, until_ready
from tests.servers import TestDatabase


@pytest_asyncio.fixture
async def service(any_database: TestDatabase) -> AsyncIterator[Service]:
    """The service on a fresh database of each kind; at the end, nothing of the pool is in use."""
    async with service_on(any_database.url) as running:
        yield running
        assert running.checked_out() == 0


@pytest_asyncio.fixture
async def sqlite_service(sqlite_database: TestDatabase) -> AsyncIterator[Service]:
    """The service on a fresh SQLite file, for what has nothing to do with the database."""
    async with service_on(sqlite_database.url) as running:
        yield running
        assert running.checked_out() == 0


@pytest_asyncio.fixture
async def full_service(any_database: TestDatabase) -> AsyncIterator[Service]:
    """The service on each database, with the sample in it."""
    async with service_on(any_database.url, sample_data=True) as running:
        await until_ready(running)
        yield running
        assert running.checked_out() == 0
