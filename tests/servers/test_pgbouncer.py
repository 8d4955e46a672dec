"""The throw-away PgBouncer itself: it pools as it was asked to, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import PgBouncer, PostgresServer, TestDatabase


@pytest.mark.parametrize(("pool_mode", "server_processes"), [("session", 2), ("transaction", 1)])
def test_two_clients_share_a_process_of_the_server_only_in_transaction_mode(
    postgres: PostgresServer,
    postgres_database: TestDatabase,
    new_pgbouncer: Callable[..., PgBouncer],
    pool_mode: str,
    server_processes: int,
) -> None:
    """Each client keeps its own in session mode; an idle one lends its own to the next in transaction mode."""
    pooler = new_pgbouncer(postgres, pool_mode=pool_mode)
    url = postgres_database.url_for("", port=pooler.port)
    with psycopg.connect(url, autocommit=True) as first, psycopg.connect(url, autocommit=True) as second:
        numbers = [one.execute("SELECT pg_backend_pid()").fetchone() for one in (first, second, first)]
    assert len(set(numbers)) == server_processes


def test_it_runs_as_someone_else_and_ends(postgres: PostgresServer, new_pgbouncer: Callable[..., PgBouncer]) -> None:
    """It refuses root; once closed neither process nor directory is left."""
    pooler = new_pgbouncer(postgres, options=("max_client_conn=7",))
    assert psutil.Process(pooler.pid).uids().effective != 0
    assert ("max_client_conn", "7") in [row[:2] for row in pooler.console("SHOW CONFIG")]
    pooler.close()
    assert not psutil.pid_exists(pooler.pid)
    assert not pooler.directory.exists()
