"""Whatever is cancelled at whichever wait: nothing is left checked out, the books agree with the server, and no
transaction is half there."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import await_only

from plimsoll.engine import build_engine
from plimsoll.errors import DatabaseDownError
from plimsoll.settings import DatabaseSettings
from tests.pool.conftest import SERVERS, SLEEP, engine_on, until
from tests.pool.rivals import SLOW_ROWS, give_up_before_rivals, slow_commits
from tests.pool.sweep_works import (
    CASES,
    Case,
    after_a_commit,
    begin_block,
    cold_pool,
    go_on_after_a_timeout,
    leave_open,
    leave_to_the_pool,
    one_idle,
    read,
    read_session,
    session,
    transaction,
    warm,
    write,
)
from tests.pool.sweeping import Deliver, Prepare, Scene, by_scope, by_timeout, scene_on, sweep, thrice, twice
from tests.servers import FaultProxy, TestDatabase
from tests.sessions.application import make_database

Work = Callable[[Scene], Coroutine[Any, Any, None]]

DRIVERS = [*SERVERS, "aiosqlite"]


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver."""
    return str(request.param)


@pytest.fixture
def database(driver: str, request: pytest.FixtureRequest) -> TestDatabase:
    """With one table, in which every write is a transaction's."""
    found: TestDatabase = request.getfixturevalue(f"{SERVERS.get(driver, 'sqlite')}_database")
    found.sql("CREATE TABLE note (name VARCHAR(50))" + (" ENGINE=InnoDB" if found.kind == "mariadb" else ""))
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_work_given_up_at_any_wait_leaves_nothing_behind(driver: str, database: TestDatabase, case: Case) -> None:
    """On the pool alone, under plain SQLAlchemy."""
    async with (
        engine_on(database.url_for(driver), size=case.size, **case.options) as engine,
        scene_on(database, engine) as scene,
    ):
        await sweep(scene, case.work, case.before)


@pytest.mark.parametrize("driver", list(SERVERS), indirect=True)
async def test_a_driver_used_past_sqlalchemy(driver: str, database: TestDatabase) -> None:
    """What was left open is not committed by the next user."""
    async with engine_on(database.url_for(driver), size=1) as engine, scene_on(database, engine) as scene:
        await sweep(scene, leave_to_the_pool, after_a_commit)


@pytest.mark.parametrize("driver", list(SERVERS), indirect=True)
async def test_a_user_who_goes_on_after_a_timeout(driver: str, database: TestDatabase) -> None:
    """Another connection in the same place, once the server has ended the first."""
    async with engine_on(database.url_for(driver), size=1) as engine, scene_on(database, engine) as scene:
        await sweep(scene, go_on_after_a_timeout, warm)


@pytest.mark.parametrize("deliver", [twice, thrice, by_timeout, by_scope], ids=lambda deliver: deliver.__name__)
@pytest.mark.parametrize("case", [Case(leave_open, one_idle), Case(begin_block, cold_pool)], ids=str)
async def test_however_it_is_given_up(driver: str, database: TestDatabase, case: Case, deliver: Deliver) -> None:
    """By a time limit, by a scope that cancels again and again, or by somebody who loses patience with the clean-up."""
    async with engine_on(database.url_for(driver), size=1) as engine, scene_on(database, engine) as scene:
        assert await sweep(scene, case.work, case.before, deliver) > 2


