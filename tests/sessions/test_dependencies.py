"""What the session dependencies promise to a route and to its client."""

import logging

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from sqlalchemy import text

from plimsoll import Database
from plimsoll.errors import NotInstalledError, ReadOnlySessionError
from plimsoll.fastapi import SessionDep
from tests.servers import TestDatabase
from tests.sessions.application import make_database
from tests.sessions.conftest import checked_out, serving


async def names(client: httpx.AsyncClient) -> list[str]:
    found: list[str] = (await client.get("/notes")).json()
    return found


async def test_a_handler_that_commits_answers_200_and_the_row_is_there(client: httpx.AsyncClient) -> None:
    """The way of the operator's note: the handler commits by itself."""
    assert (await client.post("/notes", params={"name": "a"})).status_code == 200
    assert await names(client) == ["a"]


async def test_a_transaction_is_committed_when_the_handler_returns(client: httpx.AsyncClient) -> None:
    """`TransactionDep` needs no commit in the handler."""
    assert (await client.post("/transactions", params={"name": "a"})).status_code == 200
    assert await names(client) == ["a"]


async def test_a_transaction_whose_handler_raises_is_rolled_back(client: httpx.AsyncClient) -> None:
    """Flushed or not, nothing stays."""
    assert (await client.post("/failing-transactions", params={"name": "a"})).status_code == 500
    assert await names(client) == []


async def test_the_apps_own_exception_handler_sees_the_exception_unchanged(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    """Clean-up neither swallows nor wraps what the handler raised."""
    seen: list[Exception] = []

    @app.exception_handler(LookupError)
    async def remember(_request: Request, error: LookupError) -> Response:
        seen.append(error)
        return Response(status_code=418)

    assert (await client.post("/failing-transactions", params={"name": "a"})).status_code == 418
    assert [type(error) for error in seen] == [LookupError]
    assert str(seen[0]) == "no such thing"


async def test_a_commit_that_fails_at_its_end_is_never_answered_200(
    client: httpx.AsyncClient, any_database: TestDatabase
) -> None:
    """The constraint is checked at COMMIT (MariaDB checks at once): either way the client sees a failure."""
    answer = await client.post("/deferred")
    assert answer.status_code == 500
    assert "never" not in answer.text
    assert any_database.sql("SELECT count(*) FROM late") == [(0,)]


async def test_a_commit_on_a_killed_connection_is_a_503(server_database: TestDatabase) -> None:
    """The server closes the connection between the handler's last line and the commit."""
    server = server_database.server
    assert server is not None

    async def kill(_session: object) -> None:
        server.kill_connections(server_database)

    async with serving(make_database(server_database.url)) as (app, client):
        app.state.kill = kill
        answer = await client.post("/killed", params={"name": "a"})
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert await names(client) == []


async def test_a_committing_session_that_outlives_its_handler_is_an_error_and_not_a_lost_write(
    client: httpx.AsyncClient,
) -> None:
    """FastAPI's default scope would commit after the 200 was sent; that is refused, and nothing is written."""
    answer = await client.post("/outliving-transactions", params={"name": "a"})
    assert answer.status_code == 500
    assert "never" not in answer.text
    assert await names(client) == []


@pytest.mark.parametrize("how", ["flushed", "pending", "statement", "savepoint released"])
async def test_changes_that_nobody_committed_are_reported_with_the_route(
    client: httpx.AsyncClient, database: Database, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """A lost write is the worst kind of success: the client got its 200."""
    with caplog.at_level(logging.ERROR, "plimsoll.session"):
        await client.post("/forgotten", params={"name": "a", "how": how})
    assert "POST /forgotten" in caplog.text
    assert "nobody committed" in caplog.text
    assert database.counters.snapshot()["lost_writes"] == 1
    assert await names(client) == []


@pytest.mark.parametrize("how", ["rolled back", "failing"])
async def test_changes_that_were_taken_back_on_purpose_are_not_reported(
    client: httpx.AsyncClient, database: Database, how: str
) -> None:
    """A roll-back by the handler, or an exception, says that the changes are not wanted."""
    await client.post("/forgotten", params={"name": "a", "how": how})
    assert "lost_writes" not in database.counters.snapshot()


@pytest.mark.parametrize("how", ["autoflush", "commit", "statement"])
async def test_a_read_session_refuses_to_write_and_names_the_right_way(app: FastAPI, how: str) -> None:
    """Also where only the automatic flush before a query would have written."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(ReadOnlySessionError, match=r"POST /read-that-writes .*TransactionDep"):
            await client.post("/read-that-writes", params={"how": how})


async def test_a_stream_starts_with_every_connection_in_the_pool(app: FastAPI, client: httpx.AsyncClient) -> None:
    """The connection is back before the first byte of the body, and so before its end."""
    await client.post("/notes", params={"name": "a"})
    answer = await client.get("/stream")
    assert answer.text == "a\n"
    assert app.state.seen == [0]


@pytest.mark.parametrize("path", ["/stream-that-reads", "/outliving"])
async def test_a_session_used_after_its_end_says_what_to_do_instead(
    app: FastAPI, client: httpx.AsyncClient, database: Database, path: str
) -> None:
    """In a stream and in a background task; FastAPI's default scope alone would still have it open there."""
    await client.get(path)
    in_use, error = app.state.seen
    assert in_use == 0
    assert f"GET {path}" in error
    assert "async with database.session()" in error
    assert checked_out(database) == 0


async def test_a_stream_with_a_session_of_its_own_gives_it_back(client: httpx.AsyncClient, database: Database) -> None:
    """The right way that the error names."""
    await client.post("/notes", params={"name": "a"})
    assert (await client.get("/stream-rightly")).text == "a\n"
    assert checked_out(database) == 0


async def test_a_session_dependency_without_install_says_so() -> None:
    """The first mistake that a newcomer makes."""
    app = FastAPI()

    @app.get("/")
    async def route(session: SessionDep) -> None:
        await session.execute(text("SELECT 1"))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        with pytest.raises(NotInstalledError, match=r"install\(app, database\)"):
            await client.get("/")
