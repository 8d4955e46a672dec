"""The database server's side: nearly full, clients that nobody knows, sleepers, workers that are gone; not read."""

from collections import Counter
from collections.abc import Iterable

from plimsoll.snapshot.causes import thresholds
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.database import FULL, words_of
from plimsoll.snapshot.causes.rule import Found, Rule
from plimsoll.snapshot.causes.wording import counted, listed, over, percent, plain, quoted, sane, time, verb
from plimsoll.snapshot.model import ProcessView, ServerView

NAMED = 3
"""Clients that a sentence names; the others are counted."""


def _processes(case: Case) -> tuple[ProcessView, ...]:
    return case.listed.processes if case.listed is not None else ()


def client(process: ProcessView) -> str:
    """mysql of root from 10.0.0.9; worker web-2:4600."""
    if process.worker:
        return f"worker {plain(process.worker, 40)}"
    host, _, port = process.host.rpartition(":")
    host = host if host and port.isdigit() else process.host
    name, user = plain(process.application, 40), plain(process.user, 40)
    parts = [f"{name} of {user}" if name and user else name or user, f"from {plain(host, 40)}" if host else ""]
    return " ".join(part for part in parts if part) or "a client without a name"


def ending(server: ServerView | None, number: int) -> str:
    """The statement that ends a connection, and what it has not committed."""
    postgresql = server is not None and server.dialect == "postgresql"
    return f"SELECT pg_terminate_backend({number})" if postgresql else f"KILL {number}"


def _counted_clients(processes: Iterable[ProcessView]) -> str:
    """2 of mysql of root from 10.0.0.9, and 5 others."""
    by_client = Counter(client(process) for process in processes).most_common()
    by_client.sort(key=lambda each: (-each[1], each[0]))
    rest = sum(count for _name, count in by_client[NAMED:])
    parts = [f"{name} ({count})" if count > 1 else name for name, count in by_client[:NAMED]]
    return listed([*parts, *([f"{rest} more"] if rest else [])])


def _full(case: Case) -> Found | None:
    words, server = words_of(case), case.listed
    refused = bool(FULL.search(words))
    most, taken = (sane(server.max_connections), sane(server.connections)) if server is not None else (0.0, 0.0)
    if not refused and (not most or taken < thresholds.MOST_USED * most):
        return None
    who = _whose(_processes(case))
    if refused:
        last = f"; its last list has {who}" if who else ""
        sentence = f"The server lets no further connection in: {quoted(words)}{last}."
    else:
        share = f"{taken:,.0f} of the server's {counted(most, 'connection')} ({percent(taken, most)})"
        sentence = f"{share} are taken{f': {who}' if who else ''}."
    return Found(
        "critical" if refused or taken >= most else "warning",
        sentence,
        "End what should not be there (Connections shows each), then give the pools less: 'plimsoll capacity' "
        "says how much fits. Raise max_connections only with memory for each.",
        frozenset({"unknown-clients", "connect-failures", "server-unseen", "load-line"}),
    )


def _whose(processes: tuple[ProcessView, ...]) -> str:
    """40 of this worker, 60 of 2 other workers and 40 of others: mysql of root from 10.0.0.9 (40)."""
    whose = Counter(process.whose for process in processes)
    workers = len({process.worker for process in processes if process.whose == "another worker"})
    unknown = [process for process in processes if process.whose == "unknown"]
    parts = [
        *([f"{whose['this worker']} of this worker"] if whose["this worker"] else []),
        *([f"{whose['another worker']} of {counted(workers, 'other worker')}"] if workers else []),
        *([f"{len(unknown)} of others: {_counted_clients(unknown)}"] if unknown else []),
    ]
    return listed(parts)


def _is_asleep(case: Case, process: ProcessView) -> bool:
    if process.whose == "this worker" or process.state != "idle in transaction":
        return False
    seconds = process.transaction_s if process.seconds is None else process.seconds
    return sane(seconds) >= case.idle_transaction_s


