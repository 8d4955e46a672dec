"""The tests' applications: `uvicorn tests.asgi.application:app`, and `:plain` without any of our layers. Limits come
from the variable RULES, as JSON."""

import asyncio
import gc
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Body, FastAPI, UploadFile

from plimsoll.asgi.bodies import BodyLimits
from plimsoll.asgi.connections import ConnectionRules, ConnectionWatch, watch_connections
from plimsoll.asgi.messages import ASGIApp, Message, Receive, Scope, Send
from plimsoll.asgi.slow import SlowReaders
from plimsoll.events import Counters

RULES: dict[str, Any] = {
    "max_body_bytes": 100_000,
    "min_rate_bytes": 0,
    "grace_s": 1.0,
    "header_timeout_s": 0.0,
    "max_connections": 0,
    "memory_bytes": 0,
} | json.loads(os.environ.get("RULES", "{}"))

MIB = 1_048_576
UPLOADS_MIB = 200


class Service:
    """What the routes do, and what the tests ask about."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.watch: ConnectionWatch | None = None
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await _websocket(receive, send)
        else:
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self.begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self.watch is not None:
            self.watch.stop()
        print("lifespan ended", flush=True)
        await send({"type": "lifespan.shutdown.complete"})

    def begin(self) -> None:
        """Watch the connections, unless the rules say otherwise."""
        if RULES.get("watch", True):
            rules = ConnectionRules(
                RULES["max_connections"], RULES["header_timeout_s"], RULES["min_rate_bytes"], RULES["grace_s"]
            )
            may_open = self._may_open if RULES["memory_bytes"] else None
            loop = asyncio.get_running_loop()
            self.watch = watch_connections(loop, rules, may_open=may_open, counters=self.counters)

    def _may_open(self, cost_bytes: int, recent_bytes: int) -> bool:
        used = self.watch.open_count * 300 * 1024 if self.watch else 0
        return bool(used + recent_bytes + cost_bytes <= RULES["memory_bytes"])

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = dict(parse_qsl(scope["query_string"].decode()))
        match scope["path"]:
            case "/figures":
                await answer(send, json.dumps(self.figures()).encode())
            case "/echo" | "/uploads":
                self.seen.append(scope["path"])
                await answer(send, str(await _length(receive)).encode())
            case "/swallow":
                try:
                    length = await _length(receive)
                except Exception as error:  # noqa: BLE001  as applications do
                    length = -1
                    self.seen.append(type(error).__name__)
                await answer(send, str(length).encode())
            case "/big":
                await answer(send, b"x" * int(query["bytes"]))
            case "/stream":
                await self._stream(int(query["bytes"]), send)
            case "/sleep":
                await asyncio.sleep(float(query["s"]))
                await answer(send, b"slept")
            case "/close-idle":
                await answer(send, str(self.watch.close_idle() if self.watch else 0).encode())
            case _:
                await answer(send, b"ok")

    async def _stream(self, total: int, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(total // 16_384):
                await send({"type": "http.response.body", "body": b"x" * 16_384, "more_body": True})
        except Exception as error:
            self.seen.append(type(error).__name__)
            raise
        await send({"type": "http.response.body", "body": b""})

    def figures(self) -> dict[str, Any]:
        """Connections, counters, what handlers saw, and memory in bytes."""
        gc.collect()
        status = Path("/proc/self/status").read_text()
        memory = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in status.splitlines() if " kB" in line}
        return {
            "pid": os.getpid(),
            "connections": asdict(self.watch.figures()) if self.watch else {},
            "counters": dict(self.counters.snapshot()),
            "seen": self.seen,
            "rss": memory["VmRSS"],
            "peak": memory["VmHWM"],
            "address_space": memory["VmSize"],
        }


async def answer(send: Send, body: bytes) -> None:
    """A whole response."""
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _length(receive: Receive) -> int:
    length = 0
    while True:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body", False):
            return length


async def _websocket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        reply: Message = {"type": "websocket.send", "text": message["text"]}
        await send(reply)


def limited(inner: ASGIApp, counters: Counters) -> ASGIApp:
    """`inner` with the layers for bodies and slow readers around it."""

    def limit_for(scope: Scope) -> int:
        return UPLOADS_MIB * MIB if scope["path"].startswith("/upload") else int(RULES["max_body_bytes"])

    rate, grace_s = RULES["min_rate_bytes"], RULES["grace_s"]
    bodies = BodyLimits(inner, limit_for=limit_for, min_rate_bytes=rate, grace_s=grace_s, counters=counters)
    return SlowReaders(bodies, min_rate_bytes=rate, grace_s=grace_s, counters=counters)


plain = Service()
_service = Service()
app = limited(_service, _service.counters)


def make_fastapi() -> ASGIApp:
    """An application of FastAPI's, behind the layers."""
    counters = Counters()
    api = FastAPI()
    service = Service()
    called: list[str] = service.seen

    @api.post("/json")
    async def take_json(document: dict[str, Any]) -> int:
        called.append("/json")
        return len(document)

    @api.post("/text")
    async def take_text(text: str = Body(media_type="text/plain")) -> int:
        return len(text)

    @api.post("/upload")
    async def upload(file: UploadFile) -> dict[str, Any]:
        size = 0
        while part := await file.read(65_536):
            size += len(part)
        return {"size": size, "on_disk": getattr(file.file, "_rolled", None)}

    @api.get("/figures")
    async def figures() -> dict[str, Any]:
        return service.figures()

    return limited(api, counters)


fastapi_app = make_fastapi()
