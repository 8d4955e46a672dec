"""What `bench_overload.py` and `overload_memory.py` share: the sides, their workers, the clients' process, and what can
be said of a stream of requests."""

import dataclasses
import json
import math
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Self, TypeVar

import psutil
from bench.arrivals_plan import BROKEN, TIMEOUT, UNSENT, Outcomes, Plan, Record, Stream
from bench.loading import serving
from tests.servers import REPOSITORY, RunningCommand, ServerDatabase, clean_environ

POOL_SIZE, MAX_OVERFLOW = 5, 5
WANTED_S = 1.0
"""An answer that comes later helps nobody who waits for a page."""
LATE_P99_S = 0.02
"""Clients who come later than this by themselves are no measure of a service's milliseconds."""
TRIES = 3
SAMPLE_S = 0.1
MIB = 1024 * 1024

Result = TypeVar("Result")


@dataclass(frozen=True)
class Side:
    """Who provides the sessions (BENCH_SIDE), and how."""

    name: str
    kind: str
    environ: dict[str, str] = field(default_factory=dict)

    def variables(self, database: ServerDatabase) -> dict[str, str]:
        """Of its worker."""
        pool = {"DB_POOL_SIZE": str(POOL_SIZE), "DB_MAX_OVERFLOW": str(MAX_OVERFLOW), "DB_POOL_TIMEOUT": "30"}
        return pool | {"DATABASE_URL": database.url_for("aiomysql"), "BENCH_SIDE": self.kind} | self.environ


NOTE = Side("note", "note")
SIDES = (NOTE, Side("note, pool_timeout=2", "note", {"DB_POOL_TIMEOUT": "2"}), Side("Plimsoll", "plimsoll"))


def uvicorn(loop: str, *options: str) -> list[str]:
    """A worker's command line."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "bench.overload_app:make_app", "--port", "{port}"]
    return [*command, "--no-access-log", "--log-level", "warning", "--loop", loop, *options]


def worker(side: Side, database: ServerDatabase, loop: str = "auto") -> AbstractContextManager[RunningCommand]:
    """A side's worker, on its own core."""
    return serving(side.kind, "", POOL_SIZE, loop, command=uvicorn(loop), **side.variables(database))


class LateClientsError(RuntimeError):
    """The machine was too busy for the clients' process."""


def unless_late(measured: Callable[[], Result]) -> Result:
    """A run, made again where its clients were late themselves.

    Raises:
        LateClientsError: they were, each of `TRIES` times.
    """
    for _ in range(TRIES - 1):
        try:
            return measured()
        except LateClientsError as error:
            print(f"({error}: once more)", file=sys.stderr, flush=True)
    return measured()


def carry_out(plan: Plan) -> Record:
    """Let the clients' process make all requests of a plan.

    Raises:
        LateClientsError: they were late themselves, so what they saw says nothing of the service.
    """
    text = json.dumps(dataclasses.asdict(plan))
    command = [sys.executable, "-m", "bench.arrivals"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, cwd=REPOSITORY, env=clean_environ(), check=False
    )
    if done.returncode:
        raise RuntimeError(f"the clients' process ended with {done.returncode}:\n{done.stderr}")
    record = Record.read(done.stdout)
    if (late_s := share_below(record.late_s, 0.99)) > LATE_P99_S:
        raise LateClientsError(
            f"the clients were late themselves: p99 {late_s * 1000:.0f} ms, at {record.cpu_share:.0%} of a core"
        )
    return record


def capacity_of(port: int, lasts_s: float) -> float:
    """Answers a second to as many clients as the pool has connections."""
    stream = Stream(name="ten", path="/row", lasts_s=lasts_s, clients=POOL_SIZE + MAX_OVERFLOW)
    record = carry_out(Plan(port=port, streams=(stream,)))
    return stream_seen(record, stream).count("200") / lasts_s


def share_below(values: Sequence[float], share: float) -> float:
    """The value that such a share of all does not exceed; NaN where there are none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Seen:
    """What the clients of one stream saw."""

    outcomes: Outcomes
    lasts_s: float

    def latencies_ms(self, status: int) -> list[float]:
        """Of the answers with a status."""
        pairs = zip(self.outcomes.status, self.outcomes.latency_s, strict=True)
        return [latency_s * 1000 for each, latency_s in pairs if each == status]

    def p(self, share: float, status: int) -> float:
        """Such a share of the answers with a status came within this many ms."""
        return share_below(self.latencies_ms(status), share)

    @property
    def good_per_s(self) -> float:
        """Answered 200 within `WANTED_S`, per second of the load."""
        return sum(each <= WANTED_S * 1000 for each in self.latencies_ms(200)) / self.lasts_s

    @property
    def success(self) -> float:
        """The share of all requests that were answered 200 within `WANTED_S`."""
        return self.good_per_s * self.lasts_s / max(1, len(self.outcomes.status))

    @property
    def counts(self) -> Counter[str]:
        """How many requests had which outcome: a status, `broken`, or `none` (no answer in time, or never sent)."""
        names = {BROKEN: "broken", TIMEOUT: "none", UNSENT: "none"}
        return Counter(names.get(status, str(status)) for status in self.outcomes.status)

    def count(self, *names: str) -> int:
        """Of these outcomes."""
        return sum(self.counts[name] for name in names)

    @property
    def others(self) -> int:
        """Outcomes that no column shows."""
        return len(self.outcomes.status) - self.count("200", "500", "503", "broken", "none")


def stream_seen(record: Record, stream: Stream) -> Seen:
    """What came of a stream."""
    return Seen(record.streams[stream.name], stream.lasts_s)


class MemoryWatch:
    """Samples a process' resident memory, in a thread."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.samples_mib: list[float] = []

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            try:
                self.samples_mib.append(self._process.memory_info().rss / MIB)
            except psutil.NoSuchProcess:
                return

    def __enter__(self) -> Self:
        self.samples_mib.append(self._process.memory_info().rss / MIB)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def start_mib(self) -> float:
        """At the beginning."""
        return self.samples_mib[0]

    @property
    def peak_mib(self) -> float:
        """The greatest."""
        return max(self.samples_mib)

    @property
    def after_mib(self) -> float:
        """The last."""
        return self.samples_mib[-1]


def make_table(database: ServerDatabase) -> None:
    """What the query reads."""
    database.sql("CREATE TABLE note (id INTEGER PRIMARY KEY, token VARCHAR(40))")
    database.sql("INSERT INTO note VALUES (1, 'the row')")


def heading(names: Sequence[str], left: int = 2) -> str:
    """The head of a Markdown table."""
    return f"| {' | '.join(names)} |\n|{'---|' * left}{'---:|' * (len(names) - left)}"


def cells(values: Sequence[float], digits: int = 0) -> str:
    """Least / median / greatest; one value where there is only one, `-` where there is none."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "-"
    if len(values) == 1:
        return f"{known[0]:.{digits}f}"
    return " / ".join(f"{value:.{digits}f}" for value in (min(known), statistics.median(known), max(known)))


def middle(values: Sequence[float], digits: int = 0) -> str:
    """The median; `-` where there is none."""
    known = [value for value in values if not math.isnan(value)]
    return f"{statistics.median(known):.{digits}f}" if known else "-"


def answers(url: str, timeout_s: float = 5.0) -> bool:
    """Whether a page is answered with a good status."""
    try:
        urllib.request.urlopen(url, timeout=timeout_s).close()
    except OSError:
        return False
    return True


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say on the standard error how long a part took."""
    began_s = time.monotonic()
    yield
    print(f"({what}: {time.monotonic() - began_s:.0f} s)", file=sys.stderr, flush=True)
