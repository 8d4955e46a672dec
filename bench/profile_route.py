"""Where the CPU time of one read request goes, by package: the stack is sampled as the worker uses CPU.

A worker runs the application of `bench_route.py` under load from `wrk`; a signal that comes with CPU time, not with
time, interrupts it, so what waits is not counted. A frame of the standard library counts for whoever called it; what is
compiled (the event loop, drivers in C) has no frames, and counts for the frame that called it.

Run: `python bench/profile_route.py [--side plimsoll|pool|sqlalchemy] [--lines] [driver]`.
"""

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import greenlet  # type: ignore[import-untyped]
import uvicorn
from bench.loading import Rounds, cores, find_wrk, load, serving, spread
from bench.route_app import make_app
from tests.servers import MariaDbServer, PostgresServer

TICK_S = 0.001
MARIADB = ("aiomysql", "asyncmy")
WHERE = (
    ("plimsoll/pool/", "plimsoll.pool"),
    ("plimsoll/session/", "plimsoll.session"),
    ("plimsoll/fastapi/", "plimsoll.fastapi"),
    ("plimsoll/", "plimsoll, the rest"),
    ("sqlalchemy/dialects/", "sqlalchemy dialect and driver adapter"),
    ("sqlalchemy/connectors/", "sqlalchemy dialect and driver adapter"),
    ("sqlalchemy/orm/", "sqlalchemy.orm"),
    ("sqlalchemy/ext/asyncio/", "sqlalchemy.ext.asyncio"),
    ("sqlalchemy/pool/", "sqlalchemy.pool"),
    ("sqlalchemy/sql/", "sqlalchemy.sql"),
    ("sqlalchemy/util/", "sqlalchemy.util (greenlet switches among it)"),
    ("sqlalchemy/", "sqlalchemy.engine and events"),
    ("aiomysql/", "driver"),
    ("pymysql/", "driver"),
    ("asyncmy/", "driver"),
    ("asyncpg/", "driver"),
    ("psycopg/", "driver"),
    ("fastapi/", "fastapi"),
    ("starlette/", "starlette"),
    ("uvicorn/", "uvicorn"),
    ("anyio/", "anyio"),
    ("bench/", "the route itself"),
)
REST = "event loop, standard library"


@dataclass
class Sampler:
    """Counts stacks. `own` is by package, `within` by plimsoll's functions with all that they call."""

    own: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)
    total: int = 0

    def start(self) -> None:
        """From now on, until the process ends."""
        signal.signal(signal.SIGPROF, self.tick)
        signal.setitimer(signal.ITIMER_PROF, TICK_S, TICK_S)

    def tick(self, _number: int, frame: FrameType | None) -> None:
        """One sample."""
        self.total += 1
        package, seen = None, set[str]()
        for each in stack_of(frame):
            named = package_of(each)
            if named is not None and package is None:
                package = named
                self.lines[f"{named}: {spot(each)}"] += 1
            if named is not None and named.startswith("plimsoll"):
                seen.add(f"{named}: {spot(each)}")
        self.own[package or REST] += 1
        self.within.update(seen)

    def report(self, *, lines: bool) -> None:
        """Shares in percent, the greatest first."""
        print(f"\n{self.total} samples\n\n| package | share of CPU time, its own |\n|---|---:|")
        for name, count in self.own.most_common():
            print(f"| {name} | {count / self.total:.1%} |")
        print("\n| function of Plimsoll | share with all that it calls |\n|---|---:|")
        for name, count in self.within.most_common(25):
            print(f"| {name} | {count / self.total:.1%} |")
        if lines:
            print("\n| function | share, its own |\n|---|---:|")
            for name, count in self.lines.most_common(60):
                print(f"| {name} | {count / self.total:.1%} |")


def stack_of(frame: FrameType | None) -> list[FrameType]:
    """Innermost first, also the frames below SQLAlchemy's greenlet."""
    found: list[FrameType] = []
    current = greenlet.getcurrent()
    while True:
        while frame is not None:
            found.append(frame)
            frame = frame.f_back
        if current.parent is None:
            return found
        current = current.parent
        frame = current.gr_frame


def package_of(frame: FrameType) -> str | None:
    """The package that a frame belongs to; None for the standard library."""
    path = frame.f_code.co_filename
    return next((name for part, name in WHERE if f"/{part}" in path), None)


def spot(frame: FrameType) -> str:
    """File and function."""
    return f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}"


def serve(*, lines: bool) -> None:
    """In the worker: serve, and sample from the first request on to the end."""
    sampler = Sampler()
    config = uvicorn.Config(make_app(), port=int(os.environ["PORT"]), access_log=False, log_level="error")
    server = uvicorn.Server(config)
    threading.Timer(float(os.environ["BENCH_WARM_S"]), lambda: signal.raise_signal(signal.SIGUSR1)).start()
    signal.signal(signal.SIGUSR1, lambda *_: sampler.start())
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn passes on the signal that ended it
        server.run()
    signal.setitimer(signal.ITIMER_PROF, 0)
    sampler.report(lines=lines)


def main() -> None:
    """The tables of one side and driver."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("driver", nargs="?", default="aiomysql", choices=(*MARIADB, "asyncpg", "psycopg"))
    parser.add_argument("--side", default="plimsoll", choices=("plimsoll", "pool", "sqlalchemy"))
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--lines", action="store_true", help="functions too, not only packages")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(lines=arguments.lines)
        return
    wrk, rounds = find_wrk(), Rounds()
    os.sched_setaffinity(0, cores()[1])
    with MariaDbServer() if arguments.driver in MARIADB else PostgresServer() as server:
        database = server.create_database()
        database.sql("CREATE TABLE note (id INTEGER PRIMARY KEY, name VARCHAR(50))")
        database.sql("INSERT INTO note VALUES (7, 'a')")
        url = database.url_for(arguments.driver)
        with serving(arguments.side, url, 16, "auto") as plain:
            load(wrk, plain, 1, None)
            load(wrk, plain, 3, rounds)
        profile(arguments, url, wrk)
    print(
        f"\n{arguments.side}, {arguments.driver}: {spread(rounds.cpu_us)} us of CPU for a request, without the profiler"
    )


def profile(arguments: argparse.Namespace, url: str, wrk: str) -> None:
    """Load a worker that samples itself; print what it says at its end."""
    command = [sys.executable, __file__, "--serve", *(["--lines"] if arguments.lines else [])]
    with serving(arguments.side, url, 16, "auto", command=command, BENCH_WARM_S="2") as worker:
        load(wrk, worker, 2 + arguments.seconds, None)
        worker.interrupt()
        print(worker.output())


if __name__ == "__main__":
    main()
