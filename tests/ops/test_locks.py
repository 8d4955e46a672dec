"""A statement that hangs since somebody has a lock: whoever has it is named, with how many wait and what to do."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest

from plimsoll.snapshot import Problem
from tests.ops.test_observer import Service, ended, service
from tests.ops.test_problems import gone, told
from tests.servers import MYSQLD, TestDatabase
from tests.servers.client import connect

pytestmark = pytest.mark.usefixtures("patient_start")

TELLS = "GRANT SELECT ON performance_schema.*" if MYSQLD else "INSTALL SONAME 'metadata_lock_info'"
"""What an administrator may do for an account that is not told who has a table locked."""

SYMPTOMS = {"slow-route", "slow-statement", "idle-in-transaction", "server-sleepers", "connections-held"}


told_or_not = pytest.mark.parametrize(
    ("server_database", "told_by"),
    [
        pytest.param("mariadb", "the server", marks=pytest.mark.mariadb),
        pytest.param("mariadb", "nobody", marks=pytest.mark.mariadb),
        pytest.param("postgres", "the server", marks=pytest.mark.postgres),
    ],
    indirect=["server_database"],
)
"""PostgreSQL tells every role."""


@contextmanager
def stranger(database: TestDatabase, statement: str) -> Iterator[int]:
    """Another program that sends this in a transaction, and whether or not it is answered stays in it."""
    connection = connect(database)
    number = connection.thread_id() if database.kind == "mariadb" else connection.info.backend_pid

    def send() -> None:
        with suppress(Exception), connection.cursor() as cursor:
            cursor.execute(statement)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(1)
    try:
        yield number
    finally:
        database.server.sql(  # type: ignore[union-attr]
            f"KILL {number}" if database.kind == "mariadb" else f"SELECT pg_terminate_backend({number})"
        )
        thread.join()
        with suppress(Exception):
            connection.close()


@contextmanager
def granted(database: TestDatabase, *, process: bool = False, plugin: bool = False) -> Iterator[None]:
    """What has MariaDB or MySQL tell of locks; PostgreSQL tells without."""
    server = database.server
    assert server is not None
    mariadb = database.kind == "mariadb"
    if mariadb and MYSQLD and (process or plugin):
        server.sql(f"GRANT PROCESS ON *.* TO '{database.user}'@'%'")
        server.sql(f"GRANT SELECT ON performance_schema.* TO '{database.user}'@'%'")
        plugin = False
    elif mariadb and process:
        server.sql(f"GRANT PROCESS ON *.* TO '{database.user}'@'%'")
    if mariadb and plugin:
        server.sql("INSTALL SONAME 'metadata_lock_info'")
    try:
        yield
    finally:
        if mariadb and plugin:
            server.sql("UNINSTALL SONAME 'metadata_lock_info'")


@asynccontextmanager
async def on_a_table(database: TestDatabase) -> AsyncIterator[Service]:
    """A service, and a table with a row in it."""
    database.sql("CREATE TABLE berth (id INT PRIMARY KEY, name VARCHAR(9))")
    database.sql("INSERT INTO berth VALUES (1, 'free')")
    if database.kind == "postgres":
        database.sql(f"ALTER TABLE berth OWNER TO {database.user}")
    async with service(database.url, pool_size=8, max_overflow=0) as it:
        yield it


def begin(it: Service, path: str, statement: str, count: int = 1) -> "list[asyncio.Task[Any]]":
    """So many requests that send it."""
    return [asyncio.create_task(it.client.get(path, params={"statement": statement})) for _ in range(count)]


async def hanging(it: Service, count: int) -> Problem:
    """What is told once so many wait."""
    problem = await told(it, "lock-waits")
    for _ in range(50):
        if problem.sentence.startswith(f"{count} connection"):
            break
        await asyncio.sleep(0.2)
        problem = await told(it, "lock-waits")
    assert problem.sentence.startswith(f"{count} connection"), problem.sentence
    assert not SYMPTOMS & {each.key for each in (await it.snapshot()).problems}
    return problem


async def test_who_has_a_row_locked_is_named_by_route_and_line(server_database: TestDatabase) -> None:
    """A request that sits in its transaction while others wait for its row, also behind one another."""
    with granted(server_database, process=True):
        async with on_a_table(server_database) as it:
            blocker = begin(it, "/lock", "UPDATE berth SET name = 'mine' WHERE id = 1")
            await it.held(1)
            behind = begin(it, "/send", "UPDATE berth SET name = 'yours' WHERE id = 1", 3)
            problem = await hanging(it, 3)
            it.go_on.set()
            assert {answer.status_code for answer in await asyncio.gather(*blocker, *behind)} == {200}
            await gone(it, "lock-waits")
    assert "3 connections of GET /send wait for a row of " in problem.sentence
    assert "berth, the first for over " in problem.sentence
    assert "; GET /lock has it locked (idle in a transaction, " in problem.sentence
    assert " ago at ops/test_observer.py:" in problem.sentence
    assert problem.action.startswith("Take its connection back under Holders; then let GET /lock end its transaction")


@told_or_not
async def test_who_keeps_a_table_from_being_altered_is_named(server_database: TestDatabase, told_by: str) -> None:
    """Not the ALTER TABLE, which waits as well, with all who have come since; without a right it is probably so."""
    with granted(server_database, plugin=told_by == "the server"):
        async with on_a_table(server_database) as it:
            blocker = begin(it, "/lock", "SELECT id FROM berth")
            await it.held(1)
            with stranger(server_database, "ALTER TABLE berth ADD COLUMN length INT") as number:
                behind = begin(it, "/send", "SELECT id FROM berth", 2)
                problem = await hanging(it, 3)
                it.go_on.set()
                await asyncio.gather(*blocker)
            await ended(*behind)
    assert "(2 of GET /send and 1 of " in problem.sentence
    maybe = "" if told_by == "the server" else "probably "
    assert f"; {maybe}GET /lock has it locked" in problem.sentence
    assert (" wait for the table " in problem.sentence) == (told_by == "the server")
    assert (f" Or end connection {number} (" in problem.action) == (told_by == "the server")
    assert (TELLS in problem.action) == (told_by == "nobody")


@told_or_not
async def test_a_stranger_who_has_a_table_locked_is_named(server_database: TestDatabase, told_by: str) -> None:
    """By the number of its connection, with the statement that ends it; where it is not told, what would tell it."""
    mariadb = server_database.kind == "mariadb"
    with granted(server_database, plugin=told_by == "the server"):
        async with on_a_table(server_database) as it:
            statement = "LOCK TABLES berth WRITE" if mariadb else "LOCK TABLE berth IN ACCESS EXCLUSIVE MODE"
            with stranger(server_database, statement) as number:
                behind = begin(it, "/send", "SELECT id FROM berth", 2)
                problem = await hanging(it, 2)
            await asyncio.gather(*behind)
    if told_by == "nobody":
        assert problem.sentence.endswith("; the server does not tell this account who has it locked.")
        assert TELLS in problem.action
        return
    assert f"; connection {number} (" in problem.sentence
    assert f" {'KILL' if mariadb else 'SELECT pg_terminate_backend'}" in problem.action
    assert str(number) in problem.action


async def test_who_is_not_told_of_locked_rows_is_told_that(mariadb_database: TestDatabase) -> None:
    """Without PROCESS a statement that waits for a row looks like one that is slow."""
    async with on_a_table(mariadb_database) as it:
        with stranger(mariadb_database, "UPDATE berth SET name = 'mine' WHERE id = 1"):
            behind = begin(it, "/send", "UPDATE berth SET name = 'yours' WHERE id = 1")
            problem = await told(it, "slow-route")
        await asyncio.gather(*behind)
    assert "GRANT PROCESS" in problem.action
