"""A record as one page: no script, nothing from elsewhere, dark or light as the reader's system is."""

import time
from collections.abc import Iterator, Sequence
from importlib.resources import files

from plimsoll.reports.markup import Html, brief, folded, join, pairs, safe, stack, table, tag
from plimsoll.reports.plots import Line, plot
from plimsoll.reports.record import Record
from plimsoll.snapshot import HolderView, Snapshot
from plimsoll.snapshot.amounts import amount, quantile, seconds, size
from plimsoll.snapshot.processes import owner

TITLES = {
    "exhausted": "The pool was exhausted",
    "leak": "A connection leaked",
    "memory-error": "Memory ran out",
    "refusals": "Many requests were refused",
    "signal": "Asked for by an operator",
}

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

PLOTS = (
    ("Connections", ("pool_taken", "pool_waiting", "pool_limit"), ("taken", "waiting", "limit"), amount),
    ("Requests a second", ("requests_per_s", "errors_per_s", "refused_per_s"), ("all", "errors", "refused"), amount),
    ("Requests", ("in_flight", "line_waiting", "line_limit"), ("in flight", "waiting in the line", "limit"), amount),
    ("Time", ("latency_p99_s", "acquire_p99_s"), ("to answer, p99", "to a connection, p99"), seconds),
    # Apart: beside gigabytes that are left, what a process takes and how it grows would be a line at the bottom.
    ("Memory of the process", ("rss_bytes",), ("resident",), size),
    ("Memory that is left", ("memory_left_bytes",), ("of the limit that binds",), size),
)
"""Title, series of the history, their labels, how a value is shown."""

DEFAULT = "default"
"""Where a setting is from that nobody has set."""

LIBRARIES = ("/site-packages/", "/dist-packages/", "/lib/python")
"""In the paths of code that is not the application's."""


def page(record: Record) -> str:
    """The whole document."""
    worker = record.snapshot.worker
    title = f"{TITLES.get(record.kind, record.kind)}: {worker.host}, process {worker.pid}"
    style = files("plimsoll.reports").joinpath("page.css").read_text(encoding="utf-8")
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        f'<meta http-equiv="Content-Security-Policy" content="{safe(POLICY)}">'
        f"<title>{safe(title)}</title><style>{style}</style>"
    )
    body = tag("main", tag("h1", TITLES.get(record.kind, record.kind)), *_sections(record))
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _sections(record: Record) -> Iterator[Html]:
    now = record.snapshot
    yield tag("p", record.why, class_="why")
    yield _who(now)
    for problem in now.problems:
        words = tag("p", tag("strong", problem.level.capitalize(), ": "), problem.sentence)
        yield tag("div", words, tag("p", problem.action), class_=f"problem {problem.level}")
    yield tag("h2", "Then")
    yield _figures(now)
    if record.history is not None:
        yield tag("h2", "The minutes before")
        yield _plots(record)
    yield tag("h2", "Holders of connections")
    yield _holders(now.holders, record.left_out.get("holders", 0))
    yield from _earlier(record)
    yield from _code(record)
    yield from _server(record)
    yield from _lists(record)


def _who(now: Snapshot) -> Html:
    worker = now.worker
    return pairs(
        [
            ("At", _when(now.at_s)),
            ("Worker", f"{worker.host}, process {worker.pid}, running for {seconds(now.at_s - worker.started_s)}"),
            ("Release", worker.release or "not named"),
            ("Mode", f"{'production' if worker.production else 'development'} ({worker.production_rule})"),
            ("Start-up", worker.startup),
            ("Plimsoll", worker.version),
        ]
    )


def _figures(now: Snapshot) -> Html:
    pool, line, memory, load = now.pool, now.admission, now.memory, now.load_line
    places = f"{pool.taken} of {pool.limit} taken, {pool.idle} idle, {pool.waiting} waiting"
    so_far = f"{pool.timeouts} timeouts, {pool.refused} refused, {pool.leaks} leaks, {pool.lost} lost"
    in_line = f"{line.in_flight} in flight, {line.waiting} wait in the line, limit {line.limit or 'off'}"
    sizes = f"{size(memory.rss_bytes)} resident, {size(memory.address_space_bytes)} of address space"
    rows = [
        ("Pool", f"{places}; since its start {so_far}, {pool.connect_failures} failed connects"),
        ("Requests", f"{in_line}; {line.refused} refused since the start"),
        ("Memory", f"{sizes}; MemoryError {memory.errors} times since the start"),
    ]
    if memory.binding is not None:
        limit = memory.binding
        left = f"{amount(limit.left, limit.unit)} left of {amount(limit.limit, limit.unit)}"
        rows.append(("First limit", f"{limit.name} ({limit.source}), {left}"))
    if load is not None:
        rows.append(("Load line", load.why))
    return pairs(rows)


def _plots(record: Record) -> Html:
    assert record.history is not None
    series = record.history
    drawn = [
        plot(title, series.times_s, [Line(label, series.values.get(name, ())) for name, label in pair], shown_as)
        for title, names, labels, shown_as in PLOTS
        for pair in [list(zip(names, labels, strict=True))]
    ]
    if any(drawn):
        return tag("div", *drawn, class_="plots")
    return tag("p", "Nothing was known yet: the worker had just begun.", class_="nothing")


