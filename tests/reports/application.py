"""A small ASGI application whose worker has a black box, for servers to run."""

import asyncio
import faulthandler
import os
import signal
import time
from pathlib import Path
from typing import Any

from plimsoll.reports import BlackBox
from tests.reports.worker import Worker

RECORDS = os.environ.get("RECORDS")
BOX = BlackBox(Worker(), Path(RECORDS) if RECORDS else None)


def block() -> None:
    """What the signal comes upon: until there is a file of the name in BLOCKED."""
    print("blocked", flush=True)
    ends_s = time.monotonic() + 60
    while not Path(os.environ["BLOCKED"]).exists() and time.monotonic() < ends_s:
        time.sleep(0.05)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with its process id; at `/block` it keeps the loop from everything else."""
    if scope["type"] == "lifespan":
        await receive()
        if os.environ.get("HANDLED"):
            faulthandler.register(signal.SIGUSR2)
        BOX.begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        BOX.end()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/block":
        asyncio.get_running_loop().call_later(0.1, block)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
