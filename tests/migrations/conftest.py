"""What tests of migrations share: the small project, engines without a pool, revisions written by the test."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll import DatabaseSettings
from plimsoll.engine import build_engine
from plimsoll.migrations import Migrations
from tests.migrations.project.chandlery.models import Base
from tests.migrations.project_files import PROJECT, write_migrations
from tests.servers import TestDatabase


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
