"""A service that is stopped while it starts: at once, and without a connection left behind."""

import asyncio
import time

import httpx

from plimsoll import DatabaseSettings
from tests.servers import FaultProxy, TestDatabase
from tests.startup.project.service import make_app, make_database
from tests.startup.running import Proxy, Start, environ, port_of, uvicorn

MOMENTS = 20

PATIENCE_S = 20.0
"""For what takes a moment, on a machine that does other things as well. What it is told apart from takes a minute."""

SILENT = {"DB_CONNECT_TIMEOUT": "60", "DB_START_TIMEOUT": "120"}


async def test_start_up_cancelled_at_any_moment_leaves_no_connection(
    server_database: TestDatabase, fault_proxy: Proxy
) -> None:
    """Cancelled at twenty moments from the first byte to the last: nothing checked out, the server counts none."""
    proxy = fault_proxy(port_of(server_database))
    proxy.delay_s = 0.003
    settings = DatabaseSettings(database_url=server_database.url_for(port=proxy.port))
    # The quickest of some: on a busy machine one takes twice as long as those that are to be cancelled.
    whole_s = min([await start_and_close(settings, None) or 0.0 for _ in range(4)])
    assert whole_s > 0
    cancelled = 0
    for moment in range(MOMENTS):
        took_s = await start_and_close(settings, whole_s * moment / MOMENTS)
        cancelled += took_s is None
        whole_s = min(whole_s, took_s or whole_s)
    assert cancelled > MOMENTS / 2, "most were to be cancelled in the middle"
    await asyncio.to_thread(server_database.wait_connection_count, 0)
    assert await start_and_close(settings, None) is not None, "a lock was left behind"


async def start_and_close(settings: DatabaseSettings, cancel_after_s: float | None) -> float | None:
    """Start, perhaps cancelled meanwhile, and close; how long a whole start took, None for one that was cancelled."""
    database = make_database(settings)
    began_s = time.monotonic()
    start = asyncio.create_task(database.start())
    await asyncio.wait({start}, timeout=cancel_after_s)
    took_s = time.monotonic() - began_s
    start.cancel()
    await asyncio.wait({start}, timeout=PATIENCE_S)
    assert database.engine.sync_engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    await database.close()
    return None if start.cancelled() else took_s


async def test_a_lifespan_that_ends_while_the_gate_waits_ends_it(
    server_database: TestDatabase, fault_proxy: Proxy
) -> None:
    """In the middle of an attempt against a server that says nothing: the attempt ends with the lifespan."""
    proxy = fault_proxy(port_of(server_database))
    proxy.deaf()
    url = server_database.url_for(port=proxy.port)
    app = make_app(make_database(DatabaseSettings(database_url=url, connect_timeout_s=60, start_timeout_s=120)))
    async with app.router.lifespan_context(app):
        await asyncio.to_thread(wait_until_open, proxy, 1)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < PATIENCE_S
    await asyncio.to_thread(wait_until_open, proxy, 0)
    assert [task for task in asyncio.all_tasks() if "plimsoll" in task.get_name()] == []


def wait_until_open(proxy: FaultProxy, count: int) -> None:
    """Wait until the proxy has so many clients; AssertionError if it does not come to that."""
    deadline = time.monotonic() + PATIENCE_S
    while proxy.connections_open != count and time.monotonic() < deadline:
        time.sleep(0.01)
    assert proxy.connections_open == count


def test_a_server_that_waits_for_its_database_stops_when_it_is_told_to(
    server_database: TestDatabase, fault_proxy: Proxy, start_command: Start
) -> None:
    """SIGTERM in the middle of start-up: uvicorn's orderly end, long before the attempt's, and no traceback."""
    proxy = fault_proxy(port_of(server_database))
    proxy.deaf()
    url = server_database.url_for(port=proxy.port)
    service = start_command(uvicorn(), env=environ(server_database, DATABASE_URL=url, **SILENT))
    service.wait_ready()
    service.terminate(PATIENCE_S)
    assert "Application shutdown complete" in service.output()
    assert "Traceback" not in service.output()


def test_a_server_stops_within_its_limits_though_the_database_is_frozen(
    server_database: TestDatabase, start_command: Start
) -> None:
    """The good-bye to a server that says nothing is not waited for beyond DB_CLEANUP_TIMEOUT."""
    assert server_database.server is not None
    service = start_command(uvicorn(), env=environ(server_database, DB_CLEANUP_TIMEOUT="1"))
    service.wait_ready()
    assert httpx.get(f"{service.url}/boats").status_code == 200
    server_database.server.freeze()
    service.terminate(PATIENCE_S)
    assert "Application shutdown complete" in service.output()
