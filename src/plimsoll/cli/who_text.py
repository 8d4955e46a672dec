"""`plimsoll who` in lines for people. What comes from clients and other programs steers no terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence

from plimsoll.capacity.wording import counted
from plimsoll.checks.printable import printable
from plimsoll.snapshot import HolderView, ProcessView, ServerView, Snapshot
from plimsoll.snapshot.processes import worker_name

INDENT = "  "

BY_URL = "Routes and lines of code are known to the workers only: plimsoll who --url http://127.0.0.1:8000 asks them."
SEES_OWN = "This account is not shown all of other accounts' connections (docs/who.md says what it needs)."


def text_of(workers: Sequence[Snapshot], server: ServerView | None, now_s: float) -> Iterator[str]:
    """All of it."""
    for worker in workers:
        yield from _of_worker(worker)
        yield ""
    if server is not None:
        yield from _of_server(server, now_s)
    elif workers:
        yield "The database is a file without a server, or was not asked yet."
    if not workers:
        yield ""
        yield BY_URL


def _of_worker(snapshot: Snapshot) -> Iterator[str]:
    worker, pool = snapshot.worker, snapshot.pool
    release = f", release {printable(worker.release)}" if worker.release else ""
    yield (
        f"{printable(worker_name(worker.host, worker.pid))}{release}: {pool.taken} of {pool.limit} connections taken, "
        f"{pool.idle} idle, {pool.waiting} waiting"
    )
    if not snapshot.holders:
        yield f"{INDENT}Nobody holds a connection."
    yield from (line for holder in snapshot.holders for line in _of_holder(holder))


def _of_holder(holder: HolderView) -> Iterator[str]:
    number = f", server's id {holder.server_id}" if holder.server_id is not None else ""
    yield f"{INDENT}{printable(holder.route)}: {holder.age_s:.1f} s, {printable(holder.state)}{number}"
    yield f"{INDENT * 3}taken at {printable(holder.place)}"
    if holder.statement:
        yield f"{INDENT * 3}last statement: {printable(holder.statement)}"


def _of_server(server: ServerView, now_s: float) -> Iterator[str]:
    if server.error:
        yield f"The server does not answer: {printable(server.error)}"
    if server.connections is None and not server.processes:
        return
    most = f" of {server.max_connections}" if server.max_connections is not None else ""
    age_s = now_s - server.at_s
    old = f", {age_s:.0f} s ago" if age_s >= 1 else ""
    count = counted(server.connections if server.connections is not None else len(server.processes), "connection")
    yield f"{printable(_short(server.version))}: {count}{most}{old}"
    told = [process for process in server.processes if _is_told(process)]
    yield from (f"{INDENT}{_of_process(process)}" for process in told)
    rest = Counter(process.worker or process.user for process in server.processes if not _is_told(process))
    for name, number in sorted(rest.items()):
        yield f"{INDENT}{counted(number, 'connection')} of {printable(name)}, idle"
    if not server.sees_all:
        yield f"{INDENT}{SEES_OWN}"


def _is_told(process: ProcessView) -> bool:
    """Whether it has a line of its own."""
    return bool(process.mark or process.route) or process.state != "idle"


def _of_process(process: ProcessView) -> str:
    name = f" ({printable(process.application)})" if process.application and not process.worker else ""
    words = [f"id {process.id}", f"{printable(process.worker or process.user)}{name}"]
    if process.host:
        words.append(f"from {printable(process.host)}")
    words.append(f"{printable(process.state)}{_for(process.seconds)}")
    if process.transaction_s is not None and process.state != "idle in transaction":
        words.append(f"in a transaction{_for(process.transaction_s)}")
    if process.route:
        words.append(printable(process.route))
    mark = f"  <- {process.mark}" if process.mark else ""
    return f"{', '.join(words)}{mark}"


def _short(version: str) -> str:
    """A server's words for its version without how it was built."""
    return version.partition(" on ")[0].partition(" (")[0]


def _for(seconds: float | None) -> str:
    return "" if seconds is None else f" for {seconds:.1f} s"
