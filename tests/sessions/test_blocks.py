"""Sessions outside of requests: `async with database.session()` and its kin, whatever ends the block."""

import asyncio
import gc

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from plimsoll import Database
from plimsoll.errors import ReadOnlySessionError, SessionEndedError
from plimsoll.fastapi import get_session, install
from plimsoll.fastapi.runtime import SCOPE_KEY, RequestSessions
from plimsoll.pool import PlimsollPool
from plimsoll.session.writing import writes
from plimsoll.settings import ServiceSettings
from tests.cancelling import CancelAt
from tests.pool.conftest import until
from tests.servers import TestDatabase
from tests.sessions.application import Note, Pair
from tests.sessions.conftest import checked_out


@pytest.fixture
async def started(database: Database) -> Database:
    """The database with its tables made."""
    await database.start()
    return database


async def count(database: Database, model: type[Note] | type[Pair] = Note) -> int:
    async with database.read_session() as session:
        found = await session.scalar(select(func.count()).select_from(model))
        assert found is not None
        return found


async def test_a_session_that_commits_keeps_its_work_and_its_objects_readable(started: Database) -> None:
    """`expire_on_commit` is off: an answer is made from what was written, without a further query."""
    async with started.session() as session:
        note = Note(name="a")
        session.add(note)
        await session.commit()
    assert note.id == 1
    assert note.name == "a"
    assert await count(started) == 1


async def test_a_transaction_block_commits_at_its_end(started: Database) -> None:
    """One statement of intent instead of a commit that can be forgotten."""
    async with started.transaction() as session:
        session.add(Note(name="a"))
    assert await count(started) == 1


@pytest.mark.parametrize("kind", ["session", "transaction"])
@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit])
async def test_every_exception_rolls_back_and_passes_through(
    started: Database, kind: str, error: type[BaseException]
) -> None:
    """`except Exception`, as in the operator's note, would not see four of these five."""

    async def use() -> None:
        async with getattr(started, kind)() as session:
            session.add(Note(name="a"))
            await session.flush()
            raise error

    with pytest.raises(error):
        await use()
    assert checked_out(started) == 0
    assert await count(started) == 0


async def test_a_closed_generator_dependency_gives_its_connection_back(started: Database) -> None:
    """What a framework does with the dependency of a request that it abandons."""
    app = FastAPI()
    install(app, started, service=ServiceSettings())
    scope = {"type": "http", "method": "GET", "path": "/", SCOPE_KEY: RequestSessions(app.state.plimsoll)}
    generator = get_session(HTTPConnection(scope))
    session = await anext(generator)
    session.add(Note(name="a"))
    await session.flush()
    await generator.aclose()
    assert checked_out(started) == 0
    assert await count(started) == 0


async def test_a_read_session_refuses_each_kind_of_write(started: Database) -> None:
    """By object, by ORM statement and by text; reading, also with a CTE, goes on."""
    writes = (
        insert(Note).values(name="a"),
        update(Note).values(name="b"),
        delete(Note),
        text("/* why */ INSERT INTO note (name) VALUES ('a')"),
        text("WITH gone AS (SELECT 1) DELETE FROM note"),
        text("drop table note"),
    )
    async with started.read_session() as session:
        connection = await session.connection()
        for write in writes:
            with pytest.raises(ReadOnlySessionError):
                await session.execute(write)
            with pytest.raises(ReadOnlySessionError):
                await connection.execute(write)
        assert await session.scalar(text("WITH one AS (SELECT 1 AS deleted) SELECT deleted FROM one")) == 1
    assert await count(started) == 0


async def test_a_write_on_the_sessions_connection_that_nobody_committed_is_reported(started: Database) -> None:
    """Past the ORM, but not past us."""
    async with started.session() as session:
        connection = await session.connection()
        await connection.execute(insert(Note).values(name="lost"))
    assert started.counters.snapshot()["lost_writes"] == 1


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1", False),
        ("with a as (select ' update ' as u) select u from a", False),
        ("WITH a AS (SELECT 1) SELECT * FROM a JOIN note ON true FOR NO KEY UPDATE", False),
        ("SELECT * FROM note FOR UPDATE", False),
        ("SELECT replace(name, 'a', 'b') FROM note -- delete from note", False),
        ('SELECT "update x" FROM note', False),
        ("/* SELECT */ INSERT INTO note VALUES (1)", True),
        ("(delete from note)", True),
        ("WITH gone AS (DELETE FROM note RETURNING id) SELECT * FROM gone", True),
        ("with a as (select 1) update note set name = 'x'", True),
        ("\n  Create Temporary Table t (x int)", True),
    ],
)
def test_writing_statements_are_told_by_their_words_and_not_by_their_texts(statement: str, expected: bool) -> None:
    """Comments, string literals and locking reads are no writes."""
    assert writes(statement) is expected


