"""What it comes to in one line, what would change it, and what had to be assumed."""

import math

from plimsoll.capacity.advice import Advice
from plimsoll.capacity.allowances import SPARE, Allowance, allowances, crowds
from plimsoll.capacity.fitting import binding, fits, most_hosts, most_workers, share
from plimsoll.capacity.outlook import Outlook
from plimsoll.capacity.question import Question
from plimsoll.capacity.queueing import Load, connections_for
from plimsoll.capacity.server_memory import MEMORY_SHARE, ServerMemory, server_memory
from plimsoll.capacity.wording import amount, counted, duration
from plimsoll.settings.database import MAX_CONNECTIONS

SHORTEST_HOLD_S = 1e-4
"""Nothing is asked of a server in less, even on the same machine (`docs/capacity.md`: a round trip takes 0.2 ms)."""

HALVINGS = 24
"""Steps of a bisection: exact to a ten-millionth of what it began with."""


def verdict(question: Question, now: Outlook, advice: Advice | None) -> tuple[bool, str]:
    """Whether the deployment fits as it is set, and a line that says so."""
    limit = binding(question)
    if advice is None or not fits(question):
        return False, _too_many(question, limit)
    wanted, deploying = now.demand.steady, now.demand.deploying
    if limit is None:
        return True, f"{wanted:,} wanted, and no limit is known: it cannot be said whether they fit."
    above = [found for found in allowances(question) if wanted > found.steady or deploying > found.deploying]
    if above:
        return False, f"{_above(limit if limit in above else above[0], wanted, deploying)}{_not_carried(advice)}"
    if now.waits is not None and now.waits.utilisation >= 1:
        return False, (
            f"{_fits(now, limit)} But not the load: {now.waits.utilisation * now.waits.connections:.1f} of a pool's "
            f"{now.waits.connections:,} connections would be in use at a time."
        )
    if advice.workers < question.topology.workers and question.cores is not None:
        workers, cores = counted(question.topology.workers, "worker"), counted(question.cores, "core")
        return True, f"{_fits(now, limit)} Yet {workers} share {cores}."
    return True, _fits(now, limit)


def _above(limit: Allowance, wanted: int, deploying: int) -> str:
    if wanted > limit.steady:
        return f"{wanted:,} wanted, {limit.steady:,} allowed: {limit.name} binds."
    return (
        f"{wanted:,} wanted, {limit.steady:,} allowed; while a deployment replaces the workers {deploying:,} wanted, "
        f"{limit.deploying:,} allowed: {limit.name} binds."
    )


def _not_carried(advice: Advice) -> str:
    """Words for a load that is too much for what the limits allow; empty where it is not."""
    load = advice.question.load
    if load is None or (busy := load.spread_over(advice.question.topology.processes).busy) < advice.each:
        return ""
    return (
        f" Nor is the load carried: it keeps {busy:.1f} connections of each pool in use, which may have {advice.each}."
    )


def _fits(now: Outlook, limit: Allowance) -> str:
    demand = now.demand
    beside = f" ({demand.deploying:,} while deploying)" if demand.deploying > demand.steady else ""
    return f"{demand.steady:,} wanted{beside}, {limit.deploying:,} allowed: it fits; {limit.name} would bind first."


def _too_many(question: Question, limit: Allowance | None) -> str:
    topology = question.topology
    together = "old and new together" if topology.pools_deploying > topology.pools else "in all"
    for crowd in crowds(question):
        if crowd.workers < topology.workers_deploying:
            workers = counted(topology.workers_deploying, "worker")
            what = f"{workers} on a host ({together}), {crowd.workers:,} allowed: {crowd.name}"
            return f"Does not fit: {what} binds. {_fewer(question)}"
    assert limit is not None  # what does not fit is kept out by something
    pools = topology.pools_deploying
    want = "1 pool wants a connection" if pools == 1 else f"{pools:,} pools ({together}) want a connection each"
    what = f"{want}, {limit.deploying:,} allowed"
    return f"Does not fit: {what}: {limit.name} binds. {_fewer(question)}"


def _fewer(question: Question) -> str:
    """The largest deployment that fits, in workers or else in hosts."""
    topology = question.topology
    workers = most_workers(question, topology.workers)
    if workers is not None:
        where = f"on each of {topology.hosts:,} hosts" if topology.hosts > 1 else "on this host"
        return f"Fewer workers or hosts: at most {counted(workers, 'worker')} {where}."
    hosts = most_hosts(question, topology.hosts - 1)
    if hosts is not None:
        workers = most_workers(question.with_topology(hosts=hosts), topology.workers)
        assert workers is not None  # one worker on each fits
        return f"Fewer workers or hosts: {counted(hosts, 'host')} with {counted(workers, 'worker')} each would fit."
    alone = most_workers(question.with_topology(hosts=1, overlap_percent=0, engines=1), 1)
    if alone is not None:
        return "Not even one worker fits, unless old ones end before new ones start (DEPLOY_OVERLAP=0) with one engine."
    return "Not even one worker on one host fits: the limit must be raised."


