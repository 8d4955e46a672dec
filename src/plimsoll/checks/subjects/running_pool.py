"""PL71x: the pools of the running service, and the server's process list beside them."""

from collections.abc import Sequence

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import AFTER, Check
from plimsoll.checks.facts import Facts, RunningFacts
from plimsoll.checks.running import Worker
from plimsoll.checks.sleepers import in_sight, sight
from plimsoll.checks.subjects.running import FEW
from plimsoll.checks.subjects.service_log import by_log_alone, lines_of, nor_in_log
from plimsoll.checks.verdict import (
    CouldNot,
    Found,
    IrrelevantError,
    Level,
    NotApplicable,
    Passed,
    UnknownError,
    Verdict,
)
from plimsoll.server.facts import ServerClient, ServerFacts

TAGS = frozenset({"running", "pool"})

LEAST_REUSED = 0.8
"""Of the checkouts. A pool that is used at all reuses nearly all; this project's own runs had above 0.99."""

LEAST_CHECKOUTS = 50
"""With fewer, the first connections of a start are most of them."""

IDLE_TRANSACTION_S = 5.0
"""As DB_IDLE_TRANSACTION's default: no request that works sits still for so long."""

LEAK_FIX = (
    "The service's log names the route and the line that took each. Use 'async with' or the session dependencies."
)


def _figures(facts: Facts) -> RunningFacts:
    running = facts.running.value
    _ = running.figures.value
    return running


def _exhausted(facts: Facts) -> Verdict:
    running = _figures(facts)
    full = [worker for worker in running.workers if worker.number("pool.most_taken") >= worker.places > 0]
    waited = [worker for worker in full if worker.number("pool.most_waiting") > 0]
    worst = max(running.workers, key=lambda worker: worker.number("pool.most_taken") / max(worker.places, 1))
    words = _use(worst)
    if not waited:
        return Passed(words)
    now_full = any(worker.number("pool.waiting") > 0 for worker in waited)
    return Found(
        words,
        "See who holds connections for how long: the service's log names holders. A bigger pool helps only where the "
        "server has room for it, which 'plimsoll check --only capacity' reckons.",
        level=Level.ERROR if now_full else None,
        numbers={"most_waiting": max(worker.number("pool.most_waiting") for worker in waited)},
    )


def _use(worker: Worker) -> str:
    number = worker.number
    return (
        f"{worker.name}: {number('pool.checked_out'):,.0f} in use now and {number('pool.most_taken'):,.0f} at most of "
        f"{counted(worker.places, 'connection')}; {number('pool.waiting'):,.0f} waiting now, "
        f"{number('pool.most_waiting'):,.0f} at most"
    )


def _reused(facts: Facts) -> Verdict:
    running = _figures(facts)
    checkouts = sum(worker.number("pool.checkouts") for worker in running.workers)
    reused = sum(worker.number("pool.reused") for worker in running.workers)
    opened = sum(worker.number("pool.opened") for worker in running.workers)
    words = f"{reused:,.0f} of {counted(checkouts, 'use')} got a connection that was open; "
    words += f"{counted(opened, 'was', 'were')} opened"
    if checkouts < LEAST_CHECKOUTS:
        return NotApplicable(f"the pools were used {counted(checkouts, 'time')} since the start, too few to tell")
    share = reused / checkouts
    if share >= LEAST_REUSED:
        return Passed(f"{share:.1%}: {words}")
    return Found(
        f"{share:.1%}: {words}",
        "See why they end: DB_POOL_RECYCLE or the server's wait_timeout far too short, a pool much smaller than its "
        "overflow, DB_POOL_IDLE_TIMEOUT below the pauses between requests, clients that give up their queries.",
        numbers={"reuse_ratio": share},
    )


def _server(facts: Facts) -> ServerFacts:
    server = facts.server.value
    if server.dialect == "sqlite":
        raise IrrelevantError("SQLite has no process list")
    if "clients" in server.unread:
        raise UnknownError(f"the server's process list could not be read: {server.unread['clients']}")
    return server


