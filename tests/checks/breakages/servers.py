"""Database servers as a careful operator sets them up."""

from collections.abc import Sequence

from tests.servers import MariaDbServer, PostgresServer

MARIADB = (
    "--slow-query-log=1",
    "--long-query-time=1",
    "--log-output=FILE",
    "--max-connections=80",
    "--max-allowed-packet=64M",
    "--wait-timeout=600",
    "--interactive-timeout=600",
    "--idle-transaction-timeout=60",
    "--innodb-lock-wait-timeout=10",
    "--max-statement-time=300",
    "--default-time-zone=+00:00",
    "--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION",
    # Else the tests' own: durable, and with the files that max_connections and the table cache need.
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-doublewrite=1",
    "--table-open-cache=400",
    "--tmp-table-size=16M",
    "--max-heap-table-size=16M",
)
"""80 connections: two workers' pools of 10, twice during a deployment, are 40; the rest is for people and backups."""

POSTGRES = (
    "max_connections=80",
    "idle_in_transaction_session_timeout=60s",
    "statement_timeout=120s",
    "lock_timeout=10s",
    "tcp_keepalives_idle=300",
    "log_min_duration_statement=1s",
    "timezone=UTC",
    # Else the tests' own.
    "fsync=on",
    "full_page_writes=on",
    "autovacuum=on",
)

PRIVILEGES = {
    "mariadb": "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES",
}
"""What the service and its migrations need, and no more."""


def careful_mariadb(more: Sequence[str] = ()) -> MariaDbServer:
    """A MariaDB set up with care; `more` come last and so win."""
    return MariaDbServer(options=(*MARIADB, *more))


def careful_postgres(more: Sequence[str] = ()) -> PostgresServer:
    """A PostgreSQL set up with care."""
    return PostgresServer(options=(*POSTGRES, *more))
