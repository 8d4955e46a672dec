"""Admission and deadlines on a real uvicorn with a real database: what clients see, and what is left afterwards."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.servers import REPOSITORY, FaultProxy, MariaDbServer, RunningCommand, SqliteDatabase, TestDatabase

SERVE = [sys.executable, "-m", "uvicorn", "tests.asgi.protected:app", "--port", "{port}", "--no-access-log"]
PROBLEM = "application/problem+json"
IN_LINE_FOR_LONG = "10"
"""ADMISSION_WAIT in seconds where the line is not the matter of a test."""


class Protected:
    """The running application, and a client of it without a limit of its own."""

    def __init__(self, command: RunningCommand, client: httpx.AsyncClient) -> None:
        self.command = command
        self.client = client

    def ask(self, path: str, method: str = "GET", **how: Any) -> "asyncio.Task[httpx.Response]":
        """A request on its way."""
        return asyncio.create_task(self.client.request(method, path, **how))

    async def figures(self) -> dict[str, Any]:
        """The application's own."""
        found: dict[str, Any] = (await self.client.get("/control/figures")).json()
        return found

    async def until(self, what: Callable[[dict[str, Any]], bool], timeout_s: float = 30.0) -> dict[str, Any]:
        """The figures once `what` is so of them."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + timeout_s
        while not what(found := await self.figures()):
            assert loop.time() < ends_s, f"{found}\n{self.command.output()}"
            await asyncio.sleep(0.02)
        return found

    async def release(self, count: int = 1) -> None:
        """Let so many go on that are held."""
        await self.client.post("/control/release", params={"count": count})

    async def hold_the_pool(self, connections: int = 2) -> "list[asyncio.Task[httpx.Response]]":
        """Requests that hold all connections until they are released."""
        held = [self.ask("/hold", params={"name": "holder"}) for _ in range(connections)]
        await self.until(lambda now: now["checked_out"] == connections)
        return held

    async def nothing_is_left(self) -> None:
        """No connection is out, nobody is let in, nobody waits."""
        await self.until(lambda now: (now["checked_out"], now["waiting"], now["fresh"], now["inside"]) == (0, 0, 0, {}))


Start = Callable[..., Awaitable[Protected]]


@pytest.fixture
async def protected(start_command: Callable[..., RunningCommand]) -> AsyncIterator[Start]:
    """Start the application with a pool of two: `await protected(database, REQUEST_TIMEOUT="0.5")`."""
    async with AsyncExitStack() as stack:

        async def start(database: TestDatabase, url: str | None = None, **variables: str) -> Protected:
            environ = database.environ(DB_POOL_SIZE="2", DB_MAX_OVERFLOW="0", **variables)
            if url is not None:
                environ["DATABASE_URL"] = url
            command = start_command(SERVE, env=environ, cwd=REPOSITORY)
            await asyncio.to_thread(command.wait_ready, "/health/ready")
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
            client = httpx.AsyncClient(base_url=command.url, timeout=30, limits=limits)
            return Protected(command, await stack.enter_async_context(client))

        yield start


def is_problem(answer: httpx.Response, status: int, code: str | None = None) -> bool:
    """Whether it is this problem document."""
    assert answer.headers["content-type"] == PROBLEM, answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    return answer.status_code == status and code in (None, document["code"])


async def names(database: TestDatabase) -> list[str]:
    """The rows that are stored."""
    return [name for (name,) in await asyncio.to_thread(database.sql, "SELECT name FROM note ORDER BY name")]


# The line.


async def test_a_crowd_sees_200_and_503_and_the_database_two_connections(
    protected: Start, mariadb_database: TestDatabase
) -> None:
    """Sixty clients that come back at once, a pool of two: no 500, and when they have gone nothing is left."""
    service = await protected(mariadb_database)
    answers: list[httpx.Response] = []
    counted: list[int] = []
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + 2

    def goes_on() -> bool:
        served = sum(answer.status_code == 200 for answer in answers)
        # Two connections for 2 s, 20 ms each: 200 at most. A slow machine serves fewer, and a crowd keeps none from it.
        return loop.time() < ends_s or (served <= 40 and loop.time() < ends_s + 8)

    async def client() -> None:
        while goes_on():
            answers.append(await service.client.get("/query", params={"seconds": 0.02}))

    async def watch() -> None:
        while goes_on():
            counted.append(await asyncio.to_thread(mariadb_database.connection_count))
            await asyncio.sleep(0.05)

    await asyncio.gather(watch(), *(client() for _ in range(60)))
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    assert all(is_problem(answer, 503, "database-busy") for answer in refused)
    assert all(1 <= int(answer.headers["retry-after"]) <= 30 for answer in refused)
    assert sum(answer.status_code == 200 for answer in answers) > 40
    assert max(counted) == 2
    await service.nothing_is_left()
    assert "Traceback" not in service.command.output()
    assert await asyncio.to_thread(service.command.terminate) == 0
    await asyncio.to_thread(mariadb_database.wait_connection_count, 0)


async def test_health_and_a_route_without_database_answer_while_the_pool_is_full(
    protected: Start, sqlite_database: SqliteDatabase
) -> None:
    """A route that never took a connection does not stand in line for one."""
    service = await protected(sqlite_database, ADMISSION_WAIT=IN_LINE_FOR_LONG)
    for _ in range(25):
        assert (await service.client.get("/pause")).status_code == 200
    held = await service.hold_the_pool()
    waiting = [service.ask("/hold", params={"name": "waiting"}) for _ in range(10)]
    await service.until(lambda now: now["waiting"] == 10)
    assert (await service.client.get("/health/live")).status_code == 200
    assert (await service.client.get("/pause")).status_code == 200
    assert "checks" in (await service.client.get("/health/ready")).json()
    assert (await service.figures())["waiting"] == 10, "they were answered since the line was gone"
    await service.release(12)
    assert {answer.status_code for answer in await asyncio.gather(*held, *waiting)} == {200}
    await service.nothing_is_left()


async def test_the_more_important_path_is_served_first(protected: Start, sqlite_database: SqliteDatabase) -> None:
    """It came last, and is let in as soon as a connection is free."""
    service = await protected(sqlite_database, ADMISSION_WAIT=IN_LINE_FOR_LONG)
    held = await service.hold_the_pool()
    waiting = [service.ask("/hold", params={"name": f"ordinary {number}"}) for number in range(4)]
    await service.until(lambda now: now["waiting"] == 4)
    waiting.append(service.ask("/important/hold", params={"name": "important"}))
    await service.until(lambda now: now["waiting"] == 5)
    await service.release()
    found = await service.until(lambda now: len(now["seen"]) > 2)
    assert found["seen"] == ["holder", "holder", "important"]
    await service.release(6)
    assert {answer.status_code for answer in await asyncio.gather(*held, *waiting)} == {200}
    await service.nothing_is_left()


async def test_nobody_stands_in_line_for_longer_than_it_may(protected: Start, sqlite_database: SqliteDatabase) -> None:
    """Ten times ADMISSION_WAIT, then 503; the connections are still held meanwhile."""
    service = await protected(sqlite_database, ADMISSION_WAIT="0.02")
    held = await service.hold_the_pool()
    late = await service.client.get("/hold", params={"name": "late"})
    assert is_problem(late, 503, "database-busy")
    assert (await service.figures())["checked_out"] == 2
    await service.release(2)
    await asyncio.gather(*held)
    await service.nothing_is_left()


# Deadlines.


async def test_a_handler_that_takes_too_long_is_answered_504_and_rolled_back(
    protected: Start, sqlite_database: SqliteDatabase
) -> None:
    """Its connection is back, its row is not there, the log names the route."""
    service = await protected(sqlite_database, REQUEST_TIMEOUT="0.5")
    assert is_problem(await service.client.post("/write-and-linger?name=lost"), 504, "request-timeout")
    await service.nothing_is_left()
    assert (await service.figures())["counters"]["ended_deadline"] == 1
    assert await names(sqlite_database) == []
    assert "POST /write-and-linger: ended and rolled back" in service.command.output()
    assert (await service.client.get("/pause")).status_code == 200


async def test_a_statement_that_takes_too_long_is_answered_503_and_ended_on_the_server(
    protected: Start, mariadb_database: TestDatabase, mariadb: MariaDbServer
) -> None:
    """The server does not go on with what nobody waits for."""
    service = await protected(mariadb_database, REQUEST_TIMEOUT="0.5")
    answer = await service.client.get("/query", params={"seconds": 47})
    assert is_problem(answer, 503)
    assert "retry-after" in answer.headers
    running = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(47%%'"
    ends_s = asyncio.get_running_loop().time() + 20
    while (await asyncio.to_thread(mariadb.sql, running.replace("%%", "%")))[0][0]:
        assert asyncio.get_running_loop().time() < ends_s, "the statement still runs on the server"
        await asyncio.sleep(0.05)
    await service.nothing_is_left()


async def test_a_deadline_in_the_middle_of_a_commit_does_not_cut_it(
    protected: Start, mariadb_database: TestDatabase, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """The commit takes longer than is left: the answer is 200, and the row is there."""
    assert mariadb_database.port is not None
    proxy = fault_proxy(mariadb_database.port)
    service = await protected(mariadb_database, mariadb_database.url_for(port=proxy.port), REQUEST_TIMEOUT="4")
    began_s = asyncio.get_running_loop().time()
    writing = service.ask("/write-when-released?name=kept", "POST")
    await service.until(lambda now: now["seen"] == ["kept"])
    proxy.delay_s = 2.2  # to the server, and back
    await service.release()
    answer = await writing
    assert asyncio.get_running_loop().time() - began_s > 4.1, "it was done before its time was up"
    assert answer.status_code == 200, answer.text
    assert await names(mariadb_database) == ["kept"]
    proxy.delay_s = 0
    await service.nothing_is_left()


async def test_a_commit_begun_too_late_is_refused_and_nothing_is_stored(
    protected: Start, sqlite_database: SqliteDatabase
) -> None:
    """503 for the commit, or 504 where the request was ended while that was rolled back."""
    service = await protected(sqlite_database, REQUEST_TIMEOUT="0.3")
    answer = await service.client.post("/commit-too-late", params={"name": "late", "seconds": 0.4})
    assert is_problem(answer, answer.status_code)
    assert answer.status_code in (503, 504)
    assert await names(sqlite_database) == []
    await service.nothing_is_left()


@pytest.mark.parametrize(("trusted", "status"), [("127.0.0.0/8", 504), ("192.0.2.1", 200)])
async def test_only_a_trusted_proxy_may_shorten_the_time(
    protected: Start, sqlite_database: SqliteDatabase, trusted: str, status: int
) -> None:
    """From anybody else the header is nothing."""
    service = await protected(
        sqlite_database, REQUEST_TIMEOUT="20", REQUEST_TIMEOUT_HEADER="X-Timeout", TRUSTED_PROXIES=trusted
    )
    answer = await service.client.get("/pause?seconds=0.8", headers={"X-Timeout": "200ms"})
    assert answer.status_code == status


async def test_a_stream_may_go_on_for_longer_than_a_request_may_take(
    protected: Start, sqlite_database: SqliteDatabase
) -> None:
    """The time is until the response starts: what follows is the client's pace."""
    service = await protected(sqlite_database, REQUEST_TIMEOUT="0.3")
    answer = await service.client.get("/stream", params={"pieces": 6, "every_s": 0.15})
    assert (answer.status_code, answer.text) == (200, "xxxxxx")
    await service.nothing_is_left()


