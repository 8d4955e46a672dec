"""Errors are problem documents, bodies are limited, and the description of the API says so."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.core import BackendServiceSettings
from plimsoll.limiter import Priority
from tests.backend.service import Service, an_item, service_on
from tests.servers import SqliteDatabase

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("DELETE", "/venues", 405),
        ("GET", "/venues/1", 404),
        ("GET", "/venues/none", 422),
        ("GET", "/venues/99999999999999999999", 422),
        ("GET", "/venues?limit=101", 422),
        ("GET", "/venues?limit=0", 422),
        ("GET", "/venues?cursor=short", 422),
        ("GET", "/venues?city=a%00b", 422),
        ("GET", "/bookings", 401),
    ],
)
async def test_every_error_is_a_problem_document(sqlite_service: Service, method: str, path: str, status: int) -> None:
    """The framework's own errors too have the media type, the status and a title."""
    answer = await sqlite_service.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert (body["status"], body["type"]) == (status, "about:blank")
    assert body["title"]


async def test_a_405_says_what_is_allowed(sqlite_service: Service) -> None:
    """Every method of the path is in the Allow header, on whichever route it is."""
    for path, allowed in (("/venues", "GET, POST"), ("/items/1", "GET, PUT"), ("/token", "POST")):
        assert (await sqlite_service.client.delete(path)).headers["allow"] == allowed


@pytest.mark.parametrize("body", [b"{", b"[" * 5_000, b"\xff\xfe", b"null", b'"text"', b""])
async def test_a_body_that_is_no_object_is_refused(sqlite_service: Service, body: bytes) -> None:
    """Broken JSON, deep nesting and bytes that are no text are the client's errors."""
    headers = await sqlite_service.caller("vendor") | {"Content-Type": "application/json"}
    answer = await sqlite_service.client.post("/items", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("waits", [False, True])
async def test_a_declared_length_over_the_limit_is_refused_unread(sqlite_service: Service, waits: bool) -> None:
    """413 as a problem document before one byte of the body was asked for. What a client sends all the same is thrown
    away, so that the answer reaches it; of one that waits to be told to send, nothing is ever asked."""
    asked_after: list[int] = []
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        asked_after.append(len(sent))
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-length", b"262145"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/items", "raw_path": b"/items",
        "query_string": b"", "headers": headers + [(b"expect", b"100-continue")] * waits, "scheme": "http",
        "root_path": "", "server": ("service", 80), "client": ("client", 1),
    }  # fmt: skip
    await sqlite_service.app(scope, receive, send)
    assert sent[0]["status"] == 413
    assert dict(sent[0]["headers"])[b"content-type"] == PROBLEM.encode()
    assert dict(sent[0]["headers"])[b"connection"] == b"close"
    assert json.loads(sent[1]["body"])["status"] == 413
    assert sent[-1]["more_body"] is False
    # The start and the whole document: the answer was out before anything was asked for, and not for long then.
    assert all(messages == 2 for messages in asked_after)
    assert bool(asked_after) is not waits
    assert len(asked_after) <= 65


async def test_an_undeclared_length_over_the_limit_is_refused(sqlite_service: Service) -> None:
    """A body that comes in pieces is cut off at the limit, also before anybody has logged in."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"title": "'
        for _ in range(300):
            yield b"x" * 1024

    for headers in (await sqlite_service.caller("vendor"), {}):
        headers = {**headers, "Content-Type": "application/json"}
        answer = await sqlite_service.client.post("/items", content=pieces(), headers=headers)
        assert answer.status_code == 413
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["status"] == 413


async def test_the_limit_for_bodies_is_a_setting(sqlite_database: SqliteDatabase) -> None:
    """The service has one of its own by default; what is set counts in its place, to the byte."""
    assert BackendServiceSettings().max_body_bytes == 262_144
    headers = {"Content-Type": "application/json"}
    async with service_on(sqlite_database.url, BackendServiceSettings(max_body_bytes=2_000)) as running:
        for size, status in ((2_000, 401), (2_001, 413)):
            answer = await running.client.post("/items", content=b"{" + b" " * (size - 2) + b"}", headers=headers)
            assert answer.status_code == status


async def test_the_largest_item_that_the_bounds_allow_fits_into_a_body(sqlite_service: Service) -> None:
    """The limit on bodies does not forbid what the bounds on fields permit."""
    line = "x" * 120
    member = {"name": line, "role": "x" * 80, "since_year": 2000, "biography": "x" * 1000}
    milestone = {"year": 2000, "event": "x" * 200, "place": line}
    profile = {
        "history": [milestone] * 50, "members": [member] * 50, "achievements": ["x" * 200] * 50,
        "contact": {"name": line, "phone": "1" * 32},
    }  # fmt: skip
    body = an_item(
        title="x" * 160, summary="x" * 255, description="x" * 4000, tags=["x" * 40] * 20,
        images=["https://images.example/" + "x" * 200] * 20, performance_team_profile=profile,
    )  # fmt: skip
    await sqlite_service.make("/items", body, await sqlite_service.caller("vendor"))


async def test_the_description_is_complete(sqlite_service: Service) -> None:
    """Every route has a tag, a summary and a described success; every error is described as a problem."""
    document = (await sqlite_service.client.get("/openapi.json")).json()
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["tags"], where
            assert operation["summary"], where
            assert any(status.startswith("2") for status in operation["responses"]), where
            if path.startswith("/health"):
                continue
            assert "503" in operation["responses"], where
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == [PROBLEM], f"{where} {status}"


async def test_the_description_says_which_routes_need_a_login(sqlite_service: Service) -> None:
    """A route that can answer 401 declares its security, except the log-in itself."""
    document = (await sqlite_service.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "401" in operation["responses"] and path != "/token":
                assert operation["security"] == [{"OAuth2PasswordBearer": []}], path


async def test_a_fault_of_ours_is_a_problem_document_too(
    sqlite_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error is a 500 that tells the client nothing about itself."""

    async def broken(*_args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(sqlite_service.app.state.services.hasher, "verify", broken)
    answer = await sqlite_service.client.post("/token", data={"username": "a@b.in", "password": "x"})
    assert answer.status_code == 500
    assert answer.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500}


async def test_administrators_go_before_visitors(sqlite_service: Service) -> None:
    """Where not all can be let in, everything below /admin is let in first; the health pages are never held up."""
    kinds = sqlite_service.app.state.plimsoll.protection.admission.kinds
    for path, priority in (
        ("/admin/accounts", Priority.HIGH),
        ("/admin/accounts/1", Priority.HIGH),
        ("/admin/bookings.csv", Priority.HIGH),
        ("/administrators", Priority.NORMAL),
        ("/venues", Priority.NORMAL),
        ("/health/ready", Priority.ALWAYS),
    ):
        assert kinds.of({"method": "GET", "path": path}).priority is priority, path
