"""What each limit allows: the server's, the account's, and memory and files on both sides.

Nothing here depends on what the service itself takes at the moment: workers that start one after another, or while
others still run, come to the same answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from plimsoll.capacity.question import Question
from plimsoll.capacity.server_memory import MEMORY_SHARE, ServerMemory, server_memory
from plimsoll.capacity.wording import amount, counted
from plimsoll.host import Limit

SPARE = 1
"""Kept free on the server, where each pool still gets one without it: for `plimsoll migrate` and `check`, and for the
connection by which a pool ends a statement that was given up."""

CONNECTION_SHARE = 0.5
"""Of the memory or the files that a process has beyond its start, connections to the database get at most so much: the
other half is for clients and their requests, which come with them."""

FILES_AT_START = 32
"""Open files of a service that has neither clients nor connections."""

PER_PROCESS = ("RLIMIT_AS", "RLIMIT_DATA")
MACHINE = "/proc/meminfo"
PROMISES = "/proc/meminfo (CommitLimit)"
VIRTUAL = "(lMEM)"
"""How the sources of limits end or are called that are reckoned differently (see `plimsoll.host`)."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Connections that one limit allows to all pools together: in steady running, and while a deployment replaces the
    workers. `each` is what a pool may have so that both fit; 0 where not even one does."""

    name: str
    source: str
    steady: int
    deploying: int
    each: int
    reckoning: str


@dataclass(frozen=True, slots=True)
class Crowd:
    """A limit of processes and threads: so many workers of one host fit under it, old and new together."""

    name: str
    source: str
    workers: int
    reckoning: str


def allowances(question: Question) -> tuple[Allowance, ...]:
    """Every limit that is known, the server's first."""
    return (*_server_limits(question), *_host_limits(question))


