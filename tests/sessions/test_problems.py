"""Database errors become answers: 503 with Retry-After, 409 where asked for, and nothing that names our insides."""

import asyncio
import logging

import httpx
import pytest
from sqlalchemy import text

from plimsoll.events import FULL_REPORTS
from plimsoll.startup import GateReport, State
from tests.pool.conftest import until
from tests.servers import TestDatabase, free_port
from tests.sessions.application import make_app, make_database
from tests.sessions.conftest import checked_out, serving

INSIDES = ("127.0.0.1", "SELECT", "INSERT", "aiomysql", "asyncpg", "sqlalchemy", "Traceback")


def assert_problem(answer: httpx.Response, status: int, code: str, database: TestDatabase) -> None:
    """A problem document that tells a client what it needs and nothing else."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == "about:blank"
    assert {"title", "detail"} <= body.keys()
    for inside in (*INSIDES, str(database.port), database.user, database.password):
        assert inside is None or inside not in answer.text
    if status == 503:
        assert int(answer.headers["retry-after"]) >= 1


async def test_a_full_pool_is_a_503_that_says_busy(server_database: TestDatabase) -> None:
    """The one connection is held by a slow query; the next request waits its second and is told to come again."""
    database = make_database(server_database.url, pool_size=1, pool_timeout_s=1)
    async with serving(database) as (_app, client):
        slow = asyncio.ensure_future(client.get("/sleep", params={"seconds": 60}))
        await until(lambda: checked_out(database) == 1)
        assert_problem(await client.get("/notes"), 503, "database-busy", server_database)
        slow.cancel()
        await asyncio.wait({slow})


async def test_a_stopped_database_is_a_503_and_the_service_recovers(server_database: TestDatabase) -> None:
    """Killed and started again: no answer of 500 in between, and 200 after it."""
    server = server_database.server
    assert server is not None
    async with serving(make_database(server_database.url, connect_timeout_s=20)) as (_app, client):
        assert (await client.get("/notes")).status_code == 200
        await asyncio.to_thread(server.kill)
        for _ in range(4):
            assert_problem(await client.get("/notes"), 503, "database-unavailable", server_database)
        await asyncio.to_thread(server.start)
        assert (await client.get("/notes")).status_code == 200


async def test_a_connection_killed_during_its_query_is_a_503(server_database: TestDatabase) -> None:
    """Ten requests are in a query when the server closes all their connections."""
    server = server_database.server
    assert server is not None
    async with serving(make_database(server_database.url, pool_size=10)) as (_app, client):
        queries = [asyncio.ensure_future(client.get("/sleep", params={"seconds": 60})) for _ in range(10)]
        await until(lambda: sum("sleep(" in str(row).lower() for row in server_database.connections()) == 10)
        await asyncio.to_thread(server.kill_connections, server_database)
        for answer in await asyncio.gather(*queries):
            assert_problem(answer, 503, "database-unavailable", server_database)


async def test_an_unreachable_database_is_a_503(any_database: TestDatabase) -> None:
    """Nothing listens at the port any more (SQLite: the file's directory is gone)."""
    database = make_database(any_database.url)
    async with serving(database) as (_app, client):
        await database.engine.dispose()
        await _hide(any_database)
        try:
            assert_problem(await client.get("/notes"), 503, "database-unavailable", any_database)
        finally:
            await _hide(any_database, back=True)


async def _hide(database: TestDatabase, *, back: bool = False) -> None:
    if database.server is not None:
        await asyncio.to_thread(database.server.start if back else database.server.stop)
        return
    assert database.path is not None
    directory = database.path.parent
    hidden = directory.with_name(f"{directory.name}-hidden")
    (hidden if back else directory).rename(directory if back else hidden)


async def test_an_integrity_error_is_a_409_only_where_the_route_asks_for_it(any_database: TestDatabase) -> None:
    """Elsewhere it is an error of the program, and a 500 as before."""
    async with serving(make_database(any_database.url)) as (_app, client):
        assert (await client.post("/notes", params={"name": "a"})).status_code == 200
        answer = await client.post("/conflicting-notes", params={"name": "a"})
        assert_problem(answer, 409, "conflict", any_database)
        assert len(answer.headers["x-request-id"]) == 32
        assert (await client.post("/notes", params={"name": "a"})).status_code == 500


async def test_a_lock_wait_timeout_is_a_503(server_database: TestDatabase) -> None:
    """Another transaction holds the row: a retry may succeed, so it is no 500."""
    async with serving(make_database(server_database.url)) as (app, client):
        database = app.state.plimsoll.database

        @app.post("/locked")
        async def locked() -> None:
            async with database.transaction() as session:
                await session.execute(text(_SHORT_WAIT[server_database.dialect]))
                await session.execute(text("UPDATE note SET name = 'b'"))

        await client.post("/notes", params={"name": "a"})
        async with database.session() as session:
            await session.execute(text("UPDATE note SET name = 'c'"))
            assert_problem(await client.post("/locked"), 503, "database-busy", server_database)
            await session.rollback()


_SHORT_WAIT = {
    "mysql": "SET SESSION innodb_lock_wait_timeout = 1",
    "postgresql": "SET LOCAL lock_timeout = '500ms'",
}


async def test_the_log_has_what_the_answer_leaves_out_but_only_the_first_few_times(
    any_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """A hundred equal failures are a few tracebacks and a count."""
    scheme = any_database.url.partition(":")[0]
    nowhere = f"{scheme}://u:p@127.0.0.1:{free_port()}/x"
    app = make_app(make_database("sqlite+aiosqlite:////nowhere/x.db" if scheme.startswith("sqlite") else nowhere))
    app.state.plimsoll.database.gate.report = GateReport(State.READY)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with caplog.at_level(logging.ERROR, "plimsoll"):
            for _ in range(20):
                assert (await client.get("/notes")).status_code == 503
    await asyncio.sleep(0.1)  # aiosqlite's threads of the failed connects still report to this loop
    records = [record for record in caplog.records if "answered 503" in record.getMessage()]
    assert len(records) == FULL_REPORTS
    assert records[0].exc_info is not None
    assert "GET /notes" in records[0].getMessage()
    assert app.state.plimsoll.database.counters.snapshot()["answered_database-unavailable"] == 20
