"""Fixtures for every test: a clean environment, fresh databases on real servers, faults, commands."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import (
    MYSQLD,
    FaultProxy,
    MariaDbServer,
    MissingServerError,
    MySqlServer,
    PgBouncer,
    PostgresServer,
    RunningCommand,
    SqliteDatabase,
    TestDatabase,
    Tls,
)
from tests.servers.environment import is_configuration
from tests.servers.reaper import reaper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

SERVERS = os.environ.get("SERVERS", "1") != "0"
KINDS = (
    pytest.param("sqlite", id="sqlite"),
    pytest.param("mariadb", id="mariadb", marks=pytest.mark.mariadb),
    pytest.param("postgres", id="postgres", marks=pytest.mark.postgres),
)
Server = TypeVar("Server", MariaDbServer, PostgresServer)
MARIADB: type[MariaDbServer] = MySqlServer if MYSQLD else MariaDbServer
"""What stands for MariaDB in this run."""
_left_out: dict[str, int] = {}

# Hypothesis fails an example that takes more than 200 ms, and data that are slow to draw: on a busy machine any may.
# Its examples are the same in every run, so that a run that fails has found what was changed; SEARCH=1 draws others.
settings.register_profile(
    "busy machine",
    settings.default,
    deadline=None,
    derandomize="SEARCH" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("busy machine")


# Which tests need a server, and what is left out without one.


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "mariadb: needs a MariaDB server (put on by the fixtures)")
    config.addinivalue_line("markers", "postgres: needs a PostgreSQL server (put on by the fixtures)")


@pytest.hookimpl(tryfirst=True)  # before -m selects by these markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for kind in ("mariadb", "postgres"):
            names = {kind, f"{kind}_tls", f"new_{kind}", f"{kind}_database"}
            if kind == "postgres":
                names.add("new_pgbouncer")
            if names.intersection(fixtures):
                item.add_marker(kind)
            if not SERVERS and item.get_closest_marker(kind):
                item.add_marker(pytest.mark.skip(reason=f"SERVERS=0: no {kind}"))


def pytest_collection_finish(session: pytest.Session) -> None:
    # Counted here, when -m and -k have taken theirs: a skipped test runs no hook of ours.
    for kind in ("mariadb", "postgres"):
        count = sum(item.get_closest_marker(kind) is not None for item in session.items)
        if count and not SERVERS:
            _left_out[kind] = count


def pytest_sessionfinish(session: pytest.Session) -> None:
    # A worker of xdist tells the process that writes the summary.
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = _left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _left_out.update(node.workeroutput.get("left_out", {}) if hasattr(node, "workeroutput") else {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _left_out:
        return
    terminalreporter.section("SERVERS=0: NOT TESTED", sep="!", red=True, bold=True)
    for kind, count in sorted(_left_out.items()):
        terminalreporter.line(f"{count} tests against a real {kind} were LEFT OUT", red=True, bold=True)
    terminalreporter.line("Nothing is known about these databases. Run again without SERVERS=0.", red=True)


@pytest.fixture(scope="session", autouse=True)
def _end_servers() -> Iterator[None]:
    yield
    reaper.close()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable or .env file of the machine or the checkout reaches a test: it may name a real database."""
    for name in list(os.environ):
        if is_configuration(name):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def patient_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application in this process has passed its gate once it is started, also on a busy machine: as shipped it
    listens after two seconds, and answers 503 until it has."""
    monkeypatch.setattr("plimsoll.fastapi.runtime.GRACE_S", 60.0)


# Shared servers: started by the first test that needs them, healed before each.


class _Shared:
    """The servers that a test run has started so far, by name."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._servers: dict[str, MariaDbServer | PostgresServer] = {}

    def get(self, kind: type[Server], tls: Tls | None) -> Server:
        key = f"{kind.kind}{tls}"
        server = self._servers.get(key)
        if server is None:
            server = self._servers[key] = self._stack.enter_context(_installed(kind, tls=tls))
        assert isinstance(server, kind)
        server.heal()
        return server


def _installed(kind: type[Server], *, tls: Tls | None, options: Sequence[str] = ()) -> Server:
    """A server not yet started; the test fails, and is not skipped, where the program is missing."""
    try:
        return kind(tls=tls, options=options)
    except MissingServerError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def _shared(_end_servers: None) -> Iterator[_Shared]:
    with ExitStack() as stack:
        yield _Shared(stack)


@pytest.fixture
def mariadb(_shared: _Shared) -> MariaDbServer:
    """The MariaDB that all tests share."""
    return _shared.get(MARIADB, None)


@pytest.fixture
def postgres(_shared: _Shared) -> PostgresServer:
    """The PostgreSQL that all tests share."""
    return _shared.get(PostgresServer, None)


@pytest.fixture
def mariadb_tls(_shared: _Shared) -> MariaDbServer:
    """A shared MariaDB that offers TLS and does not demand it."""
    return _shared.get(MARIADB, Tls())


