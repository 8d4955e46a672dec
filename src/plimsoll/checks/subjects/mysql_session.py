"""MySQL and MariaDB: what our sessions begin with: time zone, strictness, isolation, autocommit, packets."""

from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import LARGEST, number, server_of, switch, text
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.mysql_changes import set_global
from plimsoll.checks.verdict import Found, Level, Passed, Verdict

UTC = frozenset({"+00:00", "utc", "etc/utc", "gmt", "zulu"})
STRICT = frozenset({"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "TRADITIONAL"})
FINE = frozenset({"REPEATABLE-READ", "READ-COMMITTED"})

LARGEST_PACKET = 1 << 30
"""The servers allow no more than 1 GiB."""

PACKET_STEP = 1 << 20
ESCAPED = 2
"""A value in a statement may take twice its bytes, each escaped by another."""


def _look_at_zone(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    zone = text(server, "session.time_zone", "time_zone")
    evidence = f"time_zone is {zone}"
    if zone.upper() == "SYSTEM":
        zone = text(server, "system_time_zone")
        evidence += f", which is {zone}"
    if zone.lower() in UTC:
        return Passed(f"{evidence}.")
    return Found(
        evidence=f"{evidence}.",
        fix="Let the server's sessions be in UTC. DATETIME columns keep what they hold: look first at how it was"
        " written. TIMESTAMP columns hold UTC anyway and are shown in the session's zone.",
        changes=set_global(
            server,
            "time_zone",
            "+00:00",
            in_file="default_time_zone",
            risk="NOW(), CURRENT_TIMESTAMP and scheduled events of every client give UTC. Open sessions keep theirs.",
        ),
    )


def _look_at_mode(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    ours = text(server, "session.sql_mode", "sql_mode")
    modes = {word.strip().upper() for word in ours.split(",")}
    if modes & STRICT:
        return Passed(f"sql_mode of our session is {ours}.")
    everyone = text(server, "sql_mode")
    lenient = not {word.strip().upper() for word in everyone.split(",")} & STRICT
    strict = ",".join(["STRICT_TRANS_TABLES", *(word.strip() for word in everyone.split(",") if word.strip())])
    return Found(
        evidence=f"sql_mode of our session is {ours or '(empty)'}; the server's is {everyone or '(empty)'}.",
        fix="Let the server be strict. Statements that were cut in silence until now fail then (error 1406 or 1366):"
        " try it with the tests first."
        if lenient
        else "The server is strict, our session is not: take sql_mode out of the URL, of init_connect or of whatever"
        " sets it.",
        changes=set_global(server, "sql_mode", strict, risk="Every other client's statements become strict as well.")
        if lenient
        else (),
    )


def _look_at_isolation(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    level = text(server, "session.transaction_isolation", "transaction_isolation", "tx_isolation").upper()
    evidence = f"transaction_isolation is {level}."
    if level in FINE:
        return Passed(evidence)
    name = "tx_isolation" if "transaction_isolation" not in server.variables else "transaction_isolation"
    if server.flavour == "mariadb" and server.version < (11, 1):
        name = "tx_isolation"  # MariaDB has the other name since 11.1
    reads_dirty = level == "READ-UNCOMMITTED"
    ours_alone = server.variables.get(name, "").upper() in FINE
    return Found(
        evidence=f"{evidence[:-1]} in our session; the server's is {server.variables[name]}."
        if ours_alone
        else evidence,
        fix="Transactions see what others have not committed, and may take back. Use READ-COMMITTED or the default."
        if reads_dirty
        else "Every SELECT locks the rows that it reads, until its transaction ends. Ask for it where it is needed"
        " (execution_options(isolation_level=...)) rather than everywhere.",
        changes=() if ours_alone else set_global(server, name, "REPEATABLE-READ", in_file="transaction_isolation"),
        level=Level.ERROR if reads_dirty else None,
    )


def _look_at_autocommit(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    on = switch(server, "autocommit")
    init = server.variables.get("init_connect", "")
    sets_it = "autocommit" in init.lower()
    if on and not sets_it:
        return Passed("autocommit is on for new sessions; drivers begin transactions themselves.")
    return Found(
        evidence="init_connect sets autocommit." if sets_it else "autocommit is off for new sessions.",
        fix="Leave it on: with it off a lone SELECT begins a transaction that nobody ends, and a console or job that"
        " forgets to commit loses its work."
        + (" Take it out of init_connect, which superusers do not even run." if sets_it else ""),
        changes=() if on else set_global(server, "autocommit", "ON", reads="1"),
    )


def _look_at_packet(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    packet, body = number(server, "max_allowed_packet"), facts.service.value.max_body_bytes
    evidence = f"max_allowed_packet is {amounts.size(packet)}, MAX_BODY_BYTES {amounts.size(body)}."
    if packet >= min(body, LARGEST):
        return Passed(evidence)
    wanted = -(-ESCAPED * body // PACKET_STEP) * PACKET_STEP
    if body > LARGEST_PACKET:
        return Found(
            evidence=evidence,
            fix="The servers allow 1 GiB at most: lower MAX_BODY_BYTES, or keep large bodies outside of the database.",
        )
    advised = min(wanted, LARGEST_PACKET)
    return Found(
        evidence=evidence,
        fix=f"Allow {amounts.size(advised)}, for escaped bytes count twice; or lower MAX_BODY_BYTES.",
        changes=set_global(
            server,
            "max_allowed_packet",
            advised,
            memory=f"a connection takes up to {amounts.size(advised)}, only while it carries such a statement or row",
        ),
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL351",
        title="The server's sessions are not in UTC",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "session"}),
        meaning="NOW() and DEFAULT CURRENT_TIMESTAMP differ from the application's datetimes by hours, and one hour a"
        " year happens twice.",
        about=about(
            looks_at="`time_zone` of our session and, where it is SYSTEM, `system_time_zone`.",
            why="A DATETIME has no zone. What the server fills in is in its own, what the application fills in is"
            " mostly UTC, and they stand in the same column.",
            threshold="UTC, or SYSTEM on a machine that is in UTC.",
            suppress="The application writes local time everywhere, on purpose, or never lets the server fill one in.",
        ),
        look=_look_at_zone,
    ),
    Check(
        id="PL352",
        title="The server is not strict: what does not fit is cut off in silence",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "session", "data"}),
        meaning="A text that is too long is stored cut, a number out of range as the nearest, an impossible date as"
        " 0000-00-00, and the request is answered 200.",
        about=about(
            looks_at="`sql_mode`, the server's and our session's: what counts is what our connections have.",
            why="Strict mode is the default of MySQL since 5.7 and of MariaDB since 10.2.4; shared hosting and old"
            " configuration files switch it off.",
            threshold="STRICT_TRANS_TABLES or STRICT_ALL_TABLES (TRADITIONAL has both).",
            suppress="An old application on the same server needs it so; then set `sql_mode` for our sessions alone.",
        ),
        look=_look_at_mode,
    ),
    Check(
        id="PL353",
        title="The isolation level is unusual",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "session", "data"}),
        meaning="Requests act on what never was committed (READ-UNCOMMITTED), or wait for each other and end in"
        " deadlocks (SERIALIZABLE).",
        about=about(
            looks_at="`transaction_isolation` (`tx_isolation` in MariaDB before 11.1) of our session.",
            why="Applications are written and tested on REPEATABLE-READ, the default, or READ-COMMITTED.",
            threshold="One of these two. READ-UNCOMMITTED is an error, SERIALIZABLE a warning.",
            suppress="The application was written for it.",
        ),
        look=_look_at_isolation,
    ),
    Check(
        id="PL354",
        title="autocommit is off on the server",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "session"}),
        meaning="Clients that do not expect it hold transactions open and lose work that they think is done.",
        about=about(
            looks_at="`autocommit` of new sessions, and whether `init_connect` changes it.",
            why="SQLAlchemy's drivers set it for themselves. Consoles, cron jobs and scripts do not: a lone SELECT"
            " there holds its snapshot until the client goes.",
            threshold="On, which is the servers' default.",
            suppress="All clients of this server are known to commit.",
        ),
        look=_look_at_autocommit,
    ),
    Check(
        id="PL355",
        title="A request's body may be larger than a packet to the server",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "session"}),
        meaning="A body that the service accepts cannot be stored: error 1153 or 2006, and the connection is lost.",
        about=about(
            looks_at="`max_allowed_packet` against `MAX_BODY_BYTES`.",
            why="A statement with its values is one packet. Above the limit the server does not answer with a plain"
            " error, it closes the connection, which looks like a fault of the network.",
            threshold="At least the body; advised is twice as much, since bytes are escaped.",
            suppress="Bodies are not stored in the database.",
        ),
        look=_look_at_packet,
    ),
)
