"""What a command says where the database cannot be used: one clear error, soon, with 2 and without the password."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ended
from tests.migrations.project_files import PROJECT
from tests.servers import FaultProxy, TestDatabase
from tests.servers.places import free_port

Command = Callable[..., Ended]
Use = Callable[[TestDatabase | str], None]
APP = ("--app", "chandlery.main:app", "--app-dir", str(PROJECT))
COMMANDS = {
    "migrate": ("migrate",),
    "plan": ("migrate", "--plan"),
    "check": ("migrate", "--check"),
    "adopt": ("migrate", "--adopt"),
}
DRIVERS = {"aiomysql": "mariadb", "asyncmy": "mariadb", "asyncpg": "postgres", "psycopg": "postgres"}


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, kind)) for name, kind in DRIVERS.items()])
def by_driver(request: pytest.FixtureRequest) -> tuple[TestDatabase, str]:
    """A database with each of the four drivers in turn."""
    database: TestDatabase = request.getfixturevalue(f"{DRIVERS[request.param]}_database")
    return database, request.param


@pytest.mark.parametrize("command", COMMANDS)
def test_nobody_listens(plimsoll: Command, use: Use, command: str) -> None:
    """Where the database should be, the port is closed: said at once, with the address."""
    port = free_port()
    use(f"postgresql+asyncpg://u:hush-1@127.0.0.1:{port}/d")
    ended = plimsoll(*APP, *COMMANDS[command])
    assert ended.status == 2
    assert ended.err.startswith(f"plimsoll: The database at postgresql+asyncpg://u:***@127.0.0.1:{port}/d could not")
    assert "Check that the server runs and is reached from here." in ended.err
    assert "hush" not in ended.printed


def test_nobody_listens_for_any_driver(plimsoll: Command, use: Use, by_driver: tuple[TestDatabase, str]) -> None:
    """Each driver has another error for it; the command has one."""
    database, driver = by_driver
    use(database.url_for(driver, port=free_port()))
    ended = plimsoll(*APP, "migrate")
    assert ended.status == 2
    assert "could not be used: " in ended.err
    assert str(database.password) not in ended.printed


def test_a_host_that_does_not_exist(plimsoll: Command, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nothing knows."""

    def nobody_knows(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)  # a name server may be slow to say so
    use("mysql+aiomysql://u:hush-1@nowhere.invalid/d")
    ended = plimsoll(*APP, "migrate")
    assert ended.status == 2
    assert "nowhere.invalid" in ended.err
    assert "hush" not in ended.printed


def test_somebody_listens_and_says_nothing(
    plimsoll: Command,
    use: Use,
    by_driver: tuple[TestDatabase, str],
    fault_proxy: Callable[[int], FaultProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection is accepted and never answered: DB_CONNECT_TIMEOUT ends the wait, whichever the driver."""
    database, driver = by_driver
    assert database.port is not None
    proxy = fault_proxy(database.port)
    proxy.deaf()
    use(database.url_for(driver, port=proxy.port))
    monkeypatch.setenv("DB_CONNECT_TIMEOUT", "0.5")
    began = time.monotonic()
    ended = plimsoll(*APP, "migrate")
    assert time.monotonic() - began < 9  # as shipped it would be 10 s
    assert ended.status == 2
    assert "no connection within 0.5 s" in ended.err


def test_a_wrong_password(plimsoll: Command, use: Use, by_driver: tuple[TestDatabase, str]) -> None:
    """The server refuses; what it says is shown, and neither the right password nor the wrong one."""
    database, driver = by_driver
    use(database.url_for(driver).replace(str(database.password), "hush-hush"))
    ended = plimsoll(*APP, "migrate")
    assert ended.status == 2
    assert " refused: " in ended.err
    assert str(database.user) in ended.err
    assert "Check the user, the password and the database's name" in ended.err
    assert "hush" not in ended.printed


def test_a_database_that_does_not_exist(plimsoll: Command, use: Use, by_driver: tuple[TestDatabase, str]) -> None:
    """The server knows none of this name, or none for this account."""
    database, driver = by_driver
    use(database.url_for(driver).replace(f"/{database.name}", "/nothing_of_this_name"))
    ended = plimsoll(*APP, "migrate", "--check")
    assert ended.status == 2
    assert " refused: " in ended.err
    assert "nothing_of_this_name" in ended.err
    assert str(database.password) not in ended.printed


def test_a_file_that_cannot_be_opened(plimsoll: Command, use: Use, tmp_path: Path) -> None:
    """SQLite makes a file and no directories."""
    use(f"sqlite+aiosqlite:///{tmp_path}/no/such/directory/x.db")
    ended = plimsoll(*APP, "migrate")
    assert ended.status == 2
    assert "unable to open database file" in ended.err


def test_a_file_that_is_no_database(plimsoll: Command, use: Use, tmp_path: Path) -> None:
    """Some other file is not overwritten."""
    other = tmp_path / "x.db"
    other.write_text("not a database, and long enough to be looked at" * 40)
    use(f"sqlite+aiosqlite:///{other}")
    ended = plimsoll(*APP, "migrate")
    assert ended.status == 2
    assert "file is not a database" in ended.err
    assert other.read_text().startswith("not a database")


def test_an_account_that_may_do_nothing(plimsoll: Command, use: Use, postgres_database: TestDatabase) -> None:
    """What the server says of missing rights names the object; the revision that needed them is named."""
    postgres_database.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    postgres_database.sql(f"ALTER DATABASE {postgres_database.name} OWNER TO CURRENT_USER")
    postgres_database.sql(f"REVOKE ALL ON SCHEMA public FROM {postgres_database.user}")
    administrator = postgres_database.sql("SELECT current_user")[0][0]
    postgres_database.sql(f"REVOKE {administrator} FROM {postgres_database.user}")
    use(postgres_database)
    ended = plimsoll(*APP, "migrate")
    assert ended.status == 1
    assert "Revision 0001 (Items) failed: permission denied for schema public." in ended.err
    assert plimsoll(*APP, "migrate", "--check").status == 1
