"""`/ops/figures`, `/ops/snapshot`, `/ops/history` and `/ops/workers`: what a worker tells of itself and of those beside
it, to those who bear `OPS_TOKEN`, whatever load or fault there is."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from plimsoll.console import Access
from plimsoll.console.answers import detail, unknown
from plimsoll.errors import UnknownWorkerError
from plimsoll.fastapi.figures import Worker
from plimsoll.fastapi.health import OwnRoute
from plimsoll.fastapi.runtime import Runtime
from plimsoll.snapshot.codec import series_to_json, to_json
from plimsoll.snapshot.everyone import HOST_WAIT_S, Everyone
from plimsoll.snapshot.history import STEPS
from plimsoll.snapshot.source import ALL
from plimsoll.web import PEER_HEADER

FIGURES_PATH = "/ops/figures"
SNAPSHOT_PATH = "/ops/snapshot"
HISTORY_PATH = "/ops/history"
WORKERS_PATH = "/ops/workers"

SERVER_AGE_S = 2.0
"""The server's side of a snapshot is asked for again after so long, as the console's stream does: scripts and the
terminal see who connects, and that the server is back, as soon."""

SERVER_WAIT_S = 1.0
"""A snapshot waits no longer for it: where the server is silent it says so, and the next one has it."""


def ops_routes(runtime: Runtime, worker: Worker, access: Access) -> list[APIRoute]:
    """The routes; they are free of the application's dependencies and not part of its described interface."""

    async def figures(request: Request) -> Response:
        """This worker's figures."""
        return access.refusal(request.scope) or _document(worker.figures(ready=runtime.ready))

    async def snapshot(request: Request) -> Response:
        """All workers now, or one of them, and the server's side of some seconds ago."""
        refused = access.refusal(request.scope)
        if refused is not None:
            return refused
        name = request.query_params.get("worker", ALL)
        try:
            everyone = _asked(runtime, request)
            await asyncio.gather(_refreshed(runtime), everyone.look(name))
            return _document(to_json(everyone.snapshot(name)))
        except UnknownWorkerError as error:
            return unknown(error)

    async def history(request: Request) -> Response:
        """The last ten minutes, hour or day of all workers, or of one of them."""
        refused = access.refusal(request.scope)
        if refused is not None:
            return refused
        span, name = request.query_params.get("span", "10m"), request.query_params.get("worker", ALL)
        for known in STEPS:
            if known == span:
                try:
                    return _document(series_to_json(await _asked(runtime, request).history(name, known)))
                except UnknownWorkerError as error:
                    return unknown(error)
        return detail(400, f"span is none of {', '.join(STEPS)}")

    async def workers(request: Request) -> Response:
        """Each worker of this host now: what another host asks for."""
        refused = access.refusal(request.scope)
        if refused is not None:
            return refused
        _, (seen, silent) = await asyncio.gather(_refreshed(runtime, HOST_WAIT_S), runtime.everyone.here.of_this_host())
        return _document({"workers": list(map(to_json, seen)), "silent": len(silent), "silent_workers": silent})

    return [
        _route(FIGURES_PATH, figures),
        _route(SNAPSHOT_PATH, snapshot),
        _route(HISTORY_PATH, history),
        _route(WORKERS_PATH, workers),
    ]


def _asked(runtime: Runtime, request: Request) -> Everyone:
    """All workers; for another host, those of this one."""
    return runtime.everyone.here if PEER_HEADER in request.headers else runtime.everyone


async def _refreshed(runtime: Runtime, wait_s: float = SERVER_WAIT_S) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await runtime.everyone.refresh(SERVER_AGE_S)


def _route(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> APIRoute:
    return OwnRoute(path, endpoint, methods=["GET"], include_in_schema=False, response_model=None)


def _document(content: dict[str, Any]) -> Response:
    # In ASCII: a name may have half a character in it (of a file's or a host's name), which has no other form.
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return Response(text, headers={"Cache-Control": "no-store"}, media_type="application/json")
