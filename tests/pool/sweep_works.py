"""What is given up in the sweeps: every kind of work that a pool does for somebody."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import greenlet_spawn

from plimsoll.errors import StatementTimeoutError
from plimsoll.pool import READING
from tests.pool.conftest import SLEEP
from tests.pool.sweeping import Scene

INSERT = text("INSERT INTO note VALUES (:name)")
READ = text("SELECT count(*) FROM note")


# How it is before the work begins.


async def warm(scene: Scene) -> None:
    """As many idle connections as there are places, each just used."""
    await scene.use()


async def after_a_commit(scene: Scene) -> None:
    """One idle connection, on which something was committed last: whatever its user before had left, if he had."""
    async with scene.engine.begin() as connection:
        await connection.execute(READ)


async def one_idle(scene: Scene) -> None:
    """One idle connection, which has written last."""
    await scene.pool.warm_up(1)
    await write(scene)


async def cold_pool(scene: Scene) -> None:
    """No connection; the dialect knows its server."""
    await scene.engine.dispose()


async def closed_and_warm(scene: Scene) -> None:
    """A new pool, for work that ends the one before."""
    await scene.engine.dispose()
    await scene.use()


# The work.


async def connect(scene: Scene) -> None:
    """A checkout and a return."""
    async with scene.engine.connect():
        pass


async def connect_without_a_block(scene: Scene) -> None:
    """Nothing shields this close."""
    connection = await scene.engine.connect()
    try:
        await connection.execute(READ)
    finally:
        await connection.close()


async def read(scene: Scene) -> None:
    """A plain session that looks at something."""
    async with AsyncSession(scene.engine) as session:
        await session.execute(READ)


async def stream(scene: Scene) -> None:
    """Rows in pieces, with a cursor of the server."""
    async with scene.engine.connect() as connection:
        rows = await connection.stream(text("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3"))
        async for _row in rows:
            pass


async def write(scene: Scene) -> None:
    """Two rows and their commit."""
    async with AsyncSession(scene.engine) as session:
        await two_rows(scene, session)
        scene.ledger.committing = True
        await session.commit()
        scene.ledger.committed = True


async def two_rows(scene: Scene, session: Any) -> None:
    """One row and another, of one transaction."""
    number = scene.ledger.begin()
    await session.execute(INSERT, {"name": str(number)})
    await session.execute(INSERT, {"name": str(number)})


async def begin_block(scene: Scene) -> None:
    """`engine.begin()`, which commits at its end."""
    async with scene.engine.begin() as connection:
        await two_rows(scene, connection)
        scene.ledger.committing = True
    scene.ledger.committed = True


async def roll_back(scene: Scene) -> None:
    """Two rows, which are not wanted after all."""
    async with AsyncSession(scene.engine) as session:
        await two_rows(scene, session)
        await session.rollback()


async def leave_open(scene: Scene) -> None:
    """The session is closed with its transaction open."""
    session = AsyncSession(scene.engine)
    try:
        await two_rows(scene, session)
    finally:
        await session.close()


async def leave_a_connection_open(scene: Scene) -> None:
    """The same with a connection, in a block."""
    async with scene.engine.connect() as connection:
        await two_rows(scene, connection)


async def leave_to_the_pool(scene: Scene) -> None:
    """The driver's own statements, of which SQLAlchemy knows nothing: the pool's roll-back is the only one."""

    def use() -> None:
        number = scene.ledger.begin()
        raw = scene.engine.sync_engine.raw_connection()
        try:
            cursor = raw.cursor()
            for _ in range(2):
                cursor.execute(f"INSERT INTO note VALUES ('{number}')")
            cursor.close()
        finally:
            raw.close()

    await greenlet_spawn(use)


async def leave_state(scene: Scene) -> None:
    """A session variable: the connection is closed when it comes back."""
    async with scene.engine.connect() as connection:
        await connection.execute(text(LEAVES_STATE[scene.database.dialect]))
        await connection.commit()


LEAVES_STATE = {
    "mysql": "SET @x := 1",
    "postgresql": "SET work_mem = '65kB'",
    "sqlite": "CREATE TEMP TABLE scratch (x)",
}


async def change_of_mode(scene: Scene) -> None:
    """Read, write, roll back, read: what a reader may do at once, a writer may not."""
    await _read_only(scene)
    await roll_back(scene)
    await _read_only(scene)


async def _read_only(scene: Scene) -> None:
    token = READING.set(True)
    try:
        await read(scene)
    finally:
        READING.reset(token)


async def shrink(scene: Scene) -> None:
    """Two in use of a pool of two, which then is one of one."""
    pool = scene.pool
    pool.resize(2, 0)
    async with scene.engine.connect(), scene.engine.connect():
        pool.resize(1, 0)


async def dispose(scene: Scene) -> None:
    """All idle connections are closed."""
    await scene.engine.dispose()


async def warm_up(scene: Scene) -> None:
    """Connections ahead of need."""
    await scene.pool.warm_up(2)


async def drain(scene: Scene) -> None:
    """Nothing is given out any more."""
    await scene.pool.drain(5)


async def go_on_after_a_timeout(scene: Scene) -> None:
    """A statement takes too long, its connection is given up, and its user goes on with another in the same place."""
    links = scene.pool.links
    async with scene.engine.connect() as connection:
        usual_s, links._timeout_s = links._timeout_s, 0.2  # for this one alone: any may take so long on a busy machine
        try:
            await connection.execute(text(SLEEP[scene.database.dialect].format(30)))
        except StatementTimeoutError:
            links._timeout_s = usual_s
            await connection.rollback()
        finally:
            links._timeout_s = usual_s
        await connection.execute(READ)


# With the sessions of a `Database`.


async def session(scene: Scene) -> None:
    """Committed by its user."""
    assert scene.whole is not None
    async with scene.whole.session() as session:
        await two_rows(scene, session)
        scene.ledger.committing = True
        await session.commit()
        scene.ledger.committed = True


async def transaction(scene: Scene) -> None:
    """Committed at the end of its block."""
    assert scene.whole is not None
    async with scene.whole.transaction() as session:
        await two_rows(scene, session)
        scene.ledger.committing = True
    scene.ledger.committed = True


async def read_session(scene: Scene) -> None:
    """For reading."""
    assert scene.whole is not None
    async with scene.whole.read_session() as session:
        await session.execute(READ)


@dataclass(frozen=True)
class Case:
    """A kind of work, on a pool of `size` with `options`, after `before`."""

    work: Callable[[Scene], Coroutine[Any, Any, None]]
    before: Callable[[Scene], Awaitable[None]] = warm
    size: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = [self.work.__name__, self.before.__name__, *self.options]
        return "-".join(words)


CASES = [
    Case(connect),
    Case(connect, cold_pool),
    Case(connect_without_a_block),
    Case(connect_without_a_block, cold_pool),
    Case(read),
    Case(read, options={"ping_after_idle_s": 0}),
    Case(read, options={"pool_recycle": 0}),
    Case(stream),
    Case(write),
    Case(write, cold_pool),
    Case(begin_block),
    Case(roll_back),
    Case(leave_open),
    Case(leave_a_connection_open),
    Case(leave_state),
    Case(change_of_mode, one_idle),
    Case(shrink, one_idle),
    Case(dispose, closed_and_warm, size=3),
    Case(drain, closed_and_warm, size=3),
    Case(warm_up, cold_pool, size=2),
]
