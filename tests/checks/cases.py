"""For each check: facts in which it finds something, passes, does not apply, and cannot tell."""

from dataclasses import dataclass, replace
from typing import Any

from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import CouldNot, Found, NotApplicable, Passed
from plimsoll.host import Arenas, Disk
from plimsoll.server.facts import Account, ServerFacts
from tests.checks.made import (
    APP,
    ASYNCMY,
    DISK,
    GIB,
    MIB,
    POSTGRES,
    SERVER,
    SQLITE,
    VERSIONS,
    count,
    facts,
    memory,
    service,
    settings,
    survey,
    topology,
    unknown,
)


@dataclass(frozen=True, slots=True)
class Case:
    """`words` stand in the evidence or the reason. `mends`: its changes of .env made, there is no finding any more."""

    id: str
    verdict: type
    about: Facts
    words: tuple[str, ...]
    mends: bool = False


def found(check_id: str, *words: str, mends: bool = True, **changes: Any) -> Case:
    return Case(check_id, Found, facts(**changes), words, mends)


def passed(check_id: str, *words: str, **changes: Any) -> Case:
    return Case(check_id, Passed, facts(**changes), words)


def irrelevant(check_id: str, *words: str, **changes: Any) -> Case:
    return Case(check_id, NotApplicable, facts(**changes), words)


def cannot(check_id: str, *words: str, **changes: Any) -> Case:
    return Case(check_id, CouldNot, facts(**changes), words)


def server(**changes: Any) -> ServerFacts:
    return replace(SERVER, **changes)


def raised(connections: int) -> ServerFacts:
    return server(max_connections=connections, variables={**SERVER.variables, "max_connections": str(connections)})


def left(free_bytes: int) -> Disk:
    return replace(DISK, free_bytes=free_bytes)


def waits(seconds: str) -> ServerFacts:
    return server(variables={**SERVER.variables, "session.wait_timeout": seconds})


def account(most: int) -> ServerFacts:
    limited = Account("shop", "%", max_connections=most, max_connections_source="MAX_USER_CONNECTIONS of the account")
    return server(account=limited)


def postgres(**changes: Any) -> dict[str, Any]:
    found = server(dialect="postgresql", flavour="postgresql", version=(15, 4), variables={})
    return {"settings": settings(POSTGRES), "server": replace(found, **changes)}


def idles(number: str, unit: str = "ms") -> dict[str, Any]:
    return postgres(variables={"idle_session_timeout": number}, units={"idle_session_timeout": unit})


NO_ANSWER = unknown("no answer")

CAPACITY = (
    found("PL201", "8 workers", "= 320 connections, 150 allowed", topology=topology(WEB_CONCURRENCY=8)),
    found("PL201", "= 240 connections, 150 allowed", topology=topology(WEB_CONCURRENCY=3, DEPLOY_ENGINES=2)),
    found("PL201", "200 workers", mends=False, topology=topology(WEB_CONCURRENCY=200, DEPLOY_ENGINES=3)),
    passed("PL201", "= 40 connections, 150 allowed"),
    irrelevant("PL201", "SQLite", settings=settings(SQLITE)),
    cannot("PL201", "max_connections", server=server(max_connections=None)),
    cannot("PL201", "no answer", server=NO_ANSWER),
    found("PL202", "= 40 connections, 10 allowed", "MAX_USER_CONNECTIONS", server=account(10)),
    passed("PL202", "= 40 connections, 40 allowed", server=account(40)),
    passed("PL202", "no limit of its own"),
    irrelevant("PL202", "SQLite", settings=settings(SQLITE)),
    cannot("PL202", "account", server=server(account=None)),
    cannot("PL202", "denied", server=server(unread={"grants": "denied"})),
    found("PL203", "the pools want 160 connections, 150 allowed", topology=topology(WEB_CONCURRENCY=2)),
    found("PL203", "the pools want 80 connections, 60 allowed", server=account(60)),
    passed("PL203", "the pools want 80 connections, 150 allowed"),
    irrelevant("PL203", "DEPLOY_OVERLAP is 0", topology=topology(WEB_CONCURRENCY=2, DEPLOY_OVERLAP=0)),
    irrelevant("PL203", "PL201", topology=topology(WEB_CONCURRENCY=8)),
    irrelevant("PL203", "SQLite", settings=settings(SQLITE)),
    cannot("PL203", "max_connections", server=server(max_connections=None)),
)