def levers(question: Question, advice: Advice | None) -> tuple[str, ...]:
    """What would change the answer, and how much: each a sentence."""
    limit = binding(question)
    if limit is None or advice is None:
        return ()
    found = advice.question
    now, topology = share(found), found.topology
    lines = []
    if topology.overlap_percent and (then := share(found.with_topology(overlap_percent=0))) > now:
        lines.append(f"DEPLOY_OVERLAP=0, where old workers end before new ones start: each pool may have {then:,}.")
    if topology.workers > 1 and (then := share(found.with_topology(workers=topology.workers // 2))) > now:
        lines.append(f"WEB_CONCURRENCY={topology.workers // 2}: each pool may have {then:,} instead of {now:,}.")
    most = min(now, MAX_CONNECTIONS)
    short = found.load is not None and (advice.needed is None or advice.needed > most)
    if short and (hold_s := _hold_s(found, most)) is not None:
        lines.append(f"Connections held for {duration(hold_s)} on average: with {most} a pool, that carries the load.")
    if wanted := _wanted(question, limit, advice, short=short):
        lines.append(_raise(question, limit, wanted))
    return tuple(lines)


def _wanted(question: Question, limit: Allowance, advice: Advice, *, short: bool) -> int:
    """Connections while deploying for which the limit would have to be raised: those of the load, where it is known,
    else those of the settings; 0 where it need not be."""
    if question.load is not None:
        return (advice.needed or 0) * advice.question.topology.pools_deploying if short else 0
    wanted = question.topology.pools_deploying * question.plan.most
    return wanted if wanted > limit.deploying and not question.plan.is_auto else 0


def _hold_s(question: Question, each: int) -> float | None:
    """The longest hold in seconds at which pools of `each` keep their waits; None where there is none below a
    millisecond's tenth, which no statement keeps to."""
    load = question.load
    assert load is not None

    def carried(hold_s: float) -> bool:
        pool = Load(load.arrivals_per_s, hold_s).spread_over(question.topology.processes)
        # What they cannot carry is not searched through: the number that could may be large.
        return pool.busy < each and (connections_for(pool, question.plan.wait_s) or math.inf) <= each

    low, high = SHORTEST_HOLD_S, load.hold_s
    if high <= low or not carried(low):
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if carried(middle) else (low, middle)
    return low


def _raise(question: Question, limit: Allowance, wanted: int) -> str:
    """What it would take to have as many as are wanted, and the one that is kept free."""
    why = "the load" if question.load is not None else "the pools as they are set"
    if limit.source == "account":
        total = wanted + SPARE
        return f"{total:,} for the account, for {why}: only who runs the server can grant that ({limit.name})."
    if limit.source != "server":
        return f"More of {limit.name}, for the {wanted:,} that {why} would take while deploying ({limit.reckoning})."
    total = wanted + SPARE + question.others + question.server.reserved_connections
    memory = server_memory(question.server)
    if not isinstance(memory, ServerMemory):
        return f"max_connections={total} would admit {why}. Look at the server's memory first: {memory}"
    needed, allowed = memory.needed(total), memory.total_bytes * MEMORY_SHARE
    judged = "fits" if needed <= allowed else "does not fit: do not"
    return (
        f"max_connections={total} would admit {why}, and take {amount(needed)} of the server's memory at worst, where "
        f"{amount(allowed)} may be promised: that {judged}."
    )


def assumptions(question: Question) -> tuple[str, ...]:
    """What was not known, and what was taken in its place: each a sentence."""
    server, topology, costs = question.server, question.topology, question.costs
    lines = []
    if server.dialect != "sqlite":
        lines += _of_server(question)
    if question.host is None:
        lines.append("The limits of the host are not known: memory, files and processes of the service set no limit.")
    else:
        lines.append("Every host is as this one is, and the service has the limits that this command has.")
    if topology.engines > 1 and question.load is not None:
        lines.append(f"Each request uses the first of the {topology.engines} engines.")
    lines.append(
        f"A connection takes {amount(costs.rss_bytes)} in the process, and {amount(costs.address_space_bytes)} of its "
        f"address space ({costs.source}); a worker {amount(costs.worker_rss_bytes)} at its start."
    )
    if question.load is not None:
        lines.append("Requests come at random and hold a connection for times that vary: bursts wait longer than this.")
    return tuple(lines)


def _of_server(question: Question) -> list[str]:
    server, lines = question.server, []
    if server.max_connections is None:
        lines.append("The server's max_connections is not known: it sets no limit here.")
    if server.account is None:
        lines.append("Whether the account has a limit of its own is not known: it sets none here.")
    lines.append(f"{counted(question.others, 'connection')} of others: {_others(question)}.")
    memory = server_memory(server)
    if not isinstance(memory, ServerMemory):
        lines.append(f"{memory} It sets no limit here.")
    if server.in_between:
        lines.append(f"{server.in_between} is between: its own limits are not in this reckoning.")
    return lines


def _others(question: Question) -> str:
    declared = question.topology.other_connections
    if question.others > declared:
        return "so many are open now, more than DEPLOY_OTHER_CONNECTIONS declares"
    return "as DEPLOY_OTHER_CONNECTIONS declares; they come with accounts of their own"
