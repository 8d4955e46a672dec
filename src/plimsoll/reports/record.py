"""A record: what a worker knew at one moment and of the minutes before, bounded, as JSON and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any

from plimsoll.errors import SnapshotError
from plimsoll.reports.tasks import TaskGroup
from plimsoll.snapshot import RouteView, Snapshot, StatementView
from plimsoll.snapshot.codec import from_json, to_json
from plimsoll.snapshot.history import SERIES, Series
from plimsoll.snapshot.shown import cut

FORMAT = 1
WHAT = "plimsoll-record"

LONGEST_TEXT = 500
"""Characters of any text in it."""

MOST: Mapping[str, int] = {"holders": 100, "routes": 50, "statements": 30, "processes": 200, "events": 50}
"""Kept of each list, so that a record of 7 snapshots stays below 1 MiB; how many were left out is in it."""

STEPS_KEPT = 180
"""Seconds of history."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept. `kind` says what happened, `why` tells it in a sentence; `before` are earlier snapshots, oldest
    first; `interrupted` is the stack, innermost first, that a signal came upon; `left_out` counts what was too much."""

    kind: str
    why: str
    snapshot: Snapshot
    before: tuple[Snapshot, ...] = ()
    history: Series | None = None
    tasks: tuple[TaskGroup, ...] = ()
    interrupted: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def earlier(snapshot: Snapshot) -> Snapshot:
    """What is kept of a snapshot for the case that a record is made in the next minute: who held what, and the server's
    side."""
    return replace(_bounded(snapshot), routes=(), statements=(), settings=(), limits=(), events=(), load_line=None)


def to_document(record: Record) -> dict[str, Any]:
    """The record as `json` takes it."""
    snapshot = _bounded(record.snapshot)
    document = {
        "what": WHAT,
        "format": FORMAT,
        "kind": record.kind,
        "why": record.why,
        "snapshot": to_json(snapshot),
        "before": [to_json(each) for each in record.before],
        "history": _last(record.history) if record.history is not None else None,
        "tasks": [asdict(group) for group in record.tasks],
        "interrupted": list(record.interrupted),
        "left_out": _left_out(record.snapshot, snapshot),
    }
    cut: dict[str, Any] = _cut(document)
    return cut


def from_document(document: object) -> Record:
    """The record that a file holds.

    Raises:
        SnapshotError: it is none, or of another format.
    """
    if not isinstance(document, dict) or document.get("what") != WHAT:
        raise SnapshotError("this is JSON, but no record of Plimsoll's")
    if document.get("format") != FORMAT:
        raise SnapshotError(f"it is of format {document.get('format')!r:.20}, and this version reads format {FORMAT}")
    try:
        return Record(
            _text(document["kind"]),
            _text(document["why"]),
            from_json(document["snapshot"]),
            tuple(from_json(each) for each in document["before"]),
            _series(document["history"]) if document["history"] is not None else None,
            tuple(
                TaskGroup(int(each["count"]), _text(each["name"]), _texts(each["stack"])) for each in document["tasks"]
            ),
            _texts(document["interrupted"]),
            {_text(name): int(count) for name, count in document["left_out"].items()},
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise SnapshotError(f"a part of it is missing or is something else ({type(error).__name__}: {error})") from None


def _bounded(snapshot: Snapshot) -> Snapshot:
    server = snapshot.server
    if server is not None:
        server = replace(server, processes=server.processes[: MOST["processes"]])
    return replace(
        snapshot,
        holders=snapshot.holders[: MOST["holders"]],
        routes=_most(snapshot.routes, MOST["routes"]),
        statements=_longest(snapshot.statements, MOST["statements"]),
        events=snapshot.events[: MOST["events"]],
        server=server,
    )


def _most(routes: Sequence[RouteView], most: int) -> tuple[RouteView, ...]:
    if len(routes) <= most:
        return tuple(routes)
    return tuple(sorted(routes, key=lambda route: (route.in_flight, route.holding.total_s), reverse=True)[:most])


def _longest(statements: Sequence[StatementView], most: int) -> tuple[StatementView, ...]:
    if len(statements) <= most:
        return tuple(statements)
    return tuple(sorted(statements, key=lambda statement: statement.total_s, reverse=True)[:most])


def _left_out(whole: Snapshot, kept: Snapshot) -> dict[str, int]:
    pairs = {name: (getattr(whole, name), getattr(kept, name)) for name in MOST if name != "processes"}
    if whole.server is not None and kept.server is not None:
        pairs["processes"] = (whole.server.processes, kept.server.processes)
    return {name: len(all_) - len(some) for name, (all_, some) in pairs.items() if len(all_) > len(some)}


def _last(series: Series) -> dict[str, Any]:
    return {
        "step_s": series.step_s,
        "times_s": series.times_s[-STEPS_KEPT:],
        "values": {name: values[-STEPS_KEPT:] for name, values in series.values.items()},
    }


def _series(document: Mapping[str, Any]) -> Series:
    times = tuple(float(each) for each in document["times_s"])
    values = {name: tuple(_number(each) for each in document["values"].get(name, [])) for name in SERIES}
    if any(len(each) not in (0, len(times)) for each in values.values()) or not all(map(isfinite, times)):
        raise ValueError("a series has not one value for each of its times")
    return Series(float(document["step_s"]), times, {name: each for name, each in values.items() if each})


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.40} is no list")
    return tuple(_text(each) for each in value)


def _cut(value: Any) -> Any:
    """JSON has no word for numbers that are not finite: latencies beyond the last bound are such."""
    if isinstance(value, str):
        return cut(value, LONGEST_TEXT)
    if isinstance(value, Mapping):
        return {name: _cut(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value