def _holders(holders: tuple[HolderView, ...], left_out: int) -> Html:
    rows = [
        (
            seconds(each.age_s),
            each.route,
            each.state,
            folded(each.place, stack(each.stack)) if each.stack else each.place,
            brief(each.statement),
            each.statements,
            "" if each.server_id is None else each.server_id,
        )
        for each in holders
    ]
    heads = ("Age", "Route or task", "State", "Taken at (innermost first)", "Last statement", "Statements", "Server id")
    more = tag("p", f"{left_out} more are not in the record.") if left_out else Html("")
    return join([table("Holders", heads, rows, "Nobody held a connection."), more])


def _earlier(record: Record) -> Iterator[Html]:
    if not record.before:
        return
    rows = []
    for each in record.before:
        oldest = each.holders[0] if each.holders else None
        held = f"{seconds(oldest.age_s)} by {oldest.route}, taken at {oldest.place}" if oldest else "nobody"
        pool = each.pool
        rows.append((f"{seconds(record.snapshot.at_s - each.at_s)} before", pool.taken, pool.idle, pool.waiting, held))
    yield tag("h2", "Who held connections before")
    yield table("Before", ("When", "Taken", "Idle", "Waiting", "Oldest holder"), rows, "")


def _code(record: Record) -> Iterator[Html]:
    if record.interrupted:
        yield tag("h2", "What ran when the signal came (innermost first)")
        yield stack(record.interrupted)
    yield tag("h2", "Tasks of the event loop")
    if not record.tasks:
        yield tag("p", "None are in the record.", class_="nothing")
    for group in record.tasks:
        yield folded(f"{group.count} × {group.name}: {_telling(group.stack)}", stack(group.stack))


def _telling(lines: Sequence[str]) -> str:
    """The innermost line that is no library's, as far as its path shows that."""
    if not lines:
        return "it has not begun"
    return next((line for line in lines if not any(part in line for part in LIBRARIES)), lines[0])


def _server(record: Record) -> Iterator[Html]:
    server = record.snapshot.server
    yield tag("h2", "The server's process list")
    if server is None:
        yield tag("p", "The server had not been asked: nobody was looking.", class_="nothing")
        return
    asked = f"{server.dialect} {server.version}, as of {seconds(record.snapshot.at_s - server.at_s)} before"
    numbers = f"{amount(server.connections)} of {amount(server.max_connections)} connections"
    yield tag("p", f"{asked}: {numbers}.{f' {server.error}' if server.error else ''}")
    rows = [
        (
            each.id, each.user, each.host, each.application, owner(each), each.state, seconds(each.seconds),
            seconds(each.transaction_s), each.route, each.mark,
        )
        for each in server.processes
    ]  # fmt: skip
    heads = ("Id", "User", "Host", "Application", "Whose", "State", "For", "Transaction", "Route", "Mark")
    yield table("Process list", heads, rows, "No connections were listed.")


def _lists(record: Record) -> Iterator[Html]:
    now = record.snapshot
    for title, heads, rows in (
        ("Events", ("At", "Kind", "Times", "What"), _events(now)),
        ("Routes", ("Route", "In flight", "Requests", "Errors", "Mean", "p99", "Waits", "Holds"), _routes(now)),
        ("Statements", ("Statement", "Times", "In all", "Longest", "Errors", "Routes"), _statements(now)),
        ("Limits", ("Limit", "Used", "Of", "Left", "At the limit", "Read from"), _limits(now)),
    ):
        yield tag("h2", title)
        yield table(title, heads, rows, "None.")
    yield from _settings(now)
    if record.left_out:
        words = ", ".join(f"{count} {name}" for name, count in record.left_out.items())
        yield tag("p", f"To keep the record small, these were left out: {words}.", class_="nothing")


Rows = list[tuple[object, ...]]


def _events(now: Snapshot) -> Rows:
    return [(_when(each.at_s), each.kind, each.count, each.text) for each in now.events]


def _routes(now: Snapshot) -> Rows:
    rows: Rows = []
    for each in now.routes:
        errors = ", ".join(f"{kind} {count}" for kind, count in each.errors.items())
        times = (seconds(each.latency.mean_s), quantile(each.latency, 0.99))
        means = (seconds(each.waiting.mean_s), seconds(each.holding.mean_s))
        rows.append((each.name, each.in_flight, each.requests, errors, *times, *means))
    return rows


def _statements(now: Snapshot) -> Rows:
    return [
        (brief(each.text), each.count, seconds(each.total_s), seconds(each.most_s), each.errors, ", ".join(each.routes))
        for each in now.statements
    ]


def _limits(now: Snapshot) -> Rows:
    rows: Rows = []
    for each in now.limits:
        amounts = (amount(value, each.unit) for value in (each.used, each.limit, each.left))
        rows.append((each.name, *amounts, "the process is killed" if each.kills else "it fails", each.source))
    return rows


def _settings(now: Snapshot) -> Iterator[Html]:
    """Those that somebody has set; the others, of which there are many, are unfolded."""
    yield tag("h2", "Settings")
    rows: Rows = [(each.name, each.value, each.source, each.meaning) for each in now.settings]
    heads = ("Name", "Value", "From", "Meaning")
    given = [row for row in rows if row[2] != DEFAULT]
    yield table("Settings", heads, given, "None is set." if rows else "None are in the record.")
    if left := [row for row in rows if row[2] == DEFAULT]:
        yield folded(f"{len(left)} that have their default", table("Settings by default", heads, left, ""))


def _when(at_s: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_s))
    except (ValueError, OverflowError, OSError):
        return amount(at_s)
