"""The tables: what each has in its columns, and how it is sorted."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.amounts import amount, quantile, seconds, size
from plimsoll.snapshot.causes.wording import place, tables_of, without_columns
from plimsoll.snapshot.processes import owner
from plimsoll.snapshot.shown import shown
from plimsoll.watch.summary import PROBLEMS_KEY

MOST_ROWS = 500
"""Of a table; nobody scrolls farther."""

LONGEST_CELL = 160

LONGEST_STATEMENT = 48
"""Characters that a wide terminal has room for beside the other columns; of a longer one columns are left out, or all
but its tables."""

WIDE = 120
"""Columns of a terminal. In one with fewer, as of an SSH session with 80, what `Column.narrow` has is shown."""

NARROW_PLACE = 24
NARROW_STATES = {"running a statement": "running", "idle in transaction": "idle in tx"}


@dataclass(frozen=True, slots=True)
class Column:
    """`value` is what is sorted by, `words` how it is shown; `told` how a thing is, where its value is not enough."""

    title: str
    value: Callable[[Any], Any]
    words: Callable[[Any], str] = str
    falling: bool = False
    """Whether the highest comes first at first."""
    told: Callable[[Any], str] | None = None
    narrow: Callable[[Any], str] | None = None
    """How a value is shown where there is little room; as `words` has it where that fits too."""

    def cell(self, thing: Any, *, narrow: bool = False) -> str:
        """What stands in a row."""
        value = self.value(thing)
        if value is None:
            return "-"
        if narrow and self.narrow is not None:
            return shown(self.narrow(value), LONGEST_CELL)
        return shown(self.told(thing) if self.told is not None else self.words(value), LONGEST_CELL)


@dataclass(frozen=True, slots=True)
class Row:
    """`key` names it as long as it lasts; `details` are lines for whoever asks for them."""

    key: str
    cells: tuple[str, ...]
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of things. `sorted_by` is the column it is sorted by at first; None for the order of the snapshot."""

    name: str
    key: str
    """That shows it."""
    things: Callable[[Snapshot], Sequence[Any]]
    named: Callable[[Any], str]
    columns: tuple[Column, ...]
    sorted_by: int | None = None
    details: Callable[[Any], tuple[str, ...]] = lambda _: ()
    nothing: str = "None."

    def rows(
        self, snapshot: Snapshot, by: int | None, *, backwards: bool = False, width: int | None = None
    ) -> list[Row]:
        """Sorted by a column; what has no value comes last either way. `width` is that of the terminal."""
        things = list(self.things(snapshot))
        if by is not None:
            value = self.columns[by].value
            known = [thing for thing in things if value(thing) is not None]
            known.sort(key=value, reverse=self.columns[by].falling != backwards)
            things = known + [thing for thing in things if value(thing) is None]
        narrow = width is not None and width < WIDE
        return [self._row(thing, narrow) for thing in things[:MOST_ROWS]]

    def _row(self, thing: Any, narrow: bool) -> Row:
        cells = tuple(column.cell(thing, narrow=narrow) for column in self.columns)
        return Row(self.named(thing), cells, tuple(shown(line) for line in self.details(thing)))


def _get(name: str) -> Callable[[Any], Any]:
    return lambda thing: getattr(thing, name)


def clock(at_s: float) -> str:
    """A time of day here."""
    try:
        return time.strftime("%H:%M:%S", time.localtime(at_s))
    except (ValueError, OverflowError, OSError):
        return amount(at_s)


def _errors(counts: Any) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counts.items()) or "-"


def _numbers(by: tuple[int, ...]) -> str:
    return " and ".join(map(str, by)) or "whom the server does not tell"


def _short(statement: str) -> str:
    if len(statement) <= LONGEST_STATEMENT:
        return statement
    without = without_columns(statement)
    return without if len(without) <= LONGEST_STATEMENT else tables_of(statement)


def _state_narrow(state: str) -> str:
    return NARROW_STATES.get(state, state)


def _place_narrow(text: str) -> str:
    """The file and the line: the end of it tells more than its beginning."""
    found = place(text).partition(" in ")[0]
    return found if len(found) <= NARROW_PLACE else f"…{found[1 - NARROW_PLACE :]}"


HOLDERS = Table(
    "Holders",
    "h",
    lambda now: now.holders,
    lambda holder: holder.id,
    (
        Column("Age", _get("age_s"), seconds, falling=True),
        Column("Route or task", _get("route")),
        Column("State", _get("state"), narrow=_state_narrow),
        Column("Taken at", _get("place"), place, narrow=_place_narrow),
        Column("Last statement", _get("statement"), _short, narrow=tables_of),
        Column("Number", _get("statements"), falling=True),
        Column("Server id", _get("server_id")),
        Column("Worker", lambda each: each.worker or None),
    ),
    0,
    lambda each: (
        f"{each.route}, {seconds(each.age_s)}, {each.state}{f', in {each.worker}' if each.worker else ''}",
        f"Last statement: {each.statement}",
        "Taken at, innermost first:",
        *each.stack,
    ),
    "Nobody holds a connection.",
)

