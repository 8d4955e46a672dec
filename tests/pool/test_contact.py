"""The first words on a connection: few statements, and nothing that an engine's maker decided is overruled."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from plimsoll.pool import READING, PlimsollPool
from tests.pool.conftest import engine_on, read, write
from tests.servers import MariaDbServer, TestDatabase


@pytest.mark.parametrize(("work", "most"), [(read, 3), (write, 4)])
async def test_the_first_request_on_a_cold_engine_costs_few_statements(
    mariadb_database: TestDatabase, mysql_driver: str, work: Callable[[AsyncEngine], Any], most: int
) -> None:
    """Set-up, questions, the statement, its commit. With SQLAlchemy's own pool they are 11, as `Questions` counts."""
    mariadb_database.sql("CREATE TABLE note (name VARCHAR(50))")
    server = mariadb_database.server
    assert isinstance(server, MariaDbServer)
    async with engine_on(mariadb_database.url_for(mysql_driver)) as engine:
        own_cost = -(server.status("Questions") - server.status("Questions"))
        before = server.status("Questions")
        await work(engine)
        assert server.status("Questions") - before - own_cost == most


async def test_sqlalchemy_learns_the_same_of_a_server_as_from_its_own_questions(
    driver: str, database: TestDatabase
) -> None:
    """Version, schema, isolation, modes: compared with an engine on SQLAlchemy's own pool."""
    names = [
        *("server_version_info", "default_schema_name", "default_isolation_level", "_backslash_escapes", "_sql_mode"),
        *("_casing", "_server_ansiquotes", "_has_native_hstore", "is_mariadb", "insert_returning"),
    ]
    theirs = create_async_engine(database.url_for(driver))
    async with theirs.connect() as connection:
        await connection.execute(text("SELECT 1"))
    learnt = {name: getattr(theirs.dialect, name, None) for name in names}
    await theirs.dispose()
    async with engine_on(database.url_for(driver)) as engine:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        assert {name: getattr(engine.dialect, name, None) for name in names} == learnt


@pytest.mark.parametrize("more", [{"isolation_level": "SERIALIZABLE"}, {"connect_args": {"autocommit": False}}, {}])
async def test_what_was_not_committed_is_rolled_back_whoever_decides_on_autocommit(
    mariadb_database: TestDatabase, mysql_driver: str, more: dict[str, Any]
) -> None:
    """An engine with an isolation level of its own, a driver's argument, or neither; also after a read."""
    mariadb_database.sql("CREATE TABLE note (name VARCHAR(50)) ENGINE=InnoDB")
    async with engine_on(mariadb_database.url_for(mysql_driver), size=1, **more) as engine:
        for _ in range(2):
            async with AsyncSession(engine) as session:
                await session.execute(text("INSERT INTO note VALUES ('lost')"))
            await read(engine)
    assert mariadb_database.sql("SELECT count(*) FROM note") == [(0,)]


async def test_an_engine_that_commits_by_itself_goes_on_to_do_so(driver: str, database: TestDatabase) -> None:
    """`isolation_level="AUTOCOMMIT"` is the engine's, and the pool does not switch it off."""
    async with engine_on(database.url_for(driver), size=1, isolation_level="AUTOCOMMIT") as engine:
        for _ in range(2):
            async with engine.connect() as connection:
                await connection.execute(text("INSERT INTO note VALUES ('kept')"))
            await read(engine)
    assert database.sql("SELECT count(*) FROM note") == [(2,)]


async def test_a_read_session_streams_with_a_cursor_of_the_server(driver: str, database: TestDatabase) -> None:
    """Cursors of PostgreSQL need a transaction, which begins for them although reads need none; then it is over."""
    database.sql("INSERT INTO note VALUES ('a'), ('b'), ('c')")
    async with engine_on(database.url_for(driver), size=1) as engine:
        for _ in range(2):
            token = READING.set(True)
            async with AsyncSession(engine) as session:
                await session.execute(text("SELECT 1"))
                rows = await session.stream(text("SELECT name FROM note ORDER BY name"))
                assert [row.name async for row in rows] == ["a", "b", "c"]
            READING.reset(token)
        await write(engine)
    assert database.sql("SELECT count(*) FROM note") == [(4,)]


def test_a_pool_that_no_engine_made_is_refused_with_the_way_that_works() -> None:
    """`pool=` instead of `poolclass=`: the pool would not know its driver."""
    with pytest.raises(ValueError, match="create_async_engine\\(url, poolclass=PlimsollPool"):
        PlimsollPool(lambda: None)


def test_an_engine_that_is_not_asyncio_is_refused() -> None:
    """By SQLAlchemy, when it is made, not when it first connects."""
    with pytest.raises(ArgumentError, match="cannot be used with non-asyncio engine"):
        create_engine("sqlite://", poolclass=PlimsollPool)


def test_asyncmy_before_the_floor_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the pool is used without our settings."""
    monkeypatch.setattr("plimsoll.settings.drivers.importlib.metadata.version", lambda _name: "0.2.12")
    with pytest.raises(ValueError, match=r"needs asyncmy 0\.2\.13 or later: an older one can give the rows"):
        create_async_engine("mysql+asyncmy://u:p@h/d", poolclass=PlimsollPool)
