"""PostgreSQL: whether slow statements are written down."""

from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import seconds, server_of
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.postgresql_changes import alter_system, duration
from plimsoll.checks.verdict import Found, Level, Passed, Verdict

ADVISED_S = 2.0
"""As for MySQL: the operator's note has it."""

LONGEST_S = 10.0
"""Above this mysqltuner warns of MySQL's long_query_time; the same holds here."""

WATCHERS = ("pg_stat_statements", "auto_explain")
"""Libraries that find slow statements without the log."""


def _look(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    limit = seconds(server, "log_min_duration_statement")
    # shared_preload_libraries is not told to everyone; the settings of a library that is loaded are.
    watcher = next((name for name in WATCHERS if any(key.startswith(f"{name}.") for key in server.variables)), "")
    evidence = (
        "log_min_duration_statement is -1: no statement is logged for its time."
        if limit < 0
        else f"log_min_duration_statement is {amounts.time(limit)}."
    )
    if limit < 0 and watcher:
        return Passed(f"{evidence} {watcher} is loaded and finds them.")
    if 0 < limit <= LONGEST_S:
        return Passed(evidence)
    words = {
        limit < 0: f"Log statements that take more than {ADVISED_S:.0f} s.",
        limit
        == 0: f"Every statement is logged, with its data, which fills the disk: log those above {ADVISED_S:.0f} s.",
        limit > LONGEST_S: f"A statement of {LONGEST_S:.0f} s would not be seen: log those above {ADVISED_S:.0f} s.",
    }
    return Found(
        evidence=evidence,
        fix=words[True],
        changes=alter_system(
            server,
            "log_min_duration_statement",
            duration(ADVISED_S),
            risk="The log holds statements with their data, and takes space on the server's disk.",
        ),
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL421",
        title="The log does not tell which statements are slow",
        level=Level.WARNING,
        tags=frozenset({"postgresql", "server", "logging"}),
        meaning="When the pool runs out, nobody can tell which statement held the connections: it is not in the log,"
        " or is drowned by all the others.",
        about=about(
            looks_at="`log_min_duration_statement`, and whether `pg_stat_statements` or `auto_explain` is loaded"
            " (their own settings are there then).",
            why="A pool runs out when connections are held for too long. The log, or the statistics, name the"
            " statements that do.",
            threshold="Above 0 and at most 10 s (mysqltuner's bound for MySQL); advised is 2 s, which the operator's"
            " note has. -1 is fine where one of the two libraries is loaded.",
            suppress="Statements are watched by other means, or 0 is set for an hour to record everything.",
        ),
        look=_look,
    ),
)
