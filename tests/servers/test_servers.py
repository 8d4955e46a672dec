"""The throw-away servers themselves: they start, answer, fail on command, and keep their data."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.servers import MariaDbServer, PostgresServer, ServerFailedError
from tests.servers.client import REFUSED, connect, fetch
from tests.servers.environment import REPOSITORY
from tests.servers.places import Account, new_directory, remove_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import RunningCommand, SqliteDatabase, TestDatabase

    NewServer = Callable[..., MariaDbServer | PostgresServer]

PATIENCE_S = 20.0
"""For what takes a moment, on a machine that does other things as well."""

FROZEN_FOR_S = 2
"""So long a client waits for a server that is frozen: libpq knows no less."""


def test_each_test_gets_an_empty_database_and_a_user_that_may_use_it(server_database: TestDatabase) -> None:
    """The user of a fresh database can make a table in it, and finds none."""
    connection = connect(server_database)
    assert fetch(connection, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'mark'") == [(0,)]
    connection.cursor().execute("CREATE TABLE mark (id INTEGER)")
    connection.close()


def test_a_dropped_database_is_gone_although_a_client_held_a_lock_in_it(server_database: TestDatabase) -> None:
    """Dropping ends an open transaction instead of waiting for it."""
    server_database.sql("CREATE TABLE mark (id INTEGER)")
    connection = connect(server_database)
    fetch(connection, "SELECT * FROM mark")
    started = time.monotonic()
    server_database.drop()
    assert time.monotonic() - started < PATIENCE_S
    with pytest.raises(REFUSED):
        connect(server_database)
    connection.close()


def test_connection_count_is_that_of_the_clients_alone(server_database: TestDatabase) -> None:
    """The administrator's own connections are not counted, the clients' are, and no longer once closed."""
    assert server_database.connection_count() == 0
    connections = [connect(server_database) for _ in range(3)]
    assert server_database.connection_count() == 3
    for connection in connections:
        connection.close()
    assert server_database.wait_connection_count(0) == 0


def test_waiting_for_a_connection_count_fails_with_the_servers_list(server_database: TestDatabase) -> None:
    """A wrong count is an assertion that shows what the server sees."""
    connection = connect(server_database)
    with pytest.raises(AssertionError, match=server_database.name):
        server_database.wait_connection_count(0, timeout_s=0.1)
    connection.close()


def test_query_count_counts_the_clients_statements_and_no_others(server_database: TestDatabase) -> None:
    """Two statements of a client are two, whatever the administrator runs meanwhile."""
    connection = connect(server_database)
    fetch(connection, "SELECT 1")
    before = server_database.query_count()
    fetch(connection, "SELECT 1")
    server_database.sql("SELECT 2")
    fetch(connection, "SELECT 3")
    assert server_database.query_count() - before == 2
    connection.close()


def test_killed_connections_are_seen_by_their_clients(server_database: TestDatabase) -> None:
    """Ending all connections from the server's side breaks the client's next statement."""
    connection = connect(server_database)
    assert server_database.server is not None
    assert server_database.server.kill_connections(server_database) == 1
    server_database.wait_connection_count(0)
    with pytest.raises(REFUSED):
        fetch(connection, "SELECT 1")


def test_committed_rows_survive_a_kill(new_server: NewServer) -> None:
    """What was committed before SIGKILL is there after the next start, on the same port."""
    server = new_server()
    database = server.create_database()
    connection = connect(database)
    connection.cursor().execute("CREATE TABLE mark (id INTEGER)")
    connection.cursor().execute("INSERT INTO mark VALUES (42)")
    connection.commit()
    pid, port = server.pid, server.port
    server.kill()
    assert not server.is_running
    with pytest.raises(REFUSED):
        connect(database)
    server.start()
    assert (server.port, server.pid == pid) == (port, False)
    assert fetch(connect(database), "SELECT id FROM mark") == [(42,)]


def test_a_restarted_server_has_lost_its_connections_and_no_data(
    new_server: NewServer,
) -> None:
    """An orderly restart ends every connection; the same URL works again afterwards."""
    server = new_server()
    database = server.create_database()
    database.sql("CREATE TABLE mark (id INTEGER)")
    connection = connect(database)
    server.restart()
    with pytest.raises(REFUSED):
        fetch(connection, "SELECT 1")
    assert fetch(connect(database), "SELECT count(*) FROM mark") == [(0,)]


def test_a_frozen_server_says_nothing_until_it_is_thawed(
    new_server: NewServer,
) -> None:
    """A connect to a frozen server neither succeeds nor is refused; thawing makes it answer again."""
    server = new_server()
    database = server.create_database()
    server.freeze()
    started = time.monotonic()
    with pytest.raises((*REFUSED, TimeoutError)):
        connect(database, timeout_s=FROZEN_FOR_S)
    assert time.monotonic() - started >= FROZEN_FOR_S - 0.1
    server.thaw()
    assert fetch(connect(database), "SELECT 1") == [(1,)]


def test_healing_restores_a_frozen_and_a_stopped_server(
    new_server: NewServer,
) -> None:
    """A shared server that a test left frozen or stopped serves the next one."""
    server = new_server()
    for damage in (server.freeze, server.stop, server.kill):
        damage()
        server.heal()
        assert server.sql("SELECT 1") == [(1,)]


def test_a_server_that_cannot_start_says_why() -> None:
    """A bad option is reported with the server's own words."""
    for server in (MariaDbServer(options=["--no-such-option=1"]), PostgresServer(options=["no_such_option=1"])):
        with pytest.raises(ServerFailedError, match=r"no.such.option"):
            server.start()
        server.close()


