"""A database that is reached through a real PgBouncer, in each of its modes and with each driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll import DatabaseSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import PgBouncer, PostgresServer, TestDatabase


@dataclass(frozen=True)
class Pooled:
    """A database, and the URL that leads to it through the pooler."""

    database: TestDatabase
    pooler: PgBouncer
    driver: str

    @property
    def url(self) -> str:
        """Through the pooler."""
        return self.database.url_for(self.driver, port=self.pooler.port)

    def settings(self, **extra: Any) -> DatabaseSettings:
        """Settings of a service behind the pooler."""
        return DatabaseSettings(database_url=self.url, **extra)


@pytest.fixture
def pooled(
    postgres: PostgresServer,
    postgres_database: TestDatabase,
    postgres_driver: str,
    new_pgbouncer: Callable[..., PgBouncer],
) -> Callable[[str], Pooled]:
    """Put a PgBouncer of this mode before the database."""
    return lambda mode: Pooled(postgres_database, new_pgbouncer(postgres, pool_mode=mode), postgres_driver)


@pytest.fixture
def by_session(pooled: Callable[[str], Pooled]) -> Pooled:
    """Each client keeps its connection of the server."""
    return pooled("session")


@pytest.fixture
def by_transaction(pooled: Callable[[str], Pooled]) -> Pooled:
    """Each transaction is lent a connection of the server."""
    return pooled("transaction")


@pytest.fixture(params=["session", "transaction"])
def in_any_mode(request: pytest.FixtureRequest, pooled: Callable[[str], Pooled]) -> Pooled:
    """Each of the two modes in turn."""
    return pooled(request.param)