# Memory errors.


async def test_a_memory_error_is_answered_503_and_takes_no_connection_with_it(
    protected: Start, sqlite_database: SqliteDatabase
) -> None:
    """It is counted, the log names the route (not the client's text), and the process goes on."""
    service = await protected(sqlite_database)
    for number in range(5):
        answer = await service.client.get(f"/items/{number}/memory-error")
        assert is_problem(answer, 503, "memory-short")
        assert int(answer.headers["retry-after"]) >= 1
    await service.nothing_is_left()
    assert (await service.figures())["counters"]["memory_errors"] == 5
    output = service.command.output()
    assert output.count("GET /items/{item_id}/memory-error: MemoryError, answered 503.") == 5
    assert "Exception in ASGI application" not in output
    assert await names(sqlite_database) == []


async def test_after_memory_errors_the_process_ends_in_good_order(
    protected: Start, sqlite_database: SqliteDatabase
) -> None:
    """What is in flight is answered first; then status 0, for whoever starts it anew."""
    service = await protected(sqlite_database, MEMORY_ERRORS_TO_EXIT="1")
    in_flight = service.ask("/pause?seconds=3")
    await service.until(lambda now: now["in_flight"] == 1)
    assert is_problem(await service.client.get("/items/1/memory-error"), 503, "memory-short")
    assert (await in_flight).text == '"rested"'
    assert await asyncio.to_thread(service.command.wait) == 0
    output = service.command.output()
    assert "this worker ends in good order" in output
    assert "Application shutdown complete" in output
    assert output.count("Traceback") == 1, "the memory error's own"
    assert await names(sqlite_database) == []


async def test_the_limit_of_bodies_is_that_of_the_longest_path_that_fits(
    protected: Start, sqlite_database: SqliteDatabase
) -> None:
    """Exact, a beginning, and MAX_BODY_BYTES for all others; a path is no beginning unless it ends in a star."""
    service = await protected(sqlite_database, MAX_BODY_BYTES="5000")

    async def taken(path: str, size: int) -> int:
        return (await service.client.post(path, content=b"x" * size)).status_code

    for path, limit in (("/size", 2000), ("/size/large", 20_000), ("/size/large/one", 20_000), ("/size/other", 5000)):
        assert (path, await taken(path, limit), await taken(path, limit + 1)) == (path, 200, 413)
