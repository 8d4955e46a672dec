"""More load than the database can serve: Plimsoll against an operator's note as published, and with pool_timeout=2.

One uvicorn worker on a core of its own, pool 5 + 5, a query of 50 ms: about 190 requests/s. Clients (`arrivals.py`) and
database have the other core. The load is a closed loop of 400 clients, or comes at three and ten times the capacity at
times that are fixed beforehand. Then: a noisy client beside a quiet one, the cost where nothing is overloaded, and
too little memory (`overload_memory.py`). Each run has a new worker.

Run: `python bench/bench_overload.py [--quick] [--only PART ...] [--side WORD] [--cgroup DIRECTORY]`, or `make bench`.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.arrivals_plan import Plan, Record, Stream
from bench.loading import cores
from bench.overload_load import (
    MAX_OVERFLOW,
    POOL_SIZE,
    SIDES,
    MemoryWatch,
    Seen,
    Side,
    capacity_of,
    carry_out,
    cells,
    heading,
    make_table,
    middle,
    share_below,
    stream_seen,
    timed,
    unless_late,
    worker,
)
from bench.overload_locust import locust_table
from bench.overload_memory import memory_tables
from bench.overload_noisy import noisy_table
from bench.overload_wrk import cost_table, crowd_table
from tests.servers import MariaDbServer, RunningCommand, ServerDatabase

PARTS = ("closed", "open3", "open10", "noisy", "cost", "memory")
LOADS = {"closed": "closed loop, 400 clients", "open3": "open loop, 3 x capacity", "open10": "open loop, 10 x capacity"}
TIMES_CAPACITY = {"open3": 3, "open10": 10}
CLIENTS = 400
GENTLE = 0.5
"""Of the capacity: what is asked before and after, when answers are to be normal."""
NORMAL = 3
"""Times the unloaded p99: an answer within it is normal."""
LONGEST_RECOVERY_S = 60.0
HEALTH = "/health/live"
HEALTH_RATE = 5.0


@dataclass(frozen=True)
class Measure:
    """How long and how often to measure."""

    rounds: int
    load_s: float
    gentle_s: float
    noisy_s: float
    blocks: int
    pairs: int
    """Of the cost, in each block."""


QUICK = Measure(rounds=1, load_s=5, gentle_s=3, noisy_s=10, blocks=1, pairs=3)
FULL = Measure(rounds=3, load_s=12, gentle_s=5, noisy_s=20, blocks=5, pairs=4)


@dataclass(frozen=True)
class Run:
    """One load on one side's new worker."""

    load: Seen
    health: Seen
    calm: Seen
    recovery_s: float | None
    memory: MemoryWatch
    late_ms: float
    log_kib: float

    @property
    def served_times(self) -> float:
        """p99 of what was served, as a multiple of the unloaded p99."""
        return self.load.p(0.99, 200) / self.calm.p(0.99, 200)


def measure_capacity(sides: Sequence[Side], database: ServerDatabase, measure: Measure) -> float:
    """The greatest of the sides' medians: all are offered multiples of it, and are measured against it."""
    found: dict[str, list[float]] = {side.name: [] for side in sides}
    with ExitStack() as stack:
        workers = {side.name: stack.enter_context(worker(side, database)) for side in sides}
        for _ in range(3):
            for side in sides:
                port = workers[side.name].port
                found[side.name].append(unless_late(partial(capacity_of, port, measure.gentle_s)))
    print("\nCapacity, a closed loop of ten clients:\n\n| side | answers/s |\n|---|---:|")
    for name, rates in found.items():
        print(f"| {name} | {cells(rates)} |", flush=True)
    return max(statistics.median(rates) for rates in found.values())


def run(name: str, side: Side, database: ServerDatabase, capacity: float, measure: Measure) -> Run:
    """A gentle load, the load, a gentle load until the answers are as before."""
    with worker(side, database) as served:
        capacity_of(served.port, 1.0)
        calm = Stream(name="calm", path="/row", lasts_s=measure.gentle_s, rate=capacity * GENTLE)
        calmly = stream_seen(carry_out(Plan(port=served.port, streams=(calm,))), calm)
        if calmly.success < 1:
            raise RuntimeError(f"{side.name}: not all is well at half the capacity: {calmly.counts}")
        streams = loads(name, capacity, calmly.p(0.99, 200) / 1000, measure)
        with MemoryWatch(served.pid) as memory:
            record = carry_out(Plan(port=served.port, streams=streams))
        return summed_up(record, streams, calmly, memory, served)


def loads(name: str, capacity: float, unloaded_p99_s: float, measure: Measure) -> tuple[Stream, ...]:
    """The load, who looks at the health page meanwhile, and who comes after it."""
    lasts_s = measure.load_s
    if name == "closed":
        load = Stream(name="load", path="/row", lasts_s=lasts_s, clients=CLIENTS, connections=CLIENTS)
    else:
        load = Stream(name="load", path="/row", lasts_s=lasts_s, rate=capacity * TIMES_CAPACITY[name])
    return (
        load,
        Stream(name="health", path=HEALTH, lasts_s=lasts_s, rate=HEALTH_RATE),
        Stream(
            name="after",
            path="/row",
            begins_s=lasts_s,
            lasts_s=LONGEST_RECOVERY_S,
            rate=capacity * GENTLE,
            normal_s=unloaded_p99_s * NORMAL,
        ),
    )


