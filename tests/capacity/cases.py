"""Deployments that the tests reckon with: servers, hosts and questions, made up in one line each."""

from typing import Any

from plimsoll.capacity import Costs, PoolPlan, Question, costs_of
from plimsoll.host import Limit, Survey
from plimsoll.server.facts import Account, ServerFacts
from plimsoll.settings import TopologySettings

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

MARIADB_BUFFERS = {
    "innodb_buffer_pool_size": str(128 * MIB),
    "innodb_log_buffer_size": str(16 * MIB),
    "key_buffer_size": str(128 * MIB),
    "aria_pagecache_buffer_size": str(128 * MIB),
    "query_cache_size": str(1 * MIB),
    "read_buffer_size": str(128 * KIB),
    "read_rnd_buffer_size": str(256 * KIB),
    "sort_buffer_size": str(2 * MIB),
    "join_buffer_size": str(256 * KIB),
    "binlog_cache_size": str(32 * KIB),
    "thread_stack": str(292 * KIB),
    "tmp_table_size": str(16 * MIB),
    "max_heap_table_size": str(16 * MIB),
}
"""MariaDB 10.11's defaults: 401 MiB of buffers, and 19396 KiB (18.94 MiB) a connection at worst."""

COSTS = costs_of("aiomysql", tls=False, loop="asyncio")
"""6.7 KiB a connection, 96 MiB a worker."""


def mariadb(
    max_connections: int | None, *, account: int | None = None, memory: int | None = None, **more: Any
) -> ServerFacts:
    """A MariaDB of this size; `account` limits the account, `memory` is the RAM of its machine."""
    limited = "MAX_USER_CONNECTIONS of the account" if account is not None else ""
    return ServerFacts(
        dialect="mysql",
        flavour="mariadb",
        version=(10, 11, 6),
        version_text="10.11.6-MariaDB",
        variables=MARIADB_BUFFERS | more.pop("variables", {}),
        account=Account("shop", max_connections=account, max_connections_source=limited),
        max_connections=max_connections,
        memory_bytes=memory,
        **more,
    )


def limit(name: str, value: int, source: str, *, unit: Any = "bytes") -> Limit:
    """A limit of the host of which nothing is used."""
    return Limit(name, limit=value, used=0, unit=unit, source=source, kills=False, note="")


def machine(memory: int) -> Limit:
    """The memory of a machine."""
    return limit("memory of the machine", memory, "/proc/meminfo")


def host(*memory: Limit, counts: tuple[Limit, ...] = ()) -> Survey:
    """A host with these limits."""
    return Survey(memory, counts, (), (), (), 0, 0)


def question(server: ServerFacts, *, plan: PoolPlan | None = None, costs: Costs = COSTS, **more: Any) -> Question:
    """A question about a server; what is no part of a question is topology."""
    own = {name: more.pop(name) for name in ("host", "cores", "threads", "load") if name in more}
    return Question(topology=TopologySettings(**more), plan=plan or PoolPlan(), server=server, costs=costs, **own)
