"""PL205, PL206: connections are replaced before somebody else closes them for having been idle."""

import math

from plimsoll.checks.check import Check
from plimsoll.checks.env_lines import env_line
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import CouldNot, Found, Level, NotApplicable, Passed, Verdict
from plimsoll.pool import PoolOptions
from plimsoll.server.facts import ServerFacts
from plimsoll.settings import DatabaseSettings

TAGS = frozenset({"timeouts", "connections"})

KEEPALIVE_S = PoolOptions().keepalive_s
"""An idle connection is pinged after so long: a limit at or below it closes connections in the pool all the same."""

MARGIN = 0.9
"""What is proposed, as a part of the limit that strikes: a connection is looked at when it is asked for or pinged, not
on the second."""

USUAL_S = 280.0
"""The default of DB_POOL_RECYCLE: below the 300 s of many hosters' servers."""

MS = 1000
_SECONDS_OF = {"s": 1.0, "ms": 1 / MS, "min": 60.0, "h": 3600.0, "": 1 / MS}


def _server_limit(server: ServerFacts) -> tuple[str, float | None]:
    """The variable that ends an idle connection of ours, and its value in seconds; None where it cannot be told, and
    infinity where none ends one."""
    if server.dialect == "mysql":
        seconds = server.number(
            "session.wait_timeout" if "session.wait_timeout" in server.variables else "wait_timeout"
        )
        return "wait_timeout", seconds if seconds is not None and math.isfinite(seconds) and seconds > 0 else None
    number, name = server.number("idle_session_timeout"), "idle_session_timeout"
    if number is None:
        # It came with PostgreSQL 14; before that nothing ends a session that idles.
        return name, math.inf if server.version and server.version < (14,) else None
    unit = _SECONDS_OF.get(server.units.get(name, ""), 1 / MS)
    return name, math.inf if number <= 0 else number * unit if math.isfinite(number) else None


def _proposed(limit_s: float) -> float:
    return max(1.0, min(USUAL_S, float(math.floor(limit_s * MARGIN))))


def _below_server(facts: Facts) -> Verdict:
    settings = facts.settings.value
    if settings.dialect == "sqlite":
        return NotApplicable("SQLite is a file: nobody closes a connection to it")
    name, limit_s = _server_limit(facts.server.value)
    if limit_s is None:
        return CouldNot(f"the server did not tell its {name}", "Let the account read the server's variables.")
    if limit_s == math.inf:
        return Passed(f"the server ends no idle session ({name} is off)")
    return _judged(settings, limit_s, f"the server's {name}")


def _below_proxy(facts: Facts) -> Verdict:
    settings = facts.settings.value
    limit_s = facts.topology.value.database_proxy_idle_s
    if settings.dialect == "sqlite":
        return NotApplicable("SQLite is a file: nothing lies between")
    between = facts.server.value.in_between if facts.server.known else None
    if limit_s == 0 and between:
        return CouldNot(
            f"{between} lies between, and its limit for idle connections is not declared",
            "Declare it in DEPLOY_DB_PROXY_IDLE, in seconds (HAProxy: the shorter of timeout client and timeout "
            "server; "
            "PgBouncer: client_idle_timeout; ProxySQL: mysql-wait_timeout).",
        )
    if limit_s == 0:
        return NotApplicable("no proxy is declared on the way to the database (DEPLOY_DB_PROXY_IDLE is 0)")
    return _judged(settings, limit_s, "the limit of the proxy (DEPLOY_DB_PROXY_IDLE)")


def _judged(settings: DatabaseSettings, limit_s: float, whose: str) -> Verdict:
    recycle_s = settings.pool_recycle_s
    if recycle_s < limit_s:
        return Passed(f"DB_POOL_RECYCLE {recycle_s:g} s < {limit_s:g} s, {whose}")
    proposed = _proposed(limit_s)
    strikes = limit_s <= KEEPALIVE_S
    how = (
        f"idle ones are pinged only every {KEEPALIVE_S:g} s, so they are closed in the pool"
        if strikes
        else "a request that sends no statement for so long loses its connection"
    )
    shorter = proposed if proposed < limit_s else None
    return Found(
        f"DB_POOL_RECYCLE is {recycle_s:g} s, {whose} {limit_s:g} s: {how}",
        f"Raise the limit above {max(recycle_s, USUAL_S):g} s where you may"
        + (f"; else replace connections after {shorter:g} s." if shorter else ": there is no useful time below it."),
        (env_line(settings, "DB_POOL_RECYCLE", shorter, risk=_risk(shorter)),) if shorter else (),
        level=Level.ERROR if strikes else None,
        numbers={"recycle_s": recycle_s, "idle_limit_s": limit_s},
    )


def _risk(recycle_s: float) -> str:
    return f"Each connection is opened anew after {recycle_s:g} s." if recycle_s < KEEPALIVE_S else ""


_WHY = """\
A connection that the other side has closed fails when it is used next. The pool pings what has idled for half a
second before it hands it out, and every 30 s while nobody asks, so most of it is caught. Not caught is a connection
that somebody holds without using it, and a limit shorter than those 30 s closes all that idles: a burst then finds
every connection dead.
"""

CHECKS: tuple[Check, ...] = (
    Check(
        "PL205",
        "The server closes connections that the pool still keeps",
        Level.WARNING,
        TAGS,
        "Requests fail with a lost connection ('server has gone away', 'terminating connection due to idle-session "
        "timeout') after quiet times, in bursts.",
        f"""\
`DB_POOL_RECYCLE`, the age at which a connection is replaced, against the server's `wait_timeout` (MySQL, MariaDB:
that of our own session) or `idle_session_timeout` (PostgreSQL 14 and later, where it is on).

{_WHY}
The age must be below the limit; nine tenths of it are proposed, 280 s at most. At or below 30 s, the pool's
own ping, the finding is an error: measured with `wait_timeout` 5, 10 of 10 requests of a burst failed without a ping.

Suppress it where a limit above 30 s is meant to end what holds connections without using them.
""",
        _below_server,
    ),
    Check(
        "PL206",
        "A proxy on the way to the database closes connections that the pool still keeps",
        Level.WARNING,
        TAGS,
        "Requests fail after quiet times, in bursts, and the database's own log has nothing about it.",
        f"""\
`DB_POOL_RECYCLE` against `DEPLOY_DB_PROXY_IDLE`: what you declare that a proxy, a firewall or a NAT allows an idle
connection. The service cannot see it, and some of them drop a connection without a word to either side.

{_WHY}
The same rule as in PL205. HAProxy has `timeout client` and `timeout server`, PgBouncer `client_idle_timeout`,
ProxySQL `mysql-wait_timeout`; clouds' load balancers and NATs end idle connections after 350 s (AWS) or 4 min (Azure)
by default.

Suppress it where the proxy counts pings of the pool as use and its limit is above 30 s.
""",
        _below_proxy,
    ),
)
