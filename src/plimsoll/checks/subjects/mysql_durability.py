"""MySQL and MariaDB: what a crash may lose, whether the server takes writes, TLS, and how long it is maintained."""

from collections.abc import Mapping
from datetime import date

from plimsoll.checks.about import about
from plimsoll.checks.answers import number, server_of, switch, text
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.maintenance import judge
from plimsoll.checks.mysql_changes import set_global
from plimsoll.checks.verdict import CouldNot, Found, Level, NotApplicable, Passed, UnknownError, Verdict

ENDS_MYSQL: Mapping[tuple[int, ...], date] = {
    (5, 5): date(2018, 12, 31),
    (5, 6): date(2021, 2, 28),
    (5, 7): date(2023, 10, 31),
    (8, 0): date(2026, 4, 30),
    (8, 4): date(2032, 4, 30),
}
"""The end of Extended Support, until when the community's version is mended: Oracle Lifetime Support Policy for
Technology Products, as endoflife.date/mysql has it (read in 2026). Innovation releases end with the next one."""

ENDS_MARIADB: Mapping[tuple[int, ...], date] = {
    (5, 5): date(2020, 4, 11),
    (10, 0): date(2019, 3, 31),
    (10, 1): date(2020, 10, 17),
    (10, 2): date(2022, 5, 23),
    (10, 3): date(2023, 5, 25),
    (10, 4): date(2024, 6, 18),
    (10, 5): date(2025, 6, 24),
    (10, 6): date(2026, 7, 6),
    (10, 7): date(2023, 2, 14),
    (10, 8): date(2023, 5, 20),
    (10, 9): date(2023, 8, 22),
    (10, 10): date(2023, 11, 17),
    (10, 11): date(2028, 2, 16),
}
"""mariadb.org/about, "Maintenance policy", as endoflife.date/mariadb has it. Only series whose dates are sure: of a
later one the check says that it does not know."""


