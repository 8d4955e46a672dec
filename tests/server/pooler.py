"""A stand-in for PgBouncer: the server's answers pass through it, with another number for the connection."""

from __future__ import annotations

import asyncio
import struct
from typing import Self

KEY_DATA = b"K\x00\x00\x00\x0c"
"""The message BackendKeyData of the PostgreSQL protocol: its type and length; a process number and a key follow."""

ANOTHER_NUMBER = 0x7BADCAFE


class Pooler:
    """Listens on a free port of the loop while its block runs."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above_reader, above_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        both = (self._pass(reader, above_writer), self._pass(above_reader, writer, renumber=True))
        self._tasks |= {asyncio.ensure_future(one) for one in both}

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, renumber: bool = False
    ) -> None:
        while piece := await reader.read(65536):
            at = piece.find(KEY_DATA) if renumber else -1
            if at >= 0:
                number = at + len(KEY_DATA)
                piece = piece[:number] + struct.pack("!I", ANOTHER_NUMBER) + piece[number + 4 :]
                renumber = False
            writer.write(piece)
        writer.close()
