"""Clients over bare sockets that do not wait for their answers, or read them slowly."""

import asyncio
import random
from dataclasses import dataclass

RECEIVE_BUFFER = 16_384
"""A slow reader's buffer in the kernel: small, so that the server notices that nobody reads."""


@dataclass(frozen=True)
class Request:
    """One request line, and when its client goes away."""

    line: str
    leave_after_s: float
    read_first: int = 0


def kinds(number: int, randomness: random.Random) -> Request:
    """The `number`th client: in the middle of a handler, of a stream, or of a commit."""
    match number % 3:
        case 0:
            return Request(f"GET /pairs/slow?token=t{number}", randomness.uniform(0.0, 0.12))
        case 1:
            return Request("GET /stream-rightly", randomness.uniform(0.0, 0.1), read_first=200)
        case _:
            return Request(f"GET /pairs/committing?token=c{number}", randomness.uniform(0.02, 0.07))


async def leave(port: int, request: Request) -> None:
    """Send the request, perhaps read a little, then reset the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{request.line} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    if request.read_first:
        try:
            async with asyncio.timeout(request.leave_after_s + 1):
                await reader.read(request.read_first)
        except (TimeoutError, OSError):
            pass
    await asyncio.sleep(request.leave_after_s)
    writer.transport.abort()


class SlowReader:
    """Asks for a large answer and reads only its beginning, until told to go on."""

    def __init__(self) -> None:
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, port: int, path: str) -> str:
        """The status line of the answer."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=RECEIVE_BUFFER)
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(20):
            return (await self._reader.readline()).decode().strip()

    async def rest(self) -> int:
        """Bytes of what was not read yet."""
        assert self._reader is not None
        assert self._writer is not None
        count = 0
        while chunk := await self._reader.read(1 << 20):
            count += len(chunk)
        self._writer.close()
        return count
