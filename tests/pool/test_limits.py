"""What is sent ends in bounded time, also where the server says nothing any more."""

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from plimsoll.errors import DatabaseDownError, PoolTimeoutError, StatementTimeoutError
from plimsoll.pool import DEADLINE
from plimsoll.server import Fault, fault_of
from tests.pool.conftest import SLEEP, assert_balanced, engine_on, pool_of, until
from tests.servers import TestDatabase

PATIENCE_S = 20
"""What a limit of half a second must stay below on a machine with other things to do."""


async def test_a_statement_that_takes_too_long_is_given_up_and_ended_on_the_server(
    driver: str, database: TestDatabase
) -> None:
    """The error is SQLAlchemy's OperationalError with the limit in it; nothing of it is left anywhere."""
    async with engine_on(database.url_for(driver), size=1, statement_timeout_s=0.5) as engine:
        pool = pool_of(engine)
        async with asyncio.timeout(PATIENCE_S), engine.connect() as connection:
            with pytest.raises(StatementTimeoutError, match=r"within 0\.50 s.*DB_STATEMENT_TIMEOUT") as caught:
                await connection.execute(text(SLEEP[database.dialect].format(60)))
        assert isinstance(caught.value, OperationalError)
        assert fault_of(caught.value, database.dialect) is Fault.BUSY
        async with asyncio.timeout(PATIENCE_S):
            await until(lambda: not pool.snapshot().closing)
            async with engine.connect() as connection:
                assert await connection.scalar(text("SELECT 1")) == 1
        assert_balanced(pool)
        await asyncio.to_thread(database.wait_connection_count, 1)


async def test_the_requests_deadline_ends_its_statement(driver: str, database: TestDatabase) -> None:
    """What is left of the request's own time counts where it is less than the limit; nothing left is nothing sent."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        for left_s in (0.4, -1.0):
            token = DEADLINE.set(time.monotonic() + left_s)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    with pytest.raises((StatementTimeoutError, PoolTimeoutError)):
                        async with AsyncSession(engine) as session:
                            await session.execute(text(SLEEP[database.dialect].format(60)))
            finally:
                DEADLINE.reset(token)


async def test_a_commit_that_is_not_answered_is_given_up(driver: str, database: TestDatabase) -> None:
    """A lock of the server holds it back: it is an error for the caller, who does not wait for ever."""
    if database.dialect != "postgresql":
        database.sql("ALTER TABLE note ENGINE=InnoDB")
    async with engine_on(database.url_for(driver), size=1, statement_timeout_s=1, cleanup_timeout_s=1) as engine:
        server = database.server
        assert server is not None
        async with asyncio.timeout(PATIENCE_S):
            connection = await engine.connect()
            await connection.execute(text("INSERT INTO note VALUES ('a')"))
            await asyncio.to_thread(server.freeze)
            try:
                with pytest.raises(StatementTimeoutError):
                    await connection.commit()
                await connection.close()
            finally:
                await asyncio.to_thread(server.thaw)


async def test_a_frozen_server_holds_nobody_for_long(driver: str, database: TestDatabase) -> None:
    """SIGSTOP: statements, pieces of a stream, pings and connects end by their limits; then all is as before."""
    server = database.server
    assert server is not None
    database.sql("INSERT INTO note " + " UNION ALL ".join(["SELECT 'n'"] * 500))
    limits: dict[str, Any] = {"statement_timeout_s": 0.5, "cleanup_timeout_s": 0.5, "connect_timeout_s": 1.0}
    async with engine_on(database.url_for(driver), size=3, ping_after_idle_s=0.0, **limits) as engine:
        pool = pool_of(engine)
        await pool.warm_up(3)
        streaming = await engine.connect()
        rows = await streaming.stream(text("SELECT a.name FROM note a, note b, note c LIMIT 1000000"))
        await rows.fetchmany(10)
        busy = await engine.connect()
        await busy.execute(text("SELECT 1"))
        await asyncio.to_thread(server.freeze)
        try:
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(StatementTimeoutError):
                    await busy.execute(text("SELECT 1"))
                with pytest.raises(StatementTimeoutError):
                    await rows.all()
                with pytest.raises((DatabaseDownError, OperationalError)):
                    async with engine.connect():
                        pass
            async with asyncio.timeout(PATIENCE_S):
                await busy.close()
                await streaming.close()
        finally:
            await asyncio.to_thread(server.thaw)
        await until(lambda: not pool.snapshot().closing)
        await until_served(engine)
        assert_balanced(pool)
        await asyncio.to_thread(database.wait_connection_count, pool.snapshot().idle)


async def until_served(engine: AsyncEngine) -> None:
    """The server is back: a connect may still meet the pause after a failed one."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with engine.connect() as connection:
                    assert await connection.scalar(text("SELECT 1")) == 1
            except OperationalError:
                await asyncio.sleep(0.1)
            else:
                return
