"""PL605, PL901, PL903: memory, and what is tried against a MemoryError that makes it worse."""

from collections.abc import Iterator

from plimsoll.capacity import Allowance, Question, budget
from plimsoll.capacity.costs import KIB, TLS_ADDRESS_SPACE_KIB
from plimsoll.capacity.wording import amount, counted
from plimsoll.checks.check import Check
from plimsoll.checks.env_lines import env_line
from plimsoll.checks.facts import Facts
from plimsoll.checks.load_line import of_this_host, question_of
from plimsoll.checks.subjects.host_limits import ADDRESS_SPACE, FILES, HERE, the_limit, unknown, workers_of
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict

MEMORY = frozenset({"memory", "limits"})
CLASSIC = frozenset({"memory", "classic"})


def _of_memory(question: Question) -> tuple[Allowance, ...]:
    """Allowances of memory on our side, but for the address space, which is PL903's question."""
    return tuple(
        allowance
        for allowance in of_this_host(budget(question).allowances)
        if allowance.source not in (ADDRESS_SPACE, FILES)
    )


def _unread(facts: Facts) -> CouldNot | None:
    host = facts.host.value
    if host.unreadable:
        return CouldNot(f"not every limit of memory could be read: {', '.join(host.unreadable)}")
    return None


def _workers(facts: Facts) -> Verdict:
    if (cannot := _unread(facts)) is not None:
        return cannot
    question = question_of(facts, needs_server=False)
    found, topology = _of_memory(question), facts.topology.value
    if not found:
        return Passed("no limit of memory was found")
    nearest = found[0]
    told = f"{nearest.name}: {nearest.reckoning} ({nearest.source})"
    if nearest.each >= 1:
        return Passed(f"{counted(topology.workers, 'worker fits', 'workers fit')}; nearest is the {told}")
    fit = next((n for n in range(topology.workers - 1, 0, -1) if _fits(question, n)), None)
    risk = "Fewer requests at once; async handlers rarely need more workers than cores."
    return Found(
        f"nothing is left for connections and requests beside {workers_of(topology)}. {told}, {HERE}",
        f"Run {counted(fit, 'worker')}."
        if fit
        else "Not even one worker fits: more memory, or DEPLOY_OVERLAP=0 where old ones end first.",
        (env_line(topology, "WEB_CONCURRENCY", fit, risk=risk, memory=_reckoning(question, fit)),) if fit else (),
        level=Level.ERROR,
        numbers={"workers": topology.workers, "fit": fit or 0},
    )


def _reckoning(question: Question, workers: int) -> str:
    """The sum of the nearest limit with so many workers."""
    found = _of_memory(question.with_topology(workers=workers))
    return found[0].reckoning if found else ""


def _fits(question: Question, workers: int) -> bool:
    found = _of_memory(question.with_topology(workers=workers))
    return not found or found[0].each >= 1


