"""A throw-away PostgreSQL."""

from __future__ import annotations

import secrets
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psycopg

from tests.servers.database import ServerDatabase
from tests.servers.places import Account
from tests.servers.process import ADMIN, Row, Server, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers.certificates import Tls
    from tests.servers.database import TestDatabase

ADMIN_TIMEOUT_S = 10
PACKAGED = Path("/usr/lib/postgresql")
"""Debian's place for the programs of each version, which are not on PATH."""


class PostgresServer(Server):
    """PostgreSQL with small buffers and no syncing to the disk. Options are `name=value` settings."""

    kind: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": connections are closed, not waited for

    def __init__(self, *, tls: Tls | None = None, options: Sequence[str] = ()) -> None:
        self.programs = _find_programs()
        super().__init__(tls=tls, options=options)

    def find_account(self) -> Account:
        return Account("postgres")

    @property
    def socket(self) -> Path:
        """Directory of the Unix socket, which the administrator uses."""
        return self.directory

    def prepare(self) -> None:
        password_file = self.directory / "password"
        password_file.write_text(self.admin_password)
        self.account.own(password_file)
        self.run_tool(
            [
                str(self.programs / "initdb"),
                f"--pgdata={self.directory / 'data'}",
                f"--username={ADMIN}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ]
        )
        rules = self.directory / "data" / "pg_hba.conf"
        rules.write_text(self._rules())

    def _rules(self) -> str:
        kind = "hostssl" if self.tls is not None and self.tls.required else "host"
        demand = " clientcert=verify-ca" if self.tls is not None and self.tls.client_certificate else ""
        if demand:
            kind = "hostssl"
        return f"local all all scram-sha-256\n{kind} all all 127.0.0.1/32 scram-sha-256{demand}\n"

    def command(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "listen_addresses": self.host,
            "unix_socket_directories": str(self.socket),
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "16MB",
            "max_wal_size": "64MB",
            "autovacuum": "off",
            "jit": "off",
            "shared_preload_libraries": "pg_stat_statements",  # statements counted by user: query_count
            "pg_stat_statements.save": "off",
            "log_line_prefix": "%m [%p] %u@%d ",
        }
        settings.update(self._tls_settings())
        for option in self.options:
            name, _, value = option.partition("=")
            settings[name] = value
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.directory / "data"), *options]

    def _tls_settings(self) -> dict[str, str]:
        if self.certificates is None:
            return {"ssl": "off"}
        return {
            "ssl": "on",
            "ssl_ca_file": str(self.certificates.ca),
            "ssl_cert_file": str(self.certificates.server_cert),
            "ssl_key_file": str(self.certificates.server_key),
        }

    def sql(self, statement: str, *parameters: object, database: str | None = None) -> list[Row]:
        with psycopg.connect(
            host=str(self.socket),
            port=self.port,
            user=ADMIN,
            password=self.admin_password,
            dbname=database or "postgres",
            autocommit=True,
            connect_timeout=ADMIN_TIMEOUT_S,
        ) as connection:
            cursor = connection.execute(statement, parameters or None)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def create_database(self, prefix: str = "t") -> ServerDatabase:
        database = ServerDatabase(self, f"{prefix}_{secrets.token_hex(5)}")
        self.sql(f"CREATE ROLE {database.name} LOGIN PASSWORD '{database.password}'")
        # So that a test may lay out tables as the administrator which the application then owns and alters.
        self.sql(f"GRANT {ADMIN} TO {database.name}")
        self.sql(f"CREATE DATABASE {database.name} OWNER {database.name}")
        return database

    def drop_database(self, database: TestDatabase) -> None:
        self.sql(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")
        self.sql(f"DROP ROLE IF EXISTS {database.name}")

    def connections(self, database: TestDatabase) -> list[Row]:
        return self.sql(
            "SELECT pid, usename, datname, state, application_name, query FROM pg_stat_activity"
            " WHERE (usename = %s OR datname = %s) AND usename <> %s AND backend_type = 'client backend'",
            database.user,
            database.name,
            ADMIN,
        )

    def kill_connections(self, database: TestDatabase) -> int:
        killed = [
            row for row in self.connections(database) if self.sql("SELECT pg_terminate_backend(%s)", row[0])[0][0]
        ]
        self.wait_until_gone(database, killed)
        return len(killed)

    def query_count(self, database: TestDatabase) -> int:
        self.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        rows = self.sql(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements"
            " WHERE userid = (SELECT oid FROM pg_roles WHERE rolname = %s)",
            database.user,
        )
        return int(rows[0][0])

    def status(self, name: str) -> int:
        """A column of pg_stat_database, such as `xact_commit`, summed over all databases."""
        if not name.isidentifier():
            raise ValueError(f"{name!r} is not the name of a column")
        return int(self.sql(f"SELECT coalesce(sum({name}), 0) FROM pg_stat_database")[0][0])


def _find_programs() -> Path:
    """The directory with `postgres` and `initdb`: the newest of Debian's, else the one on PATH."""
    packaged = [path.parent for path in PACKAGED.glob("*/bin/initdb")]
    if packaged:
        return max(packaged, key=lambda path: [int(part) for part in path.parent.name.split(".")])
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    raise missing("PostgreSQL", "postgresql")