def summed_up(
    record: Record, streams: tuple[Stream, ...], calm: Seen, memory: MemoryWatch, served: RunningCommand
) -> Run:
    """All there is to say of a run."""
    load, health, after = streams
    return Run(
        load=stream_seen(record, load),
        health=stream_seen(record, health),
        calm=calm,
        recovery_s=record.streams[after.name].normal_after_s,
        memory=memory,
        late_ms=share_below(record.late_s, 0.99) * 1000,
        log_kib=len(served.output()) / 1024,
    )


CLIENT_HEADINGS = (
    "load",
    "side",
    "200 within 1 s, a second",
    "% of capacity",
    "200 / 503 / 500 / other",
    "broken / no answer",
    "503: p50 ms",
    "503: p99 ms",
    "200: p50 ms",
    "200: p99 ms",
    "times the unloaded p99",
)
WORKER_HEADINGS = (
    "load",
    "side",
    "MiB at the start",
    "at most",
    "after",
    "growth",
    "normal again after s",
    "health: p99 ms",
    "health: failed",
    "log KiB",
    "clients late: p99 ms",
)


def client_cells(runs: list[Run], capacity: float) -> list[str]:
    """What the clients saw; counts are medians."""
    seen = [each.load for each in runs]

    def counts(*names: str) -> str:
        return middle([each.count(*names) for each in seen])

    return [
        cells([each.good_per_s for each in seen]),
        cells([each.good_per_s / capacity * 100 for each in seen]),
        f"{counts('200')} / {counts('503')} / {counts('500')} / {middle([each.others for each in seen])}",
        f"{counts('broken')} / {counts('none')}",
        cells([each.p(0.5, 503) for each in seen], 1),
        cells([each.p(0.99, 503) for each in seen], 1),
        cells([each.p(0.5, 200) for each in seen]),
        cells([each.p(0.99, 200) for each in seen]),
        cells([each.served_times for each in runs], 1),
    ]


def worker_cells(runs: list[Run]) -> list[str]:
    """What became of the worker."""
    never = f"> {LONGEST_RECOVERY_S:g}"
    known = [each.recovery_s for each in runs if each.recovery_s is not None]
    return [
        middle([each.memory.start_mib for each in runs]),
        middle([each.memory.peak_mib for each in runs]),
        middle([each.memory.after_mib for each in runs]),
        cells([each.memory.peak_mib - each.memory.start_mib for each in runs], 1),
        cells(known, 1) if len(known) == len(runs) else f"{never} in {len(runs) - len(known)} of {len(runs)}",
        cells([each.health.p(0.99, 200) for each in runs], 1),
        middle([len(each.health.outcomes.status) - each.health.count("200") for each in runs]),
        middle([each.log_kib for each in runs]),
        cells([each.late_ms for each in runs], 1),
    ]


def load_tables(names: Sequence[str], sides: Sequence[Side], database: ServerDatabase, measure: Measure) -> None:
    """The loads, the sides in turns."""
    capacity = measure_capacity(sides, database, measure)
    print(f"\n{measure.rounds} rounds of {measure.load_s:g} s, min / median / max or the median:\n")
    print(heading(CLIENT_HEADINGS), flush=True)
    worker_rows = []
    for name in names:
        with timed(name):
            found: dict[str, list[Run]] = {side.name: [] for side in sides}
            for turn in range(measure.rounds):
                for side in sides if turn % 2 == 0 else reversed(sides):
                    found[side.name].append(unless_late(partial(run, name, side, database, capacity, measure)))
        for of, runs in found.items():
            print(f"| {LOADS[name]} | {of} | {' | '.join(client_cells(runs, capacity))} |", flush=True)
            worker_rows.append(f"| {LOADS[name]} | {of} | {' | '.join(worker_cells(runs))} |")
    print("\n" + "\n".join([heading(WORKER_HEADINGS), *worker_rows]), flush=True)


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round: to see that it runs")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--side", default="", metavar="WORD", help="sides with such a word in the name")
    parser.add_argument(
        "--cgroup", type=Path, help="a directory of a memory cgroup below which one may be made, for that part"
    )
    return parser.parse_args()


def main() -> None:
    """All tables."""
    arguments = read_arguments()
    measure = QUICK if arguments.quick else FULL
    sides = [side for side in SIDES if arguments.side in side.name]
    # What this starts inherits it: database and clients leave the worker's core alone.
    os.sched_setaffinity(0, cores()[1])
    with MariaDbServer() as server:
        database = server.create_database("overload")
        make_table(database)
        print(f"One uvicorn worker, pool {POOL_SIZE} + {MAX_OVERFLOW}, MariaDB by aiomysql, {os.cpu_count()} cores")
        if names := [name for name in LOADS if name in arguments.only]:
            load_tables(names, sides, database, measure)
        if "closed" in arguments.only:
            crowd_table(sides, database, measure.load_s, CLIENTS)
            locust_table(sides, database, measure.load_s, CLIENTS)
        if "noisy" in arguments.only:
            with timed("noisy"):
                noisy_table(sides, database, measure.rounds, measure.noisy_s)
        if "cost" in arguments.only:
            cost_table(database, measure.blocks, measure.pairs)
        if "memory" in arguments.only:
            with timed("memory"):
                memory_tables(sides, database, arguments.cgroup)


if __name__ == "__main__":
    main()