def _strangers(facts: Facts) -> Verdict:
    running = _figures(facts)
    server = _server(facts)
    if server.in_between is not None:
        return CouldNot(f"{server.in_between} is in between, so the server's connections are not those of the pools")
    claimed = [client for client in server.clients if client.id in running.claimed]
    if running.claimed and not claimed:
        return CouldNot(
            f"the pools hold {counted(len(running.claimed), 'connection')}, and the server lists none of them to this "
            "account: the service has another account, or another server",
            f"Run this with the service's own settings. {sight(server)}",
        )
    users = {client.user for client in claimed} or ({server.account.user} if server.account is not None else set())
    ours = [client for client in server.clients if client.user in users or not users]
    strangers = [client for client in ours if client.id not in running.claimed]
    whose = ", ".join(sorted(users)) or "this database"
    words = f"the server lists {counted(len(ours), 'connection')} of {whose}, {len(claimed)} of them in pools"
    allowed = facts.topology.value.other_connections if facts.topology.known else 0
    if len(strangers) <= allowed:
        return Passed(words)
    met, wanted = len(running.workers), running.workers_expected
    unseen = f"; only {met} of {counted(wanted, 'worker')} answered" if wanted is not None and met < wanted else ""
    return Found(
        f"{words}; nobody's: {_clients(strangers)}{unseen}",
        "Find them by host and name: workers of an old release that did not end, a second engine in the application, "
        "a shell, a cron job. Those that shall be there are declared by DEPLOY_OTHER_CONNECTIONS.",
        numbers={"strangers": len(strangers)},
    )


def _clients(clients: Sequence[ServerClient]) -> str:
    named = [
        f"id {client.id} from {client.host.rpartition(':')[0] or client.host or 'here'}"
        f"{f' ({client.application})' if client.application else ''}, {client.state}"
        f"{f' for {client.seconds:.0f} s' if client.seconds is not None else ''}"
        for client in clients[:FEW]
    ]
    more = f"; and {len(clients) - FEW} more" if len(clients) > FEW else ""
    return "; ".join(named) + more


def _sleepers(facts: Facts) -> Verdict:
    server = _server(facts)
    limit_s = IDLE_TRANSACTION_S
    if facts.settings.known and facts.settings.value.idle_transaction_s > 0:
        limit_s = facts.settings.value.idle_transaction_s
    old = [client for client in server.clients if _asleep_s(client) > limit_s]
    if not old:
        if "transactions" in server.unread:
            return _sleepers_by_pools(facts, server.unread["transactions"])
        if not server.sees_all_clients and not in_sight(server):
            return _sleepers_by_pools(facts, "only of this account's own connections, and it has none")
        whose = "" if server.sees_all_clients else " of this account"
        all_ = f"{counted(len(in_sight(server)), 'connection')}{whose}"
        return Passed(f"none of {all_} sits idle in a transaction for over {limit_s:g} s")
    old.sort(key=_asleep_s, reverse=True)
    kill = _kill(server.dialect, old[0].id)
    return Found(
        f"{counted(len(old), 'connection')} idle in a transaction for over {limit_s:g} s: {_clients(old)}",
        "End the transaction before slow work that needs no database. The service's log names the route and line "
        f"(DB_IDLE_TRANSACTION); DB_END_IDLE_TRANSACTION ends them. {kill} ends this one now.",
        numbers={"sleepers": len(old), "oldest_s": _asleep_s(old[0])},
    )


def _kill(dialect: str, number: int) -> str:
    """The statement that ends a connection and rolls its work back."""
    return f"SELECT pg_terminate_backend({number})" if dialect == "postgresql" else f"KILL {number}"


