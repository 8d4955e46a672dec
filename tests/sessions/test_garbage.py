"""A request leaves nothing to the garbage collector, which would stop every other request to find it."""

import gc
from typing import Any

import pytest
from fastapi import FastAPI

REQUESTS = 100


async def ask(app: FastAPI, path: str) -> int:
    """A request past any client: httpx leaves garbage of its own. The status."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize("path", ["/health/live", "/openapi.json", "/notes"])
async def test_a_request_leaves_no_circle_behind(app: FastAPI, path: str) -> None:
    """With a session, without, and past admission; one that did would leave some thirty objects."""
    for _ in range(30):
        assert await ask(app, path) == 200
    gc.collect()
    gc.disable()
    try:
        for _ in range(REQUESTS):
            await ask(app, path)
        assert gc.collect() < REQUESTS
    finally:
        gc.enable()
