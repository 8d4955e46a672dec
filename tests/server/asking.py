"""Connections that read a server's facts, and one that answers whatever a test likes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import URL
from sqlalchemy.engine import make_url

from plimsoll import DatabaseSettings
from plimsoll.engine import build_engine
from plimsoll.server import ServerFacts, read_facts

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tests.servers import TestDatabase

Answers = list[tuple[Any, ...]] | Exception


@asynccontextmanager
async def connected(url: str, **settings: Any) -> AsyncIterator[AsyncConnection]:
    """A connection as the application would have it."""
    engine = build_engine(DatabaseSettings(database_url=url, **settings))
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def facts_of(url: str, **settings: Any) -> ServerFacts:
    """What the server at `url` tells this account."""
    async with connected(url, **settings) as connection:
        return await read_facts(connection)


def url_as(database: TestDatabase, user: str, password: str, driver: str) -> str:
    """The URL of the same database for another account."""
    return (
        make_url(database.url_for(driver)).set(username=user, password=password).render_as_string(hide_password=False)
    )


@dataclass
class Answer:
    """Rows as a server gave them."""

    rows: list[tuple[Any, ...]]
    names: tuple[str, ...] = ()
    returns_rows: bool = True

    def all(self) -> list[tuple[Any, ...]]:
        return self.rows

    def keys(self) -> tuple[str, ...]:
        return self.names or tuple(f"c{number}" for number in range(len(self.rows[0]) if self.rows else 0))


@dataclass
class _Named:
    name: str
    driver: str


@dataclass
class _Engine:
    url: URL


@dataclass
class OddServer:
    """A connection to a server that no test can start: it answers by the words that a statement contains.

    The first that fits counts; an error among the answers is raised; anything else gets no row.
    """

    dialect_name: str
    answers: Mapping[str, Answers]
    url: str = "mysql+aiomysql://app@db.example.org/app"
    invalidated: bool = False
    asked: list[str] = field(default_factory=list)
    in_transaction: bool = False

    @property
    def dialect(self) -> _Named:
        return _Named(self.dialect_name, "none")

    @property
    def engine(self) -> _Engine:
        return _Engine(make_url(self.url))

    async def exec_driver_sql(self, statement: str) -> Answer:
        self.asked.append(statement)
        self.in_transaction = True
        for words, answer in self.answers.items():
            if words.lower() in statement.lower():
                if isinstance(answer, Exception):
                    raise answer
                return Answer(answer)
        return Answer([])

    async def rollback(self) -> None:
        self.in_transaction = False

    async def invalidate(self) -> None:
        self.invalidated = True

    async def facts(self) -> ServerFacts:
        return await read_facts(cast("AsyncConnection", self))
