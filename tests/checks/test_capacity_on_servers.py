"""Pools and time limits against what real servers say of theirs."""

from collections.abc import Callable

import pytest

from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Found, Passed
from plimsoll.settings import DatabaseSettings
from tests.checks.made import facts, verdict
from tests.server.asking import facts_of, url_as
from tests.servers import MariaDbServer, PostgresServer

PASSWORD = "Shop-secret-1"


async def about(url: str, **changes: str) -> Facts:
    """What the server says, and settings for it."""
    return facts(settings=DatabaseSettings(DATABASE_URL=url, **changes), server=await facts_of(url))


@pytest.fixture
def small_mariadb(new_mariadb: Callable[..., MariaDbServer]) -> str:
    """URL of an account that may have 8 connections, on a server with 30 that closes idle ones after 20 s."""
    server = new_mariadb(options=("--max-connections=30", "--wait-timeout=20"))
    database = server.create_database()
    database.sql(f"CREATE USER 'shop'@'%' IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS 8")
    database.sql(f"GRANT ALL ON `{database.name}`.* TO 'shop'@'%'")
    return url_as(database, "shop", PASSWORD, "aiomysql")


async def test_a_small_mariadb_and_its_account_are_found_too_small(small_mariadb: str) -> None:
    """40 connections against 30, and against 8; 280 s against 20. With what is proposed all three pass."""
    looked = await about(small_mariadb)
    for check_id, words in (
        ("PL201", "= 40 connections, 30 allowed"),
        ("PL202", "= 40 connections, 8 allowed"),
        ("PL205", "wait_timeout 20 s"),
    ):
        answer = verdict(check_id, looked)
        assert isinstance(answer, Found)
        assert words in answer.evidence
    proposed = verdict("PL202", looked)
    recycled = verdict("PL205", looked)
    assert isinstance(proposed, Found)
    assert isinstance(recycled, Found)
    lines = {change.name: change.value for change in (*proposed.changes, *recycled.changes)}
    mended = await about(small_mariadb, **lines)
    for check_id in ("PL201", "PL202", "PL203", "PL205"):
        assert isinstance(verdict(check_id, mended), Passed)


async def test_a_postgresql_that_ends_idle_sessions_is_found(new_postgres: Callable[..., PostgresServer]) -> None:
    """idle_session_timeout has a unit of its own, and some connections are reserved."""
    server = new_postgres(options=("max_connections=30", "idle_session_timeout=10s"))
    looked = await about(server.create_database().url)
    idle, many = verdict("PL205", looked), verdict("PL201", looked)
    assert isinstance(idle, Found)
    assert "idle_session_timeout 10 s" in idle.evidence
    assert isinstance(many, Found)
    assert "= 40 connections, 27 allowed" in many.evidence
