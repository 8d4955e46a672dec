"""What a server may take of its memory at worst: its own buffers, and those of each connection.

MySQL and MariaDB: the buffers named in their manuals ("How MySQL Uses Memory"), and the same sum that mysqltuner judges
by. PostgreSQL: its manual, "Resource Consumption"."""

import math
import re
from dataclasses import dataclass

from plimsoll.server.facts import ServerFacts

MIB = 1 << 20

MEMORY_SHARE = 0.85
"""Of a server's memory so much may be promised at worst; the rest is the system's and the file cache's (mysqltuner)."""

POSTGRESQL_BACKEND_BYTES = 4 * MIB
"""Memory of a PostgreSQL process of its own, without work_mem: with PostgreSQL 15, 3.3 MiB of anonymous memory after
the connect and 4.0 after some joins (`/proc/<pid>/smaps_rollup`)."""

MYSQL_BUFFERS = (
    "innodb_buffer_pool_size",
    "innodb_log_buffer_size",
    "key_buffer_size",
    "aria_pagecache_buffer_size",
    "query_cache_size",
)
"""Taken once."""

MYSQL_NOT_EVERYWHERE = frozenset({"aria_pagecache_buffer_size", "query_cache_size"})
"""Of these, those that some servers do not have: MySQL 8 has no query cache, and only MariaDB has Aria."""

MYSQL_PER_CONNECTION = (
    "read_buffer_size",
    "read_rnd_buffer_size",
    "sort_buffer_size",
    "join_buffer_size",
    "binlog_cache_size",
    "thread_stack",
)
"""Taken by a connection that does all at once; and a temporary table beside them."""

TEMPORARY_TABLE = ("tmp_table_size", "max_heap_table_size")
"""The smaller of both is the most that a temporary table takes in memory."""

_UNIT = re.compile(r"(\d*)(B|kB|MB|GB|TB)")
_UNITS = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


@dataclass(frozen=True, slots=True)
class ServerMemory:
    """Bytes: the machine's RAM, the buffers that are taken once, and what a connection may take at worst."""

    total_bytes: int
    buffers_bytes: int
    connection_bytes: int

    def needed(self, connections: int) -> int:
        """Bytes that so many connections need at worst, with the buffers."""
        return self.buffers_bytes + connections * self.connection_bytes

    def carries(self, taken_bytes: int = 0) -> int:
        """Connections that fit, where `taken_bytes` of the same memory are others'; 0 where not even one does."""
        left = self.total_bytes * MEMORY_SHARE - taken_bytes - self.buffers_bytes
        return max(0, int(left // self.connection_bytes))


def server_memory(facts: ServerFacts) -> ServerMemory | str:
    """The memory of a server; or why it cannot be told."""
    if facts.dialect == "sqlite":
        return "SQLite is a part of the process."
    if not facts.memory_bytes or facts.memory_bytes < 0:
        return "The memory of the server's machine is not known."
    needed = _mysql(facts) if facts.dialect == "mysql" else _postgresql(facts)
    if needed is None:
        return "The sizes of the server's buffers could not be read."
    return ServerMemory(facts.memory_bytes, *needed)


def _mysql(facts: ServerFacts) -> tuple[int, int] | None:
    if _bytes(facts, "innodb_buffer_pool_size") is None or _bytes(facts, "sort_buffer_size") is None:
        return None
    tables = [size for name in TEMPORARY_TABLE if (size := _bytes(facts, name)) is not None]
    each = sum(_bytes(facts, name) or 0 for name in MYSQL_PER_CONNECTION) + min(tables, default=0)
    return sum(_bytes(facts, name) or 0 for name in MYSQL_BUFFERS), max(1, each)


def _postgresql(facts: ServerFacts) -> tuple[int, int] | None:
    """One sort or hash a connection at a time: a query may have several, each with work_mem."""
    shared, work = _bytes(facts, "shared_buffers"), _bytes(facts, "work_mem")
    if shared is None or work is None:
        return None
    times = facts.number("hash_mem_multiplier") or 1.0
    times = times if math.isfinite(times) and times >= 1 else 1.0
    return shared, POSTGRESQL_BACKEND_BYTES + int(work * times)


def _bytes(facts: ServerFacts, name: str) -> int | None:
    """A variable in bytes; None where it is missing, no number, or below 0."""
    number = facts.number(name)
    if number is None or not 0 <= number < math.inf:
        return None
    unit = _UNIT.fullmatch(facts.units.get(name, "B"))
    return None if unit is None else int(number * int(unit.group(1) or 1) * _UNITS[unit.group(2)])