IDLE = (
    found("PL205", "DB_POOL_RECYCLE is 280 s", "60 s", "sends no statement", server=waits("60")),
    found("PL205", "5 s", "closed in the pool", server=waits("5")),
    found("PL205", "1 s", mends=False, server=waits("1")),
    found("PL205", "10 s", "idle_session_timeout", **idles("10000")),
    passed("PL205", "280 s < 28800 s"),
    passed("PL205", "280 s < 300 s", server=server(variables={"wait_timeout": "300"})),
    passed("PL205", "280 s < 600 s", **idles("10", "min")),
    passed("PL205", "off", **idles("0")),
    passed("PL205", "off", **postgres(version=(13, 2))),
    irrelevant("PL205", "SQLite", settings=settings(SQLITE)),
    cannot("PL205", "wait_timeout", server=server(variables={})),
    cannot("PL205", "wait_timeout", server=waits("soon")),
    cannot("PL205", "wait_timeout", server=waits("nan")),
    cannot("PL205", "idle_session_timeout", **postgres()),
    found("PL206", "DEPLOY_DB_PROXY_IDLE", topology=topology(DEPLOY_DB_PROXY_IDLE="120")),
    passed("PL206", "280 s < 350 s", topology=topology(DEPLOY_DB_PROXY_IDLE="350")),
    irrelevant("PL206", "DEPLOY_DB_PROXY_IDLE is 0"),
    irrelevant("PL206", "SQLite", settings=settings(SQLITE)),
    cannot("PL206", "ProxySQL", server=server(in_between="ProxySQL")),
    cannot("PL206", "no answer", topology=NO_ANSWER),
)

SHORT = topology(DEPLOY_PROXY_TIMEOUT="0.5")
TIMEOUTS = (
    found("PL207", "60 s, REQUEST_TIMEOUT 45 s", settings=settings(DB_POOL_TIMEOUT="60")),
    passed("PL207", "30 s < REQUEST_TIMEOUT 45 s"),
    irrelevant("PL207", "REQUEST_TIMEOUT is 0", service=service(REQUEST_TIMEOUT="0")),
    irrelevant("PL207", "PL909", settings=settings(DB_POOL_TIMEOUT="45")),
    cannot("PL207", "no answer", service=NO_ANSWER),
    found("PL208", "60 s", "gives up after 60 s", service=service(REQUEST_TIMEOUT="60")),
    found("PL208", "for ever", service=service(REQUEST_TIMEOUT="0")),
    found("PL208", "no proxy", service=service(REQUEST_TIMEOUT="0"), topology=topology(DEPLOY_PROXY_TIMEOUT="0")),
    found("PL208", "0.5 s", mends=False, service=service(REQUEST_TIMEOUT="3"), topology=SHORT),
    passed("PL208", "45 s < DEPLOY_PROXY_TIMEOUT 60 s"),
    irrelevant("PL208", "nothing is in front", topology=topology(DEPLOY_PROXY_TIMEOUT="0")),
    cannot("PL208", "no answer", topology=NO_ANSWER),
    found("PL209", "never answers", settings=settings(DB_STATEMENT_TIMEOUT="0")),
    found("PL209", "the proxy has given up", service=service(REQUEST_TIMEOUT="0")),
    passed("PL209", "45 s (REQUEST_TIMEOUT)", "60 s (DB_STATEMENT_TIMEOUT)"),
    passed("PL209", "ends after 20 s", settings=settings(DB_STATEMENT_TIMEOUT="20")),
    cannot("PL209", "no answer", settings=NO_ANSWER),
    found("PL210", "DB_POOL_TIMEOUT 5 s", settings=settings(DB_POOL_TIMEOUT="5")),
    found("PL210", "REQUEST_TIMEOUT 8 s", service=service(REQUEST_TIMEOUT="8")),
    found("PL210", "3 s just now", settings=settings(DB_CONNECT_TIMEOUT="5"), connect_s=3.0),
    passed("PL210", "10 s < DB_POOL_TIMEOUT 30 s", "0.01 s"),
    passed("PL210", "10 s < DB_POOL_TIMEOUT 30 s", connect_s=NO_ANSWER),
    irrelevant("PL210", "SQLite", settings=settings(SQLITE)),
    cannot("PL210", "no answer", service=NO_ANSWER),
    found("PL211", "= 40 s", "kills after 30 s", topology=topology(DEPLOY_STOP_TIMEOUT="30")),
    found("PL211", "kills after 5 s", mends=False, topology=topology(DEPLOY_STOP_TIMEOUT="5")),
    passed("PL211", "= 40 s", "waits 90 s"),
    irrelevant("PL211", "DEPLOY_STOP_TIMEOUT is 0", topology=topology(DEPLOY_STOP_TIMEOUT="0")),
    cannot("PL211", "no answer", topology=NO_ANSWER),
    found("PL909", "30 s and REQUEST_TIMEOUT 30 s", service=service(REQUEST_TIMEOUT="30")),
    found("PL909", "30.5 s", settings=settings(DB_POOL_TIMEOUT="30.5"), service=service(REQUEST_TIMEOUT="30")),
    passed("PL909", "30 s, REQUEST_TIMEOUT 45 s"),
    irrelevant("PL909", "PL208", service=service(REQUEST_TIMEOUT="0")),
    cannot("PL909", "no answer", service=NO_ANSWER),
)

