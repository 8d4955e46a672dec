"""What a worker is, its pool, its line of requests and its memory."""

from collections.abc import Iterable, Iterator

from plimsoll.metrics.family import Family, Labels, counter, gauge, histogram
from plimsoll.snapshot import LimitView, Snapshot

OTHER = "other"
"""Holders that are no routes: tasks of the application, whose names are without number."""


def _info(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    worker = now.worker
    return (((worker.version, worker.release, "true" if worker.production else "false"), 1),)


def _connections(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    pool = now.pool
    yield ("in_use",), pool.checked_out
    yield ("idle",), pool.idle
    yield ("opening",), pool.opening
    yield ("closing",), pool.closing


def _closed(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    return (((reason,), count) for reason, count in now.pool.closed.items())


def _holders(now: Snapshot) -> dict[str, list[float]]:
    """The ages of what is held, by route."""
    routes = {route.name for route in now.routes}
    ages: dict[str, list[float]] = {}
    for holder in now.holders:
        ages.setdefault(holder.route if holder.route in routes else OTHER, []).append(holder.age_s)
    return ages


def _held(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    return (((route,), len(ages)) for route, ages in _holders(now).items())


def _held_longest(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    return (((route,), max(ages)) for route, ages in _holders(now).items())


def _limits(now: Snapshot) -> Iterator[LimitView]:
    """Each name and unit once: the first is the tightest, as the host's survey lists them."""
    seen = set()
    for limit in now.limits:
        if (limit.name, limit.unit) not in seen:
            seen.add((limit.name, limit.unit))
            yield limit


def _limit(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    return (((limit.name, limit.unit), limit.limit) for limit in _limits(now))


def _limit_used(now: Snapshot) -> Iterable[tuple[Labels, float | None]]:
    return (((limit.name, limit.unit), limit.used) for limit in _limits(now))


def _binding(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    limit = now.memory.binding
    return () if limit is None else (((limit.name,), limit.limit),)


def _binding_used(now: Snapshot) -> Iterable[tuple[Labels, float | None]]:
    limit = now.memory.binding
    return () if limit is None else (((limit.name,), limit.used),)


WORKER = (
    Family(
        "plimsoll_info", "info", "Which Plimsoll and which release this is", ("version", "release", "production"), _info
    ),
    gauge("plimsoll_snapshot_timestamp_seconds", "When these numbers were read", lambda now: now.at_s),
    gauge("plimsoll_worker_start_time_seconds", "When the worker began", lambda now: now.worker.started_s),
    gauge("plimsoll_ready", "1 once start-up is done", lambda now: now.worker.ready),
    gauge("plimsoll_client_connections", "Open sockets of clients", lambda now: now.client_connections),
)

POOL = (
    Family("plimsoll_pool_connections", "gauge", "Connections of the pool", ("state",), _connections),
    gauge("plimsoll_pool_limit_connections", "The most connections the pool may have", lambda now: now.pool.limit),
    gauge("plimsoll_pool_size_connections", "DB_POOL_SIZE: connections that are kept", lambda now: now.pool.size),
    gauge("plimsoll_pool_timeout_seconds", "DB_POOL_TIMEOUT: the longest wait", lambda now: now.pool.timeout_s),
    gauge("plimsoll_pool_waiting", "Who waits for a connection", lambda now: now.pool.waiting),
    gauge("plimsoll_pool_most_taken", "The most places taken at once", lambda now: now.pool.most_taken),
    gauge("plimsoll_pool_most_waiting", "The most that waited at once", lambda now: now.pool.most_waiting),
    counter("plimsoll_pool_checkouts_total", "Connections given out", lambda now: now.pool.checkouts),
    counter("plimsoll_pool_reused_total", "Of these, such as were open already", lambda now: now.pool.reused),
    counter("plimsoll_pool_opened_total", "Connections opened", lambda now: now.pool.opened),
    Family("plimsoll_pool_closed_total", "counter", "Connections closed", ("reason",), _closed),
    counter("plimsoll_pool_timeouts_total", "Waits that ended without a connection", lambda now: now.pool.timeouts),
    counter("plimsoll_pool_refused_total", "Refused at once, without a wait", lambda now: now.pool.refused),
    counter("plimsoll_pool_cancelled_total", "Waits that were given up", lambda now: now.pool.cancelled),
    counter(
        "plimsoll_pool_connect_failures_total",
        "Connects that failed, and requests for one while none is tried since one failed",
        lambda now: now.pool.connect_failures,
    ),
    counter("plimsoll_pool_killed_total", "Statements ended on the server", lambda now: now.pool.killed),
    counter("plimsoll_pool_leaks_total", "Connections held beyond DB_LEAK_THRESHOLD", lambda now: now.pool.leaks),
    counter("plimsoll_pool_lost_total", "Connections dropped without being given back", lambda now: now.pool.lost),
    counter(
        "plimsoll_pool_idle_transactions_total",
        "Transactions idle beyond DB_IDLE_TRANSACTION",
        lambda now: now.pool.idle_transactions,
    ),
    histogram(
        "plimsoll_pool_acquire_seconds", "From asking for a connection to having it", lambda now: now.pool.acquire
    ),
    histogram("plimsoll_pool_use_seconds", "How long a connection was held", lambda now: now.pool.use),
    histogram("plimsoll_pool_create_seconds", "How long a connect took", lambda now: now.pool.create),
    Family("plimsoll_pool_held_connections", "gauge", "Connections held now", ("route",), _held),
    Family("plimsoll_pool_held_longest_seconds", "gauge", "The longest of them", ("route",), _held_longest),
)

ADMISSION = (
    gauge(
        "plimsoll_admission_limit", "Requests let in at once; 0 where admission is off", lambda now: now.admission.limit
    ),
    gauge("plimsoll_admission_inside", "Requests let in", lambda now: now.admission.inside),
    gauge("plimsoll_admission_waiting", "Requests in line", lambda now: now.admission.waiting),
    gauge("plimsoll_admission_in_flight", "Requests in the process", lambda now: now.admission.in_flight),
    counter(
        "plimsoll_admission_refused_total", "Requests refused before their work", lambda now: now.admission.refused
    ),
    gauge("plimsoll_overloaded", "1 while more is asked for than done", lambda now: now.admission.overloaded),
    gauge("plimsoll_stopping", "1 while the process is being stopped", lambda now: now.admission.stopping),
    gauge("plimsoll_memory_pressed", "1 while memory is short", lambda now: now.admission.memory_pressed),
)

MEMORY = (
    gauge("plimsoll_memory_rss_bytes", "Resident memory", lambda now: now.memory.rss_bytes),
    gauge("plimsoll_memory_address_space_bytes", "Address space", lambda now: now.memory.address_space_bytes),
    gauge(
        "plimsoll_memory_request_growth_bytes",
        "What a request takes, as learned",
        lambda now: now.memory.growth_of_a_request_bytes,
    ),
    counter("plimsoll_memory_errors_total", "MemoryErrors in requests", lambda now: now.memory.errors),
    counter(
        "plimsoll_memory_oom_kills_total",
        "Processes killed by the kernel in this control group, since it was made",
        lambda now: now.memory.oom_kills,
    ),
    Family("plimsoll_memory_limit_bytes", "gauge", "The limit that memory will meet first", ("limit",), _binding),
    Family("plimsoll_memory_limit_used_bytes", "gauge", "What of it is used", ("limit",), _binding_used),
    Family("plimsoll_limit", "gauge", "A limit of the process", ("limit", "unit"), _limit),
    Family("plimsoll_limit_used", "gauge", "What of it is used", ("limit", "unit"), _limit_used),
)
