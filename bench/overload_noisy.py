"""The part of `bench_overload.py` with a noisy client beside a quiet one, each with an address of its own."""

from collections.abc import Sequence
from functools import partial

from bench.arrivals_plan import Plan, Stream
from bench.overload_load import (
    Seen,
    Side,
    capacity_of,
    carry_out,
    cells,
    heading,
    middle,
    stream_seen,
    unless_late,
    worker,
)
from tests.servers import ServerDatabase

NOISY = 50
"""Times the rate of the quiet client."""
QUIET_RATES = (5.0, 12.0)
"""The noisy one comes at 250 and at 600 requests/s, both more than the capacity."""


def noisy_table(sides: Sequence[Side], database: ServerDatabase, rounds: int, lasts_s: float) -> None:
    """A client with an address of its own, and one beside it that asks fifty times as often."""
    print(f"\nA noisy client at {NOISY} times the rate of a quiet one, {rounds} rounds:\n")
    columns = ["requests", "200 within 1 s, %", "p50 ms", "p99 ms", "noisy one: 200 / 503 / 500 / broken / no answer"]
    print(heading(["side", "quiet / noisy, a second", *columns]), flush=True)
    for rate in QUIET_RATES:
        for side in sides:
            runs = [unless_late(partial(noisy_run, side, database, rate, lasts_s)) for _ in range(rounds)]
            quiet, noisy = [each[0] for each in runs], [each[1] for each in runs]
            counts = (middle([each.count(what) for each in noisy]) for what in ("200", "503", "500", "broken", "none"))
            row = [
                str(sum(len(each.outcomes.status) for each in quiet)),
                cells([each.success * 100 for each in quiet], 1),
                cells([each.p(0.5, 200) for each in quiet]),
                cells([each.p(0.99, 200) for each in quiet]),
                " / ".join(counts),
            ]
            print(f"| {side.name} | {rate:g} / {rate * NOISY:g} | {' | '.join(row)} |", flush=True)


def noisy_run(side: Side, database: ServerDatabase, rate: float, lasts_s: float) -> tuple[Seen, Seen]:
    """What the quiet client saw, and what the noisy one."""
    quiet = Stream(name="quiet", path="/row", lasts_s=lasts_s, rate=rate, source="127.0.0.2")
    noisy = Stream(name="noisy", path="/row", lasts_s=lasts_s, rate=rate * NOISY)
    with worker(side, database) as served:
        capacity_of(served.port, 1.0)
        record = carry_out(Plan(port=served.port, streams=(quiet, noisy)))
    return stream_seen(record, quiet), stream_seen(record, noisy)
