"""One way to set the pools, and what it comes to: connections, memory on both sides, waits."""

from dataclasses import dataclass

from plimsoll.capacity.question import Question
from plimsoll.capacity.queueing import Waits, waits
from plimsoll.capacity.server_memory import MEMORY_SHARE, ServerMemory, server_memory
from plimsoll.capacity.wording import counted
from plimsoll.settings.topology import TopologySettings

MOST_CORES = 4096
"""A greater number is no count of cores."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Connections that pools of `each` may ask for, all together: in steady running, and while a deployment replaces
    the workers."""

    each: int
    pools: int
    pools_deploying: int

    @property
    def steady(self) -> int:
        """In steady running."""
        return self.each * self.pools

    @property
    def deploying(self) -> int:
        """With old and new workers together."""
        return self.each * self.pools_deploying


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes with every connection open and a deployment under way. On our side without requests and clients: RSS of all
    workers of a host, and the address space of one process. On the server's: at worst, when each connection does all it
    may at once, and while they idle; with the connections of others. None where it is not known."""

    host_rss_bytes: int
    process_address_space_bytes: int
    server_worst_bytes: int | None
    server_allowed_bytes: int | None
    server_idle_bytes: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """Pools of one size, and what follows. `waits` is of one pool; None where no load is given."""

    demand: Demand
    memory: Memory
    waits: Waits | None


def demand_of(topology: TopologySettings, each: int) -> Demand:
    """What pools of `each` connections ask for in a topology."""
    return Demand(each, topology.pools, topology.pools_deploying)


def outlook(question: Question, each: int) -> Outlook:
    """What pools of `each` connections come to."""
    load = question.load
    return Outlook(
        demand=(demand := demand_of(question.topology, each)),
        memory=_memory(question, demand),
        waits=waits(load.spread_over(question.topology.processes), each) if load is not None else None,
    )


def _memory(question: Question, demand: Demand) -> Memory:
    topology, costs = question.topology, question.costs
    of_process = demand.each * topology.engines
    connections = demand.deploying + question.others
    server = server_memory(question.server)
    idle = costs.server_idle_bytes
    return Memory(
        host_rss_bytes=topology.workers_deploying * (costs.worker_rss_bytes + of_process * costs.rss_bytes),
        process_address_space_bytes=costs.worker_address_space_bytes + of_process * costs.address_space_bytes,
        server_worst_bytes=server.needed(connections) if isinstance(server, ServerMemory) else None,
        server_allowed_bytes=int(server.total_bytes * MEMORY_SHARE) if isinstance(server, ServerMemory) else None,
        server_idle_bytes=connections * idle if idle is not None else None,
    )


def useful_at_once(question: Question) -> tuple[int, str] | None:
    """How many connections the server can work on at once, and how that is known; None where its cores are not.

    Twice the cores and one for each disk (HikariCP, "About Pool Sizing"). It is a ceiling of use, not of need: beyond
    it queries get no faster, but a connection that is held while nothing runs on it takes no core.
    """
    cores, source = _server_cores(question)
    return None if cores is None else (2 * cores + 1, f"2 x {counted(cores, 'core')} ({source}) and a disk")


def _server_cores(question: Question) -> tuple[int | None, str]:
    server = question.server
    if server.dialect == "sqlite":
        return None, ""
    if server.is_local:
        return question.cores, "of this machine"
    threads = server.number("thread_pool_size") if server.flavour == "mariadb" else None
    if threads is not None and 1 <= threads <= MOST_CORES:
        return int(threads), "thread_pool_size, which MariaDB sets to its cores"
    return None, ""
