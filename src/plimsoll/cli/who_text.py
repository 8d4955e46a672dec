"""`plimsoll who` in lines for people. What comes from clients and other programs steers no terminal."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from plimsoll.capacity.wording import counted
from plimsoll.snapshot import HolderView, ProcessView, ServerView
from plimsoll.snapshot.blocking import PREPARED, Blocker, blockers
from plimsoll.snapshot.causes.wording import plain, without_columns
from plimsoll.visit.snapshots import Everybody, Seen

INDENT = "  "

NARROWEST = 40
"""Of a terminal: in fewer columns lines break wherever it has them."""

STATEMENT_LINES = 2
"""So many lines of the terminal a statement may fill, about."""

IDS_TOLD = 6

LONGEST_LINE = 4_000
"""Characters of a place, a statement, or the server's own words: longer than what a worker keeps of any."""

LONGEST_NAME = 300
"""Characters of a worker's, a route's, or a user's: a host's has up to 255."""

BY_URL = "Routes and lines of code are known to the workers only: plimsoll who --url http://127.0.0.1:8000 asks them."
SILENT = "it lives and does not answer: something blocks its event loop."
SEES_NO_ROWS = "Nor is it told who waits for a row that another transaction has locked."
SEES_OWN = "This account is not shown all of other accounts' connections (docs/who.md says what it needs)."


def text_of(found: Everybody, now_s: float, width: int | None = None) -> Iterator[str]:
    """All of it: lines that fit into `width` characters, or of any length where nobody's screen is to hold them."""
    for line in _lines(found, now_s, width):
        yield from _fitted(line, width)


def _lines(found: Everybody, now_s: float, width: int | None) -> Iterator[str]:
    workers, server = found.workers, found.server
    if len(workers) > 1:
        yield _in_all(workers)
        yield ""
    for worker in workers:
        yield from _of_worker(worker, width)
    yield from map(_line, found.missing)
    if workers:
        yield ""
    if server is not None:
        yield from _of_server(server, now_s, [holder for worker in workers for holder in worker.holders])
    elif workers:
        yield "The database is a file without a server, or was not asked yet."
    if not workers:
        yield ""
        yield BY_URL


def _in_all(workers: Sequence[Seen]) -> str:
    taken, limit = sum(each.taken for each in workers), sum(each.limit for each in workers)
    idle, waiting = sum(each.idle for each in workers), sum(each.waiting for each in workers)
    return f"{len(workers)} workers: {taken:,} of {limit:,} connections taken, {idle:,} idle, {waiting:,} waiting"


def _of_worker(worker: Seen, width: int | None) -> Iterator[str]:
    release = f", release {_name(worker.release)}" if worker.release else ""
    numbers = (
        f"{worker.taken:,} of {worker.limit:,} connections taken, {worker.idle:,} idle, {worker.waiting:,} waiting"
    )
    if worker.silent:
        numbers = f"it lives and does not answer; when it last did: {numbers}" if worker.limit else SILENT
    nobody = "" if worker.holders or worker.silent else "; nobody holds one"
    yield f"{_name(worker.name)}{release}: {numbers}{nobody}"
    for alike in _alike(worker.holders):
        yield from _of_holders(alike, width)


def _alike(holders: Sequence[HolderView]) -> list[list[HolderView]]:
    """Those who hold for the same at the same place together: one cause, however many connections it has."""
    found: dict[tuple[str, ...], list[HolderView]] = {}
    for each in holders:
        found.setdefault((each.route, each.state, each.place, each.statement), []).append(each)
    return list(found.values())


def _of_holders(alike: Sequence[HolderView], width: int | None) -> Iterator[str]:
    oldest, newest = alike[0], alike[-1]
    age, least = f"{oldest.age_s:.1f} s", f"{newest.age_s:.1f} s"
    if len(alike) > 1:
        span = age if age == least else f"{newest.age_s:.1f} to {age}"
        age = f"{len(alike)} connections for {span}"
    yield f"{INDENT}{_name(oldest.route)}: {age}, {_line(oldest.state)}{_numbers(alike)}"
    yield f"{INDENT * 3}taken at {_line(oldest.place)}"
    if oldest.statement:
        yield f"{INDENT * 3}last statement: {_short_statement(_line(oldest.statement), width)}"


