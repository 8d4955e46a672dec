"""A stand-in for a pooler: the server's answers pass through it, with another number for the connection."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Self

KEY_DATA = b"K\x00\x00\x00\x0c"
"""The message BackendKeyData of the PostgreSQL protocol: its type and length; a process number and a key follow."""

ANOTHER_NUMBER = 0x7BADCAFE


def postgres_number(piece: bytes) -> bytes | None:
    """The piece with another process number in it, as PgBouncer gives each client one; None if it has none."""
    at = piece.find(KEY_DATA) + len(KEY_DATA)
    if at < len(KEY_DATA):
        return None
    return piece[:at] + struct.pack("!I", ANOTHER_NUMBER) + piece[at + 4 :]


def mysql_number(piece: bytes) -> bytes | None:
    """The server's first packet with another connection number, which comes after the version and its zero."""
    at = piece.index(b"\0", 5) + 1
    return piece[:at] + struct.pack("<I", ANOTHER_NUMBER) + piece[at + 4 :]


class Pooler:
    """Listens on a free port of the loop while its block runs; `renumber` changes one piece of what the server says."""

    def __init__(self, port: int, renumber: Callable[[bytes], bytes | None]) -> None:
        self._upstream = port
        self._renumber = renumber
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
        both = (self._pass(reader, above_writer), self._pass(above_reader, writer, self._renumber))
        self._tasks |= {asyncio.ensure_future(one) for one in both}

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        renumber: Callable[[bytes], bytes | None] | None = None,
    ) -> None:
        while piece := await reader.read(65536):
            changed = renumber(piece) if renumber is not None else None
            if changed is not None:
                renumber = None
            writer.write(changed or piece)
        writer.close()
