"""Snapshots in one trouble each, and the same worker half a minute before: what the golden sentences are about."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from plimsoll.server.facts import LockWait
from plimsoll.snapshot import (
    EventView,
    HolderView,
    LimitView,
    LoadLineView,
    ProcessView,
    RouteView,
    ServerView,
    SettingView,
    Snapshot,
    StatementView,
)
from tests.snapshot.samples import BINDING, DATABASE_DOWN, EXHAUSTED, HEALTHY, MIB, NOW_S, POOL, durations, holder

assert HEALTHY.server is not None
SERVER = replace(HEALTHY.server, processes=HEALTHY.server.processes[:1])
LOAD_LINE = LoadLineView(40, 80, 146, "max_connections of the server", True, 17, 0, "40 wanted, 146 allowed.")
QUIET = replace(HEALTHY, server=SERVER, load_line=LOAD_LINE)
"""Nothing is wrong with it."""
BEFORE = replace(QUIET, at_s=NOW_S - 30, server=None, holders=())
"""The same worker half a minute before; nothing was counted since."""
YOUNG = replace(QUIET, worker=replace(QUIET.worker, started_s=NOW_S - 12), routes=(), statements=())


def pool(**numbers: Any) -> Snapshot:
    """The quiet worker with other numbers of its pool."""
    return replace(QUIET, pool=replace(POOL, **numbers))


def server(**values: Any) -> Snapshot:
    """The quiet worker with another view of the server."""
    return replace(QUIET, server=replace(SERVER, **values))


def process(number: int, **values: Any) -> ProcessView:
    """A stranger's."""
    stranger = ProcessView(
        number, "root", "10.0.0.9:52100", "mysql", "unknown", "idle", 300.0, None, mark="unknown client"
    )
    return replace(stranger, **values)


def holding(*holders: HolderView, **numbers: Any) -> Snapshot:
    """These have connections."""
    return replace(pool(**{"checked_out": len(holders), **numbers}), holders=holders)


def route(name: str, requests: int, *, held_s: float = 0.0, uses: int = 0, **errors: int) -> RouteView:
    """One that did so much since the worker began."""
    holds = durations(0, 0, 0, uses, 0, total_s=held_s)
    kinds = {key.removeprefix("e_"): value for key, value in errors.items()}
    return RouteView(name, requests, 0, MappingProxyType(kinds), holding=holds)


def routes(*given: RouteView) -> Snapshot:
    """The quiet worker with other routes."""
    return replace(QUIET, routes=given)


RUNNING = "running a statement"
FULL = pool(checked_out=40, idle=0, waiting=25)
BUSY = tuple(holder(each, age_s=0.4, route="GET /items", state="querying") for each in range(40))
FULL_SERVER = (
    *(process(each, whose="this worker", worker="web-1:4711") for each in range(40)),
    *(process(100 + each, whose="another worker", worker=f"web-{each % 2}:77") for each in range(60)),
    *(process(300 + each) for each in range(38)),
    process(400, application="", user="cron", host="10.0.0.7"),
    process(401, application="", user="", host=""),
)
MEMORY = QUIET.memory
SLOW = StatementView("b2", "SELECT bookings.id FROM bookings WHERE bookings.space_id = ?", 140, 102.0, 4.1, 9, 0, ())
CHANGES = tuple(holder(each, age_s=5.1, route="POST /bookings", state=RUNNING) for each in range(3))


def waits(number: int, lock: str, *by: int) -> ProcessView:
    """The connection of one of these, or of an account that has no worker."""
    ours = {"whose": "this worker", "worker": "web-1:4711", "route": "POST /bookings", "mark": ""}
    wait = LockWait(lock, 5.0, by)
    return process(100 + number, state="active", seconds=5.0, wait=wait, **(ours if number < len(CHANGES) else {}))


WAITING = replace(YOUNG.worker, ready=False, startup="waited 11.8 s of 60 s for the database")

