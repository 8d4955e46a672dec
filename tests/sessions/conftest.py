"""The tests' application, in this process, on each database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from plimsoll import Database
from tests.servers import TestDatabase
from tests.sessions.application import make_app, make_database


@pytest.fixture
async def database(any_database: TestDatabase) -> AsyncIterator[Database]:
    """A started database; at the end nothing is checked out."""
    database = make_database(any_database.url)
    yield database
    assert checked_out(database) == 0
    await database.close()


@pytest.fixture
async def app_and_client(database: Database) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The application, started, and a client of it."""
    async with serving(database) as pair:
        yield pair


@pytest.fixture
def app(app_and_client: tuple[FastAPI, httpx.AsyncClient]) -> FastAPI:
    """The application, started."""
    return app_and_client[0]


@pytest.fixture
def client(app_and_client: tuple[FastAPI, httpx.AsyncClient]) -> httpx.AsyncClient:
    """A client of the application."""
    return app_and_client[1]


@asynccontextmanager
async def serving(database: Database) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The application on `database`, and a client that sees answers as a real one would: a 500 and no exception."""
    app = make_app(database)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        await database.start()  # on a busy machine start-up takes longer than the lifespan waits for it
        yield app, client


def checked_out(database: Database) -> int:
    """How many connections of the pool are in use."""
    count: Callable[[], int] = database.engine.sync_engine.pool.checkedout  # type: ignore[attr-defined]
    return count()
