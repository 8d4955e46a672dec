"""Facts made by hand: a deployment in which all is well, and what is changed about it."""

from dataclasses import replace
from typing import Any

from plimsoll.checks.facts import AppFacts, Facts
from plimsoll.checks.registry import BY_ID
from plimsoll.checks.runner import run_checks
from plimsoll.checks.verdict import Known, Verdict
from plimsoll.host import Arenas, Disk, Limit, Survey
from plimsoll.server.facts import Account, ServerFacts
from plimsoll.settings import DatabaseSettings, ServiceSettings
from plimsoll.settings.topology import TopologySettings

MIB = 1 << 20
GIB = 1 << 30
SECRET = "hunter2"
URL = f"mysql+aiomysql://shop:{SECRET}@db.example.net/shop"
ASYNCMY = f"mysql+asyncmy://shop:{SECRET}@db.example.net/shop"
POSTGRES = f"postgresql+asyncpg://shop:{SECRET}@db.example.net/shop"
SQLITE = "sqlite+aiosqlite:///shop.db"

VERSIONS = {
    "sqlalchemy": "2.1.9",
    "aiomysql": "0.3.2",
    "pymysql": "1.2.4",
    "asyncmy": "0.2.18",
    "asyncpg": "0.32.0",
    "psycopg": "3.3.9",
    "aiosqlite": "0.22.1",
}


def memory(source: str, limit: int, used: int) -> Limit:
    """A limit in bytes."""
    return Limit(f"memory of {source}", limit, used, "bytes", source, kills=True, note="It is killed.")


def count(source: str, limit: int, used: int, name: str = "", struck: int | None = None) -> Limit:
    """A limit in numbers."""
    return Limit(name or source, limit, used, "count", source, kills=False, fails=True, note="It fails.", struck=struck)


MACHINE = memory("/proc/meminfo", 8 * GIB, 2 * GIB)
FILES = count("RLIMIT_NOFILE", 1024, 12)
RESOURCES = ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_NOFILE", "RLIMIT_NPROC")


def survey(*limits: Limit, **changes: Any) -> Survey:
    """What binds a process: a machine with 8 GiB and 1024 files, and `limits` in place of these or beside them."""
    sources = {limit.source for limit in limits}
    every = (*(one for one in (MACHINE, FILES) if one.source not in sources), *limits)
    found = Survey(
        memory=tuple(limit for limit in every if limit.unit == "bytes"),
        counts=tuple(limit for limit in every if limit.unit == "count"),
        unlimited=tuple(name for name in RESOURCES if name not in {limit.source for limit in every}),
        unreadable=(),
        notes=(),
        rss_bytes=80 * MIB,
        address_space_bytes=200 * MIB,
    )
    return replace(found, **changes)


SERVER = ServerFacts(
    dialect="mysql",
    flavour="mariadb",
    version=(10, 11, 6),
    version_text="10.11.6-MariaDB",
    variables={
        "wait_timeout": "28800",
        "session.wait_timeout": "28800",
        "innodb_buffer_pool_size": str(128 * MIB),
        "sort_buffer_size": str(2 * MIB),
    },
    account=Account("shop", "%"),
    max_connections=151,
    reserved_connections=1,
    connections_now=1,
    connections_most=3,
    memory_bytes=4 * GIB,
)
APP = AppFacts("app.main:app", engines=(40,), has_migrations=True, silenced_loggers=())


def settings(url: str = URL, **changes: Any) -> DatabaseSettings:
    """Settings of the database, by environment names."""
    return DatabaseSettings(DATABASE_URL=url, **changes)


def topology(**changes: Any) -> TopologySettings:
    """The topology, by environment names."""
    return TopologySettings(**changes)


def service(**changes: Any) -> ServiceSettings:
    """Settings of the service, by environment names."""
    return ServiceSettings(**changes)


DISK = Disk("the application", "/srv", free_bytes=12 * GIB, size_bytes=40 * GIB, free_files=900_000, files=1_000_000)


def facts(**changes: Any) -> Facts:
    """A deployment in which all is well, with some facts changed: given plain, or as `Known`."""
    good: dict[str, Any] = {
        "settings": settings(),
        "service": service(),
        "topology": topology(),
        "host": survey(),
        "arenas": Arenas(1, 15, "glibc's default"),
        "server": SERVER,
        "connect_s": 0.01,
        "round_trip_s": 0.001,
        "app": APP,
        "utc_offset_s": 0.0,
        "disks": (DISK,),
        "versions": VERSIONS,
        "environ": {"PYTHONUNBUFFERED": "1"},
    }
    plain = ("versions", "environ")
    ready: dict[str, Any] = {
        name: value if name in plain or isinstance(value, Known) else Known(value)
        for name, value in {**good, **changes}.items()
    }
    return Facts(**ready)


def unknown(why: str = "no answer") -> Known[Any]:
    """A fact that could not be learned."""
    return Known(why=why)


def verdict(check_id: str, about: Facts) -> Verdict:
    """What one check comes to."""
    (result,) = run_checks([BY_ID[check_id]], about)
    return result.verdict
