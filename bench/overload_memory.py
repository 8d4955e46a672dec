"""The part of `bench_overload.py` in which memory is short: a worker that may take 40 MiB more than it has.

Three ways to need more: 400 clients that speak TLS with the worker itself, handlers that take 10 MB each, fifty at
once, and the same in a cgroup. The limit stays while it is asked, once all have gone, whether it serves as before.
"""

import os
import re
import resource
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from bench.arrivals_plan import Plan, Stream
from bench.loading import cores
from bench.overload_load import (
    MIB,
    POOL_SIZE,
    MemoryWatch,
    Seen,
    Side,
    carry_out,
    stream_seen,
    uvicorn,
)
from tests.servers import REPOSITORY, RunningCommand, ServerDatabase, Tls
from tests.servers.certificates import Certificates

MORE_BYTES = 40 * MIB
CLIENTS = 400
HOLDERS = 50
LASTS_S = 10.0
QUIET_S = 2.0
"""From the last client's leaving to the question whether it serves as before."""
AFTERWARDS = 20
"""Requests, one after the other; all are to be answered 200."""
HANDLER = "overload_app.py"
"""Names a handler in a traceback."""

_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):$.*?^MemoryError\b", re.MULTILINE | re.DOTALL)
_RULES = re.compile(r"^[ |+]*[|+][-+|]*[ ]?", re.MULTILINE)
"""What an ExceptionGroup draws before its lines."""


@dataclass(frozen=True, kw_only=True)
class Shortage:
    """A way to be short of memory. `path`: what the clients ask; `group`: a cgroup instead of RLIMIT_AS."""

    name: str
    path: str
    clients: int
    think_s: float = 0.0
    loop: str = "auto"
    tls: bool = False
    group: Path | None = None


def shortages(group: Path | None) -> list[Shortage]:
    """All of them; that in a cgroup only where a directory is given."""
    tls = f"RLIMIT_AS, {CLIENTS} TLS clients"
    allocate = f"{HOLDERS} handlers of 10 MB"
    found = [
        Shortage(name=f"{tls}, {loop}", path="/row", clients=CLIENTS, think_s=1, loop=loop, tls=True)
        for loop in ("asyncio", "uvloop")
    ]
    found.append(Shortage(name=f"RLIMIT_AS, {allocate}", path="/allocate", clients=HOLDERS))
    if group is not None:
        found.append(Shortage(name=f"cgroup, {allocate}", path="/allocate", clients=HOLDERS, group=group))
    return found


@dataclass(frozen=True)
class Outcome:
    """What came of one shortage on one side."""

    seen: Seen
    growth_mib: float
    ended: int | None
    good_afterwards: int
    log: str

    @property
    def memory_errors(self) -> tuple[int, int]:
        """Tracebacks of a MemoryError: out of a handler, and out of anything else (event loop, protocols, pool)."""
        found = _TRACEBACK.findall(_RULES.sub("", self.log))
        # A chain of tracebacks is one finding; the last part of it is the error itself.
        ends = [each.rpartition("Traceback (most recent call last):")[2] for each in found]
        in_handlers = sum(HANDLER in each for each in ends)
        return in_handlers, len(ends) - in_handlers

    def cells(self) -> list[str]:
        """Of the table."""
        seen = self.seen
        in_handlers, elsewhere = self.memory_errors
        alive = "yes" if self.ended is None else f"no, ended by {name_of_end(self.ended)}"
        return [
            alive,
            f"{seen.count('200')} / {seen.count('503')} / {seen.count('500')} / {seen.others}",
            f"{seen.count('broken')} / {seen.count('none')}",
            str(seen.outcomes.connects_failed),
            f"{seen.p(0.99, 503):.0f}" if seen.count("503") else "-",
            f"{in_handlers} / {elsewhere}",
            f"{self.growth_mib:.0f}",
            f"{self.good_afterwards} of {AFTERWARDS}",
            f"{len(self.log) / 1024:.0f}",
        ]


