"""PostgreSQL: what our sessions begin with, and whether they may write at all."""

from plimsoll.checks.about import about
from plimsoll.checks.answers import server_of, switch, text
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.postgresql_changes import set_for_us
from plimsoll.checks.verdict import Found, Level, Passed, UnknownError, Verdict

UTC = frozenset({"utc", "etc/utc", "gmt", "etc/gmt", "universal", "etc/universal", "zulu", "etc/zulu", "uct"})
FINE = frozenset({"read committed", "read uncommitted"})
"""PostgreSQL takes the second for the first (manual, "Transaction Isolation")."""

STANDBY = ("pg_is_in_recovery", "in_hot_standby")
"""Read by a function into the status, and since version 14 a setting as well."""


def _look_at_zone(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    zone = text(server, "timezone")
    if zone.lower() in UTC:
        return Passed(f"TimeZone is {zone}.")
    return Found(
        evidence=f"TimeZone of our session is {zone}.",
        fix="Let our sessions be in UTC. A timestamptz means the same moment in any zone; a timestamp without a zone,"
        " now()::date and DEFAULT now() into such a column do not: look first at how they are used.",
        changes=set_for_us(server, "timezone", "UTC"),
    )


def _look_at_encoding(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    encoding = server.charset or text(server, "server_encoding")
    if encoding.upper() in ("UTF8", "UTF-8"):
        return Passed(f"The database's encoding is {encoding}.")
    blind = encoding.upper() == "SQL_ASCII"
    return Found(
        evidence=f"The database's encoding is {encoding}.",
        fix="An encoding cannot be changed: create a database with TEMPLATE template0 ENCODING 'UTF8', and bring the"
        " data over with pg_dump and pg_restore."
        + (" Bytes that are no UTF-8 have to be mended on the way, for nothing has checked them." if blind else ""),
        level=Level.ERROR if blind else None,
    )


def _look_at_isolation(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    level = text(server, "default_transaction_isolation").lower()
    evidence = f"default_transaction_isolation is {level}."
    if level in FINE:
        return Passed(evidence)
    return Found(
        evidence=evidence,
        fix="Transactions fail with 40001 where others touch the same rows, and have to be run again: see that the"
        " service does. Else ask for it where it is needed (execution_options(isolation_level=...)).",
        changes=set_for_us(server, "default_transaction_isolation", "read committed"),
    )


def _look_at_writes(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    known = [name for name in STANDBY if server.status.get(name, server.variables.get(name)) is not None]
    if not known:
        why = server.unread.get(STANDBY[0], "the server does not tell")
        raise UnknownError(f"whether the server is a standby could not be read: {why}")
    if text(server, known[0]).lower() in ("on", "t", "true"):
        return Found(
            evidence="The server is in recovery: a standby, or a primary that still starts.",
            fix="Let DATABASE_URL name the primary (target_session_attrs=read-write chooses it among several hosts with"
            " psycopg). SELECT pg_promote() makes this one the primary: only if the other is gone for good.",
        )
    if switch(server, "default_transaction_read_only"):
        return Found(
            evidence="default_transaction_read_only is on for our sessions.",
            fix="Let our sessions write.",
            changes=set_for_us(server, "default_transaction_read_only", "off"),
        )
    return Passed("The server is a primary and takes writes.")


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL431",
        title="Our sessions are not in UTC",
        level=Level.INFO,
        tags=frozenset({"postgresql", "server", "session"}),
        meaning="What has no zone of its own (timestamp, date of today) differs from the application's UTC by hours.",
        about=about(
            looks_at="`TimeZone` of our session.",
            why="`timestamptz` is safe in any zone. `timestamp`, `current_date` and casts take the session's.",
            threshold="UTC. It is only told, since a service that uses `timestamptz` throughout is not harmed.",
            suppress="Every column with a time is `timestamptz`.",
        ),
        look=_look_at_zone,
    ),
    Check(
        id="PL432",
        title="Not all text can be stored: the encoding is not UTF8",
        level=Level.WARNING,
        tags=frozenset({"postgresql", "server", "schema"}),
        meaning="Characters outside of the encoding are refused (22P05), or, with SQL_ASCII, any bytes are taken and"
        " come back as an error.",
        about=about(
            looks_at="The encoding of our database.",
            why="It is chosen when the database is made, from the locale of the machine, and cannot be changed.",
            threshold="UTF8. SQL_ASCII, which checks nothing, is an error.",
            suppress="The data is known to fit.",
        ),
        look=_look_at_encoding,
    ),
    Check(
        id="PL433",
        title="Every transaction may fail and have to be run again",
        level=Level.INFO,
        tags=frozenset({"postgresql", "server", "session"}),
        meaning="With repeatable read or serializable, transactions end with 40001 under load: a 500 or a 503 where"
        " nobody tries again.",
        about=about(
            looks_at="`default_transaction_isolation` of our session.",
            why="The manual tells applications on these levels to be prepared to retry.",
            threshold="read committed, the default.",
            suppress="The application was written for it and retries.",
        ),
        look=_look_at_isolation,
    ),
    Check(
        id="PL434",
        title="The server takes no writes",
        level=Level.ERROR,
        tags=frozenset({"postgresql", "server", "data"}),
        meaning="Every request that writes fails with 25006, while reads and health checks go well.",
        about=about(
            looks_at="`pg_is_in_recovery()` and `default_transaction_read_only` of our session.",
            why="After a failover, or with a wrong host name, a service can find itself on a standby. `SELECT 1` and"
            " every GET succeed there.",
            threshold="A primary, and sessions that may write.",
            suppress="The service only reads.",
        ),
        look=_look_at_writes,
    ),
)
