"""A database made for one test: where it is, who may use it, and what its server says about it."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy.engine import URL

from tests.servers.environment import clean_environ

if TYPE_CHECKING:
    from tests.servers.mariadb import MariaDbServer
    from tests.servers.postgres import PostgresServer
    from tests.servers.process import Row

POLL_S = 0.02
DIALECTS = {"mariadb": "mysql", "postgres": "postgresql", "sqlite": "sqlite"}
ASYNC_DRIVERS = {"mariadb": "aiomysql", "postgres": "asyncpg", "sqlite": "aiosqlite"}


class TestDatabase(ABC):
    """An empty database of one test. `kind` is `sqlite`, `mariadb` or `postgres`."""

    __test__: ClassVar[bool] = False  # not a class of tests, whatever pytest thinks of its name

    kind: str
    name: str
    server: MariaDbServer | PostgresServer | None = None
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = None
    path: Path | None = None
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the dialect."""
        return DIALECTS[self.kind]

    @property
    def url(self) -> str:
        """URL with the async driver and the password."""
        return self.url_for()

    @abstractmethod
    def url_for(
        self,
        driver: str | None = None,
        *,
        password: bool = True,
        host: str | None = None,
        port: int | None = None,
    ) -> str:
        """URL with the driver named (`""`: none), with or without password, perhaps with a proxy's port."""

    @abstractmethod
    def connection_count(self) -> int:
        """Open connections to this database, as its server counts them."""

    @abstractmethod
    def connections(self) -> list[Row]:
        """One row a connection, to print when a count is wrong."""

    @abstractmethod
    def query_count(self) -> int:
        """Statements this database's user has sent, as the server counts them."""

    @abstractmethod
    def sql(self, statement: str, *parameters: object) -> list[Row]:
        """Run one statement in this database as the administrator and return its rows."""

    @abstractmethod
    def drop(self) -> None:
        """Remove the database, ending the connections it has."""

    def environ(self, **extra: str) -> dict[str, str]:
        """The environment of a subprocess that shall use this database and no other."""
        return clean_environ() | {"DATABASE_URL": self.url} | extra

    def wait_connection_count(self, expected: int, timeout_s: float = 30.0) -> int:
        """Wait until the server counts exactly `expected` connections.

        Raises AssertionError with the server's own list of them if it does not within the time.
        """
        deadline = time.monotonic() + timeout_s
        while (count := self.connection_count()) != expected and time.monotonic() < deadline:
            time.sleep(POLL_S)
        assert count == expected, f"{count} connections, not {expected}: {self.connections()}"
        return count

    def __repr__(self) -> str:
        return f"<{self.kind} database {self.name}>"


class ServerDatabase(TestDatabase):
    """A database on a MariaDB or PostgreSQL server, with a user of the same name."""

    server: MariaDbServer | PostgresServer

    def __init__(self, server: MariaDbServer | PostgresServer, name: str) -> None:
        self.server = server
        self.kind = server.kind
        self.name = self.user = name
        self.password = f"Sup3r-secret-{secrets.token_hex(8)}"
        self.host, self.port = server.host, server.port
        if server.certificates is not None:
            self.ca = server.certificates.ca
            self.client_cert = server.certificates.client_cert
            self.client_key = server.certificates.client_key

    def url_for(
        self,
        driver: str | None = None,
        *,
        password: bool = True,
        host: str | None = None,
        port: int | None = None,
    ) -> str:
        driver = ASYNC_DRIVERS[self.kind] if driver is None else driver
        return URL.create(
            f"{self.dialect}+{driver}" if driver else self.dialect,
            username=self.user,
            password=self.password if password else None,
            host=host or self.host,
            port=port or self.port,
            database=self.name,
        ).render_as_string(hide_password=False)

    def connection_count(self) -> int:
        return self.server.connection_count(self)

    def connections(self) -> list[Row]:
        return self.server.connections(self)

    def query_count(self) -> int:
        return self.server.query_count(self)

    def sql(self, statement: str, *parameters: object) -> list[Row]:
        return self.server.sql(statement, *parameters, database=self.name)

    def drop(self) -> None:
        self.server.drop_database(self)


class SqliteDatabase(TestDatabase):
    """A SQLite file, which nobody has made yet."""

    path: Path

    def __init__(self, path: Path) -> None:
        self.kind = "sqlite"
        self.path = path
        self.name = path.stem

    def url_for(
        self,
        driver: str | None = None,
        *,
        password: bool = True,
        host: str | None = None,
        port: int | None = None,
    ) -> str:
        driver = ASYNC_DRIVERS[self.kind] if driver is None else driver
        scheme = f"sqlite+{driver}" if driver else "sqlite"
        return URL.create(scheme, database=str(self.path)).render_as_string()

    def connection_count(self) -> int:
        """Descriptors that this process has open on the file: SQLite has no server to ask."""
        return len(self.connections())

    def connections(self) -> list[Row]:
        return [
            (int(descriptor.name), target)
            for descriptor in Path("/proc/self/fd").iterdir()
            if (target := _target(descriptor)) == str(self.path)
        ]

    def query_count(self) -> int:
        raise NotImplementedError("SQLite counts no statements: count them in the application")

    def sql(self, statement: str, *parameters: object) -> list[Row]:
        connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            return [tuple(row) for row in connection.execute(statement, parameters)]
        finally:
            connection.close()

    def drop(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""  # closed between the listing and now
