"""Two runs of the checklist beside each other: a run in numbers, and what changed between two."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plimsoll.checks.baseline import Baseline
from plimsoll.checks.facts import Facts, RunningFacts
from plimsoll.checks.runner import Report
from plimsoll.checks.subjects.running_pages import FIRST_FAULT
from plimsoll.checks.subjects.since_server import COUNTERS
from plimsoll.checks.verdict import Found
from plimsoll.errors import CommandError

MIB = 1 << 20

POOL = ("checkouts", "opened", "timeouts", "refused", "connect_failures", "leaks", "lost")
WORST = ("most_taken", "most_waiting")
"""Of the worker that had the most."""


@dataclass(frozen=True, slots=True)
class Row:
    """One number of two runs; None where a run does not have it."""

    name: str
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        """By how much it rose."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def share(self) -> float | None:
        """The same as a share of what it was; None where that was 0."""
        return None if self.change is None or not self.before else self.change / self.before


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed between two runs. `new` and `gone` are findings, `stayed` those of both: titles by id."""

    before: Baseline
    after: Baseline
    rows: tuple[Row, ...]
    new: Mapping[str, str]
    gone: Mapping[str, str]
    stayed: Mapping[str, str]


def as_baseline(facts: Facts, report: Report, at_s: float) -> Baseline:
    """This run in numbers."""
    running = facts.running.value if facts.running.known else None
    numbers = dict(_of_service(running)) if running is not None else {}
    for result in report.found:
        if isinstance(result.verdict, Found):
            numbers |= {f"{result.check.id} {name}": float(value) for name, value in result.verdict.numbers.items()}
    if facts.connect_s.known:
        numbers["database connect ms"] = facts.connect_s.value * 1000
    if facts.round_trip_s.known:
        numbers["database round trip ms"] = facts.round_trip_s.value * 1000
    return Baseline(
        at_s=at_s,
        stage=report.stage,
        url=running.url if running is not None else "",
        release=(running.release or "") if running is not None else "",
        numbers=numbers,
        server=_of_server(facts),
        findings={result.check.id: result.check.title for result in report.found},
    )


def _of_service(running: RunningFacts) -> Iterator[tuple[str, float]]:
    for page in running.endpoints:
        if page.p50_s is not None and page.p99_s is not None:
            yield f"page {page.path} p50 ms", page.p50_s * 1000
            yield f"page {page.path} p99 ms", page.p99_s * 1000
        faults = sum(count for status, count in page.statuses.items() if status >= FIRST_FAULT)
        yield f"page {page.path} faults", float(faults + len(page.errors))
    if running.log.known:
        log = running.log.value
        yield f"log {log.name} bytes", float(log.size)
        yield from ((f"log {log.name} {kind}", float(count)) for kind, count in log.counts.items())
    workers = running.workers
    if not workers:
        return
    yield "workers", float(len(workers))
    checkouts = sum(worker.number("pool.checkouts") for worker in workers)
    if checkouts:
        yield "pool reuse ratio", sum(worker.number("pool.reused") for worker in workers) / checkouts
    yield "pool connections held", float(sum(len(worker.connections) for worker in workers))
    for name in POOL:
        yield f"pool {name}", sum(worker.number(f"pool.{name}") for worker in workers)
    for name in WORST:
        yield f"pool {name} of a worker", max(worker.number(f"pool.{name}") for worker in workers)
    yield "memory rss MiB", sum(worker.number("memory.rss_bytes") for worker in workers) / MIB
    yield "memory errors", sum(worker.number("memory.errors") for worker in workers)


def _of_server(facts: Facts) -> dict[str, float]:
    if not facts.server.known:
        return {}
    server = facts.server.value
    return {name: value for name in COUNTERS if (value := server.number(name)) is not None}


def log_begin(baseline: Baseline, name: str) -> int:
    """Where a log of this name ended when the baseline was made; 0 where it was not read."""
    return int(baseline.numbers.get(f"log {name} bytes", 0))


def fits(baseline: Baseline, stage: str) -> None:
    """See that a baseline can be compared with a run of `stage`.

    Raises:
        CommandError: it is of the other stage.
    """
    if baseline.stage != stage:
        raise CommandError(
            f"The baseline is of --stage {baseline.stage[:20]} ({baseline.when}), and this run is of --stage {stage}: "
            "they ask other questions. Compare runs of one stage."
        )


def compare(before: Baseline, after: Baseline) -> Comparison:
    """What changed. Numbers come in the order of this run, then those that it has no more."""
    names = dict.fromkeys((*after.numbers, *before.numbers))
    rows = [Row(name, before.numbers.get(name), after.numbers.get(name)) for name in names]
    counters = [
        Row(f"server {name}", before.server.get(name), after.server.get(name))
        for name in dict.fromkeys((*after.server, *before.server))
    ]
    return Comparison(
        before,
        after,
        tuple(rows + counters),
        new={id_: title for id_, title in after.findings.items() if id_ not in before.findings},
        gone={id_: title for id_, title in before.findings.items() if id_ not in after.findings},
        stayed={id_: title for id_, title in after.findings.items() if id_ in before.findings},
    )
