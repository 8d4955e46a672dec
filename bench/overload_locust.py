"""The closed loop of `bench_overload.py` once more, by locust, where there is one: its own clients, its own clock."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.overload_load import Side, capacity_of, heading, worker
from tests.servers import ServerDatabase

STATUSES = ("200", "503", "500", "0")

VISITOR = Path(__file__).with_name("locust_visitor.py")


def locust_table(sides: Sequence[Side], database: ServerDatabase, lasts_s: float, clients: int) -> None:
    """Answers by status, and how long those of each took."""
    locust = shutil.which("locust")
    if locust is None:
        print("\nThere is no locust on the PATH ('pip install locust'): its part is left out.")
        return
    print(f"\nThe closed loop of {clients} clients by locust, {lasts_s:g} s:\n")
    print(heading(("side", "200 / 503 / 500 / none", "200: p50 / p99 ms", "503: p50 / p99 ms"), 1))
    for side in sides:
        with worker(side, database) as served:
            capacity_of(served.port, 1.0)
            by_status = {entry["name"]: entry for entry in _seen(locust, served.url, lasts_s, clients)}
        counts = [str(by_status[status]["num_requests"]) if status in by_status else "0" for status in STATUSES]
        row = [" / ".join(counts), *(_times(by_status.get(status)) for status in ("200", "503"))]
        print(f"| {side.name} | {' | '.join(row)} |", flush=True)


def _seen(locust: str, url: str, lasts_s: float, clients: int) -> list[dict[str, object]]:
    command = [locust, "-f", str(VISITOR), "--headless", "--json", "--skip-log", "--host", url]
    command += [
        "--users",
        str(clients),
        "--spawn-rate",
        str(clients),
        "--run-time",
        f"{lasts_s:g}s",
        "--stop-timeout",
        "6",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        raise RuntimeError(f"locust said nothing: {done.stderr[-500:]}")
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def _times(entry: dict[str, object] | None) -> str:
    if entry is None:
        return "-"
    counts = {float(ms): int(count) for ms, count in dict(entry["response_times"]).items()}  # type: ignore[call-overload]
    wanted = [share * sum(counts.values()) for share in (0.5, 0.99)]
    found, seen = [], 0
    for ms in sorted(counts):
        seen += counts[ms]
        while wanted and seen >= wanted[0]:
            found.append(f"{ms:.0f}")
            wanted.pop(0)
    return " / ".join(found)