def test_a_closed_server_leaves_neither_process_nor_directory(
    new_server: NewServer,
) -> None:
    """After `close` the process ids and the files are gone."""
    server = new_server()
    pids = [server.pid, *(child.pid for child in psutil.Process(server.pid).children(recursive=True))]
    server.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not server.directory.exists()


def test_servers_started_by_root_run_as_someone_else(new_server: NewServer) -> None:
    """No server runs as root, and only its own user may enter its directory."""
    server = new_server()
    assert psutil.Process(server.pid).uids().effective != 0
    assert server.directory.stat().st_mode & 0o077 == 0


def test_mariadb_globals_are_put_back(mariadb: MariaDbServer) -> None:
    """A global variable that a test has set is as before after healing."""
    before = mariadb.sql("SELECT @@GLOBAL.wait_timeout")
    mariadb.set_global("wait_timeout", 7)
    mariadb.set_global("wait_timeout", 8)
    assert mariadb.sql("SELECT @@GLOBAL.wait_timeout") == [(8,)]
    mariadb.heal()
    assert mariadb.sql("SELECT @@GLOBAL.wait_timeout") == before


def test_mariadb_counts_ddl(mariadb_database: TestDatabase) -> None:
    """The server's own counter shows a table that was made."""
    assert isinstance(mariadb_database.server, MariaDbServer)
    before = mariadb_database.server.status("Com_create_table")
    mariadb_database.sql("CREATE TABLE mark (id INTEGER)")
    assert mariadb_database.server.status("Com_create_table") == before + 1


def test_sqlite_connections_are_this_processs_open_files(sqlite_database: SqliteDatabase) -> None:
    """SQLite has no server to ask, so open descriptors of the file are counted."""
    assert sqlite_database.connection_count() == 0
    connection = sqlite3.connect(sqlite_database.path)
    connection.execute("CREATE TABLE mark (id INTEGER)")
    assert sqlite_database.connection_count() == 1
    connection.close()
    assert sqlite_database.connection_count() == 0


def test_urls_name_driver_host_port_and_password(any_database: TestDatabase) -> None:
    """A URL can be had with any driver, without its password, and through another port."""
    assert any_database.url.startswith(f"{any_database.dialect}+")
    assert any_database.url_for("").startswith(f"{any_database.dialect}://")
    if any_database.password is not None:
        assert any_database.password in any_database.url
        assert any_database.password not in any_database.url_for(password=False)
        assert ":1234/" in any_database.url_for(port=1234)


def test_the_machines_own_configuration_does_not_reach_a_test(tmp_path: Path, sqlite_database: SqliteDatabase) -> None:
    """Neither this process nor its subprocesses see a variable that could name a real database."""
    assert Path.cwd() == tmp_path
    for environ in (dict(os.environ), sqlite_database.environ()):
        assert not [name for name in environ if name.startswith(("MYSQL_", "DB_", "ADMIN_", "PRODUCTION"))]
    assert "DATABASE_URL" not in os.environ
    assert sqlite_database.environ()["DATABASE_URL"] == sqlite_database.url


def test_a_killed_test_run_takes_its_servers_along(start_command: Callable[..., RunningCommand]) -> None:
    """When the test run dies without a chance to clean up, its servers end and their directories go."""
    program = (
        "import time; from tests.servers import MariaDbServer;"
        "server = MariaDbServer().start(); print(server.pid, server.directory); time.sleep(60)"
    )
    run = start_command([sys.executable, "-c", program], cwd=REPOSITORY)
    pid, directory = run.wait_output("plimsoll-").split()
    os.kill(run.pid, 9)
    deadline = time.monotonic() + PATIENCE_S
    while (psutil.pid_exists(int(pid)) or Path(directory).exists()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not psutil.pid_exists(int(pid))
    assert not Path(directory).exists()


def test_a_directory_of_a_server_is_reachable_by_its_socket() -> None:
    """The path is short enough for a Unix socket, whatever TMPDIR says."""
    directory = new_directory(Account("mysql"))
    assert len(str(directory)) < 80
    remove_directory(directory)
