"""MySQL and MariaDB: how long the server waits for locks and for clients that say nothing."""

from plimsoll.checks import amounts, sleepers
from plimsoll.checks.about import about
from plimsoll.checks.answers import number, server_of
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.mysql_changes import set_global
from plimsoll.checks.verdict import Found, Level, NotApplicable, Passed, Verdict

SHORTEST_WAIT_S = 10.0
"""A person at a console, and a pool that keeps a connection for a moment, lose theirs below this."""

LONGEST_WAIT_S = 28_800.0
"""The servers' default, 8 hours. Longer keeps the connections of clients that died, and their locks, for that long."""

LOCK_SHARE = 0.5
"""The part of a request's time that it is advised to wait for a lock: it still has to work, and to answer."""


def _look_at_idle(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    waits = {name: number(server, name) for name in ("wait_timeout", "interactive_timeout")}
    evidence = ", ".join(f"{name} {amounts.time(wait)}" for name, wait in waits.items()) + "."
    wrong = {name: wait for name, wait in waits.items() if not SHORTEST_WAIT_S <= wait <= LONGEST_WAIT_S}
    if not wrong:
        return Passed(evidence)
    too_short = min(wrong.values()) < SHORTEST_WAIT_S
    return Found(
        evidence=evidence,
        fix="Connections are closed under those who just think, or wait for their turn in a pool. Set the default."
        if too_short
        else "A client that died without a goodbye keeps its connection, and the locks it had, for so long."
        " Set the default or less.",
        changes=tuple(change for name in wrong for change in set_global(server, name, f"{LONGEST_WAIT_S:.0f}")),
        level=Level.WARNING if too_short else None,
        numbers={f"{name}_s": wait for name, wait in waits.items()},
    )


def _look_at_locks(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    wait = number(server, "session.innodb_lock_wait_timeout", "innodb_lock_wait_timeout")
    request = facts.service.value.request_timeout_s
    if not request:
        return NotApplicable("REQUEST_TIMEOUT is 0: a request may take as long as it likes.")
    evidence = f"innodb_lock_wait_timeout {wait:g} s, REQUEST_TIMEOUT {request:g} s."
    if wait < request:
        return Passed(evidence)
    advised = max(1, round(request * LOCK_SHARE))
    everyone = server.number("innodb_lock_wait_timeout")
    if everyone is not None and 0 < everyone < request:
        return Found(
            evidence=f"{evidence[:-1]}; the server's own is {everyone:g} s.",
            fix="Our session has another value than the server: take innodb_lock_wait_timeout out of the URL, of"
            " init_connect or of whatever sets it.",
            numbers={"lock_wait_s": wait, "request_s": request},
        )
    return Found(
        evidence=evidence,
        fix=f"Let a statement wait for a row's lock for {advised} s: then the request that waits gets an error it can"
        " answer, and its connection back, before its own time is over.",
        changes=set_global(
            server,
            "innodb_lock_wait_timeout",
            advised,
            risk="Long jobs of other clients of this server get error 1205 sooner. Open sessions keep their value.",
        ),
        numbers={"lock_wait_s": wait, "request_s": request},
    )


def _look_at_sleepers(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    remedy = (
        "Find the code that began the transaction and then went to wait for something else: Plimsoll's leak report"
        " names it (DB_LEAK_THRESHOLD, DB_IDLE_TRANSACTION). KILL {id} ends that connection and rolls its work back."
    )
    own = "idle_transaction_timeout"  # MariaDB's alone
    ends = own in server.variables and number(server, own) == 0
    changes = (
        set_global(
            server,
            own,
            f"{sleepers.LONGEST_S:.0f}",
            risk="A client that thinks for longer in a transaction loses its connection and what it has not committed.",
        )
        if ends
        else ()
    )
    if ends:
        remedy += f" The server can do it by itself ({own})."
    return sleepers.judge(server, remedy, changes)


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL321",
        title="wait_timeout is absurd",
        level=Level.INFO,
        tags=frozenset({"mysql", "server", "timeouts"}),
        meaning="Connections are closed under their pools, or those of dead clients stay with their locks.",
        about=about(
            looks_at="`wait_timeout` and, for consoles, `interactive_timeout`.",
            why="A pool has to renew its connections sooner than the server closes them. Whether `DB_POOL_RECYCLE` is"
            " below `wait_timeout` is asked elsewhere; this asks whether the value makes sense at all.",
            threshold="10 s to 8 h. The upper one is the servers' default; below the lower one no pool and no person"
            " can work, and it is a warning.",
            suppress="A provider sets it so, and the pool's recycle time is below it.",
        ),
        look=_look_at_idle,
    ),
    Check(
        id="PL322",
        title="A statement may wait for a lock longer than its request may take",
        level=Level.INFO,
        tags=frozenset({"mysql", "server", "timeouts"}),
        meaning="One row that is locked for long empties the pool: each request that needs it waits with a connection"
        " in its hand until its own time is over, and is then cut off rather than answered.",
        about=about(
            looks_at="`innodb_lock_wait_timeout` (of our session) against `REQUEST_TIMEOUT`.",
            why="Times have to be nested: lock < statement < request < proxy. The server's default is 50 s, more than"
            " the 45 s of a request.",
            threshold="The lock's has to be less than the request's; advised is half of it. It is only told, as PL413"
            " for PostgreSQL: the request's own end, and PL209, bound the harm.",
            suppress="No statement of the service locks rows that others write.",
        ),
        look=_look_at_locks,
    ),
    Check(
        id="PL323",
        title="Connections sleep inside a transaction",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "transactions"}),
        meaning="Their locks stay, old versions of rows pile up (history list), and their connections serve nobody.",
        about=about(
            looks_at="`information_schema.processlist` and `innodb_trx`: clients with the command Sleep that have a"
            " transaction.",
            why="It is what a leak looks like from the server: a session that was opened and not closed, or one that"
            " waits for another service between two statements.",
            threshold=sleepers.THRESHOLD,
            suppress="A job of yours keeps a transaction open on purpose.",
        ),
        look=_look_at_sleepers,
    ),
)
