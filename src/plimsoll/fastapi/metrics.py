"""`/metrics`: what Prometheus reads, from whichever worker it meets, about all workers behind the port."""

import asyncio
import contextlib
from collections.abc import Iterator
from time import monotonic
from typing import Protocol

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from plimsoll.asgi.messages import Scope
from plimsoll.fastapi.health import OwnRoute
from plimsoll.snapshot.source import Source
from plimsoll.snapshot.together import Together

METRICS_PATH = "/metrics"

SERVER_AGE_S = 30.0
"""The server's process list in the metrics is no older than this. Prometheus asks every 15 to 60 s, and each question
costs the server a statement."""

SERVER_WAIT_S = 1.0
"""A reading waits no longer for it: where the server is silent, the metrics say so."""

TURN_S = 0.001
"""After so long others have their turn, and then the rest is written: a reading delays no request by more."""


class Guarded(Protocol):
    """Who may read."""

    def refusal(self, scope: Scope) -> Response | None:
        """None for who may, else the answer."""


def metrics_routes(source: Source, access: Guarded, together: Together | None = None) -> list[APIRoute]:
    """The route. `together` knows the other workers of its host."""

    async def metrics(request: Request) -> Response:
        """This worker's metrics, and those of the others behind the same port."""
        refused = access.refusal(request.scope)
        if refused is not None:
            return refused
        # Here, not at the top: prometheus-client takes 2 MiB, and not every worker is read by a Prometheus.
        from plimsoll.metrics.exposition import kind_of, pieces

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SERVER_WAIT_S):
                await source.refresh(SERVER_AGE_S)
        others = await together.ask() if together is not None else None
        accept = request.headers.get("accept", "")
        body = await _in_turns(pieces(source.snapshot(), accept, others))
        return Response(body, headers={"Content-Type": kind_of(accept), "Cache-Control": "no-store"})

    return [OwnRoute(METRICS_PATH, metrics, methods=["GET"], include_in_schema=False, response_model=None)]


async def _in_turns(parts: Iterator[str]) -> str:
    found: list[str] = []
    until_s = monotonic() + TURN_S
    for piece in parts:
        found.append(piece)
        if monotonic() >= until_s:
            await asyncio.sleep(0)
            until_s = monotonic() + TURN_S
    return "".join(found)
