"""MySQL and MariaDB: connections that were never made, and those that ended without a goodbye."""

from plimsoll.capacity.wording import counted
from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import counted_for, number, server_of
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Found, Level, NotApplicable, Passed, Verdict

MOST_ABORTED = 0.03
"""The part of the connections that may fail or be lost (mysqltuner's)."""

FEWEST_COUNTED = 100
"""Of fewer connections one alone is more than a hundredth: nothing follows from their share."""


def _look_at_aborted(facts: Facts, name: str, words: str, fix: str) -> Verdict:
    server = server_of(facts, "mysql")
    aborted, tried = number(server, name), number(server, "connections")
    since = counted_for(server)
    if tried < FEWEST_COUNTED:
        return NotApplicable(f"Too few to tell: {counted(tried, 'connection')} in {since}.")
    evidence = f"{aborted:,.0f} of {tried:,.0f} connections in {since} {words}, {amounts.percent(aborted, tried)}."
    if aborted <= MOST_ABORTED * tried:
        return Passed(evidence)
    return Found(evidence=evidence, fix=fix, numbers={"aborted_percent": amounts.share(aborted, tried)})


def _look_at_failed(facts: Facts) -> Verdict:
    return _look_at_aborted(
        facts,
        "aborted_connects",
        "were never made",
        "Look for wrong passwords, for scanners, and for probes of a load balancer that open the port and say nothing"
        " (let them log in, or use the service's /health/ready). log_warnings (MariaDB) or log_error_verbosity (MySQL)"
        " of 2 puts each into the server's log.",
    )


def _look_at_lost(facts: Facts) -> Verdict:
    return _look_at_aborted(
        facts,
        "aborted_clients",
        "ended without a goodbye",
        "The server closed them (wait_timeout, max_allowed_packet), or the client died: a worker that is killed, an"
        " engine that is not disposed of at shutdown. See that DB_POOL_RECYCLE is below wait_timeout and that workers"
        " get the time to end (SHUTDOWN_TIMEOUT).",
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL304",
        title="Many attempts to connect fail",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "connections", "counters"}),
        meaning="A client has a wrong password or cannot reach the end of the handshake; after max_connect_errors of"
        " them from one host the server may refuse that host altogether.",
        about=about(
            looks_at="`Aborted_connects` against `Connections`, both since the start of the server.",
            why="A worker that cannot log in tries again and again, and its log may be elsewhere. The server has the"
            " count.",
            threshold="More than 3 % (mysqltuner's), of at least 100 attempts in at least a day. Scanners and"
            " probes that only open the port count as well.",
            suppress="A load balancer or a monitor probes the port, and that is all there is.",
        ),
        look=_look_at_failed,
    ),
    Check(
        id="PL305",
        title="Many connections end without a goodbye",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "connections", "counters"}),
        meaning="Workers die or are killed, or the server closes connections that a pool still counts on: the next"
        " request that gets one fails or waits for another.",
        about=about(
            looks_at="`Aborted_clients` against `Connections`, both since the start of the server.",
            why="A pool that closes its connections leaves no such trace. What does: a killed process, a `wait_timeout`"
            " below the pool's recycle time, a packet above `max_allowed_packet`, a network that drops idle"
            " connections.",
            threshold="More than 3 %, of at least 100 connections in at least a day; mysqltuner has 3 % for failed"
            " attempts, and this takes the same.",
            suppress="Clients that never say goodbye by their nature (PHP scripts, cron jobs that are cut off) share"
            " the server.",
        ),
        look=_look_at_lost,
    ),
)