PROCESSES = Table(
    "Process list",
    "p",
    lambda now: now.server.processes if now.server is not None else (),
    lambda process: str(process.id),
    (
        Column("Id", _get("id")),
        Column("Mark", lambda each: each.mark or ("waits for a lock" if each.wait else None)),
        Column("Whose", owner),
        Column("State", _get("state"), narrow=_state_narrow),
        Column("For", _get("seconds"), seconds, falling=True),
        Column("Transaction", _get("transaction_s"), seconds, falling=True),
        Column("Route", lambda each: each.route or None),
        Column("User", _get("user")),
        Column("Host", _get("host")),
        Column("Application", _get("application")),
    ),
    4,
    lambda each: (
        f"{each.id}: {each.user} at {each.host}, {each.application or 'no application name'}, {each.whose}",
        f"{each.state} for {seconds(each.seconds)}, in a transaction for {seconds(each.transaction_s)}",
        f"Worker: {each.worker or '-'}",
        f"Route: {each.route or '-'}, taken at {each.place or '-'}",
        f"Mark: {each.mark or '-'}",
        *([f"Waits for {each.wait.lock}, behind {_numbers(each.wait.by)}"] if each.wait else ()),
    ),
    "The server has listed nothing yet.",
)

ROUTES = Table(
    "Routes",
    "o",
    lambda now: now.routes,
    lambda route: route.name,
    (
        Column("Route", _get("name")),
        Column("Now", _get("in_flight"), falling=True),
        Column("Requests", _get("requests"), falling=True),
        Column("Mean", lambda each: each.latency.mean_s, seconds, falling=True),
        Column(
            "p99",
            lambda each: each.latency.quantile_s(0.99),
            falling=True,
            told=lambda each: quantile(each.latency, 0.99),
        ),
        Column("Waits", lambda each: each.waiting.mean_s, seconds, falling=True),
        Column("Holds", lambda each: each.holding.mean_s, seconds, falling=True),
        Column("Statements", _get("statements"), falling=True),
        Column("Errors", lambda each: _errors(each.errors)),
    ),
    2,
    lambda each: (each.name, f"Errors: {_errors(each.errors)}", f"Statements: {each.statements}, rows: {each.rows}"),
    "No request has come yet.",
)

STATEMENTS = Table(
    "Statements",
    "t",
    lambda now: now.statements,
    lambda statement: statement.fingerprint,
    (
        Column("In all", _get("total_s"), seconds, falling=True),
        Column("Times", _get("count"), falling=True),
        Column("Longest", _get("most_s"), seconds, falling=True),
        Column("Errors", _get("errors"), amount, falling=True),
        Column("Statement", _get("text"), _short, narrow=tables_of),
    ),
    0,
    lambda each: (each.text, f"Sent by: {', '.join(each.routes) or '-'}", f"Rows: {each.rows}"),
    "No statement has been sent yet.",
)

EVENTS = Table(
    "Events",
    "e",
    lambda now: now.events,
    lambda event: f"{event.at_s} {event.kind} {event.text} {event.worker}",
    (
        Column("At", _get("at_s"), clock, falling=True),
        Column("Kind", _get("kind")),
        Column("Times", _get("count"), falling=True),
        Column("What", _get("text")),
        Column("Worker", lambda each: each.worker or None),
    ),
    0,
    lambda each: (f"{clock(each.at_s)} {each.kind}, {each.count} times", each.text),
    "Nothing has happened yet.",
)


def _state(row: Any) -> str:
    if row.silent:
        return "silent"
    return "stale" if row.stale else "stopping" if row.stopping else "ready" if row.ready else "not ready"


WORKERS = Table(
    "Workers",
    "w",
    lambda now: now.workers,
    _get("name"),
    (
        Column("Worker", _get("name")),
        Column("State", _state),
        Column("Worst", lambda row: row.worst),
        Column("Taken", _get("taken"), falling=True),
        Column("Limit", _get("limit"), falling=True),
        Column("Waiting", _get("waiting"), falling=True),
        Column("Now", _get("in_flight"), falling=True),
        Column("Requests", _get("requests"), falling=True),
        Column("5xx", _get("errors"), falling=True),
        Column("Refused", _get("refused"), falling=True),
        Column("Memory", _get("rss_bytes"), size, falling=True),
        Column("Left", _get("memory_left_bytes"), size),
        Column("Release", lambda row: row.release or None),
    ),
    0,
    lambda row: (
        f"{row.name}, {_state(row)}, release {row.release or '-'}, its worst problem: {row.worst or '-'}",
        f"{row.taken} of {row.limit} connections taken, {row.idle} idle, {row.waiting} waiting",
        f"{row.requests} requests, {row.errors} answered 5xx, {row.refused} refused, {row.in_flight} in flight",
        f"{size(row.rss_bytes)} resident, {size(row.memory_left_bytes)} left of the limit that binds",
    ),
    "Only one worker is shown.",
)

PROBLEMS = Table(
    "What is wrong",
    PROBLEMS_KEY,
    lambda now: now.problems,
    lambda problem: f"{problem.key} {problem.sentence}",
    (Column("Level", _get("level")), Column("What", _get("sentence")), Column("What to do", _get("action"))),
    None,
    lambda each: (f"{each.level.upper()}: {each.sentence}", f"-> {each.action}" if each.action else ""),
    "Nothing is wrong.",
)

TABLES = (HOLDERS, PROCESSES, ROUTES, STATEMENTS, EVENTS, WORKERS, PROBLEMS)
