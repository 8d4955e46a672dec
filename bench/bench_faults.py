"""What clients see while the database fails: our sessions against plain SQLAlchemy with pre-ping and recycle 280.

Each side runs in a uvicorn worker of its own, pool 10 + 10, with twenty clients. A second into the load the database
fails in one of seven ways. Counted: answers by status, the time to the first good answer after the database is back,
what is left on the server, and whether each write that was answered 200 is stored exactly once.

Run: `python bench/bench_faults.py [--quick] [--only NAME ...] [--logs DIRECTORY]`, or `make bench`.
"""

import argparse
import asyncio
import json
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.faults_app import SIDES, THE_ROW
from bench.faults_load import OUTCOMES, Load, Plan
from tests.servers import REPOSITORY, FaultProxy, MariaDbServer, PostgresServer, RunningCommand, ServerDatabase

STRIKE_AFTER_S = 1.0
SETTLE_S = 0.8
"""After the load, before the connections are counted; shorter than the server's idle limit in the run that has one."""
IDLE_LIMIT_S = 1
LIMITS = {"DB_POOL_SIZE": "10", "DB_MAX_OVERFLOW": "10", "DB_POOL_TIMEOUT": "3", "DB_CONNECT_TIMEOUT": "2"}
OURS_ONLY = {"DB_STATEMENT_TIMEOUT": "2", "DB_CLEANUP_TIMEOUT": "1"}
DRIVERS = {"mariadb": "aiomysql", "postgres": "asyncpg"}
BYTES_OF_LIFE = 4096
"""Mid-packet resets: so much may each connection receive, a handshake and some answers, before it is reset."""

STEADY = Plan()

ServerKind = MariaDbServer | PostgresServer


@dataclass(frozen=True)
class Stage:
    """Where one run takes place."""

    server: ServerKind
    database: ServerDatabase
    proxy: FaultProxy
    outage_s: float


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A way to fail. `strike` returns when the database is back; `proxied`: clients come through the proxy."""

    name: str
    strike: Callable[[Stage], Awaitable[None]]
    outage_s: float = 1.0
    proxied: bool = False
    prepare: Callable[[Stage], None] = lambda _stage: None
    plan: Plan = STEADY


async def kill_connections(stage: Stage) -> None:
    """End every connection, from the server's side and all at once."""
    user = stage.database.name
    if isinstance(stage.server, MariaDbServer):
        await asyncio.to_thread(stage.server.sql, f"KILL CONNECTION USER '{user}'")
    else:
        await asyncio.to_thread(
            stage.server.sql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", user
        )


async def restart(stage: Stage) -> None:
    """Shut down in order and start again, after a while."""
    await asyncio.to_thread(stage.server.stop)
    await asyncio.sleep(stage.outage_s)
    await asyncio.to_thread(stage.server.start)


async def crash(stage: Stage) -> None:
    """SIGKILL, and start again after a while."""
    await asyncio.to_thread(stage.server.kill)
    await asyncio.sleep(stage.outage_s)
    await asyncio.to_thread(stage.server.start)


async def fall_silent(stage: Stage) -> None:
    """Reset all connections, and accept new ones for a while without a word."""
    stage.proxy.deaf()
    stage.proxy.cut()
    await asyncio.sleep(stage.outage_s)
    # The port is closed first, so that nobody who comes in between is accepted and forgotten.
    stage.proxy.refuse()
    stage.proxy.cut()
    stage.proxy.forward()


async def cut_answers(stage: Stage) -> None:
    """For a while, reset each connection in the middle of an answer, over and over."""
    stage.proxy.cut_after(BYTES_OF_LIFE)
    await asyncio.sleep(stage.outage_s)
    stage.proxy.forward()


async def freeze(stage: Stage) -> None:
    """SIGSTOP: the kernel goes on accepting, nobody answers."""
    await asyncio.to_thread(stage.server.freeze)
    await asyncio.sleep(stage.outage_s)
    await asyncio.to_thread(stage.server.thaw)


async def nothing(_stage: Stage) -> None:
    """What `prepare` did is the fault."""


def limit_idleness(stage: Stage) -> None:
    """The server closes what is idle, long before either side recycles it."""
    if isinstance(stage.server, MariaDbServer):
        stage.server.set_global("wait_timeout", IDLE_LIMIT_S)
    else:
        stage.server.sql(f"ALTER ROLE {stage.database.name} SET idle_session_timeout = '{IDLE_LIMIT_S}s'")


BURSTS = Plan(burst_every_s=IDLE_LIMIT_S + 0.7)
"""Between two bursts, connections idle for longer than the server allows."""


def faults(quick: bool) -> list[Fault]:
    """All of them. `quick` halves the longest."""
    frozen_s = 4.0 if quick else 8.0
    # Nobody gives up on the frozen server, so that the length of the longest request is seen.
    patient = Plan(load_s=STRIKE_AFTER_S + frozen_s + 3, patience_s=30)
    return [
        Fault(name="all connections killed", strike=kill_connections),
        Fault(name="restarted", strike=restart),
        Fault(name="killed -9", strike=crash),
        Fault(name="accepts, says nothing", strike=fall_silent, outage_s=2, proxied=True),
        Fault(name="resets mid-packet", strike=cut_answers, outage_s=2, proxied=True),
        Fault(name="idle limit below recycle", strike=nothing, prepare=limit_idleness, plan=BURSTS),
        Fault(name=f"frozen for {frozen_s:g} s", strike=freeze, outage_s=frozen_s, plan=patient),
    ]


