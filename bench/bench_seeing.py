"""What it costs to be seen: `install()` as it is, against the same without counts of routes and statements and without
what is gathered once a second (`seeing_app.py`).

One uvicorn worker on a core of its own; `wrk` with 32 connections and MariaDB have the other. A route without the
database, and one with three statements. Sides: *unseen*; *nobody looks*; *looked at*: a console is open (its stream is
read), and `/metrics` is asked in each fifth turn. One process changes sides between short turns, since two of the same
differ by a percent or two for as long as they live, and a machine from minute to minute; each block has a new one.
Before that, what each part takes (`seeing_parts.py`).

Run: `python bench/bench_seeing.py [--quick]`, or `make bench`.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.loading import CONNECTIONS, Rounds, cores, find_wrk, load, median_between, serving, spread
from bench.overload_load import heading, make_table
from tests.servers import REPOSITORY, MariaDbServer, RunningCommand, ServerDatabase, clean_environ

PATHS = {"/plain": "without the database", "/three": "three statements"}
UNSEEN, UNLOOKED, LOOKED = "unseen", "nobody looks", "looked at"
SIDES = {UNSEEN: "unseen", UNLOOKED: "seen", LOOKED: "seen"}
TOKEN = "who-bears-this-may-look"
POOL_SIZE = 16
WARM_S = TURN_S = 1
SCRAPED_EVERY = 5
"""Turns, of which the metrics are read in one: every 5 s, where Prometheus asks every 15 s or less often."""


@dataclass(frozen=True)
class Measure:
    """How often to measure."""

    blocks: int
    turns: int
    """Of each side and path, in each block."""


QUICK = Measure(blocks=1, turns=2)
FULL = Measure(blocks=3, turns=25)


@contextmanager
def worker(database: ServerDatabase) -> Iterator[RunningCommand]:
    """One, warm."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "bench.seeing_app:make_app", "--port", "{port}"]
    command += ["--no-access-log", "--log-level", "warning"]
    environ = {"DATABASE_URL": database.url_for("aiomysql"), "DB_POOL_SIZE": str(POOL_SIZE), "OPS_READ_TOKEN": TOKEN}
    with serving("", "", POOL_SIZE, "auto", command=command, **environ) as served:
        for path in PATHS:
            load(find_wrk(), served, WARM_S, None, path)
        yield served


@contextmanager
def looking(url: str, *, scraped: bool) -> Iterator[None]:
    """Somebody has the console open since a moment, and Prometheus may read the metrics once: a thread each."""
    opened, ended = threading.Event(), threading.Event()

    def ask(path: str) -> "urllib.request.Request":
        return urllib.request.Request(f"{url}{path}", headers={"Authorization": f"Bearer {TOKEN}"})

    def listen() -> None:
        with urllib.request.urlopen(ask("/ops/live"), timeout=30) as stream:
            while not ended.is_set():
                if stream.readline().startswith(b"data:"):
                    opened.set()

    def scrape() -> None:
        if scraped and not ended.wait(TURN_S / 2):
            with urllib.request.urlopen(ask("/metrics"), timeout=30) as answer:
                assert b"plimsoll_requests_total" in answer.read()

    listener, reader = (threading.Thread(target=each) for each in (listen, scrape))
    listener.start()
    assert opened.wait(30)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        listener.join()
        reader.join()


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
    shuffled = random.Random(0)
    for _ in range(measure.blocks):
        with worker(database) as served:
            for path in PATHS:
                for turn in range(measure.turns):
                    scraped = turn % SCRAPED_EVERY == 0
                    # Whoever always comes after the same one would always have what that one leaves behind.
                    for name in shuffled.sample(list(SIDES), len(SIDES)):
                        become(served.url, SIDES[name])
                        with looking(served.url, scraped=scraped) if name == LOOKED else ExitStack():
                            load(wrk, served, TURN_S, found[path][name], path)
    return found


def become(url: str, side: str) -> None:
    """Have the worker change sides."""
    with urllib.request.urlopen(urllib.request.Request(f"{url}/side/{side}", method="PUT"), timeout=30):
        pass


def print_tables(found: Found) -> None:
    """What each side did, and the ratios of turns that followed one another."""
    print(heading(("route", "side", "requests/s", "p99 ms", "CPU us/request"), 2))
    for path, sides in found.items():
        for name, got in sides.items():
            row = (PATHS[path], name, spread(got.rates), spread(got.p99_ms, 1), spread(got.cpu_us))
            print(f"| {' | '.join(row)} |")
    titles = (
        "route",
        "against unseen",
        "throughput",
        "its median",
        "its mean",
        "CPU of a request",
        "its median",
        "its mean",
    )
    print("\n" + heading(titles, 2))
    for path, sides in found.items():
        base = sides[UNSEEN]
        for name in (UNLOOKED, LOOKED):
            both = ((sides[name].rates, base.rates), (sides[name].cpu_us, base.cpu_us))
            cells = [cell for mine, theirs in both for cell in compared(mine, theirs)]
            print(f"| {PATHS[path]} | {name} | {' | '.join(cells)} |", flush=True)


def compared(mine: list[float], theirs: list[float]) -> tuple[str, str, str]:
    """The ratios of turns that followed one another, where their median lies as far as they tell, and that of the sums,
    which what happens in few turns is part of."""
    ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
    between = "{:.3f} to {:.3f}".format(*median_between(ratios))
    return spread(ratios, 3), between, f"{sum(mine) / sum(theirs):.3f}"


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