def _numbers(alike: Sequence[HolderView]) -> str:
    ids = [str(each.server_id) for each in alike if each.server_id is not None]
    if len(ids) < 2:
        return f", server's id {ids[0]}" if ids else ""
    more = f" and {len(ids) - IDS_TOLD} more" if len(ids) > IDS_TOLD else ""
    return f", server's ids {', '.join(ids[:IDS_TOLD])}{more}"


def _short_statement(text: str, width: int | None) -> str:
    """What is left out where it does not fit: columns first, then what is in the middle. Its end says what it is
    about."""
    if width is None or len(text) <= (most := STATEMENT_LINES * max(width, NARROWEST)):
        return text
    text = without_columns(text)
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-(most // 2) :]}"


def _fitted(line: str, width: int | None) -> list[str]:
    """A line that is too long goes on below, farther in."""
    if width is None or len(line) <= (width := max(width, NARROWEST)):
        return [line]
    words = line.lstrip()
    indent = line[: len(line) - len(words)]
    return textwrap.wrap(
        words, width, initial_indent=indent, subsequent_indent=f"{indent}{INDENT * 2}", break_on_hyphens=False
    )


def _of_server(server: ServerView, now_s: float, holders: Sequence[HolderView]) -> Iterator[str]:
    if server.error:
        yield f"The server does not answer: {_line(server.error)}"
    if server.connections is None and not server.processes:
        return
    most = f" of {server.max_connections:,}" if server.max_connections is not None else ""
    age_s = now_s - server.at_s
    old = f", {age_s:.0f} s ago" if age_s >= 1 else ""
    count = counted(server.connections if server.connections is not None else len(server.processes), "connection")
    yield f"{_line(_short(server.version))}: {count}{most}{old}"
    blocking = {each.number: each for each in blockers(server.processes, holders)}
    told = [process for process in server.processes if _is_told(process) or process.id in blocking]
    yield from (f"{INDENT}{_of_process(process)}{_marks(process, blocking.get(process.id))}" for process in told)
    rest = Counter(process.worker or process.user for process in server.processes if process not in told)
    for name, number in sorted(rest.items()):
        yield f"{INDENT}{counted(number, 'connection')} of {_name(name)}, idle"
    if not server.sees_all:
        yield f"{INDENT}{SEES_OWN}"
        if server.dialect == "mysql":
            yield f"{INDENT}{SEES_NO_ROWS}"


def _is_told(process: ProcessView) -> bool:
    """Whether it has a line of its own."""
    return bool(process.mark or process.route or process.wait) or process.state != "idle"


def _of_process(process: ProcessView) -> str:
    name = f" ({_name(process.application)})" if process.application and not process.worker else ""
    words = [f"id {process.id}", f"{_name(process.worker or process.user)}{name}"]
    if process.host:
        words.append(f"from {_line(process.host)}")
    words.append(f"{_line(process.state)}{_for(process.seconds)}")
    if process.transaction_s is not None and process.state != "idle in transaction":
        words.append(f"in a transaction{_for(process.transaction_s)}")
    if process.route:
        words.append(_name(process.route))
    return ", ".join(words)


def _marks(process: ProcessView, blocker: Blocker | None) -> str:
    """`  <- idle in transaction, 3 wait for it`; `  <- waits for a row of bookings, behind id 4711`."""
    marks = [process.mark] if process.mark else []
    if process.wait is not None:
        by = " and ".join(f"id {number}" if number != PREPARED else "a prepared one" for number in process.wait.by)
        who = f", behind {by}" if by else ""
        marks.append(f"waits for {_name(process.wait.lock)}{who}")
    if blocker is not None:
        count = len(blocker.waiting)
        marks.append(f"{'probably ' if blocker.guessed else ''}{count} {'waits' if count == 1 else 'wait'} for it")
    return f"  <- {', '.join(marks)}" if marks else ""


def _short(version: str) -> str:
    """A server's words for its version without how it was built."""
    return version.partition(" on ")[0].partition(" (")[0]


def _line(text: str) -> str:
    return plain(text, LONGEST_LINE)


def _name(text: str) -> str:
    return plain(text, LONGEST_NAME)


def _for(seconds: float | None) -> str:
    return "" if seconds is None else f" for {seconds:.1f} s"
