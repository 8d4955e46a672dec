"""`/ops/figures`, `/ops/snapshot` and `/ops/history`: what a worker tells of itself, to those who bear `OPS_TOKEN`,
whatever load or fault there is."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from plimsoll.console import Access
from plimsoll.console.answers import detail
from plimsoll.fastapi.figures import Worker
from plimsoll.fastapi.health import OwnRoute
from plimsoll.fastapi.runtime import Runtime
from plimsoll.snapshot.codec import to_json
from plimsoll.snapshot.history import STEPS

FIGURES_PATH = "/ops/figures"
SNAPSHOT_PATH = "/ops/snapshot"
HISTORY_PATH = "/ops/history"

SERVER_AGE_S = 5.0
"""The server's side of a snapshot is asked for again after so long."""

SERVER_WAIT_S = 1.0
"""A snapshot waits no longer for it: where the server is silent it says so, and the next one has it."""


def ops_routes(runtime: Runtime, worker: Worker, access: Access) -> list[APIRoute]:
    """The routes; they are free of the application's dependencies and not part of its described interface."""

    async def figures(request: Request) -> JSONResponse:
        """This worker's figures."""
        return access.refusal(request.scope) or _document(worker.figures(ready=runtime.ready))

    async def snapshot(request: Request) -> JSONResponse:
        """This worker now, and the server's side of some seconds ago."""
        refused = access.refusal(request.scope)
        if refused is not None:
            return refused
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SERVER_WAIT_S):
                await runtime.observer.refresh(SERVER_AGE_S)
        return _document(to_json(runtime.observer.snapshot()))

    async def history(request: Request) -> JSONResponse:
        """The last ten minutes of this worker, or its last hour or day."""
        refused = access.refusal(request.scope)
        if refused is not None:
            return refused
        span = request.query_params.get("span", "10m")
        for known in STEPS:
            if known == span:
                return _document(asdict(runtime.observer.history.series(known)))
        return detail(400, f"span is none of {', '.join(STEPS)}")

    return [_route(FIGURES_PATH, figures), _route(SNAPSHOT_PATH, snapshot), _route(HISTORY_PATH, history)]


def _route(path: str, endpoint: Callable[[Request], Awaitable[JSONResponse]]) -> APIRoute:
    return OwnRoute(path, endpoint, methods=["GET"], include_in_schema=False, response_model=None)


def _document(content: dict[str, Any]) -> JSONResponse:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
