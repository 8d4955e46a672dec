"""Why a setting should have its value, in plain words, and what another one would change."""

from dataclasses import dataclass

from plimsoll.capacity.allowances import SPARE, Allowance
from plimsoll.capacity.fitting import SQLITE_POOL, TIMEOUT_SHARE, binding, idle_limit, share, what_binds
from plimsoll.capacity.question import Question
from plimsoll.capacity.wording import amount, counted, duration, plain
from plimsoll.settings.topology import MOST_WORKERS

ALONE = " With one, a request that asks for a second connection while it holds the first waits for itself."

NO_LOAD = "without --arrival-rate and --hold-ms nothing says whether less would do or more is needed"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One setting: its value as text to paste, what it is now, why, and what another value would change."""

    name: str
    value: str
    now: str
    reason: str
    change: str


def size_words(question: Question, size: int, needed: int | None = None) -> Recommendation:
    """The size of a pool; `needed` is what the load asks for, if one is known."""
    plan, topology = question.plan, question.topology
    return Recommendation(
        "DB_POOL_SIZE",
        str(size),
        "auto" if plan.is_auto else str(plan.pool_size),
        _size_reason(question, size, needed) + (ALONE if size == 1 else ""),
        f"One more is {topology.pools_deploying:,} more on the server during a deployment, and "
        f"{amount(question.costs.rss_bytes * topology.engines)} more in each process.",
    )


def _size_reason(question: Question, size: int, needed: int | None) -> str:
    if question.server.dialect == "sqlite":
        return f"SQLite: one connection writes at a time, and more than {SQLITE_POOL} that read gain nothing."
    if question.load is not None and needed is not None and size == needed:
        return f"the load needs {needed} a pool, so that 99 of 100 wait at most {duration(question.plan.wait_s)}."
    limit = binding(question)
    if limit is None or size < limit.each or (size == question.plan.pool_size and question.load is None):
        if question.plan.is_auto:
            may = f"; {limit.name} would allow {limit.each:,}" if limit is not None else ""
            return f"no more is taken without a known load{may}."
        return f"as it is: it fits, and {NO_LOAD}."
    wants = f"the load needs {needed} a pool, and " if needed else ""
    return f"{wants}{_shared_out(question, limit)}, so each may have {limit.each:,} in all."


def _shared_out(question: Question, limit: Allowance) -> str:
    pools = question.topology.pools_deploying
    who = f"{pools:,} pools, old and new workers together" if pools > question.topology.pools else f"{pools:,} pools"
    spared = limit.source in ("server", "account") and limit.deploying > pools
    kept = f", and {SPARE} is kept free" if spared else ""
    return f"{limit.deploying:,} ({limit.name}) are for {who if pools > 1 else 'one pool'}{kept}"


def overflow_words(question: Question, size: int, overflow: int) -> Recommendation:
    """The overflow of a pool."""
    plan, limit = question.plan, binding(question)
    if question.server.dialect == "sqlite":
        reason = "SQLite: nothing is gained by more."
    elif limit is not None and size + overflow == limit.each and (question.load or overflow < plan.max_overflow):
        reason = f"what is left of the {limit.each:,} that each pool may have ({limit.name})."
    elif question.load is not None:
        reason = "as much again, for a peak of twice the load."
    else:
        reason = "as it is: it fits."
    return Recommendation(
        "DB_MAX_OVERFLOW",
        str(overflow),
        "auto" if plan.is_auto else str(plan.max_overflow),
        reason,
        "As for the size, at a peak only: what idles is closed after DB_POOL_IDLE_TIMEOUT.",
    )


def timeout_words(question: Question, timeout_s: float) -> Recommendation:
    """The longest wait for a connection."""
    plan = question.plan
    if timeout_s == plan.timeout_s:
        reason = "as it is."
        if plan.request_timeout_s:
            reason = f"as it is: at most half of a request's time (REQUEST_TIMEOUT={plain(plan.request_timeout_s)})."
    elif question.load is not None and timeout_s < int(plan.request_timeout_s * TIMEOUT_SHARE or timeout_s + 1):
        reason = (
            f"a full line (DB_POOL_MAX_WAITING={plan.max_waiting}) passes in less: a longer wait is for something "
            "that stands still."
        )
    else:
        reason = (
            f"half of a request's time (REQUEST_TIMEOUT={plain(plan.request_timeout_s)}): after a wait of "
            f"{plain(plan.timeout_s)} s there would be little left for the work."
        )
    return Recommendation(
        "DB_POOL_TIMEOUT",
        plain(timeout_s),
        plain(plan.timeout_s),
        reason,
        "Less: who finds no connection is refused sooner. More: longer waits, and nobody more is served.",
    )


def recycle_words(question: Question, recycle_s: float) -> Recommendation:
    """The age at which a connection is replaced."""
    limit = idle_limit(question)
    if limit is None:
        reason = "as it is: no limit for idle connections is known."
    elif recycle_s == question.plan.recycle_s:
        reason = f"as it is: below {limit[1]} of {plain(limit[0])} s."
    else:
        reason = f"nine tenths of {limit[1]} of {plain(limit[0])} s, or 280: after the limit what idles is closed."
    return Recommendation(
        "DB_POOL_RECYCLE",
        plain(recycle_s),
        plain(question.plan.recycle_s),
        reason,
        "Less: more connects. Above the limit of the server, or of a proxy between: requests meet closed connections.",
    )


def worker_words(question: Question, workers: int, declared: int) -> Recommendation:
    """The workers on a host."""
    if workers == declared:
        reason = "as it is: its connections, memory and processes fit."
    elif question.cores is not None and workers == question.cores:
        cores = counted(question.cores, "core")
        reason = f"the host has {cores}: more workers take memory and connections and are no faster."
    else:
        reason = f"more do not fit ({what_binds(question.with_topology(workers=workers + 1))})."
    return Recommendation(
        "WEB_CONCURRENCY",
        str(workers),
        str(declared),
        reason,
        f"One more takes {amount(question.costs.worker_rss_bytes)}{_then(question, workers)}.",
    )


def _then(question: Question, workers: int) -> str:
    """What each pool may have with one worker more."""
    if workers == MOST_WORKERS or binding(question) is None:
        return ""
    now, then = (share(question.with_topology(workers=count)) for count in (workers, workers + 1))
    if now == then:
        return ""
    return f", and each pool may then have {then:,} instead of {now:,}"
