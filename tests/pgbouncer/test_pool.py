"""The pool and its time limits behind a real PgBouncer."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from plimsoll import DatabaseSettings
from plimsoll.engine import build_engine
from plimsoll.errors import LockTimeoutError, StatementTimeoutError
from plimsoll.pool import PlimsollPool
from plimsoll.pool.context import READING
from plimsoll.server import exclusive, read_facts
from plimsoll.server.lending import PREPARED_AFTER
from plimsoll.startup.pooler import look_at_lending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.pgbouncer.conftest import Pooled
    from tests.servers import PgBouncer, PostgresServer, TestDatabase

SLEEP = "SELECT pg_sleep(60)"


async def _work(engine: AsyncEngine, rounds: int = 12) -> None:
    """Transactions and single statements, each with parameters, on as many connections as there are tasks."""
    for number in range(rounds):
        async with engine.begin() as connection:
            assert await connection.scalar(text("SELECT :a + 1"), {"a": number}) == number + 1
            assert await connection.scalar(text("SELECT upper(:b)"), {"b": f"x{number}"}) == f"X{number}"
        mode = READING.set(True)
        try:
            async with engine.connect() as connection:
                assert await connection.scalar(text("SELECT :c * 2"), {"c": number}) == number * 2
        finally:
            READING.reset(mode)


async def _many(engine: AsyncEngine) -> None:
    await asyncio.gather(*(_work(engine) for _ in range(8)))


async def test_statements_work_in_both_modes_without_prepared_ones(in_any_mode: Pooled) -> None:
    """Also those of a second process, whose drivers begin to count their statements anew."""
    for _ in range(2):
        engine = build_engine(in_any_mode.settings(prepared_statements=False))
        await _many(engine)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0
            assert await connection.scalar(text("SHOW application_name")) == "plimsoll"
        await engine.dispose()


async def test_a_session_keeps_its_prepared_statements(by_session: Pooled) -> None:
    """In session mode nothing has to be switched off."""
    engine = build_engine(by_session.settings())
    await _many(engine)
    await engine.dispose()


async def test_prepared_statements_break_in_transaction_mode(by_transaction: Pooled) -> None:
    """Why there is a setting, a warning and a check."""
    engine = build_engine(by_transaction.settings())
    with pytest.raises(DBAPIError, match="prepared statement"):
        await _many(engine)
    await engine.dispose()


@pytest.fixture
async def engine(in_any_mode: Pooled) -> AsyncIterator[AsyncEngine]:
    """An engine with one connection, as a service behind either mode has it."""
    settings = in_any_mode.settings(prepared_statements=False, pool_size=1, max_overflow=0, statement_timeout_s=0.5)
    engine = build_engine(settings)
    yield engine
    await engine.dispose()


async def test_what_is_given_up_is_not_ended_by_a_number_that_is_the_poolers(
    engine: AsyncEngine, in_any_mode: Pooled, caplog: pytest.LogCaptureFixture
) -> None:
    """On the server that number may be anybody's. The place comes back, and the log says once what is not done."""
    caplog.set_level(logging.WARNING, "plimsoll.pool")
    pool = engine.sync_engine.pool
    assert isinstance(pool, PlimsollPool)
    for _ in range(2):
        with pytest.raises(StatementTimeoutError):
            async with engine.connect() as connection:
                await connection.execute(text(SLEEP))
    pool.links._timeout_s = 30.0  # half a second was for what takes too long
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    assert pool.snapshot().killed == 0
    told = [record.message for record in caplog.records if "cannot be ended on the server" in record.message]
    assert len(told) == (1 if in_any_mode.driver == "asyncpg" else len(told))
    in_any_mode.database.server.sql(  # type: ignore[union-attr]
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = %s", SLEEP
    )


async def test_the_server_ends_what_was_given_up_where_it_looks_for_its_client(
    engine: AsyncEngine, in_any_mode: Pooled
) -> None:
    """As the warning advises."""
    database = in_any_mode.database
    database.sql(f"ALTER ROLE {database.user} SET client_connection_check_interval = '100ms'")
    with pytest.raises(StatementTimeoutError):
        async with engine.connect() as connection:
            await connection.execute(text(SLEEP))
    ends = time.monotonic() + 30
    while running := database.sql("SELECT 1 FROM pg_stat_activity WHERE query = %s AND state = 'active'", SLEEP):
        assert time.monotonic() < ends, running
        await asyncio.sleep(0.05)


async def test_work_under_a_lock_excludes_other_processes_and_leaves_no_lock_behind(in_any_mode: Pooled) -> None:
    """In one transaction, which stays on one connection of the server; and against those who come directly."""
    through = build_engine(in_any_mode.settings(prepared_statements=False))
    straight = build_engine(DatabaseSettings(database_url=in_any_mode.database.url))
    async with exclusive(through, "seed", wait_s=1) as connection:
        await connection.execute(text("CREATE TABLE mark (id INTEGER)"))
        for other in (through, straight):
            with pytest.raises(LockTimeoutError):
                async with exclusive(other, "seed", wait_s=0.3):
                    pass
    with pytest.raises(DBAPIError, match="no_such_column"):
        async with exclusive(through, "seed", wait_s=1) as connection:
            await connection.execute(text("INSERT INTO mark VALUES (1) RETURNING no_such_column"))
    async with exclusive(straight, "seed", wait_s=1) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM mark")) == 0
    assert in_any_mode.database.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    for one in (through, straight):
        await one.dispose()


async def test_the_facts_name_the_pooler(engine: AsyncEngine) -> None:
    """And take nothing of its connection to the server for ours."""
    async with engine.connect() as connection:
        facts = await read_facts(connection)
    assert facts.in_between == "PgBouncer"
    assert not facts.is_local
    assert (facts.tls, set(facts.unread)) == (None, {"tls"})
    assert facts.max_connections == 100


async def test_a_lock_is_not_left_behind_where_others_take_the_connection_meanwhile(by_transaction: Pooled) -> None:
    """A session's lock would stay on a connection of the server that somebody else has by then."""
    engine = build_engine(by_transaction.settings(prepared_statements=False))
    done = asyncio.Event()

    async def others() -> None:
        while not done.is_set():
            async with engine.begin() as connection:
                await connection.execute(text("SELECT pg_sleep(0.002)"))

    busy = [asyncio.create_task(others()) for _ in range(4)]
    try:
        for _ in range(20):
            async with exclusive(engine, "seed", wait_s=2) as connection:
                await connection.execute(text("SELECT 1"))
    finally:
        done.set()
        await asyncio.gather(*busy)
    await engine.dispose()
    assert by_transaction.database.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


async def test_another_clients_statement_of_the_same_name_is_not_taken_for_ours(
    postgres: PostgresServer, postgres_database: TestDatabase, new_pgbouncer: Callable[..., PgBouncer]
) -> None:
    """psycopg numbers its statements from 0 in each connection, and two of them differ in nothing but what they say."""
    pooler = new_pgbouncer(postgres, pool_mode="transaction")
    plain = postgres_database.url_for("", port=pooler.port)
    with psycopg.connect(plain) as holds, psycopg.connect(plain) as leaves:
        holds.execute("SELECT 1")  # so that the other one is lent a second process, and leaves its statement there
        for _ in range(PREPARED_AFTER):
            leaves.execute("SELECT pg_backend_pid(), -1")
            leaves.commit()
        holds.commit()
        settings = DatabaseSettings(database_url=postgres_database.url_for("psycopg", port=pooler.port))
        assert await look_at_lending(settings) == "breaks"