def name_of_end(code: int) -> str:
    """An exit code, or the signal's name."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


HEADINGS = (
    "shortage",
    "side",
    "alive",
    "200 / 503 / 500 / other",
    "broken / no answer",
    "connects failed",
    "503: p99 ms",
    "MemoryErrors logged: handlers / elsewhere",
    "RSS growth MiB",
    "200 afterwards",
    "log KiB",
)


def memory_tables(sides: Sequence[Side], database: ServerDatabase, group: Path | None) -> None:
    """Each shortage, the sides in turns."""
    print(f"\nA worker that may take {MORE_BYTES // MIB} MiB more than it has, {LASTS_S:g} s:\n")
    print(f"| {' | '.join(HEADINGS)} |\n|---|---|---|{'---:|' * (len(HEADINGS) - 3)}")
    for shortage in shortages(group):
        for side in sides:
            print(
                f"| {shortage.name} | {side.name} | {' | '.join(run(shortage, side, database).cells())} |", flush=True
            )
    if group is None:
        print("\nNot measured: in a cgroup (name a directory below which one may be made: `--cgroup DIRECTORY`).")


def run(shortage: Shortage, side: Side, database: ServerDatabase) -> Outcome:
    """One shortage, on a new worker."""
    with tempfile.TemporaryDirectory() as directory:
        made = Certificates.issue(Path(directory) / "tls", Tls()) if shortage.tls else None
        with limited(shortage, side, database, made) as served, MemoryWatch(served.pid) as memory:
            stream = Stream(
                name="short",
                path=shortage.path,
                lasts_s=LASTS_S,
                clients=shortage.clients,
                connections=shortage.clients,
                ramp_s=1.0,
                think_s=shortage.think_s,
            )
            ca = None if made is None else str(made.ca)
            seen = stream_seen(carry_out(Plan(port=served.port, streams=(stream,), ca=ca)), stream)
            time.sleep(QUIET_S)
            good = good_answers(served.port, ca) if served.returncode is None else 0
            return Outcome(seen, memory.peak_mib - memory.start_mib, served.returncode, good, served.output())


def good_answers(port: int, ca: str | None) -> int:
    """How many of some requests are answered 200 once all is quiet."""
    stream = Stream(name="afterwards", path="/row", lasts_s=AFTERWARDS / 10, rate=10)
    return stream_seen(carry_out(Plan(port=port, streams=(stream,), ca=ca)), stream).count("200")


@contextmanager
def limited(
    shortage: Shortage, side: Side, database: ServerDatabase, made: Certificates | None
) -> Iterator[RunningCommand]:
    """A worker that has served some requests, and may take `MORE_BYTES` more from now on."""
    options = [] if made is None else ["--ssl-keyfile", str(made.server_key), "--ssl-certfile", str(made.server_cert)]
    # Not "warning", since only what it says at "info" tells that a worker with TLS is up.
    command = [*uvicorn(shortage.loop, *options), "--log-level", "info"]
    environ = database.environ(**side.variables(database))
    with RunningCommand(command, env=environ, cwd=REPOSITORY) as served:
        served.wait_output("Uvicorn running on")
        for thread in psutil.Process(served.pid).threads():
            os.sched_setaffinity(thread.id, cores()[0])
        warm_up(served.port, made)
        if shortage.group is None:
            allowed = psutil.Process(served.pid).memory_info().vms + MORE_BYTES
            resource.prlimit(served.pid, resource.RLIMIT_AS, (allowed, allowed))
            yield served
        else:
            with in_cgroup(served.pid, shortage.group):
                yield served


def warm_up(port: int, made: Certificates | None) -> None:
    """Open the pool's connections; load what is loaded at first use."""
    stream = Stream(name="warm", path="/row", lasts_s=1.0, clients=POOL_SIZE)
    seen = stream_seen(carry_out(Plan(port=port, streams=(stream,), ca=str(made.ca) if made else None)), stream)
    if not seen.count("200"):
        raise RuntimeError(f"the worker does not serve even before memory is short: {seen.counts}")


@contextmanager
def in_cgroup(pid: int, parent: Path) -> Iterator[None]:
    """A new memory cgroup, v1 or v2, with one process in it. What that has already stays charged to where it was, so
    the limit is for what it takes from now on. The process is killed at the end: a group in use cannot be removed."""
    group = parent / f"overload-{pid}"
    group.mkdir()
    try:
        limits = [group / name for name in ("memory.limit_in_bytes", "memory.max") if (group / name).exists()]
        if not limits:
            raise RuntimeError(f"{parent} is no directory of a memory cgroup: a group below it has no limit to set")
        limits[0].write_text(str(MORE_BYTES))
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        process = psutil.Process(pid) if psutil.pid_exists(pid) else None
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.kill()
                process.wait(5)
        group.rmdir()
