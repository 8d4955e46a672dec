"""PL80x: memory that ran out and pools of the running service, since its workers began."""

from collections.abc import Callable

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import AFTER, Check
from plimsoll.checks.facts import Facts, RunningFacts
from plimsoll.checks.running import Worker
from plimsoll.checks.subjects.service_log import by_log_alone, lines_of, nor_in_log
from plimsoll.checks.verdict import Found, Level, Passed, Verdict

MEMORY = frozenset({"running", "memory"})
POOL = frozenset({"running", "pool"})

REFUSALS = ("answered_database-busy", "ended_deadline", "ended_shutdown", "connections_refused")

LIMITS = "'plimsoll limits --pid'"
MEMORY_FIX = (
    "{} shows which limit strikes: where it is the address space, TLS connections and the arenas of threads are what "
    "takes it. A bigger pool makes it worse."
)
TIMEOUT_FIX = (
    "The log names who held the connections at that moment, and the line that took each. Shorten that; then see what "
    "size fits ('plimsoll check --only capacity')."
)
KILL_FIX = (
    "Fewer workers, or a higher limit for the group ({} names it). A worker that took the place of a killed one counts "
    "from its own start only."
)


def workers_of(facts: Facts) -> RunningFacts:
    """Their figures were read, or it is unknown what they would tell."""
    running = facts.running.value
    _ = running.figures.value
    return running


def _total(running: RunningFacts, name: str) -> float:
    return sum(worker.number(name) for worker in running.workers)


def _since(running: RunningFacts) -> str:
    """How long the workers have run, in words."""
    ages = sorted(worker.number("age_s") for worker in running.workers)
    first = duration(ages[0])
    return f"in {first}" if ages[0] == ages[-1] else f"in {first} to {duration(ages[-1])}"


def duration(seconds: float) -> str:
    """In one unit that fits."""
    for unit, length in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _limits(workers: tuple[Worker, ...], name: str) -> str:
    """The command that shows the limits of the worker that has counted most."""
    worst = max(workers, key=lambda worker: worker.number(name))
    return f"'plimsoll limits --pid {worst.pid}' on {worst.host}"


def _memory_errors(facts: Facts) -> Verdict:
    told = by_log_alone(facts.running.value, MEMORY_FIX.format(LIMITS), "memory_errors")
    if told is not None:
        return told
    running = workers_of(facts)
    errors, in_log = _total(running, "memory.errors"), lines_of(running, "memory_errors")
    refused = _total(running, "events.answered_memory-short")
    if not (errors or in_log or refused):
        return Passed(f"none {_since(running)}{nor_in_log(running)}")
    words = [
        *([counted(errors, "MemoryError")] if errors else []),
        *([f"{counted(refused, 'request')} refused for lack of memory"] if refused else []),
        *([in_log] if in_log else []),
    ]
    nearest = next((worker.memory_limit for worker in running.workers if worker.memory_limit), "")
    return Found(
        f"{', '.join(words)} {_since(running)}{f'; nearest limit: {nearest}' if nearest else ''}",
        MEMORY_FIX.format(_limits(running.workers, "memory.errors")),
        level=None if errors or in_log else Level.WARNING,
        numbers={"memory_errors": errors, "refused": refused},
    )


def _timeouts(facts: Facts) -> Verdict:
    told = by_log_alone(facts.running.value, TIMEOUT_FIX, "pool_timeouts")
    if told is not None:
        return told
    running = workers_of(facts)
    timeouts, refused = _total(running, "pool.timeouts"), _total(running, "pool.refused")
    in_log = lines_of(running, "pool_timeouts")
    if not (timeouts or refused or in_log):
        return Passed(f"none {_since(running)}{nor_in_log(running)}")
    words = f"{counted(timeouts, 'request')} waited in vain, {refused:,.0f} refused at once, {_since(running)}"
    return Found(
        f"{words}{f'; {in_log}' if in_log else ''}",
        TIMEOUT_FIX,
        numbers={"timeouts": timeouts, "refused": refused},
    )


