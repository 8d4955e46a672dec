"""MySQL and MariaDB: whether slow statements are written down, from which time on, and how many there are."""

from plimsoll.capacity.wording import counted
from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import counted_for, number, server_of, switch
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.mysql_changes import set_global
from plimsoll.checks.verdict import Change, Found, Level, NotApplicable, Passed, Verdict
from plimsoll.server.facts import ServerFacts

ADVISED_S = 2.0
"""The operator's note has it. A service whose requests end within a second or two needs no less to find its worst."""

LONGEST_S = 10.0
"""Above this mysqltuner warns; it is the servers' default."""

MOST_SLOW = 0.05
"""The part of the statements that may be slow (mysqltuner's)."""

FEWEST_QUESTIONS = 1000.0

LOGS = ("slow_query_log", "log_slow_query")
"""The switch of the slow log; MariaDB has the second name since 10.11."""


def _advised(server: ServerFacts) -> tuple[Change, ...]:
    return set_global(server, "long_query_time", f"{ADVISED_S:.0f}")


def _kept_s(server: ServerFacts) -> float | None:
    """long_query_time where it is as strict as advised or stricter, and not 0; None where it is to be changed."""
    limit = server.number("long_query_time")
    return limit if limit is not None and 0 < limit <= ADVISED_S else None


def _look_at_log(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    if switch(server, *LOGS):
        return Passed("slow_query_log is on.")
    kept_s = _kept_s(server)
    return Found(
        evidence="slow_query_log is off.",
        fix=f"Write slow statements down, those of more than {kept_s or ADVISED_S:g} s (long_query_time). The log"
        " grows: let logrotate have it.",
        changes=set_global(
            server,
            "slow_query_log",
            "ON",
            reads="1",
            risk="The log holds statements with their data, and takes space on the server's disk.",
        )
        + (_advised(server) if kept_s is None else ()),
    )


def _look_at_time(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    limit = number(server, "long_query_time", "log_slow_query_time")
    evidence = f"long_query_time is {limit:g} s."
    if 0 < limit <= ADVISED_S:
        return Passed(evidence)
    logs = next((on for name in LOGS if (on := server.on(name)) is not None), True)
    every = (
        "Every statement counts as slow: the log fills the disk, and the count of slow ones says nothing."
        f" Set {ADVISED_S:.0f} s."
    )
    few = f"Set {ADVISED_S:.0f} s: a statement that takes 9 s holds a connection for 9 s and would not be seen."
    return Found(
        evidence=evidence,
        fix=few if limit else every,
        changes=_advised(server),
        level=Level.WARNING if limit > LONGEST_S or limit == 0 else None,
        # Whoever switches the log on is told the time as well.
        same_as="" if logs else "PL331",
    )


def _look_at_share(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    slow, asked = number(server, "slow_queries"), number(server, "questions")
    limit = number(server, "long_query_time", "log_slow_query_time")
    since = counted_for(server)
    if limit == 0:
        return NotApplicable("long_query_time is 0, so that every statement counts as slow (PL332).")
    if asked < FEWEST_QUESTIONS:
        return NotApplicable(f"Too few to tell: {counted(asked, 'statement')} in {since}.")
    evidence = f"{slow:.0f} of {counted(asked, 'statement')} in {since} took more than {limit:g} s"
    evidence += f", {amounts.percent(slow, asked)}."
    if slow <= MOST_SLOW * asked:
        return Passed(evidence)
    return Found(
        evidence=evidence,
        fix="See which they are (mariadb-dumpslow or mysqldumpslow on the log, or pt-query-digest), and give the worst"
        " an index. Each holds a connection of the pool for as long as it takes.",
        numbers={"slow_percent": amounts.share(slow, asked)},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL331",
        title="Slow statements are not written down",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "logging"}),
        meaning="When the pool runs out, nobody can tell which statement held the connections.",
        about=about(
            looks_at="`slow_query_log`.",
            why="A pool runs out when connections are held for too long, and the slow log names the statements that"
            " do. It costs next to nothing while statements are fast.",
            threshold="It is to be on.",
            suppress="Statements are watched by other means: performance_schema with a tool that reads it.",
        ),
        look=_look_at_log,
    ),
    Check(
        id="PL332",
        title="long_query_time finds nothing, or everything",
        level=Level.INFO,
        tags=frozenset({"mysql", "server", "logging"}),
        meaning="The slow log misses statements that a user waits for, or drowns them.",
        about=about(
            looks_at="`long_query_time`, in seconds.",
            why="With the default of 10 s a statement has to be hopeless before it is seen.",
            threshold="At most 2 s, which the operator's note has, else this is told; above 10 s (mysqltuner's), and"
            " with 0, it is a warning.",
            suppress="Long reports are this server's daily work, or 0 is set for an hour to record everything.",
        ),
        look=_look_at_time,
    ),
    Check(
        id="PL333",
        title="Many statements are slow",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "load", "counters"}),
        meaning="Connections are held for seconds; a pool of any size runs out as soon as enough of them come.",
        about=about(
            looks_at="`Slow_queries` against `Questions`, since the start of the server. It counts whether or not the"
            " log is on.",
            why="By Little's law the connections that are needed are the statements a second times the seconds that"
            " each takes: halving the time of the slow ones gives more than doubling the pool.",
            threshold="More than 5 % (mysqltuner's), of at least 1000 statements in at least a day.",
            suppress="Reports and backups make most of the statements of this server.",
        ),
        look=_look_at_share,
    ),
)
