"""`DB_POOL_SIZE=auto`: small until start-up has asked the server, then what the server and its account allow."""

import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll import Database, DatabaseSettings
from plimsoll.capacity import budget
from plimsoll.pool import PlimsollPool
from plimsoll.server import read_facts
from plimsoll.server.facts import ServerFacts
from plimsoll.settings import ServiceSettings, SettingsError, TopologySettings
from plimsoll.startup import sizing
from tests.capacity.cases import GIB, MIB, host, limit, mariadb
from tests.servers import TestDatabase

PUT_A_LIMIT = {
    "mariadb": "ALTER USER '{name}'@'%%' WITH MAX_USER_CONNECTIONS 10",
    "postgres": 'ALTER ROLE "{name}" CONNECTION LIMIT 10',
}


def limit_account(database: TestDatabase) -> None:
    """Give the database's account 10 connections."""
    database.sql(PUT_A_LIMIT[database.kind].format(name=database.name).replace("%%", "%"))


def settings_for(database: TestDatabase, **more: object) -> DatabaseSettings:
    """Settings that leave the size to start-up."""
    return DatabaseSettings(database_url=database.url, pool_size="auto", **more)


def sizes(database: Database) -> tuple[int, int]:
    """Size and overflow of the pool as it is now, which has that many places."""
    pool = database.engine.sync_engine.pool
    assert isinstance(pool, PlimsollPool)
    assert pool.places.limit == pool.size_limit + pool.overflow_limit
    return pool.size_limit, pool.overflow_limit


@asynccontextmanager
async def started(settings: DatabaseSettings, topology: TopologySettings | None = None) -> AsyncGenerator[Database]:
    """A database that has passed the gate."""
    database = Database(settings, topology=topology)
    try:
        await database.start()
        yield database
    finally:
        await database.close()


async def test_the_pool_is_small_until_the_gate_and_then_what_the_account_allows(
    server_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """10 for the account, less 1 kept free, for the old and the new worker of a deployment: 4, in a line of the log."""
    limit_account(server_database)
    caplog.set_level(logging.INFO, "plimsoll.startup")
    assert sizes(Database(settings_for(server_database))) == (2, 0)
    async with started(settings_for(server_database)) as database:
        assert sizes(database) == (4, 0)
        found = database.gate.report.sizing
        assert found is not None
        assert found.is_known
    (line,) = [line for line in caplog.messages if "auto" in line]
    assert line == found.words
    assert line.startswith("DB_POOL_SIZE=auto: 4, DB_MAX_OVERFLOW: 0. 10 (")
    assert "are for 2 pools, old and new workers together, and 1 is kept free" in line


async def test_as_many_connections_as_were_found_can_be_used_at_once(server_database: TestDatabase) -> None:
    """And no more: the server agrees."""
    limit_account(server_database)
    async with (
        started(settings_for(server_database)) as database,
        AsyncExitStack() as stack,
    ):
        for _ in range(4):
            connection = await stack.enter_async_context(database.engine.connect())
            await connection.execute(text("SELECT 1"))
        server_database.wait_connection_count(4)
        pool = database.engine.sync_engine.pool
        assert isinstance(pool, PlimsollPool)
        pool._line.timeout_s = 0.2
        with pytest.raises(PoolTimeoutError, match="and got none"):
            await database.engine.connect().start()


async def test_workers_that_start_after_one_another_come_to_the_same(server_database: TestDatabase) -> None:
    """Though the first has connections open when the second asks."""
    topology, settings = TopologySettings(workers=2), settings_for(server_database)
    limit_account(server_database)
    async with (
        started(settings, topology) as first,
        first.engine.connect(),
        first.engine.connect(),
        started(settings, topology) as second,
    ):
        assert sizes(first) == sizes(second) == (2, 0)


async def test_the_declared_topology_is_read_from_the_environment(
    server_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WEB_CONCURRENCY and the others, as `plimsoll capacity` reads them."""
    limit_account(server_database)
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    monkeypatch.setenv("DEPLOY_OVERLAP", "0")
    async with started(settings_for(server_database)) as database:
        assert sizes(database) == (3, 0)


async def test_more_pools_than_connections_get_one_each_and_a_warning(
    server_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """It says that it does not fit, and by which limit."""
    limit_account(server_database)
    async with started(settings_for(server_database), TopologySettings(workers=30)) as database:
        assert sizes(database) == (1, 0)
        (warning,) = [line for line in database.gate.report.warnings if "auto" in line]
        assert "Does not fit: 60 pools" in warning
        assert warning in caplog.messages


async def test_facts_that_cannot_be_read_leave_the_small_size_and_a_warning(
    server_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both servers tell max_connections to everyone, so a stand-in keeps it back, as a proxy may."""

    async def silent(connection: AsyncConnection) -> ServerFacts:
        facts = await read_facts(connection)
        return replace(facts, max_connections=None, unread={"variables": "it is not for you"})

    monkeypatch.setattr(sizing, "read_facts", silent)
    async with started(settings_for(server_database)) as database:
        assert sizes(database) == (2, 0)
        (warning,) = [line for line in database.gate.report.warnings if "auto" in line]
        assert "could not be read (it is not for you)" in warning
        assert "Set DB_POOL_SIZE to a number." in warning


def test_a_worker_is_not_taken_for_as_small_as_the_process_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that has imported an application has a third of the address space that its worker takes: no threads
    yet, with their stacks and arenas. A limit of 300 MiB leaves such a worker nothing; 2 GiB do."""

    def fits(limit_bytes: int) -> bool:
        limited = limit("address space of the process", limit_bytes, "RLIMIT_AS")
        monkeypatch.setattr(
            sizing, "survey", lambda: replace(host(limited), rss_bytes=MIB, address_space_bytes=124 * MIB)
        )
        asked = sizing.question_of(
            DatabaseSettings(database_url="mysql://shop@db.example/shop"),
            ServiceSettings(),
            TopologySettings(),
            mariadb(151),
            loop="asyncio",
        )
        return budget(asked).fits

    assert not fits(300 * MIB)
    assert fits(2 * GIB)


async def test_sqlite_gets_a_few(sqlite_database: TestDatabase) -> None:
    """One writes at a time."""
    async with started(settings_for(sqlite_database)) as database:
        assert sizes(database) == (5, 0)


async def test_a_database_in_memory_keeps_its_one_connection() -> None:
    """A second would see another, empty database."""
    async with started(DatabaseSettings(database_url="sqlite://", pool_size="auto")) as database:
        assert sizes(database) == (1, 0)


async def test_a_second_start_finds_the_size_anew(server_database: TestDatabase) -> None:
    """After the pool was closed, and the account was given fewer."""
    database = Database(settings_for(server_database))
    await database.start()
    first = sizes(database)
    await database.close()
    limit_account(server_database)
    await database.start()
    assert first > sizes(database) == (4, 0)
    await database.close()


def test_a_wrong_topology_is_refused_when_the_database_is_made(
    sqlite_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As any setting; without auto it is nobody's business."""
    monkeypatch.setenv("DEPLOY_HOSTS", "many")
    with pytest.raises(SettingsError, match="DEPLOY_HOSTS"):
        Database(settings_for(sqlite_database))
    Database(DatabaseSettings(database_url=sqlite_database.url))


def test_an_overflow_beside_auto_is_noted_as_ignored(sqlite_database: TestDatabase) -> None:
    """Both are found."""
    found = settings_for(sqlite_database, max_overflow=3)
    assert "DB_MAX_OVERFLOW is ignored, since DB_POOL_SIZE=auto finds both." in found.notes
