"""Processes on their own cores, and `wrk` against them: what `bench_route.py` measures with."""

import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from tests.servers import REPOSITORY, RunningCommand, clean_environ

CONNECTIONS = 32
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
"""wrk's units of time."""

_LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)$", re.MULTILINE)
_REQUESTS = re.compile(r"^\s+(\d+) requests in ", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)$", re.MULTILINE)
_FAILED = re.compile(r"^\s+(?:Non-2xx or 3xx responses|Socket errors):.*$", re.MULTILINE)


def find_wrk() -> str:
    """Its path. Ends the script with a sentence where there is none."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("This needs wrk, which makes the HTTP load and is not there. On Debian: apt install wrk")
    return found


def cores() -> tuple[set[int], set[int]]:
    """The core of the server under test, and those of all the rest; the same where there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}


@dataclass
class Rounds:
    """What several rounds against one side gave, a value a round."""

    rates: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """CPU time of the server process for a request, in user and system mode."""

    def add(self, output: str, cpu_s: float) -> None:
        """Read what wrk printed.

        Raises:
            RuntimeError: some answers were errors, so the figures would compare nothing.
        """
        if failed := _FAILED.search(output):
            raise RuntimeError(f"wrk got errors instead of answers:\n{failed.group()}")
        times_ms = {name: float(value) * UNITS_MS[unit] for name, value, unit in _LATENCY.findall(output)}
        requests, rate = _REQUESTS.search(output), _RATE.search(output)
        assert requests is not None, output
        assert rate is not None, output
        self.rates.append(float(rate[1]))
        self.p50_ms.append(times_ms["50"])
        self.p99_ms.append(times_ms["99"])
        self.cpu_us.append(cpu_s * 1e6 / int(requests[1]))


def spread(values: list[float], digits: int = 0) -> str:
    """Least / median / greatest."""
    return " / ".join(f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def median_between(values: list[float]) -> tuple[float, float]:
    """Where the median of what these are a sample of lies with a likelihood of 95 %, whatever its distribution: between
    the values that stand 0.98 times the root of their number from the middle, since as many are below the median as a
    coin shows heads (Conover, Practical Nonparametric Statistics, 3.2)."""
    ordered, half = sorted(values), len(values) / 2
    off = 0.98 * math.sqrt(len(values))
    return ordered[max(0, math.floor(half - off))], ordered[min(len(values) - 1, math.ceil(half + off) - 1)]


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, to the microsecond: its own clock, which Linux calls ~pid << 3 | 2
    (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


@contextmanager
def serving(
    side: str, url: str, pool: int, loop: str, *, command: Sequence[str] = (), **more: str
) -> Iterator[RunningCommand]:
    """One uvicorn worker with the application of a side, on its core, answering; or another `command` that serves it,
    with `more` in its environment."""
    variables = {"BENCH_SIDE": side, "BENCH_URL": url, "BENCH_POOL": str(pool), **more}
    uvicorn = [sys.executable, "-m", "uvicorn", "--factory", "bench.route_app:make_app", "--port", "{port}"]
    quiet = ["--no-access-log", "--log-level", "error", "--loop", loop]
    with RunningCommand(command or [*uvicorn, *quiet], env=_environ(variables), cwd=REPOSITORY) as running:
        for thread in psutil.Process(running.pid).threads():
            os.sched_setaffinity(thread.id, cores()[0])
        yield running.wait_ready("/notes/7")


def _environ(variables: Mapping[str, str]) -> dict[str, str]:
    """No configuration but this; the checkout's own packages."""
    return clean_environ() | dict(variables)


def load(wrk: str, running: RunningCommand, seconds: float, rounds: Rounds | None, path: str = "/notes/7") -> None:
    """Load a server, and note what came of it; None to warm it up only."""
    before_s = cpu_s(running.pid)
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", "--timeout", "30s"]
    done = subprocess.run([*command, f"{running.url}{path}"], capture_output=True, text=True, check=True)
    if rounds is not None:
        rounds.add(done.stdout, cpu_s(running.pid) - before_s)


@contextmanager
def slow_link(target_port: int, delay_s: float) -> Iterator[tuple[int, int]]:
    """A process that adds a delay each way: its port and its process id."""
    script = Path(__file__).with_name("slow_link.py")
    command = [sys.executable, str(script), str(target_port), str(delay_s)]
    with RunningCommand(command) as running:
        running.wait_output("\n")
        yield int(running.output()), running.pid
