"""PostgreSQL: connections in use, what is kept for superusers, memory at the worst, sleepers, a pooler in between."""

from plimsoll.capacity.server_memory import MEMORY_SHARE, POSTGRESQL_BACKEND_BYTES
from plimsoll.capacity.wording import counted
from plimsoll.checks import amounts, sleepers
from plimsoll.checks.about import about
from plimsoll.checks.answers import number, seconds, server_of, size
from plimsoll.checks.check import Check
from plimsoll.checks.env_lines import env_line
from plimsoll.checks.facts import Facts
from plimsoll.checks.memory import ram_of
from plimsoll.checks.postgresql_changes import alter_system, duration, quantity, set_for_us
from plimsoll.checks.verdict import Change, Found, Level, NotApplicable, Passed, UnknownError, Verdict
from plimsoll.server.facts import ServerFacts
from plimsoll.settings import DatabaseSettings

MOST_USED = 0.85
"""The part of the connections that may be in use, as for MySQL (mysqltuner's)."""

SMALLEST_WORK_MEM = 1 << 20
"""Less makes every sort go to the disk; the manual's default is 4 MB."""

RESERVED = 3
"""superuser_reserved_connections' default (manual, "Connection Settings")."""


def _look_at_use(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    if server.connections_now is None or server.max_connections is None:
        why = server.unread.get("connections") or server.unread.get("max_connections") or "it does not tell"
        raise UnknownError(f"how many connections the server has could not be read: {why}")
    allowed = server.max_connections - server.reserved_connections
    if allowed < 1 or server.connections_now < 0:
        raise UnknownError(f"max_connections {server.max_connections} less those reserved makes no sense")
    evidence = (
        f"{server.connections_now:,} of {allowed:,} connections are in use at this moment,"
        f" {amounts.percent(server.connections_now, allowed)} (max_connections {server.max_connections},"
        f" {server.reserved_connections} of them reserved)."
    )
    if server.connections_now <= MOST_USED * allowed:
        return Passed(evidence)
    return Found(
        evidence=evidence,
        fix="See who holds them (SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2,"
        " 3), and give the pools less: 'plimsoll capacity' says how much fits. A higher max_connections needs memory"
        " (PL403) and a restart; PgBouncer in between costs neither.",
        level=Level.ERROR if server.connections_now >= allowed else None,
        numbers={"used_percent": amounts.share(server.connections_now, allowed)},
    )


def _look_at_reserved(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    kept = number(server, "superuser_reserved_connections")
    if kept >= 1:
        return Passed(f"superuser_reserved_connections is {kept:.0f}.")
    return Found(
        evidence="superuser_reserved_connections is 0: the pools can take the last connection.",
        fix=f"Keep {RESERVED}, the default, for the person who has to end a connection when all are taken.",
        changes=alter_system(server, "superuser_reserved_connections", str(RESERVED), restart=True),
    )


def _look_at_memory(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    shared, work = size(server, "shared_buffers"), size(server, "work_mem")
    hashes = number(server, "hash_mem_multiplier") if "hash_mem_multiplier" in server.variables else 1.0
    hashes = max(1.0, hashes)
    most = number(server, "max_connections")
    total = shared + most * (POSTGRESQL_BACKEND_BYTES + work * hashes)
    connections = counted(most, "connection")
    arithmetic = (
        f"shared_buffers {amounts.size(shared)} + {connections} x ({amounts.size(POSTGRESQL_BACKEND_BYTES)}"
        f" + work_mem {amounts.size(work)} x {hashes:g} (hash_mem_multiplier)) = {amounts.size(total)}"
    )
    ram = ram_of(server, facts.host)
    if not ram:
        raise UnknownError(
            f"the RAM of the server's machine is not known from here. With one sort each it takes {arithmetic}",
            f"Compare with 'free -h' there: it should be at most {MEMORY_SHARE:.0%} of the total.",
        )
    evidence = f"{arithmetic}, {amounts.percent(total, ram)} of {amounts.size(ram)} RAM."
    if total <= MEMORY_SHARE * ram:
        return Passed(evidence)
    fix, changes = _less(server, MEMORY_SHARE * ram - shared - most * POSTGRESQL_BACKEND_BYTES, most, hashes)
    return Found(evidence=evidence, fix=fix, changes=changes, numbers={"peak_bytes": total, "ram_bytes": ram})


def _less(server: ServerFacts, room: float, most: float, hashes: float) -> tuple[str, tuple[Change, ...]]:
    """A work_mem that fits; where none does, what else there is."""
    fits = room / (most * hashes) // SMALLEST_WORK_MEM * SMALLEST_WORK_MEM if most else 0
    if fits < SMALLEST_WORK_MEM:
        fix = "No useful work_mem is left for so many connections: lower max_connections (a restart), put PgBouncer in"
        return f"{fix} between, or make shared_buffers a quarter of the RAM.", ()
    fix = f"Let each sort take {amounts.size(fits)}, and give more to the few statements that need it (SET LOCAL"
    memory = f"{most:,.0f} x {amounts.size(fits)} x {hashes:g} = {amounts.size(most * fits * hashes)}"
    risk = "Larger sorts and hashes go to the disk."
    return f"{fix} work_mem); or admit fewer connections.", alter_system(
        server, "work_mem", quantity(fits), memory=memory, risk=risk
    )


def _look_at_sleepers(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    limit = "idle_in_transaction_session_timeout"
    changes = (
        set_for_us(server, limit, duration(sleepers.LONGEST_S))
        if limit in server.variables and seconds(server, limit) <= 0
        else ()
    )
    return sleepers.judge(
        server,
        "Find the code that began the transaction and then went to wait for something else: Plimsoll's leak report"
        " names it (DB_LEAK_THRESHOLD, DB_IDLE_TRANSACTION). SELECT pg_terminate_backend({id}) ends that connection and"
        " rolls its work back.",
        changes,
    )


def _look_at_pooler(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    if not server.in_between:
        return NotApplicable("We speak with the server itself; no pooler shows.")
    settings, between = facts.settings.value, f"{server.in_between} is between us and the server"
    if server.lending != "unseen":
        between += " and lends each transaction another connection (pool_mode = transaction)"
    if not settings.prepared_statements:
        return Passed(f"{between}; DB_PREPARED_STATEMENTS is off, so no statement needs one that another one left.")
    if server.lending == "carries":
        return Passed(f"{between}; a prepared statement was carried over to another connection.")
    if server.lending == "breaks":
        return Found(
            evidence=f"{between}, on which a statement that we had prepared failed. DB_PREPARED_STATEMENTS is on.",
            fix=f"Prepare none. {_OTHER_WAYS}",
            changes=(_prepare_none(settings),),
            level=Level.ERROR,
        )
    return Found(
        evidence=f"{between}. Its mode did not show: each of two connections was answered by a process of its own, as"
        " in session mode, or in transaction mode while others are busy. DB_PREPARED_STATEMENTS is on.",
        fix="See pool_mode in pgbouncer.ini. With session all is well; accept this finding then. With transaction,"
        f" prepare no statements. {_OTHER_WAYS} With statement no transaction works at all.",
        changes=(_prepare_none(settings),),
    )


_OTHER_WAYS = (
    "Or have pool_mode = session, or PgBouncer 1.21 or later with max_prepared_statements above 0. psycopg is the"
    " faster driver without prepared statements. Run migrations with a DATABASE_URL of the server itself: their lock"
    " lasts for a session."
)


def _prepare_none(settings: DatabaseSettings) -> Change:
    return env_line(
        settings,
        "DB_PREPARED_STATEMENTS",
        "off",
        risk="The server plans each statement anew; asyncpg sends each twice.",
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL401",
        title="Nearly all of the server's connections are in use",
        level=Level.WARNING,
        tags=frozenset({"postgresql", "server", "connections"}),
        meaning="The next peak, or a deployment that runs old and new workers side by side, is answered with 'sorry,"
        " too many clients already'.",
        about=about(
            looks_at="The connections of all databases of the server, against `max_connections` less those that are"
            " reserved.",
            why="The limit is for all clients together. PostgreSQL keeps no highest value, so this is one moment.",
            threshold="More than 85 %, which is mysqltuner's for MySQL; an error when none is left.",
            suppress="A job that ends by itself takes them at this hour.",
        ),
        look=_look_at_use,
    ),
    Check(
        id="PL402",
        title="No connection is kept for a superuser",
        level=Level.WARNING,
        tags=frozenset({"postgresql", "server", "connections"}),
        meaning="When the pools have taken all connections, nobody can log in to see who has them.",
        about=about(
            looks_at="`superuser_reserved_connections`.",
            why="The last few are the way in for the person who mends things.",
            threshold="At least 1; the default is 3.",
            suppress="Somebody can restart the server instead, and may.",
        ),
        look=_look_at_reserved,
    ),
    Check(
        id="PL403",
        title="The server's memory does not fit its max_connections",
        level=Level.WARNING,
        tags=frozenset({"postgresql", "server", "memory"}),
        meaning="When as many connections sort as the server admits, its machine swaps or the kernel ends a process of"
        " the server, which then throws out everybody and recovers.",
        about=about(
            looks_at="`shared_buffers`, and `max_connections` times the 4 MiB of a process and `work_mem` (for hashes"
            " times `hash_mem_multiplier`), against the RAM of the server's machine.",
            why="The manual, 'Resource Consumption': a statement may take `work_mem` several times, and several"
            " sessions do so at once. Here each is counted once: a middling case, not the worst.",
            threshold="85 % of the RAM, as for MySQL. The RAM is known where the server runs on the same machine; else"
            " the sum is shown, and you compare.",
            suppress="Few of the connections ever sort or hash anything large.",
        ),
        look=_look_at_memory,
    ),
    Check(
        id="PL404",
        title="Connections sleep inside a transaction",
        level=Level.WARNING,
        tags=frozenset({"postgresql", "server", "transactions"}),
        meaning="Their locks stay, VACUUM cannot clean behind them, and their connections serve nobody.",
        about=about(
            looks_at="`pg_stat_activity`: clients that are 'idle in transaction'.",
            why="It is what a leak looks like from the server: a session that was opened and not closed, or one that"
            " waits for another service between two statements.",
            threshold=sleepers.THRESHOLD,
            suppress="A job of yours keeps a transaction open on purpose.",
        ),
        look=_look_at_sleepers,
    ),
    Check(
        id="PL405",
        title="A pooler may lose prepared statements",
        level=Level.WARNING,
        tags=frozenset({"postgresql", "server", "proxy"}),
        meaning="In transaction mode a prepared statement, like SET, is on another connection than the next"
        " transaction: errors that come and go with the load.",
        about=about(
            looks_at="Whether the process that answers is the one that we connected to (PgBouncer and its like give a"
            " client a number of their own).",
            why="asyncpg and psycopg prepare statements by default. PgBouncer carries them over in transaction mode"
            " since 1.21, where `max_prepared_statements` is above 0 (its default is 0 before 1.24). Two connections"
            " that one process of the server answers show the mode; that none does so proves nothing.",
            threshold="A pooler shows, and `DB_PREPARED_STATEMENTS` is on. An error where a prepared statement was seen"
            " to fail.",
            suppress="You have looked: session mode.",
        ),
        look=_look_at_pooler,
    ),
)