@pytest.fixture
def tls_database(driver: str, request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """The same on a server that offers TLS."""
    database: TestDatabase = request.getfixturevalue(f"{SERVERS[driver]}_tls").create_database()
    database.sql("CREATE TABLE note (name VARCHAR(50))")
    yield database
    database.drop()


@pytest.mark.parametrize("driver", list(SERVERS), indirect=True)
async def test_the_first_contact_through_tls(driver: str, tls_database: TestDatabase) -> None:
    """A new engine each time: handshake, log-in, set-up, the dialect's questions."""
    settings = DatabaseSettings(
        database_url=tls_database.url_for(driver),
        ssl_mode="verify-full",
        ssl_ca=str(tls_database.ca),
        pool_size=1,
        max_overflow=0,
    )

    async def anew(scene: Scene) -> None:
        await scene.engine.dispose()
        scene.engine = build_engine(settings)

    async with scene_on(tls_database, build_engine(settings)) as scene:
        assert await sweep(scene, write, anew) > 5


@pytest.mark.parametrize("before", [one_idle, cold_pool], ids=lambda before: before.__name__)
@pytest.mark.parametrize("work", [session, transaction, read_session], ids=lambda work: work.__name__)
async def test_sessions_of_a_database(driver: str, database: TestDatabase, work: Work, before: Prepare) -> None:
    """`Database`'s own, which end in a task of their own, within a deadline."""
    whole = make_database(database.url_for(driver), pool_size=1, max_overflow=0)
    async with scene_on(database, whole.engine) as scene:
        scene.whole = whole
        await sweep(scene, work, before)
        await sweep(scene, work, before, by_scope)


@pytest.mark.parametrize("served", [False, True], ids=["while it waits", "in the turn in which it was served"])
async def test_one_in_line(driver: str, database: TestDatabase, served: bool) -> None:
    """The place goes to the one behind, and the connection with it."""
    async with engine_on(database.url_for(driver), size=1) as engine, scene_on(database, engine) as scene:
        held = await engine.connect()
        first, second = (asyncio.create_task(read(scene)) for _ in range(2))
        while scene.pool.places.waiting < 2:  # noqa: ASYNC110 - the pool has no event for it
            await asyncio.sleep(0)
        if served:
            await held.close()
            assert scene.pool.places.waiting == 1, "not served yet"
        first.cancel()
        if not served:
            while not first.done():  # noqa: ASYNC110 - it shall have left before the connection comes back
                await asyncio.sleep(0)
            assert scene.pool.places.waiting == 1
            await held.close()
        await asyncio.wait_for(second, 15)
        assert first.cancelled()
        await scene.check()
        assert scene.pool.snapshot().opened == 1


# What the server still works for.


@pytest.fixture
def busy_database(driver: str, request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A database of a server on which a COMMIT takes long: PostgreSQL's checks something that sleeps, MariaDB's waits
    for a lock on everything."""
    database: TestDatabase = request.getfixturevalue(f"{SERVERS[driver]}_database")
    database.sql("CREATE TABLE note (name VARCHAR(50))" + (" ENGINE=InnoDB" if database.kind == "mariadb" else ""))
    with slow_commits(database):
        yield database


async def sleep(scene: Scene) -> None:
    """A long query."""
    async with AsyncSession(scene.engine) as session:
        await session.execute(text(SLEEP[scene.database.dialect].format(60)))


async def pieces(scene: Scene) -> None:
    """Rows of which each takes long, fetched one by one."""
    async with scene.engine.connect() as connection:
        rows = await connection.stream(text(SLOW_ROWS[scene.database.dialect]))
        async for _row in rows:
            pass


@pytest.mark.parametrize("driver", list(SERVERS), indirect=True)
@pytest.mark.parametrize("work", [sleep, pieces, write, go_on_after_a_timeout], ids=lambda work: work.__name__)
async def test_the_next_in_line_gets_the_place_when_the_server_has_ended_what_was_cancelled(
    driver: str, busy_database: TestDatabase, work: Work
) -> None:
    """Never more connections than the limit and the one that ends the others, although that one is slow to come."""
    async with (
        engine_on(busy_database.url_for(driver), size=1, statement_timeout_s=60) as engine,
        scene_on(busy_database, engine) as scene,
    ):
        event.listen(engine.sync_engine, "do_connect", _late_to_kill)
        for step in itertools.count(1):
            await warm(scene)
            if not await give_up_before_rivals(scene, work(scene), step):
                break
        assert step > 1
        assert scene.pool.snapshot().killed > 0


def _late_to_kill(_dialect: object, record: object, _args: object, _named: object) -> None:
    if record is None:  # the connection beside the pool
        await_only(asyncio.sleep(0.1))


@pytest.mark.parametrize("driver", list(SERVERS), indirect=True)
async def test_the_place_is_kept_while_the_server_cannot_be_told(
    driver: str, database: TestDatabase, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """The attempt to end the query is refused for a while, and repeated."""
    assert database.port is not None
    proxy = fault_proxy(database.port)
    async with (
        engine_on(database.url_for(driver, port=proxy.port), size=1, pool_timeout=60) as engine,
        scene_on(database, engine) as scene,
    ):
        await warm(scene)
        while database.kind == "mariadb" and int(database.sql("SHOW GLOBAL STATUS LIKE 'Uptime'")[0][1]) < 2:
            time.sleep(0.1)  # noqa: ASYNC251 - it tells whole seconds, and one just started looks restarted
        task = asyncio.create_task(sleep(scene))
        await until(lambda: "sleep(" in str(database.connections()).lower())
        proxy.refuse()
        task.cancel()
        await asyncio.wait({task}, timeout=20)
        line = scene.pool._line
        usual_s, line.timeout_s = line.timeout_s, 0.1
        for _ in range(5):
            with pytest.raises((PoolTimeout, DatabaseDownError)):
                await engine.connect()
            await asyncio.sleep(0.1)
        assert scene.pool.snapshot().closing == 1
        line.timeout_s = usual_s
        proxy.forward()
        await scene.check()
        assert scene.pool.snapshot().killed == 1
