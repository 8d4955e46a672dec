"""A database that comes up after the service, which waits for it and says so meanwhile."""

import asyncio
import time

import httpx

from plimsoll import DatabaseSettings
from plimsoll.startup import State
from tests.servers import TestDatabase
from tests.startup.project.service import make_database
from tests.startup.running import (
    Proxy,
    Start,
    assert_refused_for_now,
    environ,
    port_of,
    ready_page,
    uvicorn,
    wait_until_ready,
)

LATE_S = 4.0


def test_a_database_that_comes_up_late_is_waited_for_while_probes_are_answered(
    server_database: TestDatabase, start_command: Start
) -> None:
    """Alive and not ready meanwhile, routes get a 503 that asks to come back; then it serves, without a restart."""
    server = server_database.server
    assert server is not None
    server.stop()
    began_s = time.monotonic()
    loop = "asyncio" if server_database.kind == "mariadb" else "uvloop"
    service = start_command(uvicorn("--loop", loop), env=environ(server_database))
    service.wait_ready()
    assert httpx.get(f"{service.url}/health/live").status_code == 200
    status, page = ready_page(service)
    assert (status, page["status"]) == (503, "not ready")
    assert page["checks"]["startup"]["detail"].endswith("s for the database")
    assert_refused_for_now(httpx.get(f"{service.url}/boats"))
    assert_refused_for_now(httpx.get(f"{service.url}/plain"))
    time.sleep(max(0.0, began_s + LATE_S - time.monotonic()))
    server.start()
    wait_until_ready(service)
    assert httpx.get(f"{service.url}/boats").json() == 0
    assert "Traceback" not in service.output()
    service.terminate()
    server_database.wait_connection_count(0)


async def test_a_server_that_is_lost_between_two_questions_is_waited_for_like_one_that_is_not_there_yet(
    server_database: TestDatabase, fault_proxy: Proxy
) -> None:
    """Cut off at its first CREATE TABLE, start-up connects again and makes the tables."""
    proxy = fault_proxy(port_of(server_database))
    proxy.on_client_bytes(b"CREATE TABLE boat", "cut")
    database = make_database(DatabaseSettings(database_url=server_database.url_for(port=proxy.port)))
    await database.start()
    proxy.wait_triggered()
    assert database.gate.report.state is State.READY
    assert await asyncio.to_thread(server_database.sql, "SELECT count(*) FROM boat") == [(0,)]
    await database.close()