def crowds(question: Question) -> tuple[Crowd, ...]:
    """Limits of processes and threads, as far as they are set."""
    each = 1 + question.threads
    found = []
    for limit in question.host.counts if question.host else ():
        if "processes and threads" in limit.name:
            workers = int(limit.limit * MEMORY_SHARE // each)
            reckoning = f"{MEMORY_SHARE:.0%} of {limit.limit}, by 1 + {question.threads} threads a worker"
            found.append(Crowd(limit.name, limit.source, workers, reckoning))
    return tuple(found)


def _server_limits(question: Question) -> Iterator[Allowance]:
    server, others = question.server, question.others
    if server.dialect == "sqlite":
        return
    if server.max_connections is not None and server.max_connections > 0:
        allowed = max(0, server.max_connections - server.reserved_connections - others)
        reckoning = f"{server.max_connections:,} less {server.reserved_connections:,} reserved, {others} of others"
        yield _of_server("max_connections of the server", "server", question, allowed, reckoning)
    account = server.account
    if account is not None and account.max_connections is not None and account.max_connections >= 0:
        name = account.max_connections_source or "the account's own limit"
        reckoning = f"{account.max_connections:,} for the account {account.user}".strip()
        yield _of_server(name, "account", question, account.max_connections, reckoning)
    memory = server_memory(server)
    if isinstance(memory, ServerMemory):
        yield _memory_of_server(memory, question)


def _of_server(name: str, source: str, question: Question, allowed: int, reckoning: str) -> Allowance:
    pools, deploying = question.topology.pools, question.topology.pools_deploying
    each = min(_each(allowed, pools), _each(allowed, deploying))
    return Allowance(name, source, allowed, allowed, each, reckoning)


def _each(allowed: int, pools: int) -> int:
    return (allowed - min(SPARE, max(0, allowed - pools))) // pools


def _memory_of_server(memory: ServerMemory, question: Question) -> Allowance:
    topology, is_local = question.topology, question.server.is_local
    each_worker = question.costs.worker_rss_bytes if is_local else 0

    def allowed(workers: int) -> int:
        return max(0, memory.carries(workers * each_worker) - question.others)

    steady, deploying = allowed(topology.workers), allowed(topology.workers_deploying)
    own = f", less {counted(topology.workers_deploying, 'worker')} of ours on the same machine" if is_local else ""
    return Allowance(
        "memory of the server",
        "server variables",
        steady,
        deploying,
        min(steady // topology.pools, deploying // topology.pools_deploying),
        f"{MEMORY_SHARE:.0%} of {amount(memory.total_bytes)} less {amount(memory.buffers_bytes)} of buffers{own}, by "
        f"{amount(memory.connection_bytes)} a connection at worst; {question.others} of others",
    )


def _host_limits(question: Question) -> Iterator[Allowance]:
    if question.host is None:
        return
    for limit in question.host.memory:
        if limit.limit <= 0 or limit.source == PROMISES:
            continue
        yield _of_process(limit, question) if limit.source in PER_PROCESS else _of_host(limit, question)
    for limit in question.host.counts:
        if limit.source == "RLIMIT_NOFILE":
            yield _of_files(limit, question)


def _of_process(limit: Limit, question: Question) -> Allowance:
    """RLIMIT_AS and RLIMIT_DATA bind each process by itself."""
    costs, reserve = question.costs, question.plan.memory_reserve_bytes
    start = costs.worker_address_space_bytes if limit.source == PER_PROCESS[0] else costs.worker_rss_bytes
    allowed = _by_memory(limit.limit - start - reserve, costs.address_space_bytes)
    reckoning = (
        f"half of {amount(limit.limit)} less {amount(start)} at start and {amount(reserve)} in reserve, "
        f"by {amount(costs.address_space_bytes)} a connection, in each process"
    )
    return _in_processes(limit, question, lambda _: allowed, reckoning, of_host=False)


def _of_host(limit: Limit, question: Question) -> Allowance:
    """A cgroup, an account or the machine: all processes of a host share it."""
    costs, reserve = question.costs, question.plan.memory_reserve_bytes
    virtual = limit.source.endswith(VIRTUAL)
    start = costs.worker_address_space_bytes if virtual else costs.worker_rss_bytes
    each = costs.address_space_bytes if virtual else costs.rss_bytes
    memory = server_memory(question.server)
    here = limit.source == MACHINE and question.server.is_local
    beside = memory.buffers_bytes if here and isinstance(memory, ServerMemory) else 0

    def allowed(workers: int) -> int:
        return _by_memory(limit.limit * MEMORY_SHARE - beside - workers * (start + reserve), each)

    server = f" less {amount(beside)} of the server's buffers" if beside else ""
    workers = question.topology.workers_deploying
    whose = "the worker" if workers == 1 else f"each of {workers} workers"
    kept = f"{amount(start)} and {amount(reserve)} in reserve for {whose}"
    total = f"half of {MEMORY_SHARE:.0%} of {amount(limit.limit)}"
    reckoning = f"{total}{server} less {kept}, by {amount(each)} a connection"
    return _in_processes(limit, question, allowed, reckoning, of_host=True)


def _of_files(limit: Limit, question: Question) -> Allowance:
    allowed = max(0, int((limit.limit - FILES_AT_START) * CONNECTION_SHARE))
    reckoning = f"half of {limit.limit} less {FILES_AT_START} at start, in each process"
    return _in_processes(limit, question, lambda _: allowed, reckoning, of_host=False)


def _by_memory(left_bytes: float, each_bytes: int) -> int:
    return max(0, int(left_bytes * CONNECTION_SHARE // max(1, each_bytes)))


def _in_processes(
    limit: Limit, question: Question, allowed: Callable[[int], int], reckoning: str, *, of_host: bool
) -> Allowance:
    """An allowance of a limit on this side: `allowed` tells it for so many workers on a host, or for any process."""
    topology = question.topology

    def each(workers: int) -> int:
        return allowed(workers) // ((workers if of_host else 1) * topology.engines)

    steady, deploying = each(topology.workers), each(topology.workers_deploying)
    return Allowance(
        limit.name,
        limit.source,
        steady * topology.pools,
        deploying * topology.pools_deploying,
        min(steady, deploying),
        reckoning,
    )
