"""What the settings promise about a connection, seen from the server's side and under its faults."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll import DatabaseSettings
from plimsoll.engine import build_engine
from plimsoll.server import Fault, fault_of
from tests.servers import FaultProxy, MariaDbServer, PostgresServer, TestDatabase, Tls

DRIVERS = {"aiomysql": "mariadb", "asyncmy": "mariadb", "asyncpg": "postgres", "psycopg": "postgres"}


@asynccontextmanager
async def engine_for(url: str, **settings: Any) -> AsyncIterator[AsyncEngine]:
    engine = build_engine(DatabaseSettings(database_url=url, **settings))
    yield engine
    await engine.dispose()


@pytest.fixture(params=list(DRIVERS))
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver of a server."""
    return str(request.param)


@pytest.fixture
def server_of_driver(driver: str, request: pytest.FixtureRequest) -> TestDatabase:
    """A database on the server that the driver is for."""
    found: TestDatabase = request.getfixturevalue(f"{DRIVERS[driver]}_database")
    return found


async def test_any_character_may_be_in_a_password(driver: str, server_of_driver: TestDatabase) -> None:
    """MySQL's drivers know Latin-1 only; passwords are made in UTF-8."""
    database, password = server_of_driver, 'ü€"%@'
    if database.kind == "mariadb":
        database.sql(f"ALTER USER '{database.user}'@'%%' IDENTIFIED BY %s", password)
    else:
        database.sql(f"ALTER ROLE {database.user} PASSWORD '{password}'")
    backend = "mysql" if database.kind == "mariadb" else "postgresql"
    url = URL.create(
        f"{backend}+{driver}", database.user, password, database.host, database.port, database.name
    ).render_as_string(hide_password=False)
    async with engine_for(url) as engine, engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


@pytest.fixture
def tls_database(driver: str, request: pytest.FixtureRequest) -> TestDatabase:
    """A database on a server that offers TLS."""
    server: MariaDbServer | PostgresServer = request.getfixturevalue(f"{DRIVERS[driver]}_tls")
    return server.create_database()


