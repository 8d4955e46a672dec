"""One client's connection through the fault proxy: two pumps, and the ways to break them."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.servers.proxy import FaultProxy

Direction = Literal["to_server", "to_client"]

CHUNK_BYTES = 65_536
# Closing with a linger time of zero sends a reset instead of an orderly end.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Link:
    """A client's socket, the matching one to the server, and what has gone through them."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client_reader, self._client = reader, writer
        self._server: asyncio.StreamWriter | None = None
        self._pumps: list[asyncio.Task[None]] = []
        self._last_speaker: Direction = "to_client"
        self._tail = b""
        self.allowance: dict[Direction, int] = dict(proxy.allowance)

    async def ignore(self) -> None:
        """Read what the client says and say nothing, until it goes."""
        try:
            while await self._client_reader.read(CHUNK_BYTES):
                pass
        except OSError:
            pass  # reset by either side: the end of it as well

    async def run(self, host: str, port: int) -> None:
        """Forward both ways until either side closes."""
        try:
            server_reader, self._server = await asyncio.open_connection(host, port)
        except OSError:
            return  # the target is down: the client is reset, as its own connection would have been refused
        self._pumps = [
            asyncio.create_task(self._pump(self._client_reader, self._server, "to_server")),
            asyncio.create_task(self._pump(server_reader, self._client, "to_client")),
        ]
        try:
            await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)
        # An orderly end of one side is passed on as one, so that neither sees a fault nobody asked for.
        for writer in (self._client, self._server):
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                if not await self._pass_on(chunk, writer, direction):
                    return
        except OSError:
            self.reset()

    async def _pass_on(self, chunk: bytes, writer: asyncio.StreamWriter, direction: Direction) -> bool:
        """Send one chunk on with all the faults asked for; False when the connection is to end."""
        proxy = self._proxy
        action = proxy.take_trigger(self, chunk) if direction == "to_server" else None
        if action == "freeze":
            proxy.flowing.clear()
        if action in ("cut", "freeze"):
            proxy.tell_triggered()
        if action == "cut":
            self.reset()
            return False
        if proxy.delay_s:
            await asyncio.sleep(proxy.delay_s)
        await proxy.flowing.wait()
        if not await self._send(chunk, writer, direction):
            return False
        if action == "freeze_after_sending":
            proxy.flowing.clear()
        if action == "cut_after_sending":
            # Only the client is reset: a reset could make the server drop the bytes that it must still act on.
            self._reset_one(self._client)
        if action in ("cut_after_sending", "freeze_after_sending"):
            proxy.tell_triggered()
        return action != "cut_after_sending"

    async def _send(self, chunk: bytes, writer: asyncio.StreamWriter, direction: Direction) -> bool:
        allowed = self.allowance.get(direction)
        part = chunk if allowed is None else chunk[:allowed]
        self._count(len(part), direction)
        writer.write(part)
        await writer.drain()
        if allowed is None:
            return True
        self.allowance[direction] = allowed - len(part)
        if self.allowance[direction] > 0:
            return True
        writer.transport.set_write_buffer_limits(high=0)
        await writer.drain()  # to the last byte: a reset would throw away what is still to be sent
        self.reset()
        return False

    def _count(self, size: int, direction: Direction) -> None:
        if direction == "to_server":
            self._proxy.bytes_to_server += size
            if self._last_speaker == "to_client":
                self._proxy.round_trips += 1
        else:
            self._proxy.bytes_to_client += size
        self._last_speaker = direction

    def client_said(self, chunk: bytes, needle: bytes) -> bool:
        """Whether the client's last bytes hold `needle`, also where it is spread over two chunks."""
        said = self._tail + chunk
        self._tail = said[-len(needle) :]
        return needle in said

    def reset(self) -> None:
        """Reset both sides now."""
        self._reset_one(self._client)
        if self._server is not None:
            self._reset_one(self._server)

    @staticmethod
    def _reset_one(writer: asyncio.StreamWriter) -> None:
        if writer.transport.is_closing():
            return
        connection: socket.socket | None = writer.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        writer.transport.abort()
