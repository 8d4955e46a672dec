"""A throw-away PgBouncer before a PostgreSQL of the tests."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Self

import psycopg

from tests.servers.places import HOST, Account, free_port, new_directory, remove_directory
from tests.servers.process import (
    ADMIN,
    POLL_S,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    Row,
    ServerFailedError,
    missing,
)
from tests.servers.reaper import reaper

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.servers.postgres import PostgresServer

CONSOLE_TIMEOUT_S = 10


class PgBouncer:
    """PgBouncer on a loopback port of its own. It asks the server for the accounts' secrets, so that a database made
    at any time is reached through it, with the same name, user and password. Options are `name=value` settings."""

    def __init__(self, server: PostgresServer, *, pool_mode: str = "session", options: Sequence[str] = ()) -> None:
        program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if program is None:
            raise missing("PgBouncer", "pgbouncer")
        self._program = program
        self.server = server
        self.pool_mode = pool_mode
        self.options = tuple(options)
        self.host = HOST
        self.port = free_port()
        self.account = Account("postgres")  # it refuses to run as root
        self.directory = new_directory(self.account)
        self._console_password = f"C0nsole-secret-{secrets.token_hex(8)}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the pooler."""
        if self._process is None:
            raise RuntimeError("PgBouncer has not been started")
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """File with all that it has printed."""
        return self.directory / "pgbouncer.log"

    def console(self, command: str) -> list[Row]:
        """Run one command in its admin console and return its rows."""
        with psycopg.connect(
            host=self.host,
            port=self.port,
            user="console",
            password=self._console_password,
            dbname="pgbouncer",
            autocommit=True,
            connect_timeout=CONSOLE_TIMEOUT_S,
            cursor_factory=psycopg.ClientCursor,  # its console knows the simple protocol only
        ) as connection:
            cursor = connection.execute(command.encode())
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def __enter__(self) -> Self:
        accounts = self.directory / "users.txt"
        accounts.write_text(
            f'"{ADMIN}" "{self.server.admin_password}"\n"console" "{self._console_password}"\n', encoding="utf-8"
        )
        configuration = self.directory / "pgbouncer.ini"
        configuration.write_text(self._configuration(accounts), encoding="utf-8")
        for path in (accounts, configuration):
            path.chmod(0o600)
            self.account.own(path)
        with self.log_path.open("ab") as log:
            self._process = self.account.popen([self._program, str(configuration)], self.directory, log)
        reaper.watch(self._process.pid, self.directory)
        self._wait_until_it_answers()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop it and remove its directory."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)  # at once: whoever is connected is cut off
            try:
                process.wait(timeout=STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process is not None:
            reaper.forget(process.pid)
        remove_directory(self.directory)

    def _configuration(self, accounts: Path) -> str:
        settings = {
            "listen_addr": self.host,
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(accounts),
            "auth_user": ADMIN,
            "admin_users": "console",
            "pool_mode": self.pool_mode,
        }
        for option in self.options:
            name, _, value = option.partition("=")
            settings[name] = value
        lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
        return f"[databases]\n* = host={self.server.host} port={self.server.port}\n\n[pgbouncer]\n{lines}\n"

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        assert self._process is not None
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.console("SHOW VERSION")
            except psycopg.OperationalError:
                time.sleep(POLL_S)
            else:
                return
        log = self.log_path.read_text(errors="replace")[-2000:]
        self.close()
        raise ServerFailedError(f"PgBouncer on port {self.port} does not answer; its log:\n{log}")
