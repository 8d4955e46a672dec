"""Where the server is, and whether it is the server that our socket leads to: what the driver knows without asking."""

import socket
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

_LOOPBACK = ("", "localhost", "localhost.localdomain", "::1")


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the other side said when the connection was opened: the number of the connection or of its process, and
    its version in its own words; and our own end's port, None for a Unix socket or where the driver does not tell."""

    number: int | None = None
    words: str = ""
    port: int | None = None


async def handshake_of(connection: AsyncConnection) -> Handshake:
    """The handshake as the driver remembers it; empty where it does not. Before any question: a connection that one
    has lost would be opened anew."""
    try:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        match connection.dialect.driver:
            case "aiomysql" | "asyncmy":
                return Handshake(int(raw.thread_id()), str(raw.get_server_info()))
            case "asyncpg":
                return Handshake(int(raw.get_server_pid()), port=_port(raw._transport.get_extra_info("sockname")))
            case "psycopg":
                with socket.socket(fileno=socket.dup(raw.fileno())) as end:
                    return Handshake(int(raw.info.backend_pid), port=_port(end.getsockname()))
    except Exception:  # noqa: BLE001 - another driver, or a connection that is lost: nothing is known
        return Handshake()
    return Handshake()


def _port(address: Any) -> int | None:
    return int(address[1]) if isinstance(address, tuple) and len(address) > 1 else None


def is_loopback(url: URL) -> bool:
    """Whether the URL leads to this machine: no host, a socket's path, or an address of the machine's own loop."""
    host = url.host or ""
    socket_path = host.startswith("/") or "unix_socket" in url.query
    return socket_path or host in _LOOPBACK or host.startswith("127.")


def is_this_host(url: URL, hostname: str | None) -> bool:
    """Whether a server that calls its machine `hostname` is on ours.

    A tunnel and a container's published port lead from the loop to another machine, whose name differs.
    """
    ours = socket.gethostname()
    return hostname == ours and (is_loopback(url) or url.host == ours)
