"""What it costs to be seen: `install()` as it is, against the same without counts of routes and statements and without
what is gathered once a second (`seeing_app.py`).

One uvicorn worker on a core of its own; `wrk` with 32 connections and MariaDB have the other. A route without the
database, and one with three statements. Sides: *unseen*; *nobody looks*; *looked at*: a console is open (its stream is
read), and `/metrics` is asked every 5 s. Turns alternate, and each block has new workers, since two processes of one
program differ by a percent or two for as long as they live. Before that, what each part takes (`seeing_parts.py`).

Run: `python bench/bench_seeing.py [--quick]`, or `make bench`.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.loading import CONNECTIONS, Rounds, cores, find_wrk, load, serving, spread
from bench.overload_load import heading, make_table
from tests.servers import REPOSITORY, MariaDbServer, RunningCommand, ServerDatabase, clean_environ

PATHS = {"/plain": "without the database", "/three": "three statements"}
UNSEEN, UNLOOKED, LOOKED = "unseen", "nobody looks", "looked at"
SIDES = {UNSEEN: "unseen", UNLOOKED: "seen", LOOKED: "seen"}
TOKEN = "who-bears-this-may-look"
SCRAPE_EVERY_S = 5.0
POOL_SIZE = 16
WARM_S = 1.0
TURN_S = SCRAPE_EVERY_S
"""A turn has one reading of the metrics."""


@dataclass(frozen=True)
class Measure:
    """How often to measure."""

    blocks: int
    turns: int
    """Of each side and path, in each block."""


QUICK = Measure(blocks=1, turns=2)
FULL = Measure(blocks=6, turns=4)


@contextmanager
def worker(side: str, database: ServerDatabase) -> Iterator[RunningCommand]:
    """A side's worker, warm."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "bench.seeing_app:make_app", "--port", "{port}"]
    command += ["--no-access-log", "--log-level", "warning"]
    environ = {"DATABASE_URL": database.url_for("aiomysql"), "DB_POOL_SIZE": str(POOL_SIZE), "OPS_READ_TOKEN": TOKEN}
    with serving(side, "", POOL_SIZE, "auto", command=command, **environ) as served:
        for path in PATHS:
            load(find_wrk(), served, WARM_S, None, path)
        yield served


@contextmanager
def looking(url: str) -> Iterator[None]:
    """Somebody has the console open, and Prometheus reads the metrics: one thread each."""
    ended = threading.Event()

    def ask(path: str) -> "urllib.request.Request":
        return urllib.request.Request(f"{url}{path}", headers={"Authorization": f"Bearer {TOKEN}"})

    def listen() -> None:
        with urllib.request.urlopen(ask("/ops/live"), timeout=30) as stream:
            while not ended.is_set():
                assert stream.readline()

    def scrape() -> None:
        while not ended.wait(SCRAPE_EVERY_S / 2):
            with urllib.request.urlopen(ask("/metrics"), timeout=30) as answer:
                assert b"plimsoll_requests_total" in answer.read()
            if ended.wait(SCRAPE_EVERY_S / 2):
                return

    threads = [threading.Thread(target=each) for each in (listen, scrape)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def print_parts() -> None:
    """What one look, one second, one reading takes."""
    command = [sys.executable, "-m", "bench.seeing_parts"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY, env=clean_environ())
    document = json.loads(done.stdout.splitlines()[-1])
    found = document["parts"]
    print(heading(("of the event loop, ms, least / median", *(f"{routes} routes" for routes in found)), 1))
    for name in next(iter(found.values())):
        print(f"| {name} | {' | '.join('{:.2f} / {:.2f}'.format(*times[name]) for times in found.values())} |")
    counting = "Counting takes {:.1f} us of a request without the database, {:.1f} us of one with three statements.\n"
    print("\n" + counting.format(*document["counting"]), flush=True)


Found = dict[str, dict[str, Rounds]]


def measured(database: ServerDatabase, measure: Measure) -> Found:
    """By path and side."""
    wrk = find_wrk()
    found = {path: {name: Rounds() for name in SIDES} for path in PATHS}
    for _ in range(measure.blocks):
        with ExitStack() as stack:
            sides = {side: stack.enter_context(worker(side, database)) for side in ("unseen", "seen")}
            for path in PATHS:
                for turn in range(measure.turns):
                    for name in SIDES if turn % 2 else reversed(SIDES):
                        served = sides[SIDES[name]]
                        with looking(served.url) if name == LOOKED else ExitStack():
                            load(wrk, served, TURN_S, found[path][name], path)
    return found


def print_tables(found: Found) -> None:
    """What each side did, and the ratios of turns that followed one another."""
    print(heading(("route", "side", "requests/s", "p99 ms", "CPU us/request"), 2))
    for path, sides in found.items():
        for name, got in sides.items():
            row = (PATHS[path], name, spread(got.rates), spread(got.p99_ms, 1), spread(got.cpu_us))
            print(f"| {' | '.join(row)} |")
    print("\n" + heading(("route", "against unseen", "throughput", "CPU of a request"), 2))
    for path, sides in found.items():
        base = sides[UNSEEN]
        for name in (UNLOOKED, LOOKED):
            both = ((sides[name].rates, base.rates), (sides[name].cpu_us, base.cpu_us))
            ratios = [spread([a / b for a, b in zip(mine, theirs, strict=True)], 3) for mine, theirs in both]
            print(f"| {PATHS[path]} | {name} | {' | '.join(ratios)} |", flush=True)


def main() -> None:
    """The tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one block of two turns: to see that it runs")
    measure = QUICK if parser.parse_args().quick else FULL
    # What this starts inherits it: database and clients leave the worker's core alone.
    os.sched_setaffinity(0, cores()[1])
    print_parts()
    turns = measure.blocks * measure.turns
    print(f"wrk with {CONNECTIONS} connections, {turns} turns of {TURN_S:g} s each; least / median / greatest\n")
    with MariaDbServer() as server:
        database = server.create_database("seeing")
        make_table(database)
        database.sql("INSERT INTO note VALUES (2, 'a second'), (3, 'a third'), (4, 'a fourth'), (5, 'a fifth')")
        print_tables(measured(database, measure))


if __name__ == "__main__":
    main()
