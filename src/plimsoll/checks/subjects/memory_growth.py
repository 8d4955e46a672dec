"""PL805: the memory of the running service does not grow while it is watched."""

import math

from plimsoll.checks.check import AFTER, Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.running import Worker
from plimsoll.checks.subjects.since import MEMORY, duration, workers_of
from plimsoll.checks.trend import LEAST_POINTS, MIB, Trend, trend_of
from plimsoll.checks.verdict import CouldNot, Found, Level, NotApplicable, Passed, Verdict

FLAT_MIB_AN_HOUR = 1.0
"""Growth that is surely above this is a finding: 24 MiB a day, so that a worker with the room of MEMORY_RESERVE
(16 MiB) is at its limit before the day is over."""

STEP_BYTES = MIB
"""Growth below this is one step of an allocator, however surely it is there: CPython's obmalloc takes memory by arenas
of 1 MiB since 3.10 (ARENA_BITS in pycore_obmalloc.h) and they fill page by page; glibc's heap grows by 128 KiB."""

TOO_WIDE_MIB_AN_HOUR = 60.0
"""An interval that reaches so far above 0 says nothing: a worker that grows so would double within hours."""


def _flat(facts: Facts) -> Verdict:
    running = workers_of(facts)
    if not running.watched_s:
        return NotApplicable("memory was not watched (--watch 10m)")
    trends = {pid: trend_of(points) for pid, points in running.watch.items()}
    known = {pid: trend for pid, trend in trends.items() if trend is not None}
    if not known:
        return CouldNot(
            f"no worker was seen {LEAST_POINTS} times in {duration(running.watched_s)}", "Watch for longer."
        )
    words = "; ".join(_trend_words(pid, trend, running.workers) for pid, trend in sorted(known.items()))
    growing = {pid: trend for pid, trend in known.items() if _grows(trend)}
    if growing:
        return Found(
            words,
            "In the first minutes after a start memory grows while code and caches are loaded: watch again later. If "
            "it goes on, see which requests do it, by comparing growth with the pages asked (tracemalloc, memray).",
            numbers={f"mib_an_hour.{pid}": trend.mib_an_hour for pid, trend in growing.items()},
        )
    if any(_mib_an_hour(trend.high) > TOO_WIDE_MIB_AN_HOUR for trend in known.values()):
        return CouldNot(f"it moves too much to tell: {words}", "Watch for longer, or while there is less load.")
    slow = [trend for trend in known.values() if _is_above_flat(trend)]
    if slow:
        enough_min = math.ceil(max(STEP_BYTES / trend.low for trend in slow) / 60)
        return CouldNot(
            f"it grew by less than {STEP_BYTES / MIB:g} MiB, which may be one step of the allocator: {words}",
            f"Watch for longer: growth that goes on like this shows with --watch {enough_min}m.",
        )
    return Passed(words)


def _is_above_flat(trend: Trend) -> bool:
    return _mib_an_hour(trend.low) > FLAT_MIB_AN_HOUR


def _grows(trend: Trend) -> bool:
    return _is_above_flat(trend) and trend.grown_bytes >= STEP_BYTES


def _mib_an_hour(bytes_a_second: float) -> float:
    return Trend(bytes_a_second, 0, 0, 0, 0).mib_an_hour


def _trend_words(pid: int, trend: Trend, workers: tuple[Worker, ...]) -> str:
    rss = next((worker.number("memory.rss_bytes") for worker in workers if worker.pid == pid), 0.0)
    how = "grows" if _grows(trend) else "not sure" if _is_above_flat(trend) else "flat"
    return (
        f"worker {pid}, {rss / MIB:.0f} MiB: {how}, {trend.mib_an_hour:+.1f} MiB an hour ± "
        f"{trend.margin_mib_an_hour:.1f} (95 %, {trend.points} points in {duration(trend.seconds)})"
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL805",
        "Memory grows",
        Level.WARNING,
        MEMORY,
        "The worker meets its limit, sooner or later.",
        """\
With `--watch 10m` each worker's resident memory is read for so long, some 60 times. The slope is Theil's, the median
of the slopes between all pairs of points, with Sen's interval of 95 % (P. K. Sen, Journal of the American Statistical
Association 63, 1968). Memory moves in steps, and one step does not mislead this. Points that follow each other are
not independent, so the interval is somewhat too narrow: a finding asks for a longer look, not for a verdict.

It is a finding where the whole interval is above 1 MiB an hour and the growth it stands for is 1 MiB at least. Less is
one step of an allocator: the check then cannot tell, and says how long a watch would. Nor can it where the interval
reaches above 60 MiB an hour.
""",
        _flat,
        AFTER,
    ),
)
