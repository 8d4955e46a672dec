"""A handler that watches for its client's leave: the line's books balance also where it hears of it afterwards."""

import asyncio
from time import monotonic
from typing import Any

import pytest

from plimsoll.asgi.admission import Admission, AdmissionLayer
from plimsoll.asgi.routes import Kinds
from plimsoll.limiter import AdaptiveLimit, Usage
from plimsoll.settings import ServiceSettings

PLACES = 2
SCOPE = {
    "type": "http", "http_version": "1.1", "method": "POST", "path": "/", "headers": [(b"content-length", b"1")],
    "client": ("192.0.2.1", 4711),
}  # fmt: skip


async def take(_message: Any) -> None:
    """A client that takes all."""


@pytest.mark.parametrize("answers", [True, False])
async def test_a_watcher_that_outlives_its_request_keeps_nobody_out(answers: bool) -> None:
    """More such requests than there are places: each is let in, and at the end nobody counts as being there."""
    watchers: list[asyncio.Task[Any]] = []
    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        watchers.append(asyncio.create_task(receive()))
        await asyncio.sleep(0)
        if answers:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0)

    adaptive = AdaptiveLimit(lambda: Usage(0, 0, 0, 0, PLACES, PLACES), monotonic)
    admission = Admission(ServiceSettings(), kinds=Kinds(), adaptive=adaptive)
    layer = AdmissionLayer(application, admission)
    for number in range(1, 2 * PLACES + 1):
        left.clear()
        await layer(dict(SCOPE), receive, take)
        assert len(watchers) == number, "let in"
        left.set()
        await watchers[-1]
        assert admission.line.fresh == 0
    assert admission.line.inside == {}
