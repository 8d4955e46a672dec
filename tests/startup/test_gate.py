"""The gate in this process: its lines, its warnings, whoever passes it together, and work at its end."""

import asyncio
import logging
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from plimsoll import Database, DatabaseSettings
from plimsoll.errors import DatabaseRefusedError, DatabaseUnavailableError
from plimsoll.startup import DEVELOPMENT_LINE, State, development, gate
from tests.servers import MariaDbServer, PostgresServer, TestDatabase
from tests.servers.places import free_port
from tests.startup.project.models import Base
from tests.startup.project.service import make_database
from tests.startup.running import Proxy, port_of

DRIVERS = [
    pytest.param(("aiomysql", "mariadb_database"), id="aiomysql", marks=pytest.mark.mariadb),
    pytest.param(("asyncmy", "mariadb_database"), id="asyncmy", marks=pytest.mark.mariadb),
    pytest.param(("asyncpg", "postgres_database"), id="asyncpg", marks=pytest.mark.postgres),
    pytest.param(("psycopg", "postgres_database"), id="psycopg", marks=pytest.mark.postgres),
]
SLACK_S = 9.0
"""For a machine that does other things as well; what is told apart here differs by ten seconds and more."""


@pytest.fixture(params=DRIVERS)
def driver_and_database(request: pytest.FixtureRequest) -> tuple[str, TestDatabase]:
    """Each driver with a database of its kind."""
    driver, fixture = request.param
    return driver, request.getfixturevalue(fixture)


