"""`/metrics`: what Prometheus reads, from whichever worker it meets, about all workers behind the port."""

import asyncio
import contextlib
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
        from plimsoll.metrics import exposition

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SERVER_WAIT_S):
                await source.refresh(SERVER_AGE_S)
        others = await together.ask() if together is not None else None
        body, kind = exposition(source.snapshot(), request.headers.get("accept", ""), others)
        return Response(body, headers={"Content-Type": kind, "Cache-Control": "no-store"})

    return [OwnRoute(METRICS_PATH, metrics, methods=["GET"], include_in_schema=False, response_model=None)]
