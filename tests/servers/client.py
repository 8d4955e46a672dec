"""A plain client of a test database: the drivers alone, nothing of the library takes part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pymysql

if TYPE_CHECKING:
    from tests.servers.database import TestDatabase

TIMEOUT_S = 20
"""For a connect and for an answer: a busy machine may hold a server up for some seconds."""

REFUSED = (pymysql.err.OperationalError, psycopg.OperationalError)
"""What the drivers raise when they cannot connect, or have lost their connection."""


def connect(
    database: TestDatabase, *, tls: bool = False, client_certificate: bool = False, timeout_s: int = TIMEOUT_S
) -> Any:
    """Connect as the database's user, with verified TLS or with none."""
    cert, key = (database.client_cert, database.client_key) if client_certificate else (None, None)
    if database.kind == "mariadb":
        assert database.host is not None
        assert database.port is not None
        return pymysql.connect(
            host=database.host,
            port=database.port,
            user=database.user,
            password=database.password or "",
            database=database.name,
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            ssl_disabled=not tls,
            ssl_ca=str(database.ca) if tls else None,
            ssl_cert=str(cert) if cert else None,
            ssl_key=str(key) if key else None,
            ssl_verify_cert=tls,
            ssl_verify_identity=tls,
        )
    return psycopg.connect(
        database.url_for(""),
        connect_timeout=timeout_s,
        sslmode="verify-full" if tls else "disable",
        sslrootcert=str(database.ca) if tls else None,
        sslcert=str(cert or "/nonexistent"),
        sslkey=str(key or "/nonexistent"),
    )


def fetch(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    """Rows of one statement."""
    cursor = connection.cursor()
    cursor.execute(statement)
    return [tuple(row) for row in cursor.fetchall()]
