"""MySQL and MariaDB: how close connections came to the limit, and which were refused."""

from plimsoll.capacity.server_memory import MEMORY_SHARE
from plimsoll.capacity.wording import counted
from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import number, server_of, uptime_of
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.memory import ram_of
from plimsoll.checks.mysql_changes import set_global
from plimsoll.checks.subjects.mysql_memory import demand_of
from plimsoll.checks.verdict import Change, Found, Level, Passed, UnknownError, Verdict
from plimsoll.server.facts import ServerFacts

MOST_USED = 0.85
"""The part of max_connections that may have been in use at a time (mysqltuner's)."""

_REASONS = {
    "connection_errors_accept": "accept() failed",
    "connection_errors_internal": "the server had no memory or no thread for one",
    "connection_errors_peer_address": "the client's address could not be found out",
    "connection_errors_select": "select() or poll() failed",
    "connection_errors_tcpwrap": "the TCP wrapper refused",
}


def _look_at_use(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    allowed, most = number(server, "max_connections"), number(server, "max_used_connections")
    if allowed < 1:
        raise UnknownError(f"the server says that max_connections is {allowed:.0f}, which makes no sense")
    evidence = f"{most:,.0f} of {allowed:,.0f} connections were in use at a time, {amounts.percent(most, allowed)}."
    if most <= MOST_USED * allowed:
        return Passed(evidence)
    fix, changes = _more_or_fewer(facts, server, allowed, most)
    return Found(
        evidence=evidence,
        fix=fix,
        changes=changes,
        level=Level.ERROR if most >= allowed else None,
        numbers={"used_percent": amounts.share(most, allowed)},
    )


def _more_or_fewer(facts: Facts, server: ServerFacts, allowed: float, most: float) -> tuple[str, tuple[Change, ...]]:
    """More connections are advised only where the memory for them is known to be there."""
    first = (
        "See who holds them (SHOW PROCESSLIST), and give the pools less: 'plimsoll capacity' says how much fits."
        " Connections that sit idle in a transaction, or in another service's pool, are the usual reason."
    )
    wanted = max(allowed, most) * 1.3 // 1
    try:
        demand, ram = demand_of(server), ram_of(server, facts.host)
    except UnknownError:
        return first, ()
    if not ram or demand.of(wanted) > MEMORY_SHARE * ram:
        short = f" The server's {amounts.size(ram)} RAM do not carry more" if ram else " Its RAM is not known from here"
        return f"{first}{short}: {demand.arithmetic(wanted)}.", ()
    memory = f"{demand.arithmetic(wanted)} of {amounts.size(ram)} RAM"
    return (
        f"{first} If all of them are needed, the server's memory carries {wanted:,.0f}.",
        set_global(server, "max_connections", f"{wanted:.0f}", memory=memory),
    )


def _look_at_refused(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    refused = number(server, "connection_errors_max_connections")
    allowed, most = number(server, "max_connections"), number(server, "max_used_connections")
    uptime = uptime_of(server)
    since = "" if uptime is None else f" in {amounts.time(uptime)}"
    if refused == 0 and most <= allowed:
        return Passed(f"No connection came when all were taken{since}: {most:,.0f} of {allowed:,.0f} at most.")
    told = counted(refused, "connection was", "connections were")
    evidence = (
        f"{told} refused with 'Too many connections'{since}; max_connections is {allowed:.0f}."
        if refused
        else f"Max_used_connections is {most:.0f} with max_connections {allowed:.0f}: somebody came when all were"
        " taken, and was refused unless the account is an administrator's."
    )
    return Found(
        evidence=evidence,
        fix="Count what may connect: hosts x workers x engines x (DB_POOL_SIZE + DB_MAX_OVERFLOW) of every service"
        " ('plimsoll capacity' does). Lower DB_MAX_OVERFLOW until it fits; a pool that waits its turn costs less than a"
        " connection that is refused. The counts begin anew with FLUSH STATUS or a restart.",
        level=None if refused else Level.WARNING,
        numbers={"refused": refused},
    )


def _look_at_errors(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    counts = {name: number(server, name) for name in _REASONS if name in server.status}
    if not counts:
        number(server, next(iter(_REASONS)))  # says why it is not there
    failed = {name: count for name, count in counts.items() if count}
    if not failed:
        return Passed(f"None of {len(counts)} kinds of connection errors has been counted.")
    return Found(
        evidence="; ".join(f"{counted(count, 'time')} {_REASONS[name]} ({name})" for name, count in failed.items())
        + ".",
        fix="The server's error log has the reason of each. 'internal' is mostly memory or the limit of threads"
        " (ulimit -u, TasksMax of its unit), 'peer_address' a name server that does not answer (skip_name_resolve).",
        level=Level.ERROR if failed.get("connection_errors_internal") else None,
        numbers=failed,
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL301",
        title="Nearly all of the server's connections were in use",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "connections"}),
        meaning="The next peak, or the next deployment that runs old and new workers side by side, is answered with"
        " 'Too many connections'.",
        about=about(
            looks_at="`Max_used_connections`, the most that there were at a time since the server's start or the last"
            " `FLUSH STATUS`, against `max_connections`.",
            why="The limit is for all clients of the server together. One service that takes more than its share"
            " shuts out the others, and the person who wants to look at it.",
            threshold="More than 85 %, as mysqltuner has it; an error at 100 %, since then somebody was refused. The"
            " figure is a highest value and holds whatever the uptime. More connections are advised only where the"
            " server's memory is known to carry them (PL311).",
            suppress="The peak is known, was once and had its reason; better: `FLUSH STATUS`, and look again.",
        ),
        look=_look_at_use,
    ),
    Check(
        id="PL302",
        title="The server has refused connections since it was full",
        level=Level.ERROR,
        tags=frozenset({"mysql", "server", "connections", "counters"}),
        meaning="Requests failed, of this service or another that uses the same server.",
        about=about(
            looks_at="`Connection_errors_max_connections`, which counts error 1040, 'Too many connections', and whether"
            " `Max_used_connections` is above `max_connections`.",
            why="The server keeps one connection more for an administrator, and lets a client in as far as it takes to"
            " see who it is. One that is refused then is counted under `Aborted_connects` alone, as measured on MariaDB"
            " 10.11; what is left of it is a highest value of one above the limit. An account's own limit"
            " (`max_user_connections`) is not counted here.",
            threshold="One is enough: with a budget that adds up there is none. It is a warning where only the highest"
            " value tells, since that may have been an administrator, or `max_connections` was lowered since.",
            suppress="It happened before a change that mended it; better: `FLUSH STATUS`, and look again.",
        ),
        look=_look_at_refused,
    ),
    Check(
        id="PL303",
        title="The server could not take connections for an inner reason",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "connections", "counters"}),
        meaning="Connections fail although there is room for them; which one is chance.",
        about=about(
            looks_at="`Connection_errors_accept`, `_internal`, `_peer_address`, `_select` and `_tcpwrap`.",
            why="They point at the server's machine rather than at the service: no memory for a thread, no file"
            " descriptor left, a name server that does not answer.",
            threshold="One is enough; `_internal` is an error, for it means memory or threads ran out.",
            suppress="The cause is known and gone; better: `FLUSH STATUS`, and look again.",
        ),
        look=_look_at_errors,
    ),
)
