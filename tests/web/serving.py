"""Servers that say whatever a test has them say."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from plimsoll.web.place import Place

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[Place]:
    """A server on a free port."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    try:
        port = server.sockets[0].getsockname()[1]
        yield Place("https" if tls else "http", "127.0.0.1", port, "")
    finally:
        server.close()


def saying(text: bytes, *, pause_s: float = 0.0, end: bool = True) -> Serve:
    """Reads a request and answers with these bytes, at once or one by one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            for piece in [text] if not pause_s else [bytes([byte]) for byte in text]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
            if end:
                return
            await asyncio.sleep(0)

    return serve