TROUBLES: dict[str, tuple[Snapshot, Snapshot | None]] = {
    "held by one route": (replace(QUIET, pool=EXHAUSTED.pool, holders=EXHAUSTED.holders), None),
    "held by three": (
        replace(
            FULL,
            holders=(
                *(holder(each, age_s=95.0, state="querying") for each in range(9)),
                *(holder(20 + each, age_s=12.0, route="POST /import", state="idle") for each in range(4)),
                *(holder(30 + each, age_s=18.0, route="task:mail") for each in range(2)),
            ),
            pool=replace(FULL.pool, timeouts=7),
        ),
        BEFORE,
    ),
    "held a while": (
        replace(FULL, holders=tuple(holder(each, age_s=2.5 + each / 10, state="querying") for each in range(24))),
        BEFORE,
    ),
    "held a while by some": (
        replace(
            pool(checked_out=5, idle=0, size=5, max_overflow=0, waiting=1),
            holders=(
                *(holder(each, age_s=3.0 + each, route=f"GET /{each}", state="querying") for each in range(4)),
                holder(9, age_s=0.1, route="GET /items", state="querying"),
            ),
        ),
        BEFORE,
    ),
    "load": (
        replace(
            FULL,
            holders=BUSY,
            admission=replace(QUIET.admission, refused=120, overloaded=True, waiting=8),
        ),
        BEFORE,
    ),
    "load without admission": (
        replace(FULL, holders=BUSY, admission=replace(QUIET.admission, limit=0), pool=replace(FULL.pool, timeouts=3)),
        BEFORE,
    ),
    "all are being opened": (pool(checked_out=4, idle=0, opening=36, waiting=9), BEFORE),
    "all are being ended": (pool(checked_out=15, idle=0, closing=25, waiting=9, timeouts=1), BEFORE),
    "asleep": (holding(*(holder(each, age_s=22.0) for each in range(3))), BEFORE),
    "asleep alone": (holding(holder(1, age_s=6.0)), BEFORE),
    "held": (holding(holder(1, age_s=130.0, state="querying")), BEFORE),
    "held and idle": (holding(holder(1, age_s=130.0, state="idle"), holder(2, age_s=14.0, state="idle")), BEFORE),
    "lost lately": (pool(lost=2), BEFORE),
    "lost lately, with an event": (
        replace(
            pool(lost=1),
            events=(EventView(NOW_S, "leak", "GET /old lost a connection: what held it was garbage-collected."),),
        ),
        BEFORE,
    ),
    "lost once": (pool(lost=1), replace(BEFORE, pool=replace(POOL, lost=1))),
    "waited in vain": (pool(timeouts=7, refused=2), BEFORE),
    "slow connects": (
        pool(opened=18, opening=2, waiting=6, create=durations(0, 10, 0, 8, 0, total_s=26.1)),
        BEFORE,
    ),
    "not reused": (
        pool(checkouts=5_200, reused=5_030, opened=180, closed=MappingProxyType({"recycled": 2, "idle": 168})),
        BEFORE,
    ),
    "database down": (DATABASE_DOWN, None),
    "database down, with a time before": (
        replace(
            DATABASE_DOWN, load_line=LOAD_LINE, server=replace(SERVER, at_s=NOW_S - 20, error="Connection refused")
        ),
        BEFORE,
    ),
    "database down, nobody looks": (pool(connect_failures=12, checked_out=0, idle=0), BEFORE),
    "database down, nobody looks, with an event": (
        replace(
            pool(connect_failures=12, checked_out=0, idle=0),
            server=None,
            events=(
                EventView(NOW_S - 3, "connect-failed", "The database could not be connected to: Connection refused"),
            ),
        ),
        BEFORE,
    ),
    "database down, and it never answered": (
        replace(
            pool(connect_failures=12, checked_out=0, idle=0),
            server=ServerView(NOW_S - 0.1, "mysql", "", None, None, error="Connection refused"),
        ),
        BEFORE,
    ),
    "database down at start": (replace(YOUNG, worker=WAITING, pool=replace(POOL, connect_failures=9)), None),
    "database frozen": (
        replace(
            pool(checked_out=2, idle=4, reused=POOL.reused + 90, checkouts=POOL.checkouts + 90, quiet_s=3.1),
            holders=tuple(holder(each, age_s=3.0, route="GET /items", state=RUNNING) for each in range(2)),
            server=replace(
                SERVER,
                at_s=NOW_S - 5.2,
                asked_s=NOW_S - 2.2,
                error="the server did not answer within 2 s",
                silence="question",
            ),
        ),
        BEFORE,
    ),
    "database refuses": (
        replace(pool(connect_failures=3), server=replace(SERVER, error="(1045, \"Access denied for user 'app'\")")),
        BEFORE,
    ),
    "the database is back": (
        replace(
            routes(route("GET /items", 4_700, e_5xx=518)),
            pool=replace(POOL, connect_failures=518, opened=13),
            events=(
                EventView(NOW_S - 9, "connect-failed", "The database could not be connected to: Connection refused"),
            ),
        ),
        replace(BEFORE, routes=(route("GET /items", 4_000),)),
    ),
    "some connects fail": (pool(connect_failures=6, opened=14), BEFORE),
    "migrations are missing": (
        replace(QUIET, worker=replace(QUIET.worker, ready=False, startup="3 migrations are missing: 0007 to 0009.")),
        None,
    ),
    "it starts": (
        replace(YOUNG, worker=replace(YOUNG.worker, started_s=NOW_S - 2, ready=False, startup="preparing the schema")),
        None,
    ),
    "memory errors": (
        replace(
            QUIET,
            memory=replace(
                MEMORY,
                errors=3,
                rss_bytes=160 * MIB,
                binding=replace(BINDING, used=788 * MIB),
                address_space_bytes=788 * MIB,
            ),
            client_connections=140,
        ),
        BEFORE,
    ),
    "a memory error long ago": (
        replace(QUIET, memory=replace(MEMORY, errors=1)),
        replace(BEFORE, memory=replace(MEMORY, errors=1)),
    ),
    "killed": (
        replace(
            QUIET,
            memory=replace(
                MEMORY,
                oom_kills=1,
                binding=LimitView("control group", "memory.max", "bytes", 512 * MIB, 480 * MIB, True),
            ),
        ),
        BEFORE,
    ),
    "memory is short": (
        replace(
            QUIET,
            memory=replace(MEMORY, binding=replace(BINDING, used=790 * MIB)),
            counters=MappingProxyType({"answered_memory-short": 41}),
            admission=replace(QUIET.admission, memory_pressed=True, refused=41),
        ),
        BEFORE,
    ),
    "address space has grown": (
        replace(
            QUIET,
            memory=replace(MEMORY, binding=replace(BINDING, used=790 * MIB), address_space_bytes=790 * MIB),
            client_connections=90,
            load_line=replace(LOAD_LINE, allowed=0, binding=BINDING.name, fits=False),
        ),
        BEFORE,
    ),
    "memory gets short": (replace(QUIET, memory=replace(MEMORY, binding=replace(BINDING, used=775 * MIB))), BEFORE),
    "open files": (
        replace(QUIET, limits=(LimitView("open files", "RLIMIT_NOFILE", "files", 1024, 980, kills=False),)),
        None,
    ),
    "refusals": (
        replace(
            routes(route("GET /items", 4_860, held_s=610.0, uses=800)),
            admission=replace(QUIET.admission, refused=340, overloaded=True, waiting=10),
        ),
        replace(BEFORE, routes=(route("GET /items", 4_000, held_s=580.0, uses=200),)),
    ),
    "a route fails": (
        routes(route("GET /items", 4_120, e_5xx=48), route("POST /bookings", 70, e_5xx=6)),
        replace(BEFORE, routes=(route("GET /items", 4_000), route("POST /bookings", 0))),
    ),
    "a route is too slow": (
        replace(
            routes(route("GET /report", 60, e_deadline=20)),
            settings=(SettingView("REQUEST_TIMEOUT", "45.0", "default", ""),),
        ),
        replace(BEFORE, routes=(route("GET /report", 0),)),
    ),
    "a slow route": (
        replace(
            holding(holder(1, age_s=3.2, route="GET /report", state="querying")),
            routes=(route("GET /report", 60, held_s=36.0, uses=11), route("GET /items", 4_000, held_s=2.0, uses=900)),
        ),
        replace(BEFORE, routes=(route("GET /report", 0), route("GET /items", 0))),
    ),
    "a slow route at this moment": (holding(holder(1, age_s=3.2, route="GET /report", state="querying")), None),
    "a route that was quick until now": (
        replace(
            holding(*(holder(each, age_s=3.4, route="GET /items", state="querying") for each in range(4))),
            routes=(route("GET /items", 4_300, held_s=2.0, uses=300),),
        ),
        replace(BEFORE, routes=(route("GET /items", 4_000),)),
    ),
    "five slow routes": (
        holding(*(holder(each, age_s=3.2, route=f"GET /{each}", state="querying") for each in range(5))),
        BEFORE,
    ),
    "a slow route, and one that was": (
        replace(
            holding(holder(1, age_s=3.2, route="GET /report", state="querying")),
            routes=(route("GET /report", 60), route("GET /export", 40, held_s=90.0, uses=5)),
        ),
        replace(BEFORE, routes=(route("GET /report", 0), route("GET /export", 0))),
    ),
    "a route that has half of the pool": (
        replace(
            routes(route("GET /items", 9_000, held_s=420.0, uses=8_000)),
            statements=(replace(SLOW, routes=("GET /items",), count=9_000, total_s=400.0),),
            holders=(),
        ),
        replace(BEFORE, routes=(route("GET /items", 1_000),)),
    ),
    "a slow statement": (
        replace(QUIET, statements=(SLOW,)),
        replace(BEFORE, statements=(replace(SLOW, count=120, total_s=40.0),)),
    ),
    "the server is nearly full": (server(connections=140, processes=FULL_SERVER), None),
    "the server is full": (server(error="(1040, 'Too many connections')", connections=151), None),
    "a row is locked by one of ours": (
        replace(
            holding(holder(9, age_s=6.2), *CHANGES),
            server=replace(SERVER, processes=tuple(waits(each, "a row of shop.bookings", 109) for each in range(3))),
        ),
        None,
    ),
    "a table is locked by a stranger, and the pool is full": (
        replace(
            pool(size=4, max_overflow=0, checked_out=4, idle=0, waiting=7),
            holders=(*CHANGES, holder(3, age_s=0.2, route="GET /items", state="querying")),
            server=replace(
                SERVER,
                dialect="postgresql",
                version="PostgreSQL 15.4",
                processes=(
                    waits(0, "the table bookings", 80),
                    waits(1, "the table bookings", 80),
                    waits(2, "a row of bookings", 110),
                    waits(10, "a row of bookings", 0),
                    process(80, state="active", seconds=8.0, wait=LockWait("the table bookings", 8.0, (81, 82))),
                    process(81, state="idle in transaction", seconds=71.0, transaction_s=72.0),
                ),
            ),
        ),
        None,
    ),
    "who has a table locked is guessed": (
        replace(
            holding(holder(9, age_s=6.2), *CHANGES),
            server=replace(SERVER, processes=(*(waits(each, "a table") for each in range(3)), process(109, mark=""))),
        ),
        None,
    ),
    "a stranger is guessed to have a row locked": (
        replace(
            holding(CHANGES[0]),
            server=replace(
                SERVER, version="8.0.36 MySQL", processes=(waits(0, "a row"), process(80, transaction_s=90.0))
            ),
        ),
        None,
    ),
    "who has a table locked is not told": (
        replace(
            holding(*CHANGES),
            server=replace(SERVER, processes=tuple(waits(each, "a table") for each in range(3))),
        ),
        None,
    ),
    "a prepared transaction has a row locked": (
        replace(
            holding(CHANGES[0]),
            server=replace(SERVER, dialect="postgresql", processes=(waits(0, "a row of bookings", 0),)),
        ),
        None,
    ),
    "a stranger sleeps": (
        server(processes=(process(77, state="idle in transaction", seconds=400.0, transaction_s=420.0),)),
        None,
    ),
    "another worker sleeps": (
        replace(
            QUIET,
            server=ServerView(
                NOW_S - 1,
                "postgresql",
                "15.4",
                100,
                12,
                (
                    process(
                        88,
                        whose="another worker",
                        worker="web-2:4600",
                        route="GET /export",
                        state="idle in transaction",
                        seconds=22.0,
                    ),
                    process(89, state="idle in transaction", seconds=9.0),
                ),
            ),
        ),
        None,
    ),
    "a stale worker": (
        server(processes=tuple(process(each, worker="web-1:4600", mark="stale worker") for each in range(3))),
        None,
    ),
    "strangers": (server(processes=(process(77), process(78), process(79, application="", user="cron"))), None),
    "the server is not seen": (
        server(at_s=NOW_S - 40, error="the process list took longer than the two seconds that it may"),
        None,
    ),
    "the load line does not fit": (
        replace(QUIET, load_line=replace(LOAD_LINE, demanded=160, demanded_deploying=320, fits=False)),
        None,
    ),
    "a deployment does not fit": (
        replace(QUIET, load_line=replace(LOAD_LINE, demanded=80, demanded_deploying=160, fits=False)),
        None,
    ),
    "it stops": (
        replace(QUIET, admission=replace(QUIET.admission, stopping=True, refused=30, in_flight=3)),
        BEFORE,
    ),
    "writes are lost": (replace(QUIET, counters=MappingProxyType({"lost_writes": 2})), BEFORE),
    "settings take protections away": (
        replace(
            QUIET,
            settings=tuple(
                SettingView(name, value, ".env:3", "")
                for name, value in (
                    ("ADMISSION", "false"),
                    ("MEMORY_GUARD", "false"),
                    ("DB_LEAK_THRESHOLD", "0.0"),
                    ("REQUEST_TIMEOUT", "20"),
                )
            ),
        ),
        None,
    ),
    "start-up warned": (
        replace(QUIET, worker=replace(QUIET.worker, warnings=("The certificate ends in 3 days.", "Another."))),
        None,
    ),
}
