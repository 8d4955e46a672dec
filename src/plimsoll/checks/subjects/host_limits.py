"""PL601 to PL604: limits of the process and the account against what the settings let in."""

from plimsoll.capacity.allowances import FILES_AT_START, crowds
from plimsoll.capacity.question import THREADS
from plimsoll.capacity.wording import counted
from plimsoll.checks.check import Check
from plimsoll.checks.env_lines import env_line
from plimsoll.checks.facts import Facts
from plimsoll.checks.load_line import plan_of, question_of
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict
from plimsoll.host import Limit, Survey
from plimsoll.settings.topology import TopologySettings

TAGS = frozenset({"host", "limits"})
MIB = 1 << 20

ADDRESS_SPACE = "RLIMIT_AS"
FILES = "RLIMIT_NOFILE"
ENTRY_PROCESSES = "(lEP)"
"""How `plimsoll.host` names where it read them; the last by its end."""

MUCH = 0.25
"""Arenas that may take more than this part of the address space that is left crowd out what it is for."""

FILES_SPARE = 2
"""How many times the need is proposed: descriptors cost nothing until they are used."""

HERE = "as this command sees it; a service that is started in another way may have other limits"


def the_limit(host: Survey, source: str) -> Limit | None:
    """The limit that was read at `source`; None where it is not set."""
    return next((limit for limit in (*host.memory, *host.counts) if limit.source == source), None)


def unknown(host: Survey, source: str) -> CouldNot | None:
    """Why it cannot be told whether a resource limit is set; None where it can."""
    if the_limit(host, source) is not None or source in host.unlimited:
        return None
    why = "; ".join((*host.unreadable, *host.notes)) or "the host did not tell"
    return CouldNot(f"{source} could not be read: {why}", "Run the check on the host and as the user of the service.")


def _arenas(facts: Facts) -> Verdict:
    host = facts.host.value
    if (cannot := unknown(host, ADDRESS_SPACE)) is not None:
        return cannot
    limit = the_limit(host, ADDRESS_SPACE)
    if limit is None:
        return NotApplicable("the address space is not limited (RLIMIT_AS)")
    arenas = facts.arenas.value
    taken = arenas.bytes_for(THREADS)
    if taken <= limit.left * MUCH:
        return Passed(
            f"{THREADS} threads may reserve {taken / MIB:.0f} MiB for arenas ({arenas.source}), "
            f"of {limit.left / MIB:.0f} MiB of address space that are left"
        )
    reserved = f"{taken / MIB:.0f} MiB of address space for arenas ({arenas.most} of 64 MiB by {arenas.source})"
    left = f"{limit.left / MIB:.0f} MiB of {limit.limit / MIB:.0f} MiB are left (RLIMIT_AS)"
    return Found(
        f"{THREADS} more threads may reserve {reserved}; {left}, {HERE}",
        "Give malloc one arena. It must stand in the environment before Python starts: systemd's Environment= or "
        "EnvironmentFile=, the start script, or cPanel's variables. A line that the program itself reads from .env "
        "comes too late.",
        (
            Change(
                "shell",
                "export MALLOC_ARENA_MAX=1",
                undo="unset MALLOC_ARENA_MAX",
                name="MALLOC_ARENA_MAX",
                value="1",
                old=facts.environ.get("MALLOC_ARENA_MAX", ""),
                risk="Threads wait for each other when they allocate; an asyncio service has one that does.",
                memory=f"saves {taken / MIB:.0f} MiB of address space",
            ),
        ),
        level=Level.ERROR if taken > limit.left else None,
        numbers={"arena_bytes": taken, "left_bytes": limit.left},
    )


