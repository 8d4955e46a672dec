"""Facts of servers with which nothing is wrong, and of deployments that use them; tests change one thing at a time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from plimsoll.checks.facts import Facts
from plimsoll.checks.registry import BY_ID
from plimsoll.checks.runner import run_checks
from plimsoll.checks.verdict import CouldNot, Known, Verdict
from plimsoll.host import Place
from plimsoll.server.facts import Account, ServerFacts
from plimsoll.settings import DatabaseSettings, ServiceSettings
from plimsoll.settings.topology import TopologySettings

MIB = 1 << 20
GIB = 1 << 30
DAY_S = 86_400
URLS = {
    "mysql": "mysql://app:x@db.example/app",
    "postgresql": "postgresql://app:x@db.example/app",
    "sqlite": "sqlite:////srv/app/data.sqlite3",
}

MYSQL_VARIABLES = {
    "max_connections": "151",
    "innodb_buffer_pool_size": str(GIB),
    "innodb_log_buffer_size": str(16 * MIB),
    "key_buffer_size": str(16 * MIB),
    "aria_pagecache_buffer_size": str(128 * MIB),
    "query_cache_size": "0",
    "read_buffer_size": str(128 << 10),
    "read_rnd_buffer_size": str(256 << 10),
    "sort_buffer_size": str(2 * MIB),
    "join_buffer_size": str(256 << 10),
    "binlog_cache_size": str(32 << 10),
    "thread_stack": str(292 << 10),
    "tmp_table_size": str(16 * MIB),
    "max_heap_table_size": str(16 * MIB),
    "thread_handling": "one-thread-per-connection",
    "thread_cache_size": "151",
    "open_files_limit": "32768",
    "table_open_cache": "2000",
    "wait_timeout": "28800",
    "interactive_timeout": "28800",
    "innodb_lock_wait_timeout": "10",
    "idle_transaction_timeout": "0",
    "slow_query_log": "ON",
    "long_query_time": "2.000000",
    "time_zone": "SYSTEM",
    "system_time_zone": "UTC",
    "sql_mode": "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
    "tx_isolation": "REPEATABLE-READ",
    "transaction_isolation": "REPEATABLE-READ",
    "autocommit": "ON",
    "init_connect": "",
    "max_allowed_packet": str(16 * MIB),
    "innodb_flush_log_at_trx_commit": "1",
    "log_bin": "ON",
    "sync_binlog": "1",
    "read_only": "OFF",
    "have_ssl": "YES",
    "session.sql_mode": "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
    "session.time_zone": "SYSTEM",
    "session.transaction_isolation": "REPEATABLE-READ",
    "session.innodb_lock_wait_timeout": "10",
}
MYSQL_STATUS = {
    "uptime": str(10 * DAY_S),
    "max_used_connections": "40",
    "connection_errors_max_connections": "0",
    "connection_errors_accept": "0",
    "connection_errors_internal": "0",
    "connection_errors_peer_address": "0",
    "connection_errors_select": "0",
    "connection_errors_tcpwrap": "0",
    "aborted_connects": "10",
    "aborted_clients": "20",
    "connections": "10000",
    "threads_created": "60",
    "threads_running": "3",
    "open_files": "60",
    "innodb_buffer_pool_read_requests": "100000000",
    "innodb_buffer_pool_reads": "50000",
    "innodb_buffer_pool_pages_free": "0",
    "slow_queries": "100",
    "questions": "5000000",
}
TABLE = {"engine": "InnoDB", "charset": "utf8mb4", "collation": "utf8mb4_general_ci"}
MYSQL = ServerFacts(
    dialect="mysql",
    flavour="mariadb",
    version=(10, 11, 6),
    version_text="10.11.6-MariaDB",
    variables=MYSQL_VARIABLES,
    status=MYSQL_STATUS,
    account=Account("app", "%"),
    max_connections=151,
    connections_now=30,
    connections_most=40,
    uptime_s=10.0 * DAY_S,
    sees_all_clients=True,
    memory_bytes=8 * GIB,
    cores=4,
    tls="TLSv1.3",
    database="app",
    charset="utf8mb4",
    collation="utf8mb4_general_ci",
    tables={"booking": TABLE, "item": TABLE},
)

POSTGRESQL_VARIABLES = {
    "max_connections": "100",
    "superuser_reserved_connections": "3",
    "shared_buffers": "16384",
    "work_mem": "4096",
    "hash_mem_multiplier": "2",
    "idle_in_transaction_session_timeout": "60000",
    "statement_timeout": "30000",
    "lock_timeout": "10000",
    "tcp_keepalives_idle": "60",
    "log_min_duration_statement": "2000",
    "timezone": "Etc/UTC",
    "server_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "in_hot_standby": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "autovacuum": "on",
    "track_counts": "on",
    "ssl": "on",
}
POSTGRESQL_UNITS = {
    "shared_buffers": "8kB",
    "work_mem": "kB",
    "idle_in_transaction_session_timeout": "ms",
    "statement_timeout": "ms",
    "lock_timeout": "ms",
    "tcp_keepalives_idle": "s",
    "log_min_duration_statement": "ms",
}
POSTGRESQL = ServerFacts(
    dialect="postgresql",
    flavour="postgresql",
    version=(15, 14),
    version_text="PostgreSQL 15.14",
    variables=POSTGRESQL_VARIABLES,
    units=POSTGRESQL_UNITS,
    status={"pg_is_in_recovery": "off"},
    account=Account("app"),
    max_connections=100,
    reserved_connections=3,
    connections_now=20,
    uptime_s=10.0 * DAY_S,
    sees_all_clients=True,
    memory_bytes=8 * GIB,
    tls="TLSv1.3",
    database="app",
    charset="UTF8",
    collation="C.UTF-8",
)

SQLITE = ServerFacts(
    dialect="sqlite",
    flavour="sqlite",
    version=(3, 46, 1),
    version_text="3.46.1",
    variables={
        "journal_mode": "wal",
        "busy_timeout": "5000",
        "foreign_keys": "1",
        "synchronous": "1",
        "file": "/srv/app/data.sqlite3",
    },
    is_local=True,
    database="/srv/app/data.sqlite3",
    charset="UTF-8",
)
PLACE = Place("/srv/app/data.sqlite3", True, True, True, "ext4", "/")
HEALTHY = {"mysql": MYSQL, "postgresql": POSTGRESQL, "sqlite": SQLITE}
DIALECT = {"PL3": "mysql", "PL4": "postgresql", "PL5": "sqlite"}
IDS = tuple(id for id in BY_ID if id[:3] in DIALECT)  # noqa: A001


def changed(server: ServerFacts, values: Mapping[str, str | None] | None = None, **fields: Any) -> ServerFacts:
    """A server with other variables or status values (None takes one away) or other fields."""
    variables, status = dict(server.variables), dict(server.status)
    for name, value in (values or {}).items():
        home = status if name in status else variables
        if value is None:
            home.pop(name, None)
        else:
            home[name] = value
    return replace(server, **{"variables": variables, "status": status, **fields})


def deployment(server: ServerFacts, environ: Mapping[str, str] | None = None, place: Place = PLACE) -> Facts:
    """A deployment that uses the server; `environ` are settings by their names."""
    values = {"DATABASE_URL": URLS[server.dialect], **(environ or {})}
    return Facts(
        settings=Known(DatabaseSettings.from_env(values, env_file=None)),
        service=Known(ServiceSettings.from_env(values, env_file=None)),
        topology=Known(TopologySettings.from_env(values, env_file=None)),
        server=Known(server),
        database_place=Known(place) if server.dialect == "sqlite" else Known(why="no file", irrelevant=True),
        today=Known(date(2026, 11, 28)),
    )


def verdict(check_id: str, facts: Facts) -> Verdict:
    """What one check makes of the facts. A check that fails itself fails the test."""
    (result,) = run_checks((BY_ID[check_id],), facts)
    if isinstance(result.verdict, CouldNot):
        assert "the check itself failed" not in result.verdict.why, f"{check_id} raised"
    return result.verdict