async def test_development_makes_the_tables_and_prints_the_operators_line_once(
    any_database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stdout, word for word, below the reason why this is development; a second start says it again, once."""
    for _ in range(2):
        made = make_database(DatabaseSettings(database_url=any_database.url))
        await made.start()
        await made.start()
        await made.close()
        lines = capsys.readouterr().out.splitlines()
        assert lines == ["[DB] development: no production rule matched", DEVELOPMENT_LINE]
    assert DEVELOPMENT_LINE == "[DB] Development mode: Tables created/verified"
    assert any_database.sql("SELECT count(*) FROM boat") == [(0,)]


async def test_the_reason_is_logged_where_a_log_takes_it(
    sqlite_database: TestDatabase, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """With a log that shows INFO, as under `plimsoll serve`, the mode is a record of it and not printed as well."""
    caplog.set_level(logging.INFO, "plimsoll.startup")
    settings = DatabaseSettings(
        database_url=sqlite_database.url, mysql_host="db.taxtower.in", production_hosts=("taxtower.in",)
    )
    made = Database(settings)
    await made.start()
    await made.close()
    assert "production: MYSQL_HOST contains taxtower.in" in caplog.messages
    assert "MYSQL_HOST contains" not in capsys.readouterr().out


async def test_a_server_that_says_nothing_to_a_new_connection_is_given_up_in_time(
    driver_and_database: tuple[str, TestDatabase], fault_proxy: Proxy
) -> None:
    """Every driver: attempts end at DB_CONNECT_TIMEOUT, start-up at DB_START_TIMEOUT."""
    driver, database = driver_and_database
    proxy = fault_proxy(port_of(database))
    proxy.deaf()
    await assert_given_up_in_time(database.url_for(driver, port=proxy.port), start_timeout_s=4)
    assert proxy.connections_total >= 2


async def test_a_server_that_falls_silent_after_the_handshake_is_given_up_in_time(
    server_database: TestDatabase, fault_proxy: Proxy
) -> None:
    """No driver limits the wait for an answer: the gate does, and the connection is dropped.

    psycopg takes ten seconds more, in which it asks the silent server to cancel; it is left out to save them here.
    """
    proxy = fault_proxy(port_of(server_database))
    proxy.on_client_bytes(b"SELECT 1", "freeze")
    await assert_given_up_in_time(server_database.url_for(port=proxy.port))
    proxy.wait_triggered(0.1)
    proxy.forward()
    await asyncio.to_thread(server_database.wait_connection_count, 0)


async def test_a_server_that_falls_silent_while_tables_are_made_is_given_up_too(
    server_database: TestDatabase, fault_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left on the server, and the lock is free again."""
    proxy = fault_proxy(port_of(server_database))
    proxy.on_client_bytes(b"CREATE TABLE boat", "freeze")
    url = server_database.url_for(port=proxy.port)
    limits = {"start_timeout_s": 0, "migration_lock_timeout_s": 0.5}
    made = make_database(DatabaseSettings(database_url=url, **limits))
    with monkeypatch.context() as patch:
        patch.setattr(gate, "CREATE_LIMIT_S", 1.0)
        with pytest.raises(DatabaseUnavailableError, match="the tables were not made in time"):
            await made.start()
    await made.close()
    proxy.forward()
    await asyncio.to_thread(server_database.wait_connection_count, 0)
    await made.start()
    await made.close()


async def assert_given_up_in_time(url: str, start_timeout_s: float = 2) -> None:
    """Assert that start-up ends about when it should, with the right error, and leaves nothing checked out."""
    made = Database(DatabaseSettings(database_url=url, start_timeout_s=start_timeout_s, connect_timeout_s=0.5))
    began_s = time.monotonic()
    with pytest.raises(DatabaseUnavailableError, match=r"could not be used within .* DB_START_TIMEOUT") as caught:
        await made.start()
    assert not isinstance(caught.value, DatabaseRefusedError)
    assert start_timeout_s <= time.monotonic() - began_s < start_timeout_s + SLACK_S
    assert made.gate.report.state is State.FAILED
    await made.close()


async def test_a_refusal_is_not_waited_out(driver_and_database: tuple[str, TestDatabase]) -> None:
    """Every driver: wrong password, unknown user and unknown database end it at once."""
    driver, database = driver_and_database
    assert database.password is not None
    assert database.user is not None
    url = database.url_for(driver)
    for wrong in (
        url.replace(database.password, "not-the-password"),
        url.replace(f"//{database.user}", "//nobody_of_that_name"),
        url.replace(f"/{database.name}", "/no_such_database"),
    ):
        made = Database(DatabaseSettings(database_url=wrong, start_timeout_s=60))
        began_s = time.monotonic()
        with pytest.raises(DatabaseRefusedError, match=r"Waiting does not help\. Check the user") as caught:
            await made.start()
        assert time.monotonic() - began_s < SLACK_S
        assert "not-the-password" not in str(caught.value)
        await made.close()


async def test_a_full_server_is_waited_for(server_database: TestDatabase) -> None:
    """Where other processes hold all its connections, start-up passes as soon as one is free."""
    made = Database(DatabaseSettings(database_url=server_database.url))
    holder = Database(DatabaseSettings(database_url=server_database.url))
    assert server_database.server is not None
    limit = "WITH MAX_USER_CONNECTIONS 1" if server_database.kind == "mariadb" else "CONNECTION LIMIT 1"
    kind = f"USER '{server_database.user}'@'%'" if server_database.kind == "mariadb" else f"ROLE {server_database.user}"
    server_database.server.sql(f"ALTER {kind} {limit}")
    async with holder.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        start = asyncio.create_task(made.start())
        await asyncio.sleep(0.7)
        assert made.gate.report.state is State.WAITING
    await holder.close()
    async with asyncio.timeout(30):
        await start
    await made.close()


async def test_a_certificate_that_is_not_accepted_is_not_waited_out(
    mariadb_tls: MariaDbServer, postgres_tls: PostgresServer
) -> None:
    """Waiting would not make another certificate: it ends at once and names the settings of TLS."""
    for server, other, driver in (
        (mariadb_tls, postgres_tls, "aiomysql"),
        (mariadb_tls, postgres_tls, "asyncmy"),
        (postgres_tls, mariadb_tls, "asyncpg"),
        (postgres_tls, mariadb_tls, "psycopg"),
    ):
        database = server.create_database()
        assert other.certificates is not None
        made = Database(DatabaseSettings(database_url=database.url_for(driver), ssl_ca=other.certificates.ca))
        began_s = time.monotonic()
        with pytest.raises(DatabaseRefusedError, match="DB_SSL_CA"):
            await made.start()
        assert time.monotonic() - began_s < SLACK_S
        await made.close()
        database.drop()


async def test_a_server_without_tls_is_not_spoken_to_in_plain_text(
    driver_and_database: tuple[str, TestDatabase],
) -> None:
    """Every driver: where TLS is demanded and none is offered, be it by somebody on the way, it ends at once."""
    driver, database = driver_and_database
    made = Database(DatabaseSettings(database_url=database.url_for(driver), ssl_mode="require", start_timeout_s=60))
    began_s = time.monotonic()
    with pytest.raises(DatabaseRefusedError, match="that the server offers TLS"):
        await made.start()
    assert time.monotonic() - began_s < SLACK_S
    for _ in range(100):
        if not database.connection_count():
            break
        await asyncio.sleep(0.05)
    assert database.connection_count() == 0
    await made.close()


async def test_a_file_that_cannot_be_opened_is_not_waited_for(tmp_path: Path) -> None:
    """No server will come up there: the error says what to check."""
    made = Database(DatabaseSettings(database_url=f"sqlite+aiosqlite:///{tmp_path}/no/such/directory/x.db"))
    with pytest.raises(DatabaseRefusedError, match="directory exists"):
        await made.start()
    await made.close()


async def test_a_database_in_memory_is_started_on_its_one_connection() -> None:
    """Every step gives the connection back before the next takes it."""
    made = make_database(DatabaseSettings(database_url="sqlite+aiosqlite://", pool_timeout_s=1))
    await made.start()
    async with made.session() as session:
        assert await session.scalar(text("SELECT count(*) FROM boat")) == 0
    await made.close()


async def test_an_idle_limit_at_or_below_the_age_of_connections_is_warned_of(
    server_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """DB_POOL_RECYCLE must be below MariaDB's wait_timeout or PostgreSQL's idle_session_timeout."""
    if isinstance(server_database.server, MariaDbServer):
        server_database.server.set_global("wait_timeout", 60)
    else:
        server_database.sql(f"ALTER ROLE {server_database.user} SET idle_session_timeout = '60s'")
    for recycle_s, warned in ((59.0, False), (60.0, True), (280.0, True)):
        made = Database(DatabaseSettings(database_url=server_database.url, pool_recycle_s=recycle_s))
        await made.start()
        warnings = made.gate.report.warnings
        assert bool(warnings) is warned
        if warned:
            assert f"DB_POOL_RECYCLE is {recycle_s:g} s" in warnings[0]
            assert "after 60 s" in warnings[0]
            assert "for example 54" in warnings[0]
            assert warnings[0] in caplog.messages
        await made.close()


async def test_those_who_start_together_share_one_passage(sqlite_database: TestDatabase) -> None:
    """A lifespan that awaits `database.start()` joins the gate that runs already; work at its end is done once."""
    done = []

    async def work(database: Database) -> None:
        done.append(database)
        await asyncio.sleep(0.05)

    made = Database(DatabaseSettings(database_url=sqlite_database.url), metadata=Base.metadata, on_ready=[work])
    await asyncio.gather(*(made.start() for _ in range(5)))
    assert done == [made]
    assert state_of(made) is State.READY
    await made.close()
    assert state_of(made) is State.IDLE
    await made.start()
    assert done == [made, made]
    await made.close()


def state_of(database: Database) -> State:
    """Where the gate is now."""
    return database.gate.report.state


async def test_those_who_start_together_share_a_failure() -> None:
    """The second does not wait a second time for a database that the first has given up."""
    url = f"mysql+aiomysql://someone:secret@127.0.0.1:{free_port()}/somewhere"
    made = Database(DatabaseSettings(database_url=url, start_timeout_s=1))
    first, second = await asyncio.gather(made.start(), made.start(), return_exceptions=True)
    assert type(first) is DatabaseUnavailableError
    assert second is first
    await made.close()


async def test_one_of_those_who_start_together_may_be_cancelled(server_database: TestDatabase) -> None:
    """The one that worked is cancelled: the other takes over and passes."""
    made = make_database(DatabaseSettings(database_url=server_database.url))
    first, second = asyncio.create_task(made.start()), asyncio.create_task(made.start())
    await asyncio.sleep(0.01)
    first.cancel()
    await second
    assert made.gate.report.state is State.READY
    await made.close()


async def test_work_at_the_end_finds_the_tables_and_its_failure_is_start_ups(any_database: TestDatabase) -> None:
    """`on_ready` runs in its order after the schema; what it raises is raised, and the gate stays closed."""
    seen = []

    async def count(database: Database) -> None:
        async with database.session() as session:
            seen.append(await session.scalar(text("SELECT count(*) FROM boat")))

    async def fail(_database: Database) -> None:
        raise ValueError("the sample is not as it should be")

    made = Database(
        DatabaseSettings(database_url=any_database.url), metadata=Base.metadata, on_ready=[count, fail, count]
    )
    with pytest.raises(ValueError, match="the sample"):
        await made.start()
    assert seen == [0]
    assert made.gate.report.state is State.FAILED
    assert made.gate.report.detail == "start-up failed, see the log"
    await made.close()


async def test_a_schema_that_may_not_be_made_is_said_at_once(server_database: TestDatabase) -> None:
    """An account without the right to create tables: not a database to wait for, and the grants are named."""
    assert server_database.server is not None
    if server_database.kind == "mariadb":
        server_database.server.sql(f"REVOKE CREATE ON `{server_database.name}`.* FROM '{server_database.user}'@'%'")
    else:
        server_database.sql(f"ALTER DATABASE {server_database.name} OWNER TO harness")
        server_database.sql(f"REVOKE harness FROM {server_database.user}")
        server_database.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    made = Database(DatabaseSettings(database_url=server_database.url), metadata=Base.metadata)
    with pytest.raises(DatabaseRefusedError, match="grants"):
        await made.start()
    await made.close()


@pytest.mark.parametrize("migrated", [True, False])
async def test_development_warns_of_a_column_that_the_tables_lack(
    any_database: TestDatabase, caplog: pytest.LogCaptureFixture, migrated: bool
) -> None:
    """A model grew after its table was made: the warning names the column, and what helps."""
    settings = DatabaseSettings(database_url=any_database.url)
    made = make_database(settings) if migrated else Database(settings, metadata=Base.metadata)
    await made.start()
    before = made.gate.report.warnings
    await made.close()
    any_database.sql("ALTER TABLE boat DROP COLUMN colour")
    await made.start()
    (warning,) = set(made.gate.report.warnings) - set(before)
    await made.close()
    assert before == ()
    assert "The schema differs from the models (column boat.colour (VARCHAR(20)) is missing)" in warning
    assert ("plimsoll migrate" if migrated else "Change the tables by hand") in warning
    assert warning in caplog.messages


async def test_a_schema_of_many_tables_is_not_compared(
    sqlite_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take seconds at each start."""
    monkeypatch.setattr(development, "COMPARED_TABLES", 0)
    made = make_database(DatabaseSettings(database_url=sqlite_database.url))
    await made.start()
    await made.close()
    sqlite_database.sql("ALTER TABLE boat DROP COLUMN colour")
    await made.start()
    assert made.gate.report.warnings == ()
    await made.close()


async def test_a_comparison_that_fails_does_not_end_start_up(
    sqlite_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a help, not a condition."""

    def fail(*_arguments: object) -> None:
        raise TypeError("a column that cannot be compared")

    monkeypatch.setattr(development, "differences", fail)
    made = make_database(DatabaseSettings(database_url=sqlite_database.url))
    await made.start()
    assert state_of(made) is State.READY
    await made.close()
