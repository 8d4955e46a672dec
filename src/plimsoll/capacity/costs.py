"""What a connection costs: measured here, or the measurements of others as defaults, with their source."""

from dataclasses import dataclass, replace
from typing import Literal

KIB = 1 << 10
MIB = 1 << 20

Loop = Literal["asyncio", "uvloop"]

_RSS_KIB: dict[tuple[str, bool, Loop], float] = {
    ("asyncmy", False, "asyncio"): 267,
    ("asyncmy", False, "uvloop"): 266,
    ("asyncmy", True, "asyncio"): 554,
    ("asyncmy", True, "uvloop"): 302,
    ("aiomysql", False, "asyncio"): 6.7,
    ("aiomysql", False, "uvloop"): 6.3,
    ("aiomysql", True, "asyncio"): 297,
    ("aiomysql", True, "uvloop"): 45,
    ("asyncpg", False, "asyncio"): 4.3,
    ("asyncpg", False, "uvloop"): 4.3,
    ("asyncpg", True, "asyncio"): 284,
    ("asyncpg", True, "uvloop"): 51,
    ("psycopg", False, "asyncio"): 43,
    ("psycopg", False, "uvloop"): 43,
    ("psycopg", True, "asyncio"): 130,
    ("psycopg", True, "uvloop"): 130,
}
"""RSS of an idle connection by driver, TLS (one shared context) and event loop: measured with MariaDB 10.11 and
PostgreSQL 15, asyncmy 0.2.18, asyncpg 0.31, psycopg 3.3 and Python 3.11. `plimsoll capacity --measure` does so anew."""

TLS_ADDRESS_SPACE_KIB = 300
"""Address space of a TLS connection of a driver that uses Python's TLS, the same under asyncio and uvloop; its buffer
of 256 KiB is part of it. psycopg's is libpq's own."""

ASYNCMY_BUFFER_KIB = 256
"""asyncmy reserves so much for each connection."""

UNMEASURED_KIB = 64
"""RSS of a connection of a driver that was not measured, without TLS; with it the address space of TLS is added."""

WORKER_RSS_BYTES = 96 * MIB
"""A FastAPI application with SQLAlchemy under uvicorn just after its start: 89 MB in the benchmark of overload."""

WORKER_ADDRESS_SPACE_BYTES = 400 * MIB
"""Address space of such a process once it works: 389 MiB for `backend/`, whose 7 threads have a stack and an arena of
malloc each. When it has been imported and no more, it is 124 MiB."""

MYSQL_IDLE_KIB = 86
MYSQL_IDLE_TLS_KIB = 133
"""Memory of an idle connection in MariaDB 10.11: measured as `memory_used` of the process list."""

MEASURED_BEFORE = "measured for this driver when Plimsoll was made"
MEASURED_HERE = "measured here"
ASSUMED = "assumed: not measured for this driver"


@dataclass(frozen=True, slots=True)
class Costs:
    """Bytes of one connection in the process that has it and in the server, and of one worker process at its start.

    `source` and `server_source` say where the numbers of the connection are from.
    """

    rss_bytes: int
    address_space_bytes: int
    source: str
    server_idle_bytes: int | None = None
    server_source: str = ""
    worker_rss_bytes: int = WORKER_RSS_BYTES
    worker_address_space_bytes: int = WORKER_ADDRESS_SPACE_BYTES

    def measured(self, rss_bytes: int, address_space_bytes: int, server_bytes: int | None) -> "Costs":
        """The same with what was measured here."""
        here = replace(self, rss_bytes=rss_bytes, address_space_bytes=address_space_bytes, source=MEASURED_HERE)
        if server_bytes is None:
            return here
        return replace(here, server_idle_bytes=server_bytes, server_source=MEASURED_HERE)


def costs_of(driver: str, *, tls: bool, loop: Loop) -> Costs:
    """The default costs for a driver (SQLAlchemy's name), with or without TLS, under an event loop."""
    known = _RSS_KIB.get((driver, tls, loop))
    rss_kib = known if known is not None else UNMEASURED_KIB + tls * TLS_ADDRESS_SPACE_KIB
    least_kib = (tls and driver != "psycopg") * TLS_ADDRESS_SPACE_KIB + (driver == "asyncmy") * ASYNCMY_BUFFER_KIB
    is_mysql = driver in ("aiomysql", "asyncmy")
    return Costs(
        rss_bytes=int(rss_kib * KIB),
        address_space_bytes=int(max(rss_kib, least_kib) * KIB),
        source=MEASURED_BEFORE if known is not None else ASSUMED,
        server_idle_bytes=(MYSQL_IDLE_TLS_KIB if tls else MYSQL_IDLE_KIB) * KIB if is_mysql else None,
        server_source=MEASURED_BEFORE if is_mysql else "",
    )
