"""Several workers, on one host or more, seen together: sums, a row for each, and what is wrong with which. Pure: who
finds the workers brings their snapshots."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from plimsoll.snapshot.adding import all_routes, all_statements
from plimsoll.snapshot.causes.wording import sane
from plimsoll.snapshot.diagnosis import GRAVITY
from plimsoll.snapshot.joint_problems import problems_of
from plimsoll.snapshot.model import HolderView, LoadLineView, Problem, RouteView, Snapshot, StatementView
from plimsoll.snapshot.moment import Sums
from plimsoll.snapshot.processes import name_of
from plimsoll.snapshot.rows import Level, Totals, WorkerRow

STALE_S = 30.0
"""A worker whose snapshot is so much older than the newest is shown and not counted: it may be gone. Hosts whose clocks
differ by more than this need a time server first."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All of it. `problems` name their workers; `holders` are the oldest first, each with its worker's name."""

    rows: tuple[WorkerRow, ...] = ()
    totals: Totals = field(default_factory=Totals)
    problems: tuple[Problem, ...] = ()
    holders: tuple[tuple[str, HolderView], ...] = ()
    routes: tuple[RouteView, ...] = ()
    statements: tuple[StatementView, ...] = ()
    load_line: LoadLineView | None = None
    """As the newest worker that has one reckons it."""


def together(snapshots: Iterable[Snapshot]) -> Fleet:
    """Of any number of workers, in any order. Of several snapshots of a worker the newest counts; of several processes
    that had one name, one after the other, the last."""
    known = newest_of_each(snapshots)
    newest_s = max((sane(each.at_s) for each in known), default=0.0)
    rows = tuple(_row(each, stale=newest_s - sane(each.at_s) > STALE_S) for each in known)
    seen = tuple(each for each, row in zip(known, rows, strict=True) if not row.stale)
    totals = _totals([row for row in rows if not row.stale], len({each.worker.host for each in seen}))
    load_line = next((each.load_line for each in _newest_first(seen) if each.load_line is not None), None)
    held = [(name_of(each), holder) for each in seen for holder in each.holders]
    return Fleet(
        rows,
        totals,
        problems_of(seen, totals, load_line),
        tuple(sorted(held, key=lambda each: (-sane(each[1].age_s), each[0], each[1].id))),
        all_routes(seen),
        all_statements(seen),
        load_line,
    )


def _newest_first(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    return sorted(snapshots, key=lambda each: (-sane(each.at_s), name_of(each)))


def newest_of_each(snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """The newest snapshot of each worker, in the order of their names."""
    found: dict[tuple[str, int], Snapshot] = {}
    for each in snapshots:
        key = (each.worker.host, each.worker.pid)
        known = found.get(key)
        if known is None or _age(each) > _age(known):
            found[key] = each
    return tuple(found[key] for key in sorted(found))


def _age(snapshot: Snapshot) -> tuple[float, float]:
    return sane(snapshot.worker.started_s), sane(snapshot.at_s)


def _row(snapshot: Snapshot, *, stale: bool) -> WorkerRow:
    worker, pool, binding = snapshot.worker, snapshot.pool, snapshot.memory.binding
    sums = Sums.of(snapshot.routes)
    return WorkerRow(
        name=name_of(snapshot),
        at_s=snapshot.at_s,
        started_s=worker.started_s,
        release=worker.release,
        ready=worker.ready,
        stopping=snapshot.admission.stopping,
        stale=stale,
        taken=pool.taken,
        idle=pool.idle,
        limit=pool.limit,
        waiting=pool.waiting + snapshot.admission.waiting,
        in_flight=snapshot.admission.in_flight,
        requests=sums.requests,
        errors=sums.errors,
        refused=sums.refused,
        rss_bytes=snapshot.memory.rss_bytes,
        memory_left_bytes=None if binding is None else binding.left,
        worst=_worst(snapshot),
    )


def _worst(snapshot: Snapshot) -> Level | None:
    levels = sorted((problem.level for problem in snapshot.problems), key=GRAVITY.__getitem__)
    return levels[0] if levels else None


def _totals(rows: Sequence[WorkerRow], hosts: int) -> Totals:
    return Totals(
        workers=len(rows),
        ready=sum(row.ready for row in rows),
        hosts=hosts,
        taken=sum(row.taken for row in rows),
        idle=sum(row.idle for row in rows),
        limit=sum(row.limit for row in rows),
        waiting=sum(row.waiting for row in rows),
        in_flight=sum(row.in_flight for row in rows),
        requests=sum(row.requests for row in rows),
        errors=sum(row.errors for row in rows),
        refused=sum(row.refused for row in rows),
        rss_bytes=sum(row.rss_bytes for row in rows),
    )
