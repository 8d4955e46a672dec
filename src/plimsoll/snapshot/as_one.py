"""Several workers as one snapshot, for whatever renders a snapshot. Pure, as `together` is, which it is made of."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from plimsoll.snapshot.adding import all_lines, all_pools, summed
from plimsoll.snapshot.causes.wording import bounded, listed, plain, verb
from plimsoll.snapshot.diagnosis import GRAVITY
from plimsoll.snapshot.eventlog import MOST as MOST_EVENTS
from plimsoll.snapshot.joint_problems import NAMED
from plimsoll.snapshot.model import (
    EventView,
    HolderView,
    LimitView,
    MemoryView,
    Problem,
    ProcessView,
    ServerView,
    Snapshot,
)
from plimsoll.snapshot.processes import across, name_of
from plimsoll.snapshot.rows import WorkerRow
from plimsoll.snapshot.workers import newest_of_each, together

MOST_HOLDERS = 1_000
"""The oldest, of all workers: what a page can show, and a second's snapshot can carry."""


def as_one(own: Snapshot, others: Sequence[Snapshot], silent: Collection[str] = ()) -> Snapshot:
    """`own` and the `others` as one: sums of the pool, the line and the memory, what `together` makes of the rest, and
    a row for each. What can be of one worker only (settings, limits, which process) is `own`'s.

    `silent` are names of workers that live and do not answer: they are marked, and counted as they were last seen until
    that is long ago. Where there is nobody else, this is `own`.
    """
    known = newest_of_each((own, *others))
    if len(known) < 2 and not set(silent) - {name_of(own)}:
        return own
    fleet = together(known)
    counted = {row.name for row in fleet.rows if not row.stale}
    seen = tuple(each for each in known if name_of(each) in counted)
    return replace(
        own,
        pool=all_pools(seen, like=own.pool),
        admission=all_lines(seen),
        memory=_memory(seen),
        holders=tuple(
            replace(holder, id=_address(holder, name), worker=name) for name, holder in fleet.holders[:MOST_HOLDERS]
        ),
        routes=fleet.routes,
        statements=fleet.statements,
        server=_server(own, seen),
        load_line=fleet.load_line,
        events=_events(seen),
        counters=summed(each.counters for each in seen),
        client_connections=_sum_of_known(each.client_connections for each in seen),
        problems=_with_silent(fleet.problems, silent),
        workers=_rows(fleet.rows, silent),
    )


def one_of(found: Snapshot, own: Snapshot, silent: Collection[str] = ()) -> Snapshot:
    """Another worker as `own` shows it: its holders' ids tell where it is, and the server's side is as either has seen
    it last."""
    name = name_of(found)
    return replace(
        found,
        holders=tuple(replace(holder, id=_address(holder, name)) for holder in found.holders),
        server=_server(found, (found, own)),
        problems=_with_silent(found.problems, [name] if name in silent else ()),
    )


def _address(holder: HolderView, name: str) -> str:
    return f"{name.rpartition(':')[0]}:{holder.id}"


def _memory(seen: Sequence[Snapshot]) -> MemoryView:
    """Sums, and the limit that is nearest to strike in any of them."""
    parts = [each.memory for each in seen]
    growth = [part.growth_of_a_request_bytes for part in parts if part.growth_of_a_request_bytes is not None]
    kills: dict[str, int] = {}
    for each in seen:
        # A control group counts the kills of all workers in it, and each of them tells that count.
        kills[each.worker.host] = max(kills.get(each.worker.host, 0), each.memory.oom_kills)
    return MemoryView(
        rss_bytes=sum(part.rss_bytes for part in parts),
        address_space_bytes=sum(part.address_space_bytes for part in parts),
        growth_of_a_request_bytes=max(growth, default=None),
        errors=sum(part.errors for part in parts),
        oom_kills=sum(kills.values()),
        binding=min((part.binding for part in parts if part.binding is not None), key=_left, default=None),
    )


def _left(limit: LimitView) -> tuple[bool, int]:
    """What is not known counts last."""
    return limit.left is None, limit.left or 0


def _server(own: Snapshot, seen: Sequence[Snapshot]) -> ServerView | None:
    """As it was seen last by any, with `own` as this worker whoever has seen it, and each connection's holder."""
    view, name = across(seen), name_of(own)
    if view is None:
        return None
    held = {
        (worker, holder.server_id): (name_of(each), holder)
        for each in seen
        for holder in each.holders
        for worker in ("", name_of(each))
    }
    processes = (_with_holder(process, held.get((process.worker, process.id))) for process in view.processes)
    return replace(
        view,
        processes=tuple(
            process
            if process.whose == "unknown"
            else replace(process, whose="this worker" if process.worker == name else "another worker")
            for process in processes
        ),
    )


def _with_holder(process: ProcessView, held: tuple[str, HolderView] | None) -> ProcessView:
    """What a worker knows of its connection, whether or not it has asked the server itself."""
    if held is None:
        return process
    worker, holder = held
    mark = "" if process.mark == "unknown client" else process.mark
    whose = "another worker" if process.whose == "unknown" else process.whose
    return replace(process, whose=whose, worker=worker, route=holder.route, place=holder.place, mark=mark)


def _events(seen: Sequence[Snapshot]) -> tuple[EventView, ...]:
    """The newest first, as many as one worker keeps."""
    told = [(event, name) for each in seen for name in (name_of(each),) for event in each.events]
    # A time that is none would leave those around it in any order.
    told.sort(key=lambda pair: pair[0].at_s if pair[0].at_s == pair[0].at_s else 0.0, reverse=True)
    return tuple(replace(event, worker=name) for event, name in told[:MOST_EVENTS])


def _sum_of_known(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _rows(rows: Sequence[WorkerRow], silent: Collection[str]) -> tuple[WorkerRow, ...]:
    """Of those that were seen, and of those of which nothing is known but that they live."""
    known = {row.name for row in rows}
    marked = [replace(row, silent=True) if row.name in silent else row for row in rows]
    return tuple(sorted([*marked, *map(_unseen, set(silent) - known)], key=lambda row: row.name))


def _unseen(name: str) -> WorkerRow:
    return WorkerRow(
        name=name,
        at_s=0.0,
        started_s=0.0,
        release="",
        ready=False,
        stopping=False,
        stale=True,
        taken=0,
        idle=0,
        limit=0,
        waiting=0,
        in_flight=0,
        requests=0,
        errors=0,
        refused=0,
        rss_bytes=0,
        memory_left_bytes=None,
        worst=None,
        silent=True,
    )


def _with_silent(told: Sequence[Problem], silent: Collection[str]) -> tuple[Problem, ...]:
    if not silent:
        return tuple(told)
    names = sorted(plain(name) for name in silent)
    more = len(names) - NAMED
    shown = names if more <= 0 else [*names[:NAMED], f"{more} more"]
    one = len(names) == 1
    problem = Problem(
        "warning",
        "silent-worker",
        bounded(
            f"{listed(shown)} {verb(len(names), 'lives', 'live')} and {verb(len(names), 'does', 'do')} not answer: "
            f"something blocks {'its' if one else 'their'} event loop, or the process is stopped."
        ),
        "Look for a call that blocks ('py-spy dump --pid' shows where it is), and send it to a thread; a process that "
        "is stopped goes on with 'kill -CONT'.",
    )
    return tuple(sorted([problem, *told], key=lambda each: GRAVITY[each.level]))
