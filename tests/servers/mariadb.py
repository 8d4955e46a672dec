"""A throw-away MariaDB."""

from __future__ import annotations

import secrets
import shutil
import signal
from typing import TYPE_CHECKING, ClassVar

import pymysql

from tests.servers.database import ServerDatabase
from tests.servers.places import Account
from tests.servers.process import ADMIN, Row, Server, missing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.servers.certificates import Tls
    from tests.servers.database import TestDatabase

ADMIN_TIMEOUT_S = 10


class MariaDbServer(Server):
    """MariaDB with small buffers and no syncing to the disk; performance_schema only if asked for."""

    kind: ClassVar[str] = "mariadb"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self, *, tls: Tls | None = None, options: Sequence[str] = (), performance_schema: bool = False
    ) -> None:
        self.program, self.installer = self.find_programs()
        self.performance_schema = performance_schema
        self._globals_before: dict[str, object] = {}
        super().__init__(tls=tls, options=options)

    def find_programs(self) -> tuple[str, str]:
        """The server, and what makes its data directory."""
        return _find("mariadbd", "mysqld"), _find("mariadb-install-db", "mysql_install_db")

    def find_account(self) -> Account:
        return Account("mysql")

    @property
    def socket(self) -> Path:
        """Unix socket, which the administrator uses."""
        return self.directory / "s"

    def prepare(self) -> None:
        self.run_tool(
            [
                self.installer,
                "--no-defaults",
                f"--datadir={self.directory / 'data'}",
                # Not /tmp: a server that starts removes the temporary tables it finds, another's too.
                f"--tmpdir={self.directory}",
                "--skip-test-db",
                "--skip-name-resolve",
                *self.small_files(),
            ]
        )
        # Run at every start. The administrator comes by the socket and by password, whoever runs the tests.
        init = self.directory / "init.sql"
        init.write_text(
            "DELETE FROM mysql.global_priv WHERE User = '';\n"
            f"CREATE OR REPLACE USER '{ADMIN}'@'localhost' IDENTIFIED BY '{self.admin_password}';\n"
            f"GRANT ALL ON *.* TO '{ADMIN}'@'localhost' WITH GRANT OPTION;\n"
            "FLUSH PRIVILEGES;\n"
        )
        self.account.own(init)

    def small_files(self) -> list[str]:
        """Options of the tables' files."""
        # Nothing is synced: the machine may lose this data, the server alone (kill -9) may not, which is why
        # the log is still written out at each commit (2, not 0).
        return [
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-flush-method=nosync",
            "--innodb-doublewrite=0",
        ]

    def command(self) -> list[str]:
        return [
            self.program,
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            f"--socket={self.socket}",
            f"--pid-file={self.directory / 'pid'}",
            f"--tmpdir={self.directory}",
            f"--init-file={self.directory / 'init.sql'}",
            f"--bind-address={self.host}",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
            *self.own_options(),
            *self.small_files(),
            *self.tls_options(),
            *self.options,
        ]

    def own_options(self) -> list[str]:
        """Options that only this kind has."""
        # Statements counted by user: query_count.
        return ["--userstat=1", f"--performance-schema={'ON' if self.performance_schema else 'OFF'}"]

    def tls_options(self) -> list[str]:
        """Options of its own TLS."""
        if self.tls is None or self.certificates is None:
            return ["--skip-ssl"]
        return [
            f"--ssl-ca={self.certificates.ca}",
            f"--ssl-cert={self.certificates.server_cert}",
            f"--ssl-key={self.certificates.server_key}",
            f"--require-secure-transport={'ON' if self.tls.required else 'OFF'}",
        ]

    def sql(self, statement: str, *parameters: object, database: str | None = None) -> list[Row]:
        connection = pymysql.connect(
            unix_socket=str(self.socket),
            user=ADMIN,
            password=self.admin_password,
            database=database,
            autocommit=True,
            charset="utf8mb4",
            connect_timeout=ADMIN_TIMEOUT_S,
            read_timeout=ADMIN_TIMEOUT_S * 3,
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            connection.close()

    def create_database(self, prefix: str = "t") -> ServerDatabase:
        database = ServerDatabase(self, f"{prefix}_{secrets.token_hex(5)}")
        name = database.name
        demand = "REQUIRE X509" if self.tls is not None and self.tls.client_certificate else ""
        self.sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        self.sql(f"CREATE USER '{name}'@'%%' IDENTIFIED BY %s {demand}", database.password)
        self.sql(f"GRANT ALL ON `{name}`.* TO '{name}'@'%'")
        return database

    def drop_database(self, database: TestDatabase) -> None:
        self.sql(f"DROP USER IF EXISTS '{database.name}'@'%'")
        # A connection left behind may hold a lock on a table, and DROP DATABASE would wait for it.
        self.kill_connections(database)
        self.sql(f"DROP DATABASE IF EXISTS `{database.name}`")

    def connections(self, database: TestDatabase) -> list[Row]:
        return self.sql(
            "SELECT id, user, db, command, time, state, info FROM information_schema.processlist"
            " WHERE (user = %s OR db = %s) AND user <> %s",
            database.user,
            database.name,
            ADMIN,
        )

    def kill_connections(self, database: TestDatabase) -> int:
        killed = []
        for row in self.connections(database):
            try:
                self.sql(f"KILL {int(row[0])}")
            except pymysql.err.OperationalError:
                continue  # it ended by itself
            killed.append(row)
        self.wait_until_gone(database, killed)
        return len(killed)

    def query_count(self, database: TestDatabase) -> int:
        rows = self.sql(
            "SELECT select_commands + update_commands + other_commands"
            " FROM information_schema.user_statistics WHERE user = %s",
            database.user,
        )
        return int(rows[0][0]) if rows else 0

    def status(self, name: str) -> int:
        """A counter of SHOW GLOBAL STATUS, such as `Com_create_table`."""
        rows = self.sql("SHOW GLOBAL STATUS WHERE variable_name = %s", name)
        if not rows:
            raise KeyError(f"MariaDB has no status counter named {name}")
        return int(rows[0][1])

    def set_global(self, name: str, value: object) -> None:
        """Set a global variable until `heal` puts its old value back."""
        before = self.sql(f"SELECT @@GLOBAL.{name}")[0][0]
        self._globals_before.setdefault(name, before)
        self.sql(f"SET GLOBAL {name} = %s", value)

    def heal(self) -> None:
        super().heal()
        while self._globals_before:
            name, value = self._globals_before.popitem()
            self.sql(f"SET GLOBAL {name} = %s", value)


def _find(*names: str) -> str:
    for name in names:
        # Debian keeps the server in /usr/sbin, which is not on everyone's PATH.
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if found:
            return found
    raise missing("MariaDB", "mariadb-server")
