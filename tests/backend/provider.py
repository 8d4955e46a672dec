"""A payment provider of our own, on a real socket: slow, failing or refusing as a test wants it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Provider:
    """What the provider does and has seen. `answers` is used up one by one; the last one stays."""

    port: int = 0
    delay_s: float = 0.0
    thinks: asyncio.Event | None = None
    """What it waits for, if anything, before it answers."""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    requests: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    during_call: Callable[[], None] = lambda: None
    hang_up: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def keys(self) -> list[str]:
        """The idempotency keys of the calls so far."""
        return [headers["idempotency-key"] for headers, _ in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:-2])}
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            self.requests.append((headers, body))
            self.during_call()
            if self.hang_up:
                self.hang_up -= 1
                return
            await asyncio.sleep(self.delay_s)
            if self.thinks is not None:
                await self.thinks.wait()
            status, answer = self._answer(headers)
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n".encode())
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, headers: dict[str, str]) -> tuple[int, bytes]:
        if not self.answers:
            # As a real one does: the same key gets the same order.
            return 201, json.dumps({"id": f"order_{headers['idempotency-key']}"}).encode()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def provider_running() -> AsyncGenerator[Provider]:
    """Run a provider on a free port."""
    provider = Provider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()
