"""Snapshots that no test has to bring about: a healthy worker, and others in trouble."""

from dataclasses import replace
from types import MappingProxyType

from plimsoll.snapshot import (
    AdmissionView,
    Durations,
    EventView,
    HolderView,
    LimitView,
    LoadLineView,
    MemoryView,
    PoolView,
    Problem,
    ProcessView,
    RouteView,
    ServerView,
    SettingView,
    Snapshot,
    StatementView,
    WorkerView,
)
from plimsoll.snapshot.as_one import as_one

NOW_S = 1_795_860_000.0
MIB = 1 << 20
HOSTILE = "<script>alert('x')</script>\"'&\u202e"
"""What a client or another program may have put into a name."""

BOUNDS_S = (0.005, 0.05, 0.5, 5.0)


def durations(*counts: int, total_s: float) -> Durations:
    """By `BOUNDS_S`, and one more count for what is beyond."""
    return Durations(BOUNDS_S, counts, total_s)


def holder(number: int, *, age_s: float, route: str = "GET /export", state: str = "idle in transaction") -> HolderView:
    """One that has held on for so long."""
    return HolderView(
        id=f"h{number}",
        route=route,
        age_s=age_s,
        state=state,
        place="/srv/app/export.py:41 in export",
        stack=("/srv/app/export.py:41 in export", "/srv/app/pages.py:12 in page"),
        statement="SELECT bookings.id FROM bookings WHERE bookings.space_id = ?",
        statements=3,
        server_id=100 + number,
    )


BINDING = LimitView("address space", "RLIMIT_AS", "bytes", 800 * MIB, 300 * MIB, kills=False)

POOL = PoolView(
    size=20,
    max_overflow=20,
    timeout_s=30.0,
    checked_out=2,
    idle=6,
    opening=0,
    closing=0,
    waiting=0,
    most_taken=9,
    most_waiting=0,
    checkouts=5_000,
    reused=4_990,
    opened=10,
    closed=MappingProxyType({"recycled": 2}),
    timeouts=0,
    refused=0,
    cancelled=3,
    connect_failures=0,
    killed=0,
    leaks=0,
    lost=0,
    idle_transactions=0,
    acquire=durations(4_980, 20, 0, 0, 0, total_s=2.0),
    use=durations(1_000, 3_900, 100, 0, 0, total_s=90.0),
    create=durations(0, 10, 0, 0, 0, total_s=0.1),
)

HEALTHY = Snapshot(
    at_s=NOW_S,
    worker=WorkerView(
        "web-1", 4711, NOW_S - 7_200, "2026.11.28", True, "ENVIRONMENT=production", True, "ready", "0.1.0"
    ),
    pool=POOL,
    admission=AdmissionView(40, 2, 0, 0, 3, overloaded=False, stopping=False, memory_pressed=False),
    memory=MemoryView(120 * MIB, 300 * MIB, 32_768, 0, 0, BINDING),
    holders=(holder(1, age_s=0.2, route="GET /items", state="running a statement"),),
    limits=(BINDING, LimitView("open files", "RLIMIT_NOFILE", "files", 1024, 61, kills=False)),
    routes=(
        RouteView(
            "GET /items",
            4_000,
            1,
            MappingProxyType({"4xx": 12}),
            durations(1_000, 2_900, 100, 0, 0, total_s=80.0),
            durations(3_990, 10, 0, 0, 0, total_s=1.0),
            durations(1_000, 2_990, 10, 0, 0, total_s=60.0),
            statements=4_000,
            rows=80_000,
        ),
        RouteView("GET /export", 40, 1, latency=durations(0, 0, 10, 30, 0, total_s=60.0), statements=120, rows=90_000),
    ),
    statements=(
        StatementView(
            "a1", "SELECT items.id FROM items WHERE items.id = ?", 4_000, 12.0, 0.2, 4_000, 0, ("GET /items",)
        ),
        StatementView("b2", "SELECT bookings.id FROM bookings", 120, 40.0, 4.1, 90_000, 1, ("GET /export",)),
    ),
    server=ServerView(
        NOW_S - 2,
        "mysql",
        "10.11.6-MariaDB",
        151,
        9,
        (
            ProcessView(
                101,
                "app",
                "10.0.0.5",
                "plimsoll",
                "this worker",
                "active",
                0.1,
                0.1,
                "web-1:4711",
                "GET /items",
                "/srv/app/items.py:20 in items",
            ),
            ProcessView(77, "root", "10.0.0.9", "mysql", "unknown", "idle", 300.0, None, mark="unknown client"),
        ),
        sees_all=True,
    ),
    load_line=LoadLineView(80, 160, 146, "max_connections of the server", False, 17, 0, "160 wanted, 146 allowed."),
    settings=(
        SettingView("DB_POOL_SIZE", "20", "default", "Connections that are kept."),
        SettingView("MYSQL_PASSWORD", "********", "environment", "The account's password."),
    ),
    events=(EventView(NOW_S - 60, "deployment", "Release 2026.11.28 began to serve."),),
    counters=MappingProxyType({"answered_database-busy": 0}),
    client_connections=12,
)

EXHAUSTED = replace(
    HEALTHY,
    pool=replace(POOL, checked_out=40, idle=0, waiting=25, most_taken=40, most_waiting=31, timeouts=7),
    holders=tuple(holder(number, age_s=31.0 + number) for number in range(12, 0, -1))
    + tuple(holder(20 + number, age_s=0.4, route="GET /items", state="running a statement") for number in range(28)),
    problems=(
        Problem(
            "critical",
            "pool-exhausted",
            "12 of 40 connections are held by GET /export for over 30 s, taken at /srv/app/export.py:41 in export.",
            "End its statements here, or give back its connections; then shorten what it does while it holds one.",
        ),
    ),
)

DATABASE_DOWN = replace(
    HEALTHY,
    worker=replace(HEALTHY.worker, ready=False),
    pool=replace(POOL, checked_out=0, idle=0, connect_failures=40),
    holders=(),
    server=replace(HEALTHY.server, processes=(), error="Can't connect to MySQL server on '127.0.0.1'")
    if HEALTHY.server is not None
    else None,
    problems=(Problem("critical", "database-down", "The database does not answer since 20 s.", "Start it."),),
)

HOSTILE_NAMES = replace(
    HEALTHY,
    routes=(RouteView(HOSTILE, 1, 0),),
    statements=(StatementView("c3", HOSTILE, 1, 0.1, 0.1, 0, 0, (HOSTILE,)),),
    holders=(replace(holder(1, age_s=3.0), route=HOSTILE, statement=HOSTILE, place=HOSTILE, stack=(HOSTILE,)),),
    events=(EventView(NOW_S, "leak", HOSTILE),),
    problems=(Problem("warning", "leak", HOSTILE, HOSTILE),),
)

FOUR_AS_ONE = as_one(
    HEALTHY,
    [
        replace(each, worker=replace(each.worker, host=host, pid=pid), at_s=NOW_S - age_s)
        for each, host, pid, age_s in (
            (EXHAUSTED, "web-1", 4712, 0.4),
            (HEALTHY, "web-1", 4713, 12.0),
            (HEALTHY, "web-2", 4711, 0.6),
        )
    ],
    silent=("web-1:4713",),
)
"""Four workers on two hosts, as the first of them shows them: one is exhausted, one does not answer."""

ALL = {
    "healthy": HEALTHY,
    "exhausted": EXHAUSTED,
    "database-down": DATABASE_DOWN,
    "hostile": HOSTILE_NAMES,
    "four": FOUR_AS_ONE,
}