def _look_at_flush(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    flush = number(server, "innodb_flush_log_at_trx_commit")
    if flush == 1:
        return Passed("innodb_flush_log_at_trx_commit is 1: what is committed is on the disk.")
    lost = "when the server or its machine crashes" if flush == 0 else "when its machine crashes or loses power"
    return Found(
        evidence=f"innodb_flush_log_at_trx_commit is {flush:.0f}: the last second's commits are lost {lost}.",
        fix="Set 1 where a booking or a payment that was answered 200 may not vanish.",
        changes=set_global(
            server,
            "innodb_flush_log_at_trx_commit",
            1,
            risk="Each commit waits for the disk: milliseconds on a disk, less on one with a protected cache.",
        ),
    )


def _look_at_binlog(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    if not switch(server, "log_bin"):
        return NotApplicable("The server writes no binary log.")
    every = number(server, "sync_binlog")
    if every == 1:
        return Passed("sync_binlog is 1: the binary log is on the disk with each commit.")
    return Found(
        evidence=f"sync_binlog is {every:.0f}: after a crash the binary log may lack what the tables have.",
        fix="Set 1 where replicas or a recovery to a point in time depend on the binary log.",
        changes=set_global(server, "sync_binlog", 1, risk="Each commit waits for the disk once more."),
    )


def _look_at_writes(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    # MariaDB 12 has words beside ON and OFF; any that is not OFF keeps somebody from writing.
    state = text(server, "read_only").upper()
    if state in ("OFF", "0", "NO", "FALSE"):
        return Passed("read_only is off: the server takes writes.")
    return Found(
        evidence=f"read_only is {state}: this is a replica, or a primary in the middle of a switch.",
        fix="Let DATABASE_URL or MYSQL_HOST name the primary. Do not switch read_only off on a replica: what is written"
        " there is nowhere else, and replication stops at it.",
    )


def _look_at_tls(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    if server.tls:
        return Passed(f"Our own connection is encrypted ({server.tls}).")
    if "tls" in server.unread:
        raise UnknownError(f"whether our connection is encrypted could not be read: {server.unread['tls']}")
    if server.is_local:
        return NotApplicable("The server is on this machine; nothing goes over a network.")
    if "have_ssl" not in server.variables:
        return CouldNot("this server does not tell have_ssl, and our own connection is not encrypted")
    state = text(server, "have_ssl").upper()
    if state == "YES":
        return Passed("The server offers TLS (have_ssl is YES); our connection does not use it.")
    return Found(
        evidence=f"have_ssl is {state}, and the server is on another machine.",
        fix="Name a certificate in the server's file (ssl_cert, ssl_key) and restart it; then set DB_SSL_CA here.",
    )


def _look_at_version(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    ends = {"mariadb": ENDS_MARIADB, "mysql": ENDS_MYSQL, "percona": ENDS_MYSQL}.get(server.flavour, {})
    return judge(facts, server, ends, digits=2)


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL361",
        title="A crash loses the last second's commits",
        level=Level.INFO,
        tags=frozenset({"mysql", "server", "data"}),
        meaning="Requests that were answered 200 may be gone after a crash; the database itself stays in order.",
        about=about(
            looks_at="`innodb_flush_log_at_trx_commit`.",
            why="With 1 each commit waits until it is on the disk. With 2 the log is written at each commit and synced"
            " once a second, with 0 both happen once a second.",
            threshold="1, the default, is told to be fine; the others are a choice that somebody should have made.",
            suppress="A second's loss is acceptable and the speed is wanted.",
        ),
        look=_look_at_flush,
    ),
    Check(
        id="PL362",
        title="A crash may leave the binary log behind the tables",
        level=Level.INFO,
        tags=frozenset({"mysql", "server", "data"}),
        meaning="Replicas lack transactions that the primary has, without an error.",
        about=about(
            looks_at="`sync_binlog`, where `log_bin` is on.",
            why="With 1 the binary log is synced with each commit; with 0 the system does it when it likes.",
            threshold="1, the default of MySQL since 5.7.7. MariaDB's default is 0.",
            suppress="The binary log serves nothing that a crash may not spoil.",
        ),
        look=_look_at_binlog,
    ),
    Check(
        id="PL363",
        title="The server takes no writes",
        level=Level.ERROR,
        tags=frozenset({"mysql", "server", "data"}),
        meaning="Every request that writes fails with error 1290, while reads and health checks go well.",
        about=about(
            looks_at="`read_only`.",
            why="After a failover, or with a wrong host name, a service can find itself on a replica. `SELECT 1` and"
            " every GET succeed there.",
            threshold="It is to be off.",
            suppress="The service only reads.",
        ),
        look=_look_at_writes,
    ),
    Check(
        id="PL364",
        title="The server offers no TLS, over a network",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "tls"}),
        meaning="Whoever is between the two machines reads the data, and can change it.",
        about=about(
            looks_at="Whether our connection is encrypted, where the server is, and `have_ssl`, which MySQL 8.4 no"
            " longer has.",
            why="Before TLS can be demanded here (`DB_SSL_MODE`) the server has to offer it.",
            threshold="A server on another machine has to offer it.",
            suppress="The network is encrypted by itself: WireGuard, an IPsec tunnel.",
        ),
        look=_look_at_tls,
    ),
    Check(
        id="PL371",
        title="The server's version is no longer maintained",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "version"}),
        meaning="Faults and holes that are found from now on stay open.",
        about=about(
            looks_at="The server's version, against the dates at which its makers end their work on it.",
            why="An upgrade is easier while the old version still gets its last corrections.",
            threshold="The day has passed. Dates: Oracle's Lifetime Support Policy (end of Extended Support) and the"
            " MariaDB Foundation's maintenance policy. Of versions whose date is not known nothing is said.",
            suppress="A distribution or a provider mends it for longer: Debian and Ubuntu do for theirs.",
        ),
        look=_look_at_version,
    ),
)