SMALL = settings(DB_POOL_SIZE="2", DB_MAX_OVERFLOW="0", DB_POOL_TIMEOUT="4")
POOL = (
    found("PL212", "200 in line for 2", "4 s", settings=SMALL),
    passed("PL212", "200 in line for 40", "0.25 s"),
    cannot("PL212", "no answer", settings=NO_ANSWER),
    found("PL213", "is 30, DB_POOL_SIZE 20", settings=settings(DB_POOL_MIN_IDLE="30")),
    passed("PL213", "5 <= DB_POOL_SIZE 20", settings=settings(DB_POOL_MIN_IDLE="5")),
    irrelevant("PL213", "is 0"),
    cannot("PL213", "no answer", settings=NO_ANSWER),
)

ADDRESS_SPACE = memory("RLIMIT_AS", 500 * MIB, 200 * MIB)
WIDE = memory("RLIMIT_AS", 8 * GIB, 200 * MIB)
NPROC = count("RLIMIT_NPROC", 200, 20, "processes and threads of user 1000")
ENTRY = count("/proc/lve/list (lEP)", 20, 1, "entry processes of the account (LVE)", struck=4)
CLOUDLINUX = "/proc/lve/list has no line for this user, so limits of a CloudLinux account are not shown."
TWO = topology(WEB_CONCURRENCY=2)
ONE_ARENA = Arenas(1, 0, "MALLOC_ARENA_MAX")

