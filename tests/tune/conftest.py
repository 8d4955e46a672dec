"""What tests of `plimsoll tune` share: a server's connection, facts about it, and settings put back after a test."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import pytest

from plimsoll.checks.server_steps import ServerSteps, one_connection
from plimsoll.checks.tuning import Step
from plimsoll.checks.verdict import Change
from plimsoll.engine import build_engine
from plimsoll.server.facts import ServerFacts
from plimsoll.server.mysql_changing import MySQLChanger
from plimsoll.server.postgresql_changing import PostgreSQLChanger
from plimsoll.settings import DatabaseSettings
from tests.cli.conftest import plimsoll as plimsoll
from tests.cli.conftest import shop as shop
from tests.cli.conftest import use as use
from tests.servers import MariaDbServer, PostgresServer, TestDatabase

MARIADB_SETTINGS = ("slow_query_log", "long_query_time", "max_connections")
MARIADB = ServerFacts("mysql", "mariadb", (10, 11, 6), "10.11.6-MariaDB")
POSTGRES = ServerFacts("postgresql", "postgresql", (15, 6), "15.6")
MYSQL_8 = ServerFacts("mysql", "mysql", (8, 0, 36), "8.0.36")
MYSQL_57 = ServerFacts("mysql", "mysql", (5, 7, 44), "5.7.44")


def sql_step(name: str, value: str) -> Step:
    """A step on the server."""
    return Step("sql", name, value, Change("sql", ""), ("PL301",))


def env_step(name: str, value: str, *checks: str) -> Step:
    """A step in `.env`, wanted by these checks."""
    return Step("env", name, value, Change("env", f"{name}={value}", name=name, value=value), checks)


@asynccontextmanager
async def server_steps(database: TestDatabase) -> AsyncGenerator[ServerSteps]:
    """Steps on the server of a database, over a connection of the database's own user."""
    settings = DatabaseSettings(database_url=database.url)
    mysql = database.kind == "mariadb"
    engine = build_engine(settings, pooled=False)
    try:
        async with one_connection(engine) as connection:
            yield ServerSteps(
                connection,
                MySQLChanger() if mysql else PostgreSQLChanger(),
                MARIADB if mysql else POSTGRES,
            )
    finally:
        await engine.dispose()


def let(database: TestDatabase) -> None:
    """Give a database's user what changing the server's settings needs."""
    if database.kind == "mariadb":
        database.sql(f"GRANT SUPER ON *.* TO '{database.user}'@'%'")
    else:
        database.sql(f"ALTER ROLE {database.user} SUPERUSER")


@pytest.fixture
def own_mariadb(mariadb: MariaDbServer, mariadb_database: TestDatabase) -> Iterator[TestDatabase]:
    """A database whose user may change its MariaDB's settings, which are as before after the test."""
    let(mariadb_database)
    yield mariadb_database
    mariadb.heal()
    for name in MARIADB_SETTINGS:
        mariadb.sql(f"SET GLOBAL {name} = DEFAULT")


@pytest.fixture
def own_postgres(postgres: PostgresServer, postgres_database: TestDatabase) -> Iterator[TestDatabase]:
    """A database whose user may change its PostgreSQL's settings, which are as before after the test."""
    let(postgres_database)
    yield postgres_database
    postgres.heal()
    postgres.sql("ALTER SYSTEM RESET ALL")
    postgres.sql("SELECT pg_reload_conf()")


@pytest.fixture(params=["mariadb", pytest.param("postgres")])
def own_database(request: pytest.FixtureRequest) -> TestDatabase:
    """Each of them in turn."""
    database = request.getfixturevalue(f"own_{request.param}")
    assert isinstance(database, TestDatabase)
    return database