def _files(facts: Facts) -> Verdict:
    host = facts.host.value
    if (cannot := unknown(host, FILES)) is not None:
        return cannot
    limit = the_limit(host, FILES)
    if limit is None:
        return Passed("open files are not limited (RLIMIT_NOFILE)")
    settings, service, topology = facts.settings.value, facts.service.value, facts.topology.value
    pool = topology.engines * plan_of(facts).most
    # Whoever uses a connection or waits for one came over a socket of his own.
    clients = service.max_client_connections or topology.engines * plan_of(facts).most + settings.pool_max_waiting
    needed = FILES_AT_START + pool + clients
    told = "MAX_CLIENT_CONNECTIONS" if service.max_client_connections else "pool and DB_POOL_MAX_WAITING"
    parts = f"{FILES_AT_START} at start + {counted(pool, 'connection')} + {counted(clients, 'client')} ({told})"
    sum_ = f"{parts} = {needed:,} files a process"
    if needed <= limit.limit:
        return Passed(f"{sum_}, of {limit.limit:,} (RLIMIT_NOFILE)")
    proposed = FILES_SPARE * needed
    return Found(
        f"{sum_}; {limit.limit:,} are allowed (RLIMIT_NOFILE), {HERE}",
        f"Raise the limit where the service is started. With systemd: LimitNOFILE={proposed} under [Service].",
        (
            Change(
                "shell",
                f"ulimit -n {proposed}",
                undo=f"ulimit -n {limit.limit}",
                name=FILES,
                value=str(proposed),
                old=str(limit.limit),
                privilege="root, where the hard limit (ulimit -Hn) is lower",
            ),
        ),
        level=Level.ERROR,
        numbers={"needed": needed, "limit": limit.limit},
    )


def _threads(facts: Facts) -> Verdict:
    host, topology = facts.host.value, facts.topology.value
    if host.unreadable:
        return CouldNot(f"not every limit could be read: {', '.join(host.unreadable)}")
    question = question_of(facts, needs_server=False)
    found = crowds(question)
    if not found:
        return Passed("processes and threads are not limited here")
    crowd = min(found, key=lambda crowd: crowd.workers)
    workers = topology.workers_deploying
    sum_ = f"{workers_of(topology)}, room for {crowd.workers}: {crowd.reckoning}"
    if workers <= crowd.workers:
        return Passed(f"{sum_} ({crowd.source})")
    fit = next((n for n in range(topology.workers, 0, -1) if _deploying(topology, n) <= crowd.workers), 0)
    risk = "Fewer requests at once; async handlers rarely need more workers than cores."
    return Found(
        f"{sum_} ({crowd.source}), {HERE}",
        f"Run {counted(fit, 'worker')}, or have the limit raised."
        if fit
        else "Not even one worker fits: have the limit raised, or say DEPLOY_OVERLAP=0 where old ones end first.",
        (env_line(topology, "WEB_CONCURRENCY", fit, risk=risk),) if 1 <= fit < topology.workers else (),
        level=Level.ERROR if crowd.workers < 1 else None,
        numbers={"workers": workers, "fit": crowd.workers},
    )


def workers_of(topology: TopologySettings) -> str:
    """The workers of a host, with those beside them while a deployment replaces them."""
    workers, deploying = topology.workers, topology.workers_deploying
    beside = (
        f" ({deploying} while a deployment replaces {'it' if workers == 1 else 'them'})" if deploying > workers else ""
    )
    return f"{counted(workers, 'worker')}{beside}"


def _deploying(topology: TopologySettings, workers: int) -> int:
    return topology.model_copy(update={"workers": workers}).workers_deploying


