"""The parts of `bench_overload.py` that `wrk` measures: the cost where nothing is overloaded, and the closed loop once
more, by clients that are not our own."""

import re
import statistics
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.loading import CONNECTIONS, Rounds, find_wrk, load, spread
from bench.overload_load import Side, capacity_of, heading, worker
from tests.servers import ServerDatabase

SCRIPT = Path(__file__).with_name("count_statuses.lua")
_STATUS = re.compile(r"^status (\d+) (\d+)$", re.MULTILINE)
_LATENCY = re.compile(r"^\s+(?:50|99)%\s+(\S+)[ ]*$", re.MULTILINE)
_ERRORS = re.compile(r"^\s+Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$", re.MULTILINE)

COST_SIDES = (
    Side("no install()", "bare"),
    Side("admission off", "plimsoll", {"ADMISSION": "false"}),
    Side("install()", "plimsoll"),
)


def cost_table(database: ServerDatabase, blocks: int, pairs: int) -> None:
    """A route without the database, not overloaded, in many short turns."""
    wrk, found = find_wrk(), {side.name: Rounds() for side in COST_SIDES}
    for _ in range(blocks):
        # Two processes of the same program differ by a percent or two for as long as they live.
        with ExitStack() as stack:
            workers = {side.name: stack.enter_context(worker(side, database)) for side in COST_SIDES}
            for served in workers.values():
                load(wrk, served, 1, None, "/plain")
            for turn in range(pairs):
                for side in COST_SIDES if turn % 2 else reversed(COST_SIDES):
                    load(wrk, workers[side.name], 1, found[side.name], "/plain")
    turns = blocks * pairs
    print(f"\nA route without the database, wrk with {CONNECTIONS} connections, {turns} turns of 1 s:\n")
    print(heading(("side", "requests/s", "p99 ms", "CPU us/request"), 1))
    for name, got in found.items():
        print(f"| {name} | {spread(got.rates)} | {spread(got.p99_ms, 1)} | {spread(got.cpu_us)} |")
    print("\n" + heading(("against", "median of the pairs' ratios: throughput", "CPU"), 1))
    ours = found["install()"]
    for name in ("admission off", "no install()"):
        both = ((ours.rates, found[name].rates), (ours.cpu_us, found[name].cpu_us))
        ratios = [statistics.median(a / b for a, b in zip(mine, theirs, strict=True)) for mine, theirs in both]
        print(f"| {name} | {ratios[0]:.3f} | {ratios[1]:.3f} |", flush=True)


def crowd_table(sides: Sequence[Side], database: ServerDatabase, lasts_s: float, clients: int) -> None:
    """A closed loop by wrk. It times answers of all statuses together."""
    wrk = find_wrk()
    print(f"\nThe closed loop of {clients} clients by wrk, {lasts_s:g} s:\n")
    print(heading(("side", "200 / 503 / 500", "connect, read, write errors / timeouts", "all answers: p50 / p99"), 1))
    for side in sides:
        with worker(side, database) as served:
            capacity_of(served.port, 1.0)
            command = [wrk, "-t1", f"-c{clients}", f"-d{lasts_s:g}s", "--latency", "--timeout", "5s", "-s", str(SCRIPT)]
            done = subprocess.run([*command, f"{served.url}/row"], capture_output=True, text=True, check=True).stdout
        counts = dict(_STATUS.findall(done))
        found = _ERRORS.search(done)
        errors = [int(number) for number in found.groups()] if found else [0, 0, 0, 0]
        answered = " / ".join(counts.get(status, "0") for status in ("200", "503", "500"))
        row = [answered, f"{sum(errors[:3])} / {errors[3]}", " / ".join(_LATENCY.findall(done))]
        print(f"| {side.name} | {' | '.join(row)} |", flush=True)
