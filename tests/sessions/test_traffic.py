"""What the routes of an application did with the database, and which statements they sent."""

import httpx
from fastapi import FastAPI

from plimsoll import Database
from plimsoll.asgi.traffic import Traffic
from plimsoll.snapshot import RouteView


def traffic_of(app: FastAPI) -> Traffic:
    """What the application counts."""
    found: Traffic = app.state.plimsoll.protection.traffic
    return found


def route(app: FastAPI, name: str) -> RouteView:
    """One of them."""
    (found,) = [view for view in traffic_of(app).routes() if view.name == name]
    return found


async def test_a_route_has_its_checkouts_statements_and_rows(app: FastAPI, client: httpx.AsyncClient) -> None:
    """From its first request on, and nobody else has."""
    for number in range(3):
        assert (await client.post("/notes", params={"name": f"a secret {number}"})).status_code == 200
    assert (await client.get("/notes")).status_code == 200
    wrote, read = route(app, "POST /notes"), route(app, "GET /notes")
    assert (wrote.requests, wrote.in_flight, wrote.statements, wrote.rows) == (3, 0, 3, 3)
    assert (read.requests, read.statements) == (1, 1)
    for view, count in ((wrote, 3), (read, 1)):
        assert (view.latency.count, view.waiting.count, view.holding.count) == (count, count, count)
        assert view.latency.total_s >= view.holding.total_s > 0


async def test_statements_are_known_by_their_form(app: FastAPI, client: httpx.AsyncClient) -> None:
    """With the routes that sent them; what a client sent is in none of them."""
    for number in range(3):
        await client.post("/notes", params={"name": f"a secret {number}"})
    await client.post("/conflicting-notes", params={"name": "a secret 1"})
    (insert,) = [view for view in traffic_of(app).statements() if view.text.startswith("INSERT INTO note")]
    assert (insert.count, insert.rows, insert.errors) == (4, 3, 1)
    assert insert.routes == ("POST /conflicting-notes", "POST /notes")
    assert insert.total_s >= insert.most_s > 0
    assert "VALUES (?)" in insert.text
    assert "secret" not in str(traffic_of(app).statements())


async def test_an_error_that_the_database_caused_is_counted(app: FastAPI, client: httpx.AsyncClient) -> None:
    """A conflict is the client's, what nobody handles the service's."""
    for path in ("/conflicting-notes", "/notes"):
        for _ in range(2):
            await client.post(path, params={"name": path})
    assert dict(route(app, "POST /conflicting-notes").errors) == {"4xx": 1}
    assert dict(route(app, "POST /notes").errors) == {"5xx": 1}


async def test_what_is_no_request_is_found_by_the_line_that_opened_its_session(
    app: FastAPI, database: Database
) -> None:
    """With no requests, so that rates are not spoiled."""
    async with database.session() as session:
        await session.connection()
    (found,) = [view for view in traffic_of(app).routes() if "test_traffic.py:" in view.name]
    assert (found.requests, found.waiting.count, found.holding.count) == (0, 1, 1)
