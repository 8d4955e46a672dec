"""Several workers that start at once on one database."""

import time

import httpx
import psutil

from tests.servers import TestDatabase
from tests.startup.running import Start, environ, ready_page, uvicorn, wait_until_ready
from tests.startup.together import start_together

WORKERS = 4
ROUNDS = 5


def test_four_workers_on_an_empty_schema_all_start(any_database: TestDatabase) -> None:
    """In development each would create the tables: one does, under the server's lock, in five rounds of five."""

    def empty() -> None:
        for table in ("boat", "alembic_version"):
            any_database.sql(f"DROP TABLE IF EXISTS {table}")

    outcomes = start_together(any_database.url, WORKERS, ROUNDS, empty)
    assert outcomes == ["started"] * (WORKERS * ROUNDS)
    assert any_database.sql("SELECT version_num FROM alembic_version") == [("0002",)]
    assert any_database.sql("SELECT count(*) FROM boat") == [(0,)]
    if any_database.server is not None:
        any_database.wait_connection_count(0)


def test_uvicorn_with_two_workers_serves_from_an_empty_schema(
    server_database: TestDatabase, start_command: Start
) -> None:
    """Both workers pass the gate and answer; at the end neither leaves a connection."""
    service = start_command(uvicorn("--workers", "2"), env=environ(server_database))
    service.wait_ready()
    wait_until_ready(service)
    service.wait_output("Application startup complete")
    deadline = time.monotonic() + 60
    while service.output().count("Application startup complete") < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert service.output().count("Application startup complete") == 2
    for _ in range(20):
        assert httpx.get(f"{service.url}/boats").json() == 0
        assert ready_page(service)[0] == 200
    workers = [child for child in psutil.Process(service.pid).children() if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    service.terminate(20)
    server_database.wait_connection_count(0)
