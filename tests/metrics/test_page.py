"""`/metrics`: who may read it, and what it says of several workers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response

from plimsoll.asgi.messages import Scope
from plimsoll.fastapi import metrics
from plimsoll.fastapi.metrics import METRICS_PATH, metrics_routes
from plimsoll.metrics import exposition
from plimsoll.snapshot import RouteView
from plimsoll.snapshot.together import Together
from tests.metrics.source import Still
from tests.snapshot.samples import EXHAUSTED, HEALTHY

TOKEN = "prometheus-reads-metrics"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class TokenOnly:
    """Who may read."""

    def refusal(self, scope: Scope) -> Response | None:
        """None for who may, else the answer."""
        given = dict(scope["headers"]).get(b"authorization")
        return None if given == BEARER["Authorization"].encode() else Response("no", 401)


@asynccontextmanager
async def page(source: Still, together: Together | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has the page."""
    app = FastAPI()
    app.router.routes.extend(metrics_routes(source, TokenOnly(), together))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


async def test_the_bearer_of_the_token_reads_it_and_nobody_else() -> None:
    """Never from a cache; the interface that is described does not have it."""
    async with page(Still(HEALTHY)) as client:
        answer = await client.get(METRICS_PATH, headers=BEARER)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "plimsoll_pool_waiting 0.0\n" in answer.text
        refused = await client.get(METRICS_PATH)
        assert (refused.status_code, "plimsoll_pool" in refused.text) == (401, False)
        assert METRICS_PATH not in (await client.get("/openapi.json")).text


async def test_openmetrics_is_answered_where_it_is_accepted() -> None:
    """As Prometheus asks."""
    async with page(Still(HEALTHY)) as client:
        answer = await client.get(METRICS_PATH, headers={**BEARER, "Accept": "application/openmetrics-text"})
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("# EOF\n")


async def test_the_server_is_asked_for_who_may_read_only() -> None:
    """And not at every reading: what is half a minute old will do."""
    source = Still(HEALTHY)
    async with page(source) as client:
        await client.get(METRICS_PATH)
        assert source.refreshed == []
        await client.get(METRICS_PATH, headers=BEARER)
        assert source.refreshed == [30.0]


async def test_whichever_worker_is_asked_tells_of_all(tmp_path: Path) -> None:
    """Each by its process id, from what each is now."""
    other = Still(replace(EXHAUSTED, worker=replace(EXHAUSTED.worker, pid=4712)))
    one, two = (Together(str(tmp_path / "d"), source.snapshot) for source in (Still(HEALTHY), other))
    one.begin()
    two.begin()
    async with page(Still(HEALTHY), one) as client:
        both = (await client.get(METRICS_PATH, headers=BEARER)).text
        await two.end()
        left = (await client.get(METRICS_PATH, headers=BEARER)).text
    await one.end()
    assert 'plimsoll_pool_waiting{worker="4711"} 0.0\n' in both
    assert 'plimsoll_pool_waiting{worker="4712"} 25.0\n' in both
    assert "plimsoll_silent_workers 0.0\n" in both
    assert 'worker="4711"' in left
    assert 'worker="4712"' not in left


async def test_a_reading_lets_others_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a service with many routes: what else the loop has to do is done between two pieces."""
    monkeypatch.setattr(metrics, "TURN_S", 0.0)
    many = replace(HEALTHY, routes=tuple(RouteView(f"GET /{number}", number, 0) for number in range(200)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with page(Still(many)) as client:
        task = asyncio.create_task(others())
        answer = await client.get(METRICS_PATH, headers=BEARER)
        task.cancel()
    assert turns > 100
    assert answer.text == exposition(many)[0].decode()
