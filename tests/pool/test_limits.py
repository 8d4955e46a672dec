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
from tests.pool.conftest import SLEEP, MakeProxy, assert_balanced, engine_on, pool_of, proxied, until
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
        pool.links._timeout_s = PATIENCE_S  # half a second was for what takes too long
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
    async with engine_on(database.url_for(driver), size=1, cleanup_timeout_s=1) as engine:
        server = database.server
        assert server is not None
        async with asyncio.timeout(PATIENCE_S):
            connection = await engine.connect()
            await connection.execute(text("INSERT INTO note VALUES ('a')"))
            await asyncio.to_thread(server.freeze)
            pool_of(engine).links._timeout_s = 1.0
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
    limits: dict[str, Any] = {"cleanup_timeout_s": 0.5, "connect_timeout_s": 1.0}
    async with engine_on(database.url_for(driver), size=3, ping_after_idle_s=0.0, **limits) as engine:
        pool = pool_of(engine)
        await pool.warm_up(3)
        streaming = await engine.connect()
        # More than fits between server and client: on a busy machine all of it may be on its way before the freeze.
        rows = await streaming.stream(text("SELECT a.name FROM note a, note b, note c LIMIT 50000000"))
        await rows.fetchmany(10)
        busy = await engine.connect()
        await busy.execute(text("SELECT 1"))
        await asyncio.to_thread(server.freeze)
        pool.links._timeout_s = 0.5
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


async def test_a_connect_ends_by_the_time_of_whoever_asked_for_it(
    driver: str, database: TestDatabase, fault_proxy: MakeProxy
) -> None:
    """A server that accepts and says nothing: the pool's timeout or the request's deadline, not the connect's limit."""
    url, proxy = proxied(driver, database, fault_proxy)
    proxy.deaf()
    async with engine_on(url, size=1, pool_timeout=0.3, connect_timeout_s=60) as engine:
        for deadline_s in (None, 0.3):
            token = DEADLINE.set(None if deadline_s is None else time.monotonic() + deadline_s)
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(PoolTimeoutError):
                    await engine.connect()
            DEADLINE.reset(token)
        assert_balanced(pool_of(engine))
        proxy.forward()
        pool_of(engine)._line.timeout_s = PATIENCE_S  # a third of a second was for what is never answered
        await until_served(engine)


async def test_a_connect_whose_driver_loses_its_cancellation_ends_all_the_same(
    mariadb_database: TestDatabase, fault_proxy: MakeProxy
) -> None:
    """asyncmy does where the loop stalls at the moment at which the time is up: at some of these it did."""
    url, proxy = proxied("asyncmy", mariadb_database, fault_proxy)
    proxy.deaf()
    for turns in range(10):
        async with engine_on(url, size=1, connect_timeout_s=0.1) as engine:
            connecting = asyncio.create_task(engine.connect().start())
            for _ in range(turns):
                await asyncio.sleep(0)
            time.sleep(0.15)  # noqa: ASYNC251 - it stalls
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(DatabaseDownError):
                    await connecting
            assert_balanced(pool_of(engine))


async def test_while_the_server_hangs_there_is_always_room_for_another_attempt(
    driver: str, database: TestDatabase, fault_proxy: MakeProxy
) -> None:
    """Attempts whose sockets stay silent for ever do not keep the next one from finding that the server is back."""
    url, proxy = proxied(driver, database, fault_proxy)
    proxy.deaf()
    async with engine_on(url, size=20, connect_timeout_s=1.0) as engine:
        with pytest.raises(DatabaseDownError):
            await engine.connect()
        pool_of(engine).opening._limit_s = 600  # from now on nothing ends by itself
        hanging = [asyncio.create_task(until_served(engine)) for _ in range(2)]
        await asyncio.sleep(1.2)
        proxy.forward()
        async with asyncio.timeout(PATIENCE_S):
            await until_served(engine)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_nobody_waits_in_line_for_places_that_a_frozen_server_keeps(driver: str, database: TestDatabase) -> None:
    """All places wait for the server to confirm the end of what was given up: the next is told at once."""
    server = database.server
    assert server is not None
    limits: dict[str, Any] = {"cleanup_timeout_s": 0.3, "connect_timeout_s": 0.5}
    async with engine_on(database.url_for(driver), size=1, pool_timeout=60, **limits) as engine:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await asyncio.to_thread(server.freeze)
            pool_of(engine).links._timeout_s = 0.3
            with pytest.raises(StatementTimeoutError):
                await connection.execute(text("SELECT 1"))
        try:
            await until(lambda: pool_of(engine).opening.is_down, PATIENCE_S)
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(DatabaseDownError):
                    await engine.connect()
        finally:
            await asyncio.to_thread(server.thaw)
        await until_served(engine)


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