def _pool(facts: Facts) -> Verdict:
    if (cannot := _unread(facts)) is not None:
        return cannot
    question = question_of(facts, needs_server=False)
    plan, costs = question.plan, question.costs
    found = _of_memory(question)
    cost = (
        f"{amount(costs.rss_bytes)} of memory and {amount(costs.address_space_bytes)} of address space ({costs.source})"
    )
    if not found:
        return Passed(f"no limit of memory was found; a connection takes {cost}")
    nearest = found[0]
    told = f"{nearest.name}: {nearest.reckoning} ({nearest.source})"
    if plan.is_auto:
        return Passed(f"DB_POOL_SIZE=auto keeps to what fits; nearest is the {told}")
    if plan.most <= nearest.each:
        return Passed(f"{counted(plan.most, 'connection')} a pool, room for {nearest.each:,}; nearest is the {told}")
    if nearest.each < 1:
        return NotApplicable("the workers by themselves leave no memory (PL605)")
    overflow = min(plan.max_overflow, nearest.each // 4)
    settings = facts.settings.value
    risk = "At a peak requests wait longer for a connection, in a line that is bounded (DB_POOL_MAX_WAITING)."
    memory = f"{nearest.each:,} x {amount(costs.rss_bytes)} = {amount(nearest.each * costs.rss_bytes)} a pool"
    return Found(
        f"a pool may open {counted(plan.most, 'connection')} ({plan.pool_size} + {plan.max_overflow}), and memory "
        f"allows {nearest.each:,}: {told}, {HERE}. Each takes {cost}",
        f"Make the pool smaller, not larger: {nearest.each:,} in all. Its use is said by 'plimsoll limits'.",
        (
            env_line(settings, "DB_POOL_SIZE", nearest.each - overflow, risk=risk, memory=memory),
            env_line(settings, "DB_MAX_OVERFLOW", overflow, risk=risk, memory=memory),
        ),
        numbers={"most": plan.most, "fit": nearest.each},
    )


def _address_space(facts: Facts) -> Verdict:
    host = facts.host.value
    if (cannot := unknown(host, ADDRESS_SPACE)) is not None:
        return cannot
    limit = the_limit(host, ADDRESS_SPACE)
    if limit is None:
        return Passed("the address space is not limited (RLIMIT_AS)")
    tls = limit.left // (TLS_ADDRESS_SPACE_KIB * KIB)
    in_use = f"{amount(limit.used)} of address space are in use, of which {amount(host.rss_bytes)} are memory"
    left = f"What is left is enough for {counted(tls, 'TLS connection')} of {TLS_ADDRESS_SPACE_KIB} KiB"
    told = f"RLIMIT_AS is {amount(limit.limit)}: {in_use}. {left}"
    room = _room(facts)
    short = room is not None and room[0] < room[1]
    if room:
        told += f"; a pool may open {counted(room[1], 'connection')}, and there is room for {room[0]} beside clients"
    return Found(
        f"{told} ({HERE})",
        "Take the limit away, and limit memory itself: systemd's MemoryMax=, or a container's limit. Where a hoster "
        "sets it: TLS ended by the web server (PL911), MALLOC_ARENA_MAX=1 (PL601), and pools that fit.",
        tuple(_lift(facts, limit.limit, room[0] if room is not None and short else 0)),
        level=Level.ERROR if short else None,
        numbers={"limit_bytes": limit.limit, "left_bytes": limit.left},
    )


def _room(facts: Facts) -> tuple[int, int] | None:
    """Connections that fit the address space, and those that a pool may open; None where the settings are not known or
    leave the number to start-up."""
    if not (facts.settings.known and facts.service.known and facts.topology.known):
        return None
    question = question_of(facts, needs_server=False)
    allowance = next((one for one in budget(question).allowances if one.source == ADDRESS_SPACE), None)
    return None if allowance is None or question.plan.is_auto else (allowance.each, question.plan.most)


def _lift(facts: Facts, limit_bytes: int, each: int) -> Iterator[Change]:
    """The limit taken away; and where `each` connections fit, but not all, the pool for where it must stay."""
    yield Change(
        "shell",
        "ulimit -v unlimited",
        undo=f"ulimit -v {limit_bytes // KIB}",
        name=ADDRESS_SPACE,
        value="unlimited",
        old=str(limit_bytes),
        privilege="root, where the hard limit (ulimit -Hv) is set too",
        risk="Set a limit of memory first (MemoryMax=), so that something still ends a process that grows.",
    )
    if each >= 1:
        settings = facts.settings.value
        yield env_line(settings, "DB_POOL_SIZE", each - each // 4, risk="For where the limit must stay.")
        yield env_line(settings, "DB_MAX_OVERFLOW", each // 4, risk="For where the limit must stay.")


CHECKS: tuple[Check, ...] = (
    Check(
        "PL605",
        "The workers do not fit the memory",
        Level.WARNING,
        MEMORY,
        "The kernel kills a worker under load, without a word, or an allocation fails.",
        """\
`WEB_CONCURRENCY` processes, also while a deployment replaces them, against the memory of the cgroup, of the account
and of the machine: whichever leaves the least.

Each worker is a whole Python with the application in it. What they leave is what connections, requests and clients
live on; where nothing is left, the first busy minute ends one of them.

Threshold: the memory of this process after it imported the application, at least 96 MiB a worker; 85 % of the limit
may be promised; `MEMORY_RESERVE` is kept free in each. `plimsoll capacity` has the reckoning.

Suppress it where the service runs under another limit than this command does.
""",
        _workers,
    ),
    Check(
        "PL901",
        "The pool is larger than its memory",
        Level.WARNING,
        CLASSIC,
        "A larger pool is the usual answer to a MemoryError, and makes it come sooner: each connection takes memory, "
        "and so does the request that uses it.",
        """\
`DB_POOL_SIZE` + `DB_MAX_OVERFLOW` by what a connection of this driver costs, with or without TLS, against half of the
memory that is left beside the workers: the other half is for clients and requests.

Requests that wait for a connection look like a pool that is too small, and the log says so. If the cause is memory,
slow queries or connections that are never returned, more of them make it worse. One service went from 10 to 20
connections and then, under the same error, down to 2: neither was the cause. TLS that ended in the process, under a
limit of address space, was.

Threshold: measured costs: aiomysql 7 KiB and 297 KiB with TLS, asyncmy 267 and 554 KiB; `plimsoll capacity --measure`
measures yours. Address space has a check of its own (PL903).

Suppress it where the service runs under another limit than this command does.
""",
        _pool,
    ),
    Check(
        "PL903",
        "A limit of address space stands in for a limit of memory",
        Level.WARNING,
        CLASSIC | {"limits"},
        "MemoryErrors while most of the memory is free: what is reserved counts, whether it is used or not.",
        """\
RLIMIT_AS (`ulimit -v`) of this process, what of it is in use and how much of that is memory.

An address is not memory. Threads reserve 64 MiB of addresses each, libraries are mapped, and a TLS connection takes
300 KiB. Measured: with 40 MiB left, MemoryErrors began at about 130 TLS connections, while resident memory was far
below any limit. The error is raised wherever the next allocation happens to be, such as in the TLS code, which then
gets the blame.

Threshold: that it is set at all. Where fewer connections fit than the pool may open it is an error.

Suppress it where a hoster sets it and it is known to be wide enough.
""",
        _address_space,
    ),
)