def _sleepers(case: Case) -> Found | None:
    asleep = [process for process in _processes(case) if _is_asleep(case, process)]
    if not asleep:
        return None
    asleep.sort(key=lambda each: (-sane(each.transaction_s or each.seconds), each.id))
    first = asleep[0]
    more = f", and {len(asleep) - 1} more" if len(asleep) > 1 else ""
    since_s = sane(first.transaction_s or first.seconds)
    kill = ending(case.now.server, first.id)
    where = f", {plain(first.route)}" if first.route else ""
    return Found(
        "warning",
        f"On the server, connection {first.id} ({client(first)}{where}) has sat idle in a transaction for "
        f"{over(since_s)}{more}; this worker's pool does not hold {verb(len(asleep), 'it', 'them')}.",
        f"Whoever it is keeps its locks: ask them to commit, or run {kill} on the server, which rolls its work back.",
    )


def _stale(case: Case) -> Found | None:
    stale = [process for process in _processes(case) if process.mark == "stale worker"]
    if not stale:
        return None
    count = len(stale)
    return Found(
        "warning",
        f"{counted(count, 'connection')} on the server {verb(count, 'belongs', 'belong')} to workers that do not run "
        f"any more: {_counted_clients(stale)}.",
        "See whether that process still runs on its host and end it; else its connections go when the server notices "
        "(tcp_keepalives, wait_timeout).",
    )


def _unknown(case: Case) -> Found | None:
    strangers = [process for process in _processes(case) if process.mark == "unknown client"]
    strangers = [process for process in strangers if not _is_asleep(case, process)]
    if not strangers or len(strangers) <= case.setting("DEPLOY_OTHER_CONNECTIONS", 0):
        return None
    count = len(strangers)
    return Found(
        "info",
        f"{counted(count, 'connection')} on the server {verb(count, 'belongs', 'belong')} to no worker: "
        f"{_counted_clients(strangers)}.",
        f"{verb(count, 'It counts', 'They count')} against max_connections: find {verb(count, 'it', 'them')} by host "
        "and name (an old release, a second engine, a shell, a cron job). Those that shall be there are declared by "
        "DEPLOY_OTHER_CONNECTIONS.",
    )


def _unseen(case: Case) -> Found | None:
    words, server = words_of(case), case.now.server
    if server is None or not server.error or not words:
        return None
    # Without a version it has never answered.
    age_s = sane(case.now.at_s - server.at_s) if server.version and sane(server.at_s) else 0.0
    old = f"what is shown of it is {time(age_s)} old" if age_s else "nothing is shown of it"
    return Found(
        "warning" if age_s >= thresholds.STALE_S else "info",
        f"The server's side could not be read, and {old}: {quoted(words)}.",
        "This worker's own numbers are of this moment. If the account lacks a right, 'plimsoll check' says how to give "
        "it; if the server was too slow, see its load.",
    )


RULES = (
    Rule(
        "server-full",
        "critical, warning",
        "The server has few connections left, or none. The next deployment or the next burst is refused.",
        f"{thresholds.MOST_USED:.0%} of max_connections are taken: a warning. All of them, or the server says so when "
        "it is asked: critical.",
        "End what should not be there, then give the pools less (`plimsoll capacity`). Raise max_connections only with "
        "memory for each.",
        _full,
    ),
    Rule(
        "server-sleepers",
        "warning",
        "A client that is not this worker's sits idle in a transaction on the server: its locks stay.",
        f"The server's list has it so for longer than `DB_IDLE_TRANSACTION` ({thresholds.IDLE_TRANSACTION_S:g} s).",
        "Have its owner commit, or end the connection on the server with the statement that the action gives.",
        _sleepers,
    ),
    Rule(
        "stale-workers",
        "warning",
        "Workers that are gone still have connections on the server.",
        "Connections that are marked 'stale worker' in the server's list.",
        "End the process if it still runs on its host. Otherwise the server notices in time.",
        _stale,
    ),
    Rule(
        "unknown-clients",
        "info",
        "Other clients have connections on the same server. They count against its limit and are in nobody's budget.",
        "Connections that are marked 'unknown client' in the server's list, if they are more than "
        "`DEPLOY_OTHER_CONNECTIONS`, which is 0 unless set.",
        "Find them by host and name. Declare those that shall be there.",
        _unknown,
    ),
    Rule(
        "server-unseen",
        "warning, info",
        "The server's own list of connections could not be read, so what is shown of it is old or missing.",
        f"As the error says: a warning when it is {thresholds.STALE_S:g} s old or older.",
        "Give the account the right to see others (`plimsoll check` has the statement), or see why the server is slow.",
        _unseen,
    ),
)
