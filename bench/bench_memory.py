"""What an open connection costs in this process: bytes of RSS, by driver, event loop and TLS.

Each figure comes from a process of its own, which opens some connections first (what is loaded once, and what the
allocator has spare, is not counted), then the sixty that are. `Database` makes them: with TLS they share one SSL
context, except psycopg's, where libpq makes one a connection. The last column is for a new default context for each
connection, with the system's authorities in it, as one makes that is not shared.

Run: `python bench/bench_memory.py [--quick]`, or `make bench`.
"""

import argparse
import asyncio
import gc
import os
import ssl
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
import uvloop
from sqlalchemy import event, text
from tests.servers import REPOSITORY, MariaDbServer, PostgresServer, Tls, clean_environ
from tests.servers.database import ServerDatabase

from plimsoll import Database, DatabaseSettings

DRIVERS = {"aiomysql": "MariaDB", "asyncmy": "MariaDB", "asyncpg": "PostgreSQL", "psycopg": "PostgreSQL"}
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
MODES = ("off", "shared", "own")
WARM = 10
COUNT = 60


async def measure(settings: DatabaseSettings, *, own_context: bool) -> float:
    """KiB of RSS for each of `COUNT` open connections."""
    database = Database(settings)
    if own_context:

        @event.listens_for(database.engine.sync_engine, "do_connect")
        def connect(_dialect: Any, _record: Any, _args: Any, arguments: dict[str, Any]) -> None:
            arguments["ssl"] = context = ssl.create_default_context()
            context.load_verify_locations(settings.ssl_ca)

    held = [await opened(database) for _ in range(WARM)]
    before = resident_kib()
    held += [await opened(database) for _ in range(COUNT)]
    grown = resident_kib() - before
    for connection in held:
        await connection.close()
    await database.close()
    return grown / COUNT


async def opened(database: Database) -> Any:
    """A connection that has answered."""
    connection = await database.engine.connect()
    await connection.execute(text("SELECT 1"))
    return connection


def resident_kib() -> float:
    """What this process has in memory now."""
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1024


def in_a_process(database: ServerDatabase, driver: str, loop: str, mode: str) -> float:
    """`measure`, in a new process."""
    variables = clean_environ() | {"BENCH_LOOP": loop, "BENCH_MODE": mode, "DATABASE_URL": database.url_for(driver)}
    variables |= {"DB_POOL_SIZE": str(WARM + COUNT), "DB_MAX_OVERFLOW": "0"}
    if mode != "off":
        variables["DB_SSL_CA"] = str(database.ca)
    command = [sys.executable, __file__, "--measure"]
    done = subprocess.run(command, env=variables, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout.split()[-1])


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one process a figure, not three")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        with asyncio.Runner(loop_factory=LOOPS[os.environ["BENCH_LOOP"]]) as runner:
            own = os.environ["BENCH_MODE"] == "own"
            print(runner.run(measure(DatabaseSettings.from_env(env_file=None), own_context=own)))
        return
    runs = 1 if arguments.quick else 3
    with MariaDbServer(tls=Tls()) as mariadb, PostgresServer(tls=Tls()) as postgres:
        made = {"MariaDB": mariadb.create_database(), "PostgreSQL": postgres.create_database()}
        print(f"KiB of RSS a connection, median of {runs} processes with {COUNT} connections each\n")
        print("| driver | loop | no TLS | TLS, shared context | TLS, a context each |\n|---|---|---:|---:|---:|")
        for driver, server in DRIVERS.items():
            for loop in LOOPS:
                print(f"| {driver} | {loop} | {' | '.join(row(made[server], driver, loop, runs))} |", flush=True)


def row(database: ServerDatabase, driver: str, loop: str, runs: int) -> list[str]:
    """The three figures of a driver and loop."""
    cells = []
    for mode in MODES:
        if mode == "own" and driver == "psycopg":
            cells.append("always so")
            continue
        figures = [in_a_process(database, driver, loop, mode) for _ in range(runs)]
        cells.append(f"{statistics.median(figures):.0f}")
    return cells


if __name__ == "__main__":
    main()