async def test_a_session_kept_past_its_block_never_reconnects(started: Database) -> None:
    """Every door is closed: queries, additions, commits that would begin anew."""
    async with started.session() as session:
        await session.scalar(select(Note.name))
    for use in (
        lambda: session.execute(select(Note)),
        lambda: session.get(Note, 1),
        lambda: session.connection(),
        lambda: session.begin(),
    ):
        with pytest.raises(SessionEndedError, match=r"test_blocks\.py:\d+"):
            await use()
    with pytest.raises(SessionEndedError):
        session.add(Note(name="late"))
    assert checked_out(started) == 0


async def test_a_session_closed_by_its_own_user_may_go_on_within_the_block(started: Database) -> None:
    """SQLAlchemy allows it, so do we: only the end of the block is final."""
    async with started.session() as session:
        await session.scalar(select(Note.name))
        await session.close()
        session.add(Note(name="a"))
        await session.commit()
    assert await count(started) == 1


async def _half_a_pair(session: AsyncSession) -> None:
    session.add(Pair(token="t", half=1))
    await session.flush()
    session.add(Pair(token="t", half=2))
    await session.commit()


async def test_cancelled_at_each_wait_no_half_is_written_and_nothing_leaks(
    started: Database, any_database: TestDatabase
) -> None:
    """The task is cancelled as it waits for the Nth time, for every N until it comes to its end."""
    ended, step = False, 0
    while not ended:
        step += 1
        run = CancelAt(_write(started), step)
        task = asyncio.ensure_future(_awaiting(run))
        await asyncio.wait({task}, timeout=30)
        assert task.done(), f"cancelled at its wait number {step}, the task went on"
        ended = run.waits < step
        await _until_ended_on_the_server(started)
        assert checked_out(started) == 0, f"leaked when cancelled at wait number {step}"
    assert step > 3, "nothing was cancelled"
    rows = any_database.sql("SELECT half, count(*) FROM pair GROUP BY half ORDER BY half")
    assert len({number for _half, number in rows}) == 1, f"half a pair was written, or none: {rows}"


async def _write(database: Database) -> None:
    async with database.session() as session:
        await _half_a_pair(session)


async def _until_ended_on_the_server(database: Database) -> None:
    """A cancelled query keeps its place until the server has confirmed its end."""
    pool = database.engine.sync_engine.pool
    assert isinstance(pool, PlimsollPool)
    await until(lambda: not pool.snapshot().closing)


async def _awaiting(run: CancelAt[None]) -> None:
    await run


async def test_the_pool_knows_whose_session_it_serves_whatever_comes_first(database: Database) -> None:
    """A flush takes its connection on another way than a statement does."""
    await database.start()
    pool = database.engine.sync_engine.pool
    assert isinstance(pool, PlimsollPool)
    for begin_with in ("a statement", "a flush"):
        async with database.session() as session:
            if begin_with == "a flush":
                session.add(Note(name="first"))
                await session.flush()
            else:
                await session.execute(select(Note.id))
            (holder,) = pool.who()
            assert "test_blocks.py" in holder.owner
            await session.rollback()


async def test_a_session_leaves_nothing_to_the_garbage_collector(database: Database) -> None:
    """What refers to itself lives on until a collection, which stops every request: a session is freed at its end."""
    await database.start()

    async def use(times: int) -> int:
        for number in range(times):
            opened = database.session() if number % 2 else database.read_session()
            async with opened as session:
                await session.scalar(select(Note.id))
        return gc.collect()

    await use(10)  # caches fill
    gc.collect()
    gc.disable()
    try:
        few, many = await use(10), await use(110)
    finally:
        gc.enable()
    assert many - few < 100, "more than one object a session"