HOST = (
    found("PL601", "960 MiB", "300 MiB of 500 MiB", mends=False, host=survey(ADDRESS_SPACE)),
    passed("PL601", "0 MiB", host=survey(ADDRESS_SPACE), arenas=ONE_ARENA),
    passed("PL601", "960 MiB", host=survey(WIDE)),
    irrelevant("PL601", "not limited"),
    cannot("PL601", "no /proc", host=survey(unlimited=(), notes=("no /proc",))),
    cannot("PL601", "no answer", host=NO_ANSWER),
    cannot("PL601", "no answer", host=survey(ADDRESS_SPACE), arenas=NO_ANSWER),
    found(
        "PL602", "= 312 files a process", "256 are allowed", mends=False, host=survey(count("RLIMIT_NOFILE", 256, 12))
    ),
    found("PL602", "5,000 clients", mends=False, service=service(MAX_CLIENT_CONNECTIONS="5000")),
    passed("PL602", "= 312 files a process, of 1,024"),
    passed("PL602", "not limited", host=survey(counts=(), unlimited=("RLIMIT_NOFILE",))),
    cannot("PL602", "odd", host=survey(counts=(), unlimited=(), unreadable=("odd",))),
    found("PL603", "3 workers (6 while", "room for 4", host=survey(NPROC), topology=topology(WEB_CONCURRENCY=3)),
    found("PL603", "room for 0", mends=False, host=survey(replace(NPROC, limit=30))),
    found("PL603", "by 1 + 80 threads", "room for 2", host=survey(NPROC), settings=settings(SQLITE), topology=TWO),
    passed("PL603", "room for 4", host=survey(NPROC)),
    passed("PL603", "not limited"),
    cannot("PL603", "pids.max", host=survey(unreadable=("pids.max",))),
    found("PL604", "20 requests at once", "40 connections", "4 times", host=survey(ENTRY)),
    found("PL604", "1,200 connections", mends=False, host=survey(ENTRY), topology=topology(WEB_CONCURRENCY=30)),
    passed("PL604", "40 connections", "4 times", host=survey(replace(ENTRY, limit=60))),
    irrelevant("PL604", "CloudLinux"),
    cannot("PL604", "no line", host=survey(notes=(CLOUDLINUX,))),
    found("PL610", "Only 900.0 MiB of 40.0 GiB (2.2 %) are free at /srv", mends=False, disks=(DISK, left(900 * MIB))),
    found("PL610", "19,000 of 1,000,000 files", mends=False, disks=(replace(DISK, free_files=19_000),)),
    found(
        "PL610",
        "900.0 MiB of",
        "only 0 of 1,000,000 files",
        mends=False,
        disks=(replace(left(900 * MIB), free_files=0),),
    ),
    passed("PL610", "At least 12.0 GiB of 40.0 GiB (30 %) are free at /srv (the application)."),
    passed("PL610", "1.0 GiB of 40.0 GiB (2.5 %)", disks=(left(1024 * MIB),)),
    passed("PL610", "60.0 MiB of 64.0 MiB", disks=(replace(left(60 * MIB), size_bytes=64 * MIB),)),
    cannot("PL610", "no file system", disks=()),
    cannot("PL610", "no answer", disks=unknown()),
)

GROUP = "/sys/fs/cgroup/shop/memory.max"
LARGE = settings(ASYNCMY, DB_POOL_SIZE="300", DB_MAX_OVERFLOW="300")
MEMORY = (
    found("PL605", "8 workers", GROUP, host=survey(memory(GROUP, GIB, 0)), topology=topology(WEB_CONCURRENCY=8)),
    found(
        "PL605",
        "beside 1 worker (2 while a deployment replaces it)",
        mends=False,
        host=survey(memory(GROUP, 128 * MIB, 0)),
    ),
    passed("PL605", "1 worker fits"),
    passed("PL605", "no limit", host=survey(memory=())),
    cannot("PL605", "memory.max", host=survey(unreadable=("memory.max",))),
    cannot("PL605", "no answer", host=NO_ANSWER),
    found("PL901", "may open 600", "KiB", settings=LARGE, host=survey(memory(GROUP, 512 * MIB, 0))),
    passed("PL901", "40 connections a pool"),
    passed("PL901", "no limit", host=survey(memory=())),
    passed("PL901", "auto", settings=settings(DB_POOL_SIZE="auto"), host=survey(memory(GROUP, 300 * MIB, 0))),
    irrelevant("PL901", "PL605", host=survey(memory(GROUP, 128 * MIB, 0))),
    cannot("PL901", "memory.max", host=survey(unreadable=("memory.max",))),
    found("PL902", "max_connections 5000", "at most 3 were ever", mends=False, server=raised(5000)),
    passed("PL902", "max_connections 500", server=server(max_connections=500)),
    irrelevant("PL902", "151"),
    irrelevant("PL902", "SQLite", settings=settings(SQLITE)),
    cannot("PL902", "not known", server=server(max_connections=500, memory_bytes=None)),
    cannot("PL902", "buffers", server=server(max_connections=500, variables={})),
    cannot("PL902", "max_connections", server=server(max_connections=None)),
    found("PL903", "500.0 MiB", "TLS connections", mends=False, host=survey(ADDRESS_SPACE)),
    found("PL903", "500.0 MiB", mends=False, host=survey(ADDRESS_SPACE), settings=NO_ANSWER),
    passed("PL903", "not limited"),
    cannot("PL903", "odd", host=survey(unlimited=(), unreadable=("odd",))),
)


def on(**environ: str) -> dict[str, Any]:
    return {"settings": settings(ENVIRONMENT="production"), "environ": environ}


def installed(**versions: str) -> dict[str, str]:
    return {**VERSIONS, **versions}


