"""A server that is told to stop while a request is in the middle of its transaction."""

import asyncio
import sys
import time
from collections.abc import Callable

import httpx
import pytest

from tests.servers import RunningCommand, TestDatabase
from tests.sessions.test_real_clients import ROOT

SERVE = [sys.executable, "-m", "plimsoll", "--app", "tests.sessions.served:app", "--app-dir", str(ROOT), "serve"]


@pytest.mark.parametrize("path", ["/forgotten-while-stopping", "/stream-while-stopping"])
async def test_what_is_in_flight_after_the_time_to_stop_is_rolled_back(
    server_database: TestDatabase, start_command: Callable[..., RunningCommand], path: str
) -> None:
    """SHUTDOWN_TIMEOUT is one second, the handler or the stream would take sixty: cancelled, rolled back, status 0."""
    running = start_command(SERVE, env=server_database.environ(SHUTDOWN_TIMEOUT="1"))
    await asyncio.to_thread(running.wait_ready, "/health/ready")
    async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:
        request = asyncio.ensure_future(client.get(path))
        async with asyncio.timeout(20):
            while not await _is_in_transaction(client):  # noqa: ASYNC110 - the server is another process
                await asyncio.sleep(0.1)
        began = time.monotonic()
        assert await asyncio.to_thread(running.terminate) == 0, running.output()
        assert time.monotonic() - began < 20
        (outcome,) = await asyncio.gather(request, return_exceptions=True)
        if isinstance(outcome, httpx.Response):
            assert path.startswith("/stream") or outcome.status_code >= 500
    assert server_database.sql("SELECT count(*) FROM note") == [(0,)]
    await asyncio.to_thread(server_database.wait_connection_count, 0)


async def _is_in_transaction(client: httpx.AsyncClient) -> bool:
    return (await client.get("/pool")).text == "1"
