"""PostgreSQL: how long it lets transactions idle, statements wait for a lock, and dead clients stay."""

from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import number, seconds, server_of
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.postgresql_changes import alter_system, duration, set_for_us
from plimsoll.checks.verdict import Found, Level, NotApplicable, Passed, Verdict

IDLE_S = 60.0
"""Advised for a transaction in which nothing happens: longer than any request may take (REQUEST_TIMEOUT is 45 s)."""

LOCK_SHARE = 0.5
"""The part of a request's time that it is advised to wait for a lock: it still has to work, and to answer."""

LONGEST_SILENCE_S = 600.0
KEEPALIVE_S = 60
"""A dead client should be noticed within minutes; Linux's own default asks for the first time after two hours
(net.ipv4.tcp_keepalive_time, tcp(7))."""


def _look_at_idle_transactions(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    limit = seconds(server, "idle_in_transaction_session_timeout")
    if limit > 0:
        return Passed(f"idle_in_transaction_session_timeout is {amounts.time(limit)}.")
    return Found(
        evidence="idle_in_transaction_session_timeout is 0: a forgotten transaction stays open without limit.",
        fix=f"Let the server end a transaction of ours in which nothing happens for {amounts.time(IDLE_S)}.",
        changes=set_for_us(
            server,
            "idle_in_transaction_session_timeout",
            duration(IDLE_S),
            risk="A migration or job that pauses inside a transaction for longer loses its connection.",
        ),
    )


def _look_at_locks(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    request = facts.service.value.request_timeout_s
    if not request:
        return NotApplicable("REQUEST_TIMEOUT is 0: a request may take as long as it likes.")
    limits = {
        "lock_timeout": seconds(server, "lock_timeout"),
        "statement_timeout": seconds(server, "statement_timeout"),
        "DB_STATEMENT_TIMEOUT": facts.settings.value.statement_timeout_s,
    }
    bound = min((limit for limit in limits.values() if limit > 0), default=0.0)
    evidence = ", ".join(f"{name} {amounts.time(limit) if limit > 0 else '0 (none)'}" for name, limit in limits.items())
    evidence += f"; REQUEST_TIMEOUT {amounts.time(request)}."
    if bound and bound < request:
        return Passed(evidence)
    advised = max(1.0, round(request * LOCK_SHARE))
    return Found(
        evidence=evidence,
        fix=f"Let a statement of ours wait for a lock for {amounts.time(advised)}: the request that waits gets an error"
        " it can answer, and its connection back, before its own time is over. Migrations set a limit of their own"
        " (DB_LOCK_WAIT_TIMEOUT).",
        changes=set_for_us(server, "lock_timeout", duration(advised), risk="Jobs with this role get 55P03 sooner."),
        numbers={"lock_wait_s": bound, "request_s": request},
    )


def _look_at_keepalives(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    if server.is_local:
        return NotApplicable("The server is on this machine: a client that dies there is noticed at once.")
    if server.in_between:
        return NotApplicable(f"The server's clients are those of {server.in_between}, which notices ours by itself.")
    idle = number(server, "tcp_keepalives_idle")
    evidence = f"tcp_keepalives_idle is {idle:.0f} s." if idle else "tcp_keepalives_idle is 0: the system decides."
    if 0 < idle <= LONGEST_SILENCE_S:
        return Passed(evidence)
    return Found(
        evidence=evidence,
        fix=f"Ask after {KEEPALIVE_S} s of silence: the connections and locks of a client whose machine has died or"
        " whose network is gone are then free within minutes rather than hours.",
        changes=alter_system(server, "tcp_keepalives_idle", str(KEEPALIVE_S), risk="New connections only."),
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL411",
        title="A forgotten transaction stays open without limit",
        level=Level.WARNING,
        tags=frozenset({"postgresql", "server", "timeouts", "transactions"}),
        meaning="One leaked session keeps its locks and stops VACUUM until somebody notices.",
        about=about(
            looks_at="`idle_in_transaction_session_timeout` of our session.",
            why="A leak in one route should cost one connection for a minute, and not the table's bloat for a week.",
            threshold="Any limit above 0; advised is 60 s, more than a request may take.",
            suppress="`DB_END_IDLE_TRANSACTION` does the same from our side, and no other client uses the role.",
        ),
        look=_look_at_idle_transactions,
    ),
    Check(
        id="PL413",
        title="A statement may wait for a lock longer than its request may take",
        level=Level.INFO,
        tags=frozenset({"postgresql", "server", "timeouts"}),
        meaning="One row or table that is locked for long empties the pool: each request that needs it waits with a"
        " connection in its hand.",
        about=about(
            looks_at="The least of `lock_timeout`, `statement_timeout` and `DB_STATEMENT_TIMEOUT`, against"
            " `REQUEST_TIMEOUT`.",
            why="PostgreSQL waits for a lock without limit unless told otherwise.",
            threshold="It has to be less than the request's; advised is half of it. It is only told: the request's own"
            " end, and PL209, bound the harm.",
            suppress="No statement of the service locks rows that others write.",
        ),
        look=_look_at_locks,
    ),
    Check(
        id="PL415",
        title="Dead clients are noticed after hours",
        level=Level.INFO,
        tags=frozenset({"postgresql", "server", "timeouts"}),
        meaning="When a host of the service dies, its connections and locks stay on the server for two hours.",
        about=about(
            looks_at="`tcp_keepalives_idle` of our session, where the server is on another machine.",
            why="Without a packet the server cannot tell a quiet client from one that is gone. With 0 the system"
            " decides, and Linux waits 7200 s before it asks.",
            threshold="At most 600 s; advised is 60 s.",
            suppress="The server's system has a short net.ipv4.tcp_keepalive_time.",
        ),
        look=_look_at_keepalives,
    ),
)