RELOADING = replace(APP, server_options={"--reload": "true"})
OFF = {"UVICORN_RELOAD": "false", "PYTHONTRACEMALLOC": "0", "PYTHONMALLOC": "malloc"}
PROCESS = (
    found("PL606", "UVICORN_RELOAD: reload", mends=False, **on(UVICORN_RELOAD="true")),
    found("PL606", "GUNICORN_CMD_ARGS: reload", mends=False, **on(GUNICORN_CMD_ARGS="--reload -w 2")),
    found("PL606", "asyncio's debug mode", mends=False, **on(PYTHONASYNCIODEBUG="1")),
    found("PL606", "every block", mends=False, **on(PYTHONMALLOC="debug")),
    found("PL606", "the application's options", mends=False, **on(), app=RELOADING),
    passed("PL606", "no debug mode", **on(**OFF)),
    irrelevant("PL606", "not production", environ={"UVICORN_RELOAD": "1"}),
    cannot("PL606", "looked at", **on(), app=NO_ANSWER),
    cannot("PL606", "no answer", settings=NO_ANSWER),
    found("PL607", "aiomysql 0.2.0 is installed, >=0.3.2", mends=False, versions=installed(aiomysql="0.2.0")),
    found("PL607", "sqlalchemy 2.0.44", mends=False, versions={"SQLAlchemy": "2.0.44", "aiomysql": "0.3.2"}),
    passed("PL607", "aiomysql 0.10.0", versions=installed(aiomysql="0.10.0")),
    passed("PL607", "aiosqlite", settings=settings(SQLITE)),
    cannot("PL607", "sqlalchemy and aiomysql", versions={}),
    cannot("PL607", "aiomysql", versions=installed(aiomysql="unknown")),
    found("PL608", "pymysql 1.1.0", "CVE-2024-36039", mends=False, versions=installed(pymysql="1.1.0")),
    found("PL608", "aiomysql 0.2.0", "CVE-2025-62611", mends=False, versions=installed(aiomysql="0.2.0")),
    passed("PL608", "none of 2 known faults", versions=installed(asyncmy="0.2.9")),
    passed("PL608", "none of 0 known faults", settings=settings(POSTGRES)),
    cannot("PL608", "pymysql", versions={"aiomysql": "0.3.2"}),
    found("PL609", "UTC +5.5 h", mends=False, utc_offset_s=19800.0),
    found("PL609", "UTC -3 h", mends=False, utc_offset_s=-10800.0),
    passed("PL609", "is UTC"),
    cannot("PL609", "no answer", utc_offset_s=NO_ANSWER),
    found("PL906", "plimsoll.pool", mends=False, app=replace(APP, silenced_loggers=("plimsoll.pool",))),
    passed("PL906", "plimsoll.pool"),
    cannot("PL906", "looked at", app=replace(APP, silenced_loggers=None)),
    cannot("PL906", "no answer", app=NO_ANSWER),
    found("PL911", "ssl_certfile (UVICORN_SSL_CERTFILE)", mends=False, environ={"UVICORN_SSL_CERTFILE": "/c.pem"}),
    found("PL911", "keyfile (GUNICORN_CMD_ARGS)", mends=False, environ={"GUNICORN_CMD_ARGS": "--keyfile=/k.pem"}),
    found("PL911", "keyfile (GUNICORN_CMD_ARGS)", mends=False, environ={"GUNICORN_CMD_ARGS": "--keyfile '/k.pem"}),
    found("PL911", "the application", mends=False, app=replace(APP, server_options={"ssl_keyfile": "/k"})),
    passed("PL911", "command line"),
    passed("PL911", "command line", environ={"GUNICORN_CMD_ARGS": "-n keyfile"}),
    cannot("PL911", "looked at", environ={}, app=NO_ANSWER),
)

CASES = (*CAPACITY, *IDLE, *TIMEOUTS, *POOL, *HOST, *MEMORY, *PROCESS)

ALWAYS_APPLY = frozenset(
    {"PL209", "PL212", "PL602", "PL603", "PL605", "PL607", "PL608", "PL609", "PL610", "PL903", "PL906", "PL911"}
)
"""Every deployment has statements, a line, files, processes, memory, packages, a local time, an address space, a log,
file systems, and clients."""
