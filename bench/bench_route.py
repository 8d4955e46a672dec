"""A route that reads one row: Plimsoll against SQLAlchemy's own pool as commonly advised, over HTTP.

One uvicorn worker on a core of its own; `wrk` with 32 connections, the database and the proxy on the others. All
sides' workers run at the same time and are loaded in turns, so that what else the machine does meets all of them.

Run: `python bench/bench_route.py [--quick] [--loop asyncio|uvloop|auto] [drivers ...]`, or `make bench`.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.loading import CONNECTIONS, Rounds, cores, cpu_s, find_wrk, load, serving, slow_link, spread
from tests.servers import MariaDbServer, PostgresServer
from tests.servers.database import ServerDatabase

DRIVERS = {"aiomysql": "MariaDB", "asyncmy": "MariaDB", "asyncpg": "PostgreSQL", "psycopg": "PostgreSQL"}
SIDES = {"sqlalchemy": "SQLAlchemy", "pool": "Plimsoll's pool alone", "plimsoll": "Plimsoll"}
RECORDS = {"untracked": "records off", "plimsoll": "records on"}
DELAY_S = 0.001
BUSY_LINK = 0.7
"""A proxy that uses more of its core than this delays more than it was told to, and the figures say nothing."""


@dataclass(frozen=True)
class Plan:
    """How long and how often to measure."""

    wrk: str
    loop: str
    rounds: int
    seconds: float
    pairs: int
    pair_seconds: float


def in_turns(plan: Plan, sides: list[str], url: str, pool: int, rounds: int, seconds: float) -> dict[str, Rounds]:
    """Load each side's worker `rounds` times in turns, after a second that is not counted."""
    found = {side: Rounds() for side in sides}
    with ExitStack() as stack:
        workers = {side: stack.enter_context(serving(side, url, pool, plan.loop)) for side in sides}
        for worker in workers.values():
            load(plan.wrk, worker, 1, None)
        for turn in range(rounds):
            # Whoever comes second may find another machine: the order changes with each turn.
            for side in sides if turn % 2 else reversed(sides):
                load(plan.wrk, workers[side], seconds, found[side])
    return found


def compare(plan: Plan, drivers: dict[str, ServerDatabase], delay_s: float, pool: int) -> None:
    """Two tables: what was measured, and what it means against SQLAlchemy's own pool."""
    added = f"{delay_s * 1000:g} ms added each way" if delay_s else "loopback"
    print(f"\n{added}, pool of {pool}, {plan.rounds} rounds of {plan.seconds:g} s (min / median / max):\n")
    print("| driver | side | requests/s | p50 ms | p99 ms | CPU us/request |\n|---|---|---|---|---|---|")
    verdicts = []
    for driver, database in drivers.items():
        with link_to(database, delay_s) as port:
            found = in_turns(plan, list(SIDES), database.url_for(driver, port=port), pool, plan.rounds, plan.seconds)
        for side, name in SIDES.items():
            got = found[side]
            cells = [spread(got.rates), spread(got.p50_ms, 1), spread(got.p99_ms, 1), spread(got.cpu_us)]
            print(f"| {driver} | {name} | {' | '.join(cells)} |", flush=True)
        verdicts += [against_theirs(driver, side, found) for side in SIDES if side != "sqlalchemy"]
    print("\n| driver | side | times the throughput | times the p99 | times the CPU |\n|---|---|---:|---:|---:|")
    print("\n".join(verdicts), flush=True)


def against_theirs(driver: str, side: str, found: dict[str, Rounds]) -> str:
    """Ratios of medians to SQLAlchemy's own pool."""
    ours, theirs = found[side], found["sqlalchemy"]
    pairs = ((ours.rates, theirs.rates), (ours.p99_ms, theirs.p99_ms), (ours.cpu_us, theirs.cpu_us))
    ratios = [f"{statistics.median(mine) / statistics.median(other):.2f}" for mine, other in pairs]
    return f"| {driver} | {SIDES[side]} | {' | '.join(ratios)} |"


@contextmanager
def link_to(database: ServerDatabase, delay_s: float) -> Iterator[int]:
    """A port that leads to a database, through a slow link where there is a delay."""
    assert database.port is not None
    if not delay_s:
        yield database.port
        return
    with slow_link(database.port, delay_s) as (port, pid):
        began_s, used_s = time.monotonic(), cpu_s(pid)
        yield port
        share = (cpu_s(pid) - used_s) / (time.monotonic() - began_s)
        if share > BUSY_LINK:
            sys.exit(f"The proxy used {share:.0%} of a core: it was the bottleneck. Nothing is said about the pools.")


def cost_of_records(plan: Plan, drivers: dict[str, ServerDatabase]) -> None:
    """The same pool with and without records of who holds what, in many short pairs."""
    print(f"\nRecords and histograms, loopback, pool of 16, {plan.pairs} pairs of {plan.pair_seconds:g} s:\n")
    print("| driver | CPU us/request, off | on | median of the pairs' ratios: CPU | throughput |")
    print("|---|---|---|---:|---:|")
    for driver, database in drivers.items():
        found = in_turns(plan, list(RECORDS), database.url_for(driver), 16, plan.pairs, plan.pair_seconds)
        off, on = found["untracked"], found["plimsoll"]
        cpu = statistics.median(with_ / without for with_, without in zip(on.cpu_us, off.cpu_us, strict=True))
        rate = statistics.median(with_ / without for with_, without in zip(on.rates, off.rates, strict=True))
        print(f"| {driver} | {spread(off.cpu_us)} | {spread(on.cpu_us)} | {cpu:.3f} | {rate:.3f} |", flush=True)


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: to see that it runs")
    parser.add_argument("--loop", choices=("auto", "asyncio", "uvloop"), default="auto", help="uvicorn's event loop")
    parser.add_argument("--only", choices=("loopback", "delay", "records"), help="one part")
    parser.add_argument(
        "drivers", nargs="*", metavar="driver", help=f"of {', '.join(DRIVERS)}; all where none is named"
    )
    return parser.parse_args()


def main() -> None:
    """All tables."""
    arguments = read_arguments()
    wrk = find_wrk()
    quick = arguments.quick
    plan = Plan(wrk, arguments.loop, 2 if quick else 5, 1 if quick else 8, 3 if quick else 20, 1)
    # What this starts inherits it: database, proxy and wrk leave the worker's core alone.
    os.sched_setaffinity(0, cores()[1])
    with MariaDbServer() as mariadb, PostgresServer() as postgres:
        made = {"MariaDB": mariadb.create_database(), "PostgreSQL": postgres.create_database()}
        for database in made.values():
            database.sql("CREATE TABLE note (id INTEGER PRIMARY KEY, name VARCHAR(50))")
            database.sql("INSERT INTO note VALUES (7, 'a')")
        drivers = {name: made[DRIVERS[name]] for name in arguments.drivers or DRIVERS}
        print(f"One uvicorn worker, loop {plan.loop}, wrk with {CONNECTIONS} connections, {os.cpu_count()} cores")
        if arguments.only in (None, "loopback"):
            compare(plan, drivers, 0.0, 16)
        if arguments.only in (None, "delay"):
            compare(plan, drivers, DELAY_S, 4)
        if arguments.only in (None, "records"):
            cost_of_records(plan, drivers)


if __name__ == "__main__":
    main()