async def is_encrypted(connection: AsyncConnection) -> bool:
    if connection.dialect.name == "postgresql":
        return bool(await connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")))
    row = (await connection.execute(text("SHOW SESSION STATUS LIKE 'Ssl_cipher'"))).one()
    return bool(row[1])


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_each_tls_mode_encrypts(driver: str, tls_database: TestDatabase, mode: str) -> None:
    """Against a certificate of the authority that is named, for the host that is named."""
    url = tls_database.url_for(driver, host="localhost")
    ca = None if mode == "require" else tls_database.ca
    async with engine_for(url, ssl_mode=mode, ssl_ca=ca) as engine, engine.connect() as connection:
        assert await is_encrypted(connection)


async def test_without_tls_settings_nothing_is_encrypted(driver: str, tls_database: TestDatabase) -> None:
    """`off` is off, although the server offers it: what is not asked for is not half done."""
    async with engine_for(tls_database.url_for(driver)) as engine, engine.connect() as connection:
        assert not await is_encrypted(connection)


async def test_an_unknown_authority_is_refused(driver: str, tls_database: TestDatabase, other_authority: Path) -> None:
    """The certificate is signed by somebody else than DB_SSL_CA."""
    url = tls_database.url_for(driver, host="localhost")
    async with engine_for(url, ssl_ca=other_authority) as engine:
        with pytest.raises(DBAPIError) as caught:
            await engine.connect()
    assert fault_of(caught.value, engine.dialect.name) is Fault.UNAVAILABLE


async def test_a_certificate_for_another_host_is_refused_only_by_verify_full(
    driver: str, new_mariadb: Callable[..., MariaDbServer], new_postgres: Callable[..., PostgresServer]
) -> None:
    """The authority is right, the name is not the one that was asked for."""
    new_server = new_mariadb if DRIVERS[driver] == "mariadb" else new_postgres
    database = new_server(tls=Tls(names=("elsewhere.example",))).create_database()
    url = database.url_for(driver)
    async with engine_for(url, ssl_mode="verify-ca", ssl_ca=database.ca) as engine, engine.connect() as connection:
        assert await is_encrypted(connection)
    async with engine_for(url, ssl_mode="verify-full", ssl_ca=database.ca) as engine:
        with pytest.raises(DBAPIError):
            await engine.connect()


@pytest.fixture
def other_authority(tmp_path: Path) -> Path:
    """The certificate of an authority that signed nothing here."""
    path = tmp_path / "other-ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


async def test_all_connections_share_one_tls_context(tls_database: TestDatabase, driver: str) -> None:
    """A context of its own costs a connection some 600 KiB and 30 ms."""
    settings = DatabaseSettings(
        database_url=tls_database.url_for(driver, host="localhost"), ssl_ca=tls_database.ca, ssl_mode="verify-full"
    )
    assert settings.tls is not None
    assert settings.tls.context() is settings.tls.context()


async def test_the_server_shows_the_application_name(driver: str, server_of_driver: TestDatabase) -> None:
    """A name for whoever looks at the process list."""
    url = server_of_driver.url_for(driver)
    async with engine_for(url, application_name="till-seven") as engine, engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            shown = await connection.scalar(text("SELECT current_setting('application_name')"))
            assert shown == "till-seven"
        else:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            assert "till-seven" in str(vars(raw) if hasattr(raw, "__dict__") else raw._connect_attrs)


async def test_a_server_that_accepts_and_says_nothing_is_given_up_after_the_connect_timeout(
    driver: str, server_of_driver: TestDatabase, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """The drivers' own limits end with the TCP connection, which such a server grants."""
    assert server_of_driver.port is not None
    proxy = fault_proxy(server_of_driver.port)
    proxy.deaf()
    url = server_of_driver.url_for(driver, port=proxy.port)
    began = time.monotonic()
    async with engine_for(url, connect_timeout_s=1) as engine:
        with pytest.raises(OperationalError) as caught:
            await engine.connect()
    assert time.monotonic() - began < 20
    assert fault_of(caught.value, engine.dialect.name) is Fault.UNAVAILABLE


@pytest.mark.parametrize("wrong", ["password", "user", "name"])
async def test_a_refused_account_is_told_from_an_unreachable_server(
    driver: str, server_of_driver: TestDatabase, wrong: str
) -> None:
    """Waiting helps against the one and not against the other."""
    url = server_of_driver.url_for(driver)
    right = getattr(server_of_driver, wrong)
    async with engine_for(_replace_last(url, right, "wr0ng")) as engine:
        with pytest.raises(DBAPIError) as caught:
            await engine.connect()
    assert fault_of(caught.value, engine.dialect.name) is Fault.REFUSED


def _replace_last(text_: str, old: str, new: str) -> str:
    head, _, tail = text_.rpartition(old)
    return f"{head}{new}{tail}"


async def test_a_full_server_is_busy_and_not_unreachable(
    driver: str, new_mariadb: Callable[..., MariaDbServer], new_postgres: Callable[..., PostgresServer]
) -> None:
    """max_connections is reached: a retry may find a place."""
    if DRIVERS[driver] == "mariadb":
        server: MariaDbServer | PostgresServer = new_mariadb(options=("--max-connections=10",))
    else:
        server = new_postgres(options=("max_connections=10", "superuser_reserved_connections=3"))
    database = server.create_database()
    async with engine_for(database.url_for(driver), pool_size=20) as engine:
        held = [await engine.connect() for _ in range(5)]

        async def fill() -> None:
            while len(held) < 15:
                held.append(await engine.connect())

        with pytest.raises(DBAPIError) as caught:
            await fill()
        assert fault_of(caught.value, engine.dialect.name) is Fault.BUSY
        for connection in held:
            await connection.close()


async def test_sqlite_is_set_up_for_a_service(sqlite_database: TestDatabase) -> None:
    """Readers beside the writer, foreign keys enforced, the writer waited for."""
    async with engine_for(sqlite_database.url) as engine, engine.connect() as connection:
        pragma = {
            name: await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    assert pragma == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": 1}


async def test_sqlite_writers_wait_for_each_other(sqlite_database: TestDatabase) -> None:
    """Read, then write, twenty times at once: with a deferred BEGIN most would fail as locked."""
    async with engine_for(sqlite_database.url) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE counter (value INTEGER)"))
            await connection.execute(text("INSERT INTO counter VALUES (0)"))

        async def add() -> None:
            async with engine.begin() as connection:
                await connection.execute(text("SELECT value FROM counter"))
                await connection.execute(text("UPDATE counter SET value = value + 1"))

        await asyncio.gather(*(add() for _ in range(20)))
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT value FROM counter")) == 20


async def test_sqlite_in_memory_is_one_database_for_all_sessions() -> None:
    """Its pool has one connection, which is neither recycled nor joined by a second."""
    async with engine_for("sqlite+aiosqlite://", pool_size=20, pool_recycle_s=1) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE t (x INTEGER)"))
        await asyncio.sleep(1.2)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM t")) == 0


async def test_errors_of_statements_carry_no_values(any_database: TestDatabase) -> None:
    """They end in logs, and values are people's data."""
    async with engine_for(any_database.url) as engine, engine.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            await connection.execute(text("SELECT :value FROM nowhere"), {"value": "s3cret-value"})
    assert "s3cret-value" not in str(caught.value)


async def test_a_connect_whose_driver_loses_its_cancellation_ends_without_a_pool_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Python 3.11's `wait_for` may: whoever migrates would wait for ever."""
    lost = 0

    async def deaf(*_: object, **__: object) -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    monkeypatch.setattr("plimsoll.engine.connect_of", lambda _driver: deaf)
    monkeypatch.setattr("plimsoll.engine.GRACE_S", 0.05)
    settings = DatabaseSettings(database_url="mysql+asyncmy://shop:x@127.0.0.1:9/shop", connect_timeout_s=0.1)
    engine = build_engine(settings, pooled=False)
    async with asyncio.timeout(30):
        with pytest.raises(OperationalError, match="the server did not answer in time"):
            await engine.connect()
    assert lost == 2
