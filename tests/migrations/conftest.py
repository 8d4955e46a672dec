"""What tests of migrations share: the small project, engines without a pool, revisions written by the test."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll import DatabaseSettings
from plimsoll.engine import build_engine
from plimsoll.migrations import Migrations
from tests.migrations.project.chandlery.models import Base
from tests.migrations.project_files import PROJECT, write_migrations
from tests.servers import TestDatabase


class Driven(NamedTuple):
    """A database, and an engine with one driver for it."""

    database: TestDatabase
    engine: AsyncEngine


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's env.py imports its models as the application does."""
    monkeypatch.syspath_prepend(str(PROJECT))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.fixture
async def open_engine() -> AsyncIterator[Callable[[TestDatabase | str], AsyncEngine]]:
    """Make an engine without a pool, as `plimsoll migrate` does, for a database or a URL."""
    engines: list[AsyncEngine] = []

    def open_(database: TestDatabase | str) -> AsyncEngine:
        url = database if isinstance(database, str) else database.url
        engines.append(build_engine(DatabaseSettings(database_url=url), pooled=False))
        return engines[-1]

    yield open_
    for engine in engines:
        await engine.dispose()


@pytest.fixture
def engine(any_database: TestDatabase, open_engine: Callable[[TestDatabase | str], AsyncEngine]) -> AsyncEngine:
    """An engine for an empty database, on each of the three in turn."""
    return open_engine(any_database)


DRIVERS = {
    "aiosqlite": "sqlite",
    "aiomysql": "mariadb",
    "asyncmy": "mariadb",
    "asyncpg": "postgres",
    "psycopg": "postgres",
}


EVERY_DRIVER = [
    pytest.param(driver, marks=[] if kind == "sqlite" else [getattr(pytest.mark, kind)])
    for driver, kind in DRIVERS.items()
]
SERVER_DRIVERS = EVERY_DRIVER[1:]
"""For `@pytest.mark.parametrize("driven", SERVER_DRIVERS, indirect=True)`: without SQLite."""


@pytest.fixture(params=EVERY_DRIVER)
def driven(request: pytest.FixtureRequest, open_engine: Callable[[TestDatabase | str], AsyncEngine]) -> Driven:
    """An empty database and an engine for it, with each of the five drivers in turn."""
    database: TestDatabase = request.getfixturevalue(f"{DRIVERS[request.param]}_database")
    return Driven(database, open_engine(database.url_for(request.param)))


@pytest.fixture
def project() -> Migrations:
    """The project's migrations, with its models."""
    return Migrations(PROJECT / "migrations", Base.metadata)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Migrations]:
    """Migrations of the test's own: `written({"one": "op.execute(...)"})` makes a chain of revisions."""

    def write(revisions: dict[str, str], **limits: float) -> Migrations:
        directory = write_migrations(tmp_path / "written", revisions)
        return Migrations(directory, MetaData(), **limits)

    return write
