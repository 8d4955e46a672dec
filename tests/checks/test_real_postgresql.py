"""The checks of PostgreSQL on a real server whose settings the test changes, mends as advised, and takes back."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from plimsoll.checks import sleepers
from plimsoll.checks.verdict import CouldNot, Found, NotApplicable, Passed
from tests.checks.healthy import GIB, IDS, deployment, verdict
from tests.server.asking import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.server import ServerFacts
    from tests.servers import PostgresServer, TestDatabase

OURS = [check_id for check_id in IDS if check_id.startswith("PL4")]
FOR_TESTS = {"PL441", "PL442", "PL444"}
"""The tests' own server is not meant to survive a crash."""

SETTINGS = [
    ("PL411", "idle_in_transaction_session_timeout", "0"),
    ("PL413", "lock_timeout", "0"),
    ("PL431", "timezone", "Asia/Kolkata"),
    ("PL433", "default_transaction_isolation", "serializable"),
    ("PL434", "default_transaction_read_only", "on"),
]


def _ordinary(server: ServerFacts) -> ServerFacts:
    """The role of the tests may become the administrator; that is not asked here."""
    assert server.account is not None
    return replace(server, account=replace(server.account, powers=frozenset()), memory_bytes=8 * GIB)


@pytest.mark.parametrize(("check_id", "name", "value"), SETTINGS, ids=[row[0] for row in SETTINGS])
async def test_what_our_sessions_begin_with_is_found_and_mended_for_our_role(
    postgres_database: TestDatabase, check_id: str, name: str, value: str
) -> None:
    """The role itself may run what is advised, and what takes it back; a role's setting wins over a database's."""
    postgres_database.sql(f"ALTER DATABASE {postgres_database.name} SET {name} = '{value}'")
    found = await _come_to(check_id, postgres_database)
    assert isinstance(found, Found), found
    (change,) = found.changes
    with psycopg.connect(postgres_database.url_for(""), autocommit=True) as own:
        own.execute("SET default_transaction_read_only = off")
        own.execute(change.text.encode())
        assert own.execute(change.reads_back.encode()).fetchone() == (change.value,)
        assert isinstance(await _come_to(check_id, postgres_database), Passed)
        own.execute(change.undo.encode())
    assert isinstance(await _come_to(check_id, postgres_database), Found)


async def test_a_value_of_the_role_s_own_is_what_is_put_back(postgres_database: TestDatabase) -> None:
    """RESET would leave the server's."""
    user = postgres_database.user
    postgres_database.sql(f"ALTER ROLE {user} SET lock_timeout = '1h'")
    found = await _come_to("PL413", postgres_database)
    assert isinstance(found, Found), found
    (change,) = found.changes
    for statement in (change.text, change.undo):
        postgres_database.sql(statement)
    (row,) = postgres_database.sql(change.reads_back)
    assert row[0] in ("1h", "3600000", "3600000ms")


async def _come_to(check_id: str, database: TestDatabase) -> object:
    facts = _ordinary(await facts_of(database.url))
    return verdict(check_id, deployment(facts, {"DB_STATEMENT_TIMEOUT": "0"}))


async def test_a_setting_of_the_server_is_mended_by_alter_system(new_postgres: Callable[..., PostgresServer]) -> None:
    """Each statement by itself; it is read back in the server's own form, and its undo restores the old value."""
    server = new_postgres(options=("shared_preload_libraries=",))
    database = server.create_database()
    found = verdict("PL421", deployment(await facts_of(database.url)))
    assert isinstance(found, Found), found
    for change in found.changes:
        server.sql(change.text)
    setting = found.changes[0]
    _wait_for(server, setting.reads_back, setting.value)
    assert isinstance(verdict("PL421", deployment(await facts_of(database.url))), Passed)
    for change in found.changes:
        server.sql(change.undo)
    _wait_for(server, setting.reads_back, "-1")


def _wait_for(server: PostgresServer, statement: str, value: str) -> None:
    """The server's processes read their files again one after the other."""
    ends = time.monotonic() + 30
    while server.sql(statement) != [(value,)]:
        assert time.monotonic() < ends, server.sql(statement)
        time.sleep(0.05)


async def test_memory_that_does_not_fit_is_mended_by_less_for_a_sort(
    new_postgres: Callable[..., PostgresServer],
) -> None:
    """The sum of the real server's settings; the RAM is the test's."""
    server = new_postgres()
    database = server.create_database()
    server.sql("ALTER SYSTEM SET work_mem = '64MB'")
    server.sql("SELECT pg_reload_conf()")
    _wait_for(server, "SHOW work_mem", "64MB")
    found = verdict("PL403", deployment(replace(await facts_of(database.url), memory_bytes=2 * GIB)))
    assert isinstance(found, Found), found
    for change in found.changes:
        server.sql(change.text)
    _wait_for(server, found.changes[0].reads_back, found.changes[0].value)
    mended = replace(await facts_of(database.url), memory_bytes=2 * GIB)
    assert isinstance(verdict("PL403", deployment(mended)), Passed)


async def test_a_server_that_may_lose_its_data_is_found(
    postgres_database: TestDatabase, new_postgres: Callable[..., PostgresServer]
) -> None:
    """The tests' own server is such a one; one with the defaults is not."""
    unsafe = deployment(await facts_of(postgres_database.url))
    server = new_postgres(options=("fsync=on", "full_page_writes=on", "autovacuum=on"))
    safe = deployment(await facts_of(server.create_database().url))
    for check_id in FOR_TESTS:
        assert isinstance(verdict(check_id, unsafe), Found)
        assert isinstance(verdict(check_id, safe), Passed)


async def test_a_server_that_is_nearly_full_is_found(new_postgres: Callable[..., PostgresServer]) -> None:
    """Of what is not reserved."""
    server = new_postgres(options=("max_connections=10",))
    database = server.create_database()
    assert isinstance(verdict("PL401", deployment(await facts_of(database.url))), Passed)
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(psycopg.connect(database.url_for("")))
        found = verdict("PL401", deployment(await facts_of(database.url)))
    assert isinstance(found, Found), found
    assert "of 7 connections are in use" in found.evidence


async def test_a_sleeper_in_a_transaction_is_found(
    postgres_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account sees its own connections at least."""
    monkeypatch.setattr(sleepers, "LONGEST_S", 0.5)
    with psycopg.connect(postgres_database.url_for("")) as connection:
        connection.execute("SELECT 1")
        ends = time.monotonic() + 30
        while not isinstance(came_to := await _come_to("PL404", postgres_database), Found):
            assert time.monotonic() < ends, came_to
            await asyncio.sleep(0.3)
        assert f"id {connection.info.backend_pid} of {postgres_database.user}" in came_to.evidence
    assert isinstance(await _come_to("PL404", postgres_database), Passed)


async def test_an_ordinary_role_is_told_all(postgres_database: TestDatabase) -> None:
    """Nothing is left open, and on the tests' server nothing is found that it does not have."""
    server = _ordinary(await facts_of(postgres_database.url))
    came_to = {check_id: verdict(check_id, deployment(server)) for check_id in OURS}
    assert not [result for result in came_to.values() if isinstance(result, CouldNot)], came_to
    found = {check_id for check_id, result in came_to.items() if isinstance(result, Found)}
    # With the defaults a transaction may idle for ever, and a statement wait for a lock.
    assert found - {"PL431"} == FOR_TESTS | {"PL411", "PL413"}, came_to
    assert isinstance(came_to["PL405"], NotApplicable)