@pytest.fixture
def postgres_tls(_shared: _Shared) -> PostgresServer:
    """A shared PostgreSQL that offers TLS and does not demand it."""
    return _shared.get(PostgresServer, Tls())


# Servers of one test.


@pytest.fixture
def new_mariadb(_end_servers: None) -> Iterator[Callable[..., MariaDbServer]]:
    """Start a MariaDB for this test alone: `new_mariadb(tls=Tls(), options=("--max-connections=20",))`."""
    with ExitStack() as stack:

        def start(*, tls: Tls | None = None, options: Sequence[str] = ()) -> MariaDbServer:
            return stack.enter_context(_installed(MARIADB, tls=tls, options=options))

        yield start


@pytest.fixture
def new_postgres(_end_servers: None) -> Iterator[Callable[..., PostgresServer]]:
    """Start a PostgreSQL for this test alone: `new_postgres(tls=Tls(), options=("max_connections=20",))`."""
    with ExitStack() as stack:

        def start(*, tls: Tls | None = None, options: Sequence[str] = ()) -> PostgresServer:
            return stack.enter_context(_installed(PostgresServer, tls=tls, options=options))

        yield start


@pytest.fixture
def new_pgbouncer(_end_servers: None) -> Iterator[Callable[..., PgBouncer]]:
    """Start a PgBouncer before a PostgreSQL: `new_pgbouncer(server, pool_mode="transaction", options=("x=1",))`."""
    with ExitStack() as stack:

        def start(server: PostgresServer, *, pool_mode: str = "session", options: Sequence[str] = ()) -> PgBouncer:
            try:
                pooler = PgBouncer(server, pool_mode=pool_mode, options=options)
            except MissingServerError as error:
                pytest.fail(str(error), pytrace=False)
            return stack.enter_context(pooler)

        yield start


@pytest.fixture(params=KINDS[1:])
def new_server(request: pytest.FixtureRequest) -> Callable[..., MariaDbServer | PostgresServer]:
    """Start a server for this test alone: a MariaDB and a PostgreSQL in turn."""
    start: Callable[..., MariaDbServer | PostgresServer] = request.getfixturevalue(f"new_{request.param}")
    return start


# Databases of one test.


def _fresh(server: MariaDbServer | PostgresServer) -> Iterator[TestDatabase]:
    database = server.create_database()
    yield database
    server.heal()
    database.drop()


@pytest.fixture
def sqlite_database(tmp_path: Path) -> SqliteDatabase:
    """A SQLite file that does not exist yet."""
    return SqliteDatabase(tmp_path / "test.sqlite3")


@pytest.fixture
def mariadb_database(mariadb: MariaDbServer) -> Iterator[TestDatabase]:
    """An empty database on the shared MariaDB."""
    yield from _fresh(mariadb)


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[TestDatabase]:
    """An empty database on the shared PostgreSQL."""
    yield from _fresh(postgres)


def _database_of(request: pytest.FixtureRequest) -> TestDatabase:
    database = request.getfixturevalue(f"{request.param}_database")
    assert isinstance(database, TestDatabase)
    return database


@pytest.fixture(params=KINDS)
def any_database(request: pytest.FixtureRequest) -> TestDatabase:
    """An empty database, on each of SQLite, MariaDB and PostgreSQL in turn."""
    return _database_of(request)


@pytest.fixture(params=KINDS[1:])
def server_database(request: pytest.FixtureRequest) -> TestDatabase:
    """An empty database, on each of MariaDB and PostgreSQL in turn."""
    return _database_of(request)


@pytest.fixture
def database_url(any_database: TestDatabase) -> str:
    """URL of an empty database, on each of SQLite, MariaDB and PostgreSQL in turn."""
    return any_database.url


@pytest.fixture(params=["aiomysql", "asyncmy"])
def mysql_driver(request: pytest.FixtureRequest) -> str:
    """Each async driver for MySQL and MariaDB in turn."""
    return str(request.param)


@pytest.fixture(params=["asyncpg", "psycopg"])
def postgres_driver(request: pytest.FixtureRequest) -> str:
    """Each async driver for PostgreSQL in turn."""
    return str(request.param)


# Faults and commands.


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[int], FaultProxy]]:
    """Open a fault proxy before a port: `proxy = fault_proxy(server.port)`."""
    with ExitStack() as stack:
        yield lambda port: stack.enter_context(FaultProxy(port))


@pytest.fixture
def start_command(_end_servers: None) -> Iterator[Callable[..., RunningCommand]]:
    """Start a command, killed at the end of the test: `start_command([...], env=database.environ())`."""
    with ExitStack() as stack:

        def start(
            command: Sequence[str],
            *,
            env: Mapping[str, str] | None = None,
            cwd: Path | None = None,
            port: int | None = None,
        ) -> RunningCommand:
            return stack.enter_context(RunningCommand(command, env=env, cwd=cwd, port=port))

        yield start
