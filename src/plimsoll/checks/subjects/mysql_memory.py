"""MySQL and MariaDB: what memory the server would take, with every connection that it admits in use."""

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.capacity.server_memory import (
    MEMORY_SHARE,
    MYSQL_BUFFERS,
    MYSQL_NOT_EVERYWHERE,
    MYSQL_PER_CONNECTION,
    TEMPORARY_TABLE,
)
from plimsoll.capacity.wording import counted
from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import counted_for, number, server_of
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.memory import ram_of
from plimsoll.checks.mysql_changes import FEWER_RISK, set_global
from plimsoll.checks.verdict import Change, Found, Level, NotApplicable, Passed, UnknownError, Verdict
from plimsoll.server.facts import ServerFacts

FEWEST_CONNECTIONS = 20
"""max_connections is not advised below this: backups, monitoring and a person need a few."""

BUFFER_POOL_SHARE = 0.5
"""The part of the RAM that is advised for the buffer pool where it alone is too large; a chunk is 128 MiB."""

CHUNK = 128 << 20
SMALL_TABLE = 16 << 20
"""The servers' own default of tmp_table_size and max_heap_table_size."""

FEWEST_READS = 1e6
MOST_MISSES = 0.01
"""A warm buffer pool answers 99 % of the reads and more. Below a million reads it has not warmed up."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Bytes that the server takes: once, and for each connection at worst."""

    shared: float
    each: float
    parts: Mapping[str, float]

    def of(self, connections: float) -> float:
        """With so many connections."""
        return self.shared + connections * self.each

    def arithmetic(self, connections: float) -> str:
        """The sum, to check by hand."""
        return (
            f"{amounts.size(self.shared)} once + {counted(connections, 'connection')} x {amounts.size(self.each)}"
            f" = {amounts.size(self.of(connections))}"
        )


def demand_of(server: ServerFacts) -> Demand:
    """What the buffers add up to. Raises UnknownError where one of them is not known."""
    there = [name for name in MYSQL_BUFFERS if name not in MYSQL_NOT_EVERYWHERE or name in server.variables]
    shared = {name: number(server, name) for name in there}
    each = {name: number(server, name) for name in MYSQL_PER_CONNECTION}
    each[f"min({', '.join(TEMPORARY_TABLE)})"] = min(number(server, name) for name in TEMPORARY_TABLE)
    return Demand(sum(shared.values()), sum(each.values()), shared | each)


