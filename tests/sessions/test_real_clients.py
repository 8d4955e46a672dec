"""Real clients of a real uvicorn: they leave in the middle of everything, or read their answers slowly."""

import asyncio
import random
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.servers import RunningCommand, TestDatabase
from tests.sessions.application import BIG_CHUNK, BIG_CHUNKS
from tests.sessions.leaving import SlowReader, kinds, leave

CLIENTS = 1000
AT_ONCE = 50
POOL = 5
ROOT = Path(__file__).parents[2]
SERVE = [sys.executable, "-m", "uvicorn", "--app-dir", str(ROOT), "tests.sessions.served:app", "--port", "{port}"]

Start = Callable[..., RunningCommand]


@pytest.fixture
async def served(any_database: TestDatabase, start_command: Start) -> RunningCommand:
    """The tests' application under uvicorn, with a pool of five."""
    # A line as long as the crowd, with time to match: a stream that is refused a connection has begun and can only
    # break off.
    environment = any_database.environ(
        DB_POOL_SIZE=str(POOL), DB_MAX_OVERFLOW="0", DB_POOL_TIMEOUT="300", DB_POOL_MAX_WAITING=str(CLIENTS)
    )
    running = start_command(SERVE, env=environment)
    await asyncio.to_thread(running.wait_ready)
    return running


async def test_a_thousand_clients_that_leave_hold_nothing_and_write_no_half(
    served: RunningCommand, any_database: TestDatabase
) -> None:
    """In the middle of a handler, of a stream and of a commit: then the pool is empty and no pair lacks a half."""
    randomness = random.Random(20261124)
    async with httpx.AsyncClient(base_url=served.url, timeout=120) as client:
        for number in range(30):
            await client.post("/notes", params={"name": f"a note that a stream sends, number {number}"})
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await leave(served.port, kinds(number, randomness))

        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(one(number))

        await _until_pool_is_empty(client)
        assert (await client.post("/notes", params={"name": "after it"})).status_code == 200
        idle = int((await client.get("/pool/idle")).text)
    assert 0 < idle <= POOL
    if any_database.server is not None:
        # What clients have left in the middle of may have yet to end there.
        await asyncio.to_thread(any_database.wait_connection_count, idle)
    rows = any_database.sql("SELECT token, count(*) FROM pair GROUP BY token HAVING count(*) <> 2")
    assert rows == []
    for kind in ("t", "c"):
        (came_far,) = any_database.sql(f"SELECT count(*) FROM pair WHERE token LIKE '{kind}%'")[0]
        assert came_far > 0, "no client came far enough to prove anything"
    assert "Exception in ASGI application" not in served.output(), "an error reached uvicorn instead of a client"
    assert served.terminate() == 0, "an orderly shut-down"
    if any_database.server is not None:
        await asyncio.to_thread(any_database.wait_connection_count, 0)


async def test_slow_readers_hold_no_connection(served: RunningCommand) -> None:
    """Twenty clients take 5 MB each, slowly, from a pool of five: others are served meanwhile."""
    readers = [SlowReader() for _ in range(20)]
    statuses = await asyncio.gather(*(reader.ask(served.port, "/big") for reader in readers))
    assert statuses == ["HTTP/1.1 200 OK"] * 20
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        assert (await client.get("/pool")).text == "0"
        assert (await client.get("/notes")).status_code == 200
    sizes = await asyncio.gather(*(reader.rest() for reader in readers))
    assert min(sizes) > len(BIG_CHUNK) * BIG_CHUNKS


async def test_an_answer_of_503_keeps_the_clients_connection(
    server_database: TestDatabase, start_command: Start
) -> None:
    """uvicorn closes a connection after an unhandled exception; an answer made inside the application is none."""
    server = server_database.server
    assert server is not None
    running = start_command(SERVE, env=server_database.environ(DB_CONNECT_TIMEOUT="2"))
    await asyncio.to_thread(running.wait_ready)
    await asyncio.to_thread(server.stop)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    for _ in range(3):
        writer.write(b"GET /notes HTTP/1.1\r\nHost: test\r\n\r\n")
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).lower()
        assert head.startswith(b"http/1.1 503")
        assert b"connection: close" not in head
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def _until_pool_is_empty(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(120):
        while (await client.get("/pool")).text != "0":  # noqa: ASYNC110 - the server is another process
            await asyncio.sleep(0.2)