def _oom_kills(facts: Facts) -> Verdict:
    told = by_log_alone(facts.running.value, KILL_FIX.format(LIMITS), "oom_kills", "lost_workers")
    if told is not None:
        return told
    running = workers_of(facts)
    since = max((worker.number("memory.oom_kills_since_start") for worker in running.workers), default=0)
    ever = max((worker.number("memory.oom_kills") for worker in running.workers), default=0)
    in_log = lines_of(running, "oom_kills", "lost_workers")
    if not (ever or in_log):
        return Passed(f"none in the workers' control groups{nor_in_log(running)}")
    words = f"{counted(since, 'kill')} since the workers began, {ever:,.0f} in the life of their control group"
    return Found(
        f"{words}{f'; {in_log}' if in_log else ''}",
        KILL_FIX.format(_limits(running.workers, "memory.oom_kills")),
        level=None if since or in_log else Level.WARNING,
        numbers={"oom_kills": ever},
    )


def _connect_failures(facts: Facts) -> Verdict:
    running = workers_of(facts)
    failures = _total(running, "pool.connect_failures")
    if not failures:
        return Passed(f"none {_since(running)}")
    return Found(
        f"{counted(failures, 'attempt')} to connect failed {_since(running)}",
        "The service's log has the server's words: max_connections or the account's limit was reached (PL807, and "
        "'plimsoll check --only capacity'), or the server was away.",
        numbers={"connect_failures": failures},
    )


def _refusals(facts: Facts) -> Verdict:
    running = workers_of(facts)
    counts = {name: count for name in REFUSALS if (count := _total(running, f"events.{name}"))}
    if not counts:
        return Passed(f"none {_since(running)}")
    listed = ", ".join(f"{name.replace('_', ' ', 1)}: {count:,.0f}" for name, count in counts.items())
    return Found(
        f"{listed}, {_since(running)}",
        "Refused quickly is better than served late, and still somebody was not served: see docs/admission.md for what "
        "each means, and what the pages wait for.",
        numbers=counts,
    )


def _check(
    id_: str, title: str, level: Level, tags: frozenset[str], meaning: str, about: str, look: Callable[[Facts], Verdict]
) -> Check:
    return Check(id_, title, level, tags, meaning, about, look, AFTER)


CHECKS: tuple[Check, ...] = (
    _check(
        "PL801",
        "Memory ran out",
        Level.ERROR,
        MEMORY,
        "Requests failed with MemoryError, or were refused so that none would.",
        """\
Counted by the workers since their start: MemoryErrors that came out of handlers, and requests that were refused since
memory was short. With `--log`, lines with MemoryError too, of which one error may write two; lines themselves are
never shown. Of a log longer than 16 MiB its end is read, and of one that an earlier run of `--baseline` saw, what
came after.
""",
        _memory_errors,
    ),
    _check(
        "PL802",
        "Requests waited in vain for a connection",
        Level.ERROR,
        POOL,
        "They were answered 503 after DB_POOL_TIMEOUT, or at once where the line was full.",
        """\
Counted by the pools since the start of the workers. With `--log`, lines that tell of it, also of SQLAlchemy's own
pool.
""",
        _timeouts,
    ),
    _check(
        "PL803",
        "The kernel killed a process for want of memory",
        Level.ERROR,
        MEMORY,
        "A killed worker answers nobody; its requests end in the middle, and its connections stay for a while.",
        """\
The control groups' own counters (`oom_kill` in `memory.events`, with cgroup v1 in `memory.oom_control`), as far as a
memory limit is set there: since each worker began, and in the life of the group. Where kills are older than all workers
it is a warning. With `--log`, lines of the kernel, gunicorn and uvicorn that tell of it.
""",
        _oom_kills,
    ),
    _check(
        "PL804",
        "Connections to the database failed",
        Level.WARNING,
        POOL,
        "Requests of those moments were answered 503.",
        """\
Attempts of the pools to connect that failed since the start of the workers.
""",
        _connect_failures,
    ),
    _check(
        "PL809",
        "Requests were refused or cut short",
        Level.INFO,
        frozenset({"running"}),
        "Somebody was not served, so that others were.",
        """\
Counted by the workers since their start: refused while the database was busy, ended since their time was up or the
process stopped, connections refused for want of room.
""",
        _refusals,
    ),
)