def _entries(facts: Facts) -> Verdict:
    host, settings, topology = facts.host.value, facts.settings.value, facts.topology.value
    limit = next((limit for limit in host.counts if limit.source.endswith(ENTRY_PROCESSES)), None)
    if limit is None:
        hidden = [note for note in host.notes if "CloudLinux" in note]
        if hidden:
            return CouldNot(hidden[0], "cPanel's page 'Resource Usage' shows the account's limits.")
        return NotApplicable("no limit of entry processes (CloudLinux) shows here")
    connections = topology.workers * topology.engines * plan_of(facts).most
    struck = f" It has struck {counted(limit.struck, 'time')}." if limit.struck else ""
    if connections <= limit.limit:
        wanted, allowed = counted(connections, "connection"), counted(limit.limit, "request")
        return Passed(f"{wanted} of all workers, {allowed} at once.{struck}")
    each = limit.limit // (topology.workers * topology.engines)
    changes = (
        (
            env_line(settings, "DB_POOL_SIZE", max(1, each - each // 4)),
            env_line(settings, "DB_MAX_OVERFLOW", each // 4),
        )
        if each
        else ()
    )
    allowed = f"the account may have {counted(limit.limit, 'request')} at once ({limit.source})"
    workers, engines = counted(topology.workers, "worker"), counted(topology.engines, "engine")
    wanted = f"{counted(connections, 'connection')} ({workers} x {engines} x {plan_of(facts).most})"
    return Found(
        f"{allowed}, and the pools {wanted}.{struck} {limit.note}",
        f"More than {counted(limit.limit, 'connection')} are never used: let each pool have {max(1, each)}.",
        changes,
        numbers={"connections": connections, "entry_processes": limit.limit},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL601",
        "Threads may take the address space that is left",
        Level.WARNING,
        TAGS | {"memory"},
        "A MemoryError although almost no memory is in use: each thread reserves 64 MiB of address space to allocate "
        "from.",
        """\
Where RLIMIT_AS (`ulimit -v`) is set: the arenas that glibc's malloc reserves for 40 more threads, against the address
space that is left.

An arena is a reservation and hardly memory, yet RLIMIT_AS counts it. A service that was fine for weeks fails on the
day on which forty plain `def` handlers run at once, and resident memory shows nothing.

Threshold: 64 MiB an arena, 8 arenas a core (glibc, mallopt(3)); 40 threads are AnyIO's default for `def` handlers.
More than a quarter of what is left is a finding, more than all of it an error. Measured here: four threads took their
256 MiB, and none of it with `MALLOC_ARENA_MAX=1`.

Suppress it where no `def` handler and no thread allocates: all is async.
""",
        _arenas,
    ),
    Check(
        "PL602",
        "There are fewer open files than connections",
        Level.WARNING,
        TAGS,
        "accept, open and connect fail with 'Too many open files', for clients and the database alike.",
        """\
RLIMIT_NOFILE against the connections of all pools of a process, its clients, and 32 for the rest. Clients are
`MAX_CLIENT_CONNECTIONS`, or else as many as may use or wait for a connection.

A socket is a file. The service stops to accept clients when files run out, and the pool cannot open a connection just
when many are asked for.

Threshold: the sum itself, with the 32 that `plimsoll capacity` reckons with too.

Suppress it where the service is started with another limit than this command has.
""",
        _files,
    ),
    Check(
        "PL603",
        "Workers may need more threads than are allowed",
        Level.WARNING,
        TAGS,
        "Starting a worker fails with 'Resource temporarily unavailable', a plain def handler with 'can't start new "
        "thread'.",
        """\
RLIMIT_NPROC, `pids.max` of the cgroups and NPROC of a CloudLinux account, against `WEB_CONCURRENCY` times the threads
that a worker may start.

All of these count threads, and those of everything else that the user runs. With aiosqlite every connection is a
thread too.

Threshold: 1 + 40 threads a worker: AnyIO's default for plain `def` handlers. It is the worst case: where not even the
workers themselves fit, the finding is an error. Shared hosting often allows 100.

Suppress it where all handlers are `async def`.
""",
        _threads,
    ),
    Check(
        "PL604",
        "The pool is larger than the requests that the host lets in",
        Level.WARNING,
        TAGS | {"shared-hosting"},
        "Beyond the limit the web server answers 508 before the request reaches the service, whatever the pool is.",
        """\
The entry processes of a CloudLinux account (`/proc/lve/list`) against the connections of all workers together.

A request that the web server passes on is an entry process, of every site of the account. With 20 of them no more
than 20 connections can be in use at a time; a larger pool changes nothing, and what helps is requests that end
sooner.

Threshold: the limit itself, 20 as a rule. A quarter of what fits is proposed as overflow.

Suppress it where work outside of requests needs the connections.
""",
        _entries,
    ),
)
