"""PL80x: what the database's server has counted since the deployment, or since its own start."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import time

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import AFTER, Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.subjects.since import duration
from plimsoll.checks.verdict import Found, IrrelevantError, Level, Passed, UnknownError, Verdict

TAGS = frozenset({"server"})

ABORTED_SHARE = 0.03
"""Of all connections: mysqltuner's threshold for Aborted_connects."""

SLOW_SHARE = 0.05
"""Of all statements: mysqltuner's threshold for Slow_queries."""

LEAST_COUNT = 20
"""A share of fewer says little."""

ABORTED = {
    "mysql": ("aborted_connects", "aborted_clients"),
    "postgresql": ("sessions_abandoned", "sessions_fatal", "sessions_killed"),
}
ALL_CONNECTIONS = {"mysql": "connections", "postgresql": "sessions"}
REFUSED = (
    "connection_errors_max_connections",
    "connection_errors_internal",
    "connection_errors_accept",
    "connection_errors_select",
    "connection_errors_tcpwrap",
)
COUNTERS = (
    *ABORTED["mysql"],
    *ABORTED["postgresql"],
    *ALL_CONNECTIONS.values(),
    *REFUSED,
    "questions",
    "slow_queries",
    "threads_connected",
    "max_used_connections",
    "deadlocks",
    "xact_commit",
    "xact_rollback",
    "numbackends",
)
"""What a baseline keeps of a server's status."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """How much counters rose, and since when in words; `fresh` where that is a baseline."""

    counts: dict[str, float]
    since: str
    fresh: bool = False


def _counted(facts: Facts, names: Sequence[str]) -> _Counted:
    """How much each counter rose since the baseline, or since the server's start.

    Raises:
        UnknownError: the server tells none of them.
    """
    server = facts.server.value
    found = {name: value for name in names if (value := server.number(name)) is not None}
    if not found:
        why = f": {server.unread['status']}" if "status" in server.unread else ""
        raise UnknownError(f"the server does not tell {', '.join(names)}{why}")
    if facts.baseline.known:
        before = facts.baseline.value
        restarted = server.uptime_s is not None and server.uptime_s < time() - before.at_s
        if not restarted and all(before.server.get(name, math.inf) <= value for name, value in found.items()):
            risen = {name: value - before.server[name] for name, value in found.items()}
            return _Counted(risen, f"since {before.when}", fresh=True)
    age = f", {duration(server.uptime_s)} ago" if server.uptime_s is not None else ""
    return _Counted(found, f"since the server's start{age}")


def _mysql_only(facts: Facts, what: str) -> None:
    if facts.server.value.dialect != "mysql":
        raise IrrelevantError(f"only MySQL and MariaDB count {what}")


def _aborted(facts: Facts) -> Verdict:
    dialect = facts.server.value.dialect
    if dialect not in ABORTED:
        raise IrrelevantError("SQLite has no connections to lose")
    whole = ALL_CONNECTIONS[dialect]
    tally = _counted(facts, (*ABORTED[dialect], whole))
    counts, since = tally.counts, tally.since
    total = counts.pop(whole, 0.0)
    shares = {name: count / total if total else 0.0 for name, count in counts.items()}
    listed = ", ".join(f"{name} {count:,.0f} ({shares[name]:.1%})" for name, count in counts.items())
    words = f"of {counted(total, 'connection')} {since}: {listed}"
    bad = [name for name, count in counts.items() if count >= LEAST_COUNT and shares[name] > ABORTED_SHARE]
    if not bad:
        return Passed(words)
    return Found(
        words,
        "Failed logins and broken handshakes are in the server's log; connections that end without a good-bye come "
        "from processes that are killed, wait_timeout below DB_POOL_RECYCLE, a firewall that forgets idle connections. "
        "A baseline (--baseline before, --against after) tells old ones from new.",
        numbers=counts,
    )


def _refused(facts: Facts) -> Verdict:
    _mysql_only(facts, "connections that they had to refuse")
    server = facts.server.value
    tally = _counted(facts, REFUSED)
    some = {name: count for name, count in tally.counts.items() if count}
    words = [f"{name} {count:,.0f}, {tally.since}" for name, count in some.items()]
    most, limit = server.connections_most, server.max_connections
    before = facts.baseline.value.server.get("max_used_connections", 0) if tally.fresh else 0
    if most is not None and limit is not None and most >= limit > before:
        words.append(f"max_used_connections {most} of max_connections {limit}")
    if not words:
        used = (
            f"; at most {most:,} of {limit:,} connections were used" if most is not None and limit is not None else ""
        )
        return Passed(f"none {tally.since}{used}")
    return Found(
        "; ".join(words),
        "Before max_connections is raised, 'plimsoll check --only capacity' reckons who takes how many. A baseline "
        "(--baseline before, --against after) tells old ones from new.",
        level=Level.ERROR if tally.fresh else None,
        numbers=some,
    )


def _slow(facts: Facts) -> Verdict:
    _mysql_only(facts, "slow statements")
    tally = _counted(facts, ("slow_queries", "questions"))
    counts, since = tally.counts, tally.since
    slow, total = counts.get("slow_queries", 0.0), counts.get("questions", 0.0)
    limit_s = facts.server.value.number("long_query_time")
    limit = "long_query_time" if limit_s is None else f"{limit_s:g} s"
    share = slow / total if total else 0.0
    words = f"{slow:,.0f} of {counted(total, 'statement')} ({share:.2%}) took over {limit}, {since}"
    if slow < LEAST_COUNT or share <= SLOW_SHARE:
        return Passed(words)
    return Found(
        words,
        "The slow log names them ('plimsoll check' tells whether it is on); EXPLAIN shows what an index would save.",
        numbers=counts,
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL806",
        "Connections end without a good-bye or fail to begin",
        Level.WARNING,
        TAGS,
        "Requests lose their connection in the middle, or processes are killed.",
        """\
The server's counters: `Aborted_connects` and `Aborted_clients` of MySQL and MariaDB, `sessions_abandoned`,
`sessions_fatal` and `sessions_killed` of PostgreSQL 14 and later, as a share of all connections. A finding is more
than 3 % (mysqltuner's threshold), and 20 or more. With `--against` they are counted since that baseline, else since
the server's start.
""",
        _aborted,
        AFTER,
    ),
    Check(
        "PL807",
        "The server refused connections",
        Level.WARNING,
        TAGS,
        "Whoever was refused got error 1040, and its request failed.",
        """\
The counters `Connection_errors_max_connections`, `_internal`, `_accept`, `_select` and `_tcpwrap` of MySQL and MariaDB;
and `Max_used_connections` at `max_connections` or above: MariaDB keeps one connection more for administrators, and
refuses whoever else would take it without counting that (seen with 10.11). Any is a finding; with `--against`, where it
is new since that baseline, an error.
""",
        _refused,
        AFTER,
    ),
    Check(
        "PL808",
        "Many statements are slow",
        Level.WARNING,
        TAGS,
        "Each holds its connection for so long: the pool is exhausted sooner.",
        """\
`Slow_queries` against `Questions` of MySQL and MariaDB, above 5 % (mysqltuner's threshold) and 20 or more. What is
slow the server decides by `long_query_time`; it counts them also where its slow log is off.
""",
        _slow,
        AFTER,
    ),
)