@dataclass(frozen=True)
class Outcome:
    """What one run came to. `back_s`: when the database was back."""

    load: Load
    back_s: float
    on_server: int
    idle: int
    in_use: int
    stored: Counter[str]
    log: str

    def cells(self, steady: bool) -> list[str]:
        """The columns after fault and side. Gaps say nothing where the clients rest themselves (not `steady`)."""
        load = self.load
        recovery_s = load.recovery_s(self.back_s)
        times = ["none" if recovery_s is None else f"{recovery_s * 1000:.0f}", f"{load.longest_gap_s(self.back_s):.2f}"]
        answered = load.tokens(["200"])
        return [
            *(" / ".join(str(load.count(kind)[each]) for each in OUTCOMES) for kind in ("read", "write")),
            f"{load.longest_s():.2f}",
            *(times if steady else ["", ""]),
            f"{self.on_server} / {self.idle} / {self.in_use}",
            str(sum(self.stored[token] == 0 for token in answered)),
            str(sum(times > 1 for times in self.stored.values())),
            str(sum(self.stored[token] for token in load.tokens(OUTCOMES[1:]))),
            f"{len(self.log) / 1024:.0f}",
        ]


def make_table(database: ServerDatabase) -> None:
    """The table that both sides use, with the row that is read."""
    number = "INT AUTO_INCREMENT" if database.kind == "mariadb" else "SERIAL"
    database.sql(f"CREATE TABLE note (id {number} PRIMARY KEY, token VARCHAR(40))")
    database.sql("INSERT INTO note (token) VALUES ('the row')")
    assert database.sql("SELECT id FROM note") == [(THE_ROW,)]


@contextmanager
def serving(database: ServerDatabase, side: str, port: int) -> Iterator[RunningCommand]:
    """A uvicorn worker of one side, which reaches its database at `port`."""
    uvicorn = [sys.executable, "-m", "uvicorn", "--factory", "--log-level", "warning", "--no-access-log"]
    url = database.url_for(DRIVERS[database.kind], port=port)
    extra = LIMITS | ({"FAULTS_SIDE": side, "DATABASE_URL": url}) | (OURS_ONLY if side == "Plimsoll" else {})
    command = [*uvicorn, "--app-dir", str(REPOSITORY), "--port", "{port}", "bench.faults_app:make_app"]
    with RunningCommand(command, env=database.environ(**extra)) as served:
        served.wait_ready("/pool")
        yield served


def run(fault: Fault, side: str, server: ServerKind) -> Outcome:
    """One fault, one side, on a fresh database."""
    database = server.create_database("faults")
    make_table(database)
    with FaultProxy(server.port) as proxy:
        stage = Stage(server, database, proxy, fault.outage_s)
        fault.prepare(stage)
        with serving(database, side, proxy.port if fault.proxied else server.port) as served:
            load = Load(served.port, fault.plan)
            back_s = asyncio.run(strike_under_load(fault, stage, load))
            time.sleep(SETTLE_S)
            on_server = database.connection_count()
            with urllib.request.urlopen(f"{served.url}/pool", timeout=5) as answer:
                pool = json.load(answer)
            log = served.output()
    stored: Counter[str] = Counter(dict(database.sql("SELECT token, COUNT(*) FROM note GROUP BY token")))
    server.heal()
    database.drop()
    return Outcome(load, back_s, on_server, pool["idle"], pool["in_use"], stored, log)


async def strike_under_load(fault: Fault, stage: Stage, load: Load) -> float:
    """Load and fault together; when the database was back."""
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        await asyncio.sleep(STRIKE_AFTER_S)
        await fault.strike(stage)
        return time.monotonic()


HEADINGS = (
    "fault",
    "side",
    "reads: " + " / ".join(OUTCOMES),
    "writes: the same",
    "longest request s",
    "recovery ms",
    "longest gap s",
    "connections: server / idle / in use",
    "200 but lost",
    "stored twice",
    "not 200 but stored",
    "log KiB",
)


def table(server: ServerKind, chosen: list[Fault], logs: Path | None) -> None:
    """All faults on one server, the sides in turns."""
    print(f"\n{type(server).__name__.removesuffix('Server')}, {DRIVERS[server.kind]}:\n")
    print("| " + " | ".join(HEADINGS) + " |")
    print("|---|---|" + "---:|" * (len(HEADINGS) - 2))
    for fault in chosen:
        for side in SIDES:
            outcome = run(fault, side, server)
            cells = outcome.cells(steady=fault.plan.burst_every_s is None)
            print(f"| {fault.name} | {side} | " + " | ".join(cells) + " |", flush=True)
            if logs is not None:
                (logs / f"{server.kind}-{fault.name.replace(' ', '_')}-{side}.log").write_text(outcome.log)


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the frozen server is thawed after half the time")
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="faults with such a word in the name")
    parser.add_argument("--server", choices=DRIVERS, help="this one only")
    parser.add_argument("--drivers", nargs="+", default=[], choices=("asyncmy", "psycopg"), help="instead of the usual")
    parser.add_argument("--logs", type=Path, help="keep what the served processes print in this directory")
    return parser.parse_args()


def main() -> None:
    """A table for each server."""
    given = arguments()
    DRIVERS.update({"mariadb" if driver == "asyncmy" else "postgres": driver for driver in given.drivers})
    chosen = [fault for fault in faults(given.quick) if any(word in fault.name for word in given.only)]
    for make_server in (MariaDbServer, PostgresServer):
        if given.server in (None, make_server.kind):
            with make_server() as server:
                table(server, chosen, given.logs)


if __name__ == "__main__":
    main()