def _sleepers_by_pools(facts: Facts, why: str) -> Verdict:
    """The server does not tell this account; our own pools do."""
    running = facts.running.value
    grant = sight(facts.server.value)
    if not running.figures.known:
        return CouldNot(f"the server does not say who is in a transaction ({why})", grant)
    seen = sum(worker.number("pool.idle_transactions") for worker in running.workers)
    if not seen:
        return Passed(f"the pools saw none since their start; the server does not tell of other clients ({why})")
    return Found(
        f"{counted(seen, 'transaction')} sat idle since the workers began, by their own count; who sits in one now the "
        f"server does not tell ({why})",
        f"The service's log names the route and line (DB_IDLE_TRANSACTION). {grant}",
        level=Level.WARNING,
        numbers={"sleepers": seen},
    )


def _asleep_s(client: ServerClient) -> float:
    return (client.seconds or 0.0) if client.state == "idle in transaction" else 0.0


def _leaks(facts: Facts) -> Verdict:
    told = by_log_alone(facts.running.value, LEAK_FIX, "leaks")
    if told is not None:
        return told
    running = _figures(facts)
    late = sum(worker.number("pool.leaks") for worker in running.workers)
    lost = sum(worker.number("pool.lost") for worker in running.workers)
    in_log = lines_of(running, "leaks")
    if not (late or lost or in_log):
        return Passed(f"none was held over DB_LEAK_THRESHOLD, none lost{nor_in_log(running)}")
    words = f"{counted(late, 'connection')} held over DB_LEAK_THRESHOLD, {lost:,.0f} lost to the garbage collector"
    return Found(
        f"{words}{f'; {in_log}' if in_log else ''}",
        LEAK_FIX,
        level=None if lost else Level.WARNING,
        numbers={"leaks": late, "lost": lost},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL710",
        "The pool was exhausted",
        Level.WARNING,
        TAGS,
        "Requests had to wait for a connection; from there it is not far to time-outs.",
        """\
Each worker tells the most connections that it had in use at a time since its start, and how many waited at most. It
is a finding where all were in use and somebody waited, and an error where somebody waits at this moment.
""",
        _exhausted,
        AFTER,
    ),
    Check(
        "PL711",
        "Connections are opened rather than reused",
        Level.WARNING,
        TAGS,
        "Each costs several round trips, with TLS milliseconds of CPU, and memory on both sides.",
        """\
The share of a pool's uses that got a connection which was open already, over all workers that were met. Below 80 %,
with 50 uses or more, it is a finding; a pool in good order has 99 % and more.
""",
        _reused,
        AFTER,
    ),
    Check(
        "PL712",
        "Connections that no worker claims",
        Level.WARNING,
        frozenset({"running", "pool", "server"}),
        "They count against max_connections and are in nobody's budget: old workers, other programs, more engines.",
        """\
Every worker tells the ids of its pool's connections as the server has them. Those in the server's process list with
the same account as theirs that no worker claims are nobody's. Workers are asked before and after the server, so that a
connection that was opened meanwhile is not taken for a stranger's. `DEPLOY_OTHER_CONNECTIONS` says how many there may
be. Behind a proxy such as ProxySQL or PgBouncer ids do not match, and an account that is not the service's may be shown
none of them: the check says then that it cannot tell.
""",
        _strangers,
        AFTER,
    ),
    Check(
        "PL713",
        "Connections sit idle in a transaction",
        Level.ERROR,
        frozenset({"running", "server"}),
        "They keep locks and old row versions, and others wait for them.",
        """\
From the server's process list: connections whose transaction is open while they send nothing, for longer than
`DB_IDLE_TRANSACTION` (5 s where it is off). MySQL and MariaDB tell it of transactions that have touched a table, and
only to accounts with PROCESS.
""",
        _sleepers,
        AFTER,
    ),
    Check(
        "PL714",
        "Connections leak",
        Level.ERROR,
        TAGS,
        "Each takes a place of the pool for as long as it is held; lost ones took it for good before the pool noticed.",
        """\
Since the start of the workers: connections held for longer than `DB_LEAK_THRESHOLD` (a warning: it may be a slow
route), and such as were garbage-collected without being given back (an error). With `--log`, lines of the log that
say so as well.
""",
        _leaks,
        AFTER,
    ),
)
