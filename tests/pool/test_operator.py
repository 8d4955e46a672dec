"""What an operator ends: a statement on the server, a connection in its user's hands; and that the books stay right."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from plimsoll.errors import ActionError, ConnectionEndedError
from tests.pool.conftest import SLEEP, assert_balanced, engine_on, pool_of, until
from tests.servers import SqliteDatabase, TestDatabase

WORDS = "ended by an operator of this test"


async def test_a_killed_statement_ends_at_once_and_its_user_is_told_why(driver: str, database: TestDatabase) -> None:
    """On the server too, with its connection; what its transaction did is rolled back, and the place is free again."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        pool = pool_of(engine)

        async def work() -> None:
            async with engine.connect() as connection:
                await connection.execute(text("INSERT INTO note VALUES ('a')"))
                await connection.execute(text(SLEEP[database.dialect].format(60)))

        user = asyncio.create_task(work())
        await until(lambda: bool(pool.who()) and pool.who()[0].statements == 2 and pool.who()[0].state == "querying")
        gone = pool.kill(pool.who()[0].number, WORDS)
        with pytest.raises(ConnectionEndedError, match=WORDS) as caught:
            await user
        assert isinstance(caught.value, OperationalError)
        await gone.wait()
        await until(lambda: not pool.snapshot().closing)
        assert_balanced(pool)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM note")) == 0
        assert await asyncio.to_thread(database.wait_connection_count, 1) == 1
        assert pool.snapshot().closed["killed"] == 1


async def test_who_runs_no_statement_has_none_to_kill(driver: str, database: TestDatabase) -> None:
    """The operator is told so, and nothing happens to the connection."""
    async with engine_on(database.url_for(driver), size=1) as engine, engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(ActionError, match="runs no statement"):
            pool_of(engine).kill(pool_of(engine).who()[0].number, WORDS)
        assert await connection.scalar(text("SELECT 2")) == 2


@pytest.mark.parametrize("use", ["statement", "commit", "nothing"])
async def test_a_connection_that_is_taken_back_serves_the_next_and_its_user_is_told(
    driver: str, database: TestDatabase, use: str
) -> None:
    """While its user still has it: the server has never more than the limit; the user's own end of it counts nothing
    twice."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        pool = pool_of(engine)
        async with engine.connect() as connection:
            await connection.execute(text("INSERT INTO note VALUES ('a')"))
            free = pool.take_back(pool.who()[0].number, WORDS)
            assert pool.who() == []
            async with asyncio.timeout(10), engine.connect() as other:
                await other.execute(text("SELECT 1"))
                assert free.is_set()
                # A busy server may still list the one that ended the other.
                await asyncio.to_thread(database.wait_connection_count, 1)
                now = pool.snapshot()
                assert (now.checked_out, now.opened - now.closed_total) == (1, 1)
                if use != "nothing":
                    with pytest.raises(ConnectionEndedError, match=WORDS):
                        await (connection.execute(text("SELECT 1")) if use == "statement" else connection.commit())
        assert_balanced(pool)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM note")) == 0
        assert await asyncio.to_thread(database.wait_connection_count, 1) == 1


async def test_a_statement_that_runs_ends_when_its_connection_is_taken_back(
    driver: str, database: TestDatabase
) -> None:
    """Its user, who waits for the answer, is told at once; others who wait in line are served."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        pool = pool_of(engine)

        async def work(seconds: float) -> None:
            async with engine.connect() as connection:
                await connection.execute(text(SLEEP[database.dialect].format(seconds)))

        user = asyncio.create_task(work(60))
        await until(lambda: bool(pool.who()) and pool.who()[0].state == "querying")
        others = [asyncio.create_task(work(0)) for _ in range(3)]
        await until(lambda: pool.snapshot().waiting == 3)
        pool.take_back(pool.who()[0].number, WORDS)
        with pytest.raises(ConnectionEndedError, match=WORDS):
            await user
        await asyncio.gather(*others)
        assert_balanced(pool)
        assert await asyncio.to_thread(database.wait_connection_count, 1) == 1


async def test_a_checkout_that_has_ended_is_not_there_any_more(driver: str, database: TestDatabase) -> None:
    """Its number is never another's, so that nobody is hit who comes after it."""
    async with engine_on(database.url_for(driver), size=1) as engine:
        pool = pool_of(engine)
        async with engine.connect():
            number = pool.who()[0].number
        async with engine.connect():
            for act in (pool.kill, pool.take_back):
                with pytest.raises(ActionError, match="no such checkout"):
                    act(number, WORDS)
        assert_balanced(pool)


async def test_in_a_file_a_connection_can_be_taken_back_as_well(sqlite_database: SqliteDatabase) -> None:
    """Its place is free at once, what it had locked too."""
    async with engine_on(sqlite_database.url, size=1) as engine:
        pool = pool_of(engine)
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE note (name TEXT)"))
        async with engine.connect() as connection:
            await connection.execute(text("INSERT INTO note VALUES ('a')"))
            pool.take_back(pool.who()[0].number, WORDS)
            async with asyncio.timeout(10), engine.begin() as other:
                await other.execute(text("INSERT INTO note VALUES ('b')"))
            with pytest.raises(ConnectionEndedError, match=WORDS):
                await connection.execute(text("SELECT 1"))
        assert_balanced(pool)