def _look(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    demand, most = demand_of(server), number(server, "max_connections")
    ram = ram_of(server, facts.host)
    if not ram:
        raise UnknownError(
            f"the RAM of the server's machine is not known from here. At its worst the server takes"
            f" {demand.arithmetic(most)}",
            f"Compare with 'free -h' there: it should be at most {MEMORY_SHARE:.0%} of the total.",
        )
    evidence = f"{demand.arithmetic(most)}, {amounts.percent(demand.of(most), ram)} of {amounts.size(ram)} RAM."
    if demand.of(most) <= MEMORY_SHARE * ram:
        return Passed(evidence)
    used = server.connections_most or 0
    happened = demand.of(used) > MEMORY_SHARE * ram
    fix, changes = _remedy(server, demand, ram, used)
    largest = sorted(demand.parts.items(), key=lambda part: part[1], reverse=True)[:4]
    return Found(
        evidence=f"{evidence} The largest: {', '.join(f'{name} {amounts.size(value)}' for name, value in largest)}."
        f" With the {used:,} that there were at most: {amounts.size(demand.of(used))}.",
        fix=fix,
        changes=changes,
        level=Level.ERROR if happened else Level.WARNING,
        numbers={"peak_bytes": demand.of(most), "ram_bytes": ram},
    )


def _remedy(server: ServerFacts, demand: Demand, ram: float, used: int) -> tuple[str, tuple[Change, ...]]:
    """Fewer connections if that is enough, else the buffer pool where it alone is too large, else smaller tables."""
    room = MEMORY_SHARE * ram
    fits = (room - demand.shared) // demand.each if demand.each else 0
    if fits >= max(FEWEST_CONNECTIONS, used):
        memory = demand.arithmetic(fits)
        fix = f"Let the server admit no more than {fits:,.0f} connections; 'plimsoll capacity' gives the pools theirs."
        return fix, set_global(server, "max_connections", f"{fits:.0f}", memory=memory, risk=FEWER_RISK)
    if demand.parts["innodb_buffer_pool_size"] > BUFFER_POOL_SHARE * ram:
        pool = max(CHUNK, BUFFER_POOL_SHARE * ram // CHUNK * CHUNK)
        memory = f"{amounts.size(demand.parts['innodb_buffer_pool_size'])} become {amounts.size(pool)}"
        risk = "Shrinking takes a while, in which statements may wait."
        return (
            f"Make the buffer pool {amounts.size(pool)}, half of the RAM; the caches beside it need the rest.",
            set_global(server, "innodb_buffer_pool_size", f"{pool:.0f}", memory=memory, risk=risk),
        )
    changes: tuple[Change, ...] = ()
    for name in TEMPORARY_TABLE:
        if number(server, name) > SMALL_TABLE:
            memory = f"{amounts.size(number(server, name))} become 16 MiB, up to as often as there are connections"
            changes += set_global(server, name, SMALL_TABLE, memory=memory, risk="Larger ones go to the disk.")
    small = " Make in-memory tables 16 MiB, the default." if changes else ""
    return f"The buffers are too large for this machine: give it more RAM, or make them smaller.{small}", changes


def _look_at_misses(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    pool = number(server, "innodb_buffer_pool_size")
    asked, missed = number(server, "innodb_buffer_pool_read_requests"), number(server, "innodb_buffer_pool_reads")
    free = number(server, "innodb_buffer_pool_pages_free")
    since = counted_for(server)
    evidence = (
        f"In {since} {amounts.percent(missed, asked)} of {asked:,.0f} reads went to the disk;"
        f" the buffer pool is {amounts.size(pool)}, {free:,.0f} of its pages are free."
    )
    if asked < FEWEST_READS:
        return NotApplicable(f"Too few to tell: {counted(asked, 'read')} in {since}.")
    if missed <= MOST_MISSES * asked or free > 0:
        return Passed(evidence)
    ram = ram_of(server, facts.host)
    demand = demand_of(server)
    larger = 2 * pool
    total = demand.of(number(server, "max_connections")) + pool
    fits = ram is not None and total <= MEMORY_SHARE * ram
    memory = f"{amounts.size(pool)} more; the server's peak becomes {amounts.size(total)}" + (
        f" of {amounts.size(ram)}" if ram else ""
    )
    return Found(
        evidence=evidence,
        fix=f"Make the buffer pool {amounts.size(larger)}."
        if fits
        else f"The buffer pool is too small for the data. Doubling it would make the server's peak"
        f" {amounts.size(total)}: see that the machine has it (PL311) before you do.",
        changes=set_global(server, "innodb_buffer_pool_size", f"{larger:.0f}", memory=memory) if fits else (),
        numbers={"miss_percent": amounts.share(missed, asked)},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL311",
        title="The server's memory does not fit its max_connections",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "memory"}),
        meaning="When as many connections work as the server admits, its machine swaps, or the kernel ends the server"
        " and with it every transaction that is open.",
        about=about(
            looks_at="The buffers that the server has once (`innodb_buffer_pool_size`, `innodb_log_buffer_size`,"
            " `key_buffer_size`, `query_cache_size`, `aria_pagecache_buffer_size`) plus `max_connections` times those"
            " that each connection may take (`read_buffer_size`, `read_rnd_buffer_size`, `sort_buffer_size`,"
            " `join_buffer_size`, `binlog_cache_size`, `thread_stack` and the smaller of `tmp_table_size` and"
            " `max_heap_table_size`), against the RAM of the server's machine.",
            why="`max_connections` is a promise of memory. Raising it without this sum trades 'Too many connections'"
            " for a server that is killed. The sum is a worst case, and not an upper bound: one statement can take a"
            " join buffer for each join, and several sort buffers.",
            threshold="85 % of the RAM, as mysqltuner has it. It is an error where the connections that there really"
            " were at a time (`Max_used_connections`) are enough for it, else a warning. The RAM is known where the"
            " server runs on the same machine; else the sum is shown, and you compare.",
            suppress="The server has the machine for itself and a limit of its own that is enforced elsewhere, or"
            " your statements are known to use no such buffers.",
        ),
        look=_look,
    ),
    Check(
        id="PL312",
        title="The InnoDB buffer pool is too small for the data",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "memory", "counters"}),
        meaning="Statements wait for the disk, keep their connections longer, and the pools run out sooner.",
        about=about(
            looks_at="`Innodb_buffer_pool_reads` (reads from the disk) against `Innodb_buffer_pool_read_requests`, and"
            " whether the pool has free pages (`Innodb_buffer_pool_pages_free`).",
            why="A statement that reads from the disk takes many times as long as one that does not, and keeps its"
            " connection meanwhile.",
            threshold="More than 1 % of at least a million reads from the disk, in at least a day, with no page free."
            " The 1 % is a rule of thumb; a pool with free pages is not too small whatever it missed.",
            suppress="The data is far larger than any RAM and its disk is fast enough.",
        ),
        look=_look_at_misses,
    ),
)
