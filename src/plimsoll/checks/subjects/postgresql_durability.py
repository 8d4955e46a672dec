"""PostgreSQL: what a crash may lose, whether old rows are cleaned away, TLS, and how long it is maintained."""

from collections.abc import Callable, Mapping
from datetime import date

from plimsoll.checks.about import about
from plimsoll.checks.answers import server_of, switch, text
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.maintenance import judge
from plimsoll.checks.postgresql_changes import alter_system
from plimsoll.checks.verdict import Found, Level, NotApplicable, Passed, UnknownError, Verdict

ENDS: Mapping[tuple[int, ...], date] = {
    (10,): date(2022, 11, 10),
    (11,): date(2023, 11, 9),
    (12,): date(2024, 11, 21),
    (13,): date(2025, 11, 13),
    (14,): date(2026, 11, 12),
    (15,): date(2027, 11, 11),
    (16,): date(2028, 11, 9),
    (17,): date(2029, 11, 8),
    (18,): date(2030, 11, 14),
}
"""postgresql.org/support/versioning: the last release of each major version."""


def _is_on(name: str, consequence: str, risk: str) -> Callable[[Facts], Verdict]:
    """A check that a switch of the server is on."""

    def look(facts: Facts) -> Verdict:
        server = server_of(facts, "postgresql")
        if switch(server, name):
            return Passed(f"{name} is on.")
        return Found(
            evidence=f"{name} is off.",
            fix=f"Switch it on. {consequence}",
            changes=alter_system(server, name, "on", risk=risk),
        )

    return look


def _look_at_commits(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    state = text(server, "synchronous_commit").lower()
    if state != "off":
        return Passed(f"synchronous_commit is {state}: what is committed is on the disk.")
    return Found(
        evidence="synchronous_commit is off: the last commits, up to three times wal_writer_delay, may be lost.",
        fix="Switch it on where a booking or a payment that was answered 200 may not vanish; SET LOCAL"
        " synchronous_commit = off serves for the rest.",
        changes=alter_system(server, "synchronous_commit", "on", risk="Each commit waits for the disk."),
    )


def _look_at_vacuum(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    off = [name for name in ("autovacuum", "track_counts") if not switch(server, name)]
    if not off:
        return Passed("autovacuum and track_counts are on.")
    return Found(
        evidence=f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} off: old versions of rows stay,"
        " and statistics grow old.",
        fix="Switch it on, and watch the first runs: they have to catch up.",
        changes=tuple(
            change
            for name in off
            for change in alter_system(server, name, "on", risk="It reads and writes much until it has caught up.")
        ),
    )


def _look_at_tls(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    if server.tls:
        return Passed(f"Our own connection is encrypted ({server.tls}).")
    if "tls" in server.unread:
        raise UnknownError(f"whether our connection is encrypted could not be read: {server.unread['tls']}")
    if server.is_local:
        return NotApplicable("The server is on this machine; nothing goes over a network.")
    if switch(server, "ssl"):
        return Passed("The server offers TLS (ssl is on); our connection does not use it.")
    return Found(
        evidence="ssl is off, and the server is not on this machine.",
        fix="Give the server a certificate (server.crt and server.key in its data directory), switch ssl on, and set"
        " DB_SSL_CA here.",
        changes=alter_system(server, "ssl", "on", risk="The server refuses to load a key that others may read."),
    )


def _look_at_version(facts: Facts) -> Verdict:
    server = server_of(facts, "postgresql")
    return judge(facts, server, ENDS if server.flavour == "postgresql" else {}, digits=1)


def _check(
    name: str, title: str, level: Level, meaning: str, about: str, look: Callable[[Facts], Verdict], tag: str = "data"
) -> Check:
    return Check(name, title, level, frozenset({"postgresql", "server", tag}), meaning, about, look)


CHECKS: tuple[Check, ...] = (
    _check(
        "PL441",
        "A crash can destroy the whole database: fsync is off",
        Level.CRITICAL,
        "After a loss of power or a crash of the machine the data files may be damaged beyond repair.",
        about(
            looks_at="`fsync`.",
            why="The manual: turning it off is only advisable if you can recreate the entire database from external"
            " data. It is copied from articles about speed, and from containers for tests.",
            threshold="It is to be on.",
            suppress="The database is for tests, or can be made again from elsewhere.",
        ),
        _is_on("fsync", "Then run CHECKPOINT, sync the file systems, and take a new backup.", "Commits take longer."),
    ),
    _check(
        "PL442",
        "A crash can tear pages: full_page_writes is off",
        Level.ERROR,
        "After a crash a page may be half old and half new; it is found when it is read, perhaps weeks later.",
        about(
            looks_at="`full_page_writes`.",
            why="A disk writes less than a page of 8 KiB at a time. Only with the whole page in the log can recovery"
            " make it good.",
            threshold="It is to be on.",
            suppress="The file system never writes half of a page (ZFS with a record size of at least 8 KiB).",
        ),
        _is_on("full_page_writes", "Then take a new backup.", "More is written to the log."),
    ),
    _check(
        "PL443",
        "A crash loses the last commits",
        Level.INFO,
        "Requests that were answered 200 may be gone after a crash; the database itself stays in order.",
        about(
            looks_at="`synchronous_commit` of our session.",
            why="With off a commit is answered before it is on the disk.",
            threshold="Anything but off. It is a choice that somebody should have made.",
            suppress="The loss of a moment is acceptable and the speed is wanted.",
        ),
        _look_at_commits,
    ),
    _check(
        "PL444",
        "Nothing cleans up behind updates: autovacuum is off",
        Level.ERROR,
        "Tables grow, statements slow down, and in the end the server stops taking writes to save its transaction"
        " numbers from wrapping round.",
        about(
            looks_at="`autovacuum`, and `track_counts`, without which it does not know where to go.",
            why="Every UPDATE and DELETE leaves the old row behind. Statistics for the planner come by the same way.",
            threshold="Both are to be on.",
            suppress="A job runs VACUUM ANALYZE at least daily, and somebody sees when it fails.",
        ),
        _look_at_vacuum,
    ),
    _check(
        "PL451",
        "The server offers no TLS, over a network",
        Level.WARNING,
        "Whoever is between the two machines reads the data, and can change it.",
        about(
            looks_at="Whether our connection is encrypted, where the server is, and `ssl`.",
            why="Before TLS can be demanded here (`DB_SSL_MODE`) the server has to offer it.",
            threshold="A server on another machine has to offer it.",
            suppress="The network is encrypted by itself: WireGuard, an IPsec tunnel.",
        ),
        _look_at_tls,
        "tls",
    ),
    _check(
        "PL452",
        "The server's version is no longer maintained",
        Level.WARNING,
        "Faults and holes that are found from now on stay open.",
        about(
            looks_at="The server's major version, against the dates of the last releases.",
            why="An upgrade is easier while the old version still gets its last corrections.",
            threshold="The day has passed (postgresql.org/support/versioning). Half a year before it is told of. Of"
            " versions whose date is not known nothing is said.",
            suppress="A distribution or a provider mends it for longer.",
        ),
        _look_at_version,
        "version",
    ),
)
