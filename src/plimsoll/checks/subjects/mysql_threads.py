"""MySQL and MariaDB: threads that are made anew for each connection, and how many work at a time."""

from plimsoll.capacity.wording import counted
from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import counted_for, number, server_of, text, uptime_of
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.mysql_changes import set_global
from plimsoll.checks.subjects.mysql_aborted import FEWEST_COUNTED
from plimsoll.checks.verdict import Found, Level, NotApplicable, Passed, UnknownError, Verdict

LEAST_THREAD_HITS = 0.5
"""The part of the connections that should get a thread that is there already (mysqltuner's)."""

FEWEST_THREADS_A_HOUR = 60.0
"""Making a thread takes some tens of microseconds: one a minute is not worth a word, whatever their share."""

RUNNING_PER_CORE = 2.0
"""Statements at a time that a core carries: connections ~ cores x 2 + spindles (HikariCP's wiki, "About Pool
Sizing"). Beyond that they wait for each other."""


def _look_at_threads(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    if "thread_handling" in server.variables and text(server, "thread_handling") == "pool-of-threads":
        return NotApplicable("The server has a pool of threads; its thread cache is not used.")
    made, tried = number(server, "threads_created"), number(server, "connections")
    cache = number(server, "thread_cache_size")
    since = counted_for(server)
    hours = (uptime_of(server) or 0) / 3600
    if tried < FEWEST_COUNTED:
        return NotApplicable(f"Too few to tell: {counted(tried, 'connection')} in {since}.")
    hits = max(0.0, tried - made)
    evidence = (
        f"{amounts.percent(hits, tried)} of {tried:,.0f} connections in {since} got a thread that was there;"
        f" thread_cache_size is {cache:.0f}."
    )
    if hits > LEAST_THREAD_HITS * tried or made <= FEWEST_THREADS_A_HOUR * hours:
        return Passed(evidence)
    wanted = max(16.0, min(256.0, 2 * cache, number(server, "max_connections")))
    stack = number(server, "thread_stack")
    more = max(0.0, wanted - cache)
    return Found(
        evidence=evidence,
        fix="Something connects anew all the time: a pool of another service that keeps nothing, or a job without one."
        " That is worth finding; a larger cache makes it cheaper.",
        changes=set_global(
            server,
            "thread_cache_size",
            f"{wanted:.0f}",
            memory=f"up to {counted(more, 'thread')} x {amounts.size(stack)} of stack = {amounts.size(more * stack)}",
        )
        if more
        else (),
        numbers={"thread_hit_percent": amounts.share(hits, tried)},
    )


def _look_at_running(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    running = max(0.0, number(server, "threads_running") - 1)
    at_work = counted(running, "statement runs", "statements run")
    if not server.cores or server.cores < 1:
        raise UnknownError(
            f"how many processors the server has is not known from here; {at_work} now",
            f"More than {RUNNING_PER_CORE:.0f} for each processor, for longer than a moment, is too many.",
        )
    evidence = f"{at_work} at this moment, beside ours, on {counted(server.cores, 'processor')}."
    if running <= RUNNING_PER_CORE * server.cores:
        return Passed(evidence)
    return Found(
        evidence=evidence,
        fix="See what they are (SHOW FULL PROCESSLIST): many of a kind wait for a row, an index or the disk. A larger"
        " pool makes it worse. This is one moment; look a few times.",
        numbers={"running": running},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL306",
        title="Most connections need a new thread",
        level=Level.INFO,
        tags=frozenset({"mysql", "server", "connections", "counters"}),
        meaning="Connecting costs more than it has to, and something connects again and again.",
        about=about(
            looks_at="`Threads_created` against `Connections`, and `thread_cache_size`.",
            why="A pool that keeps its connections makes few. A low rate says that clients come and go, which costs a"
            " thread here and a handshake (with TLS: tens of milliseconds) there.",
            threshold="50 % or less from the cache (mysqltuner's), of at least 100 connections in at least a day, and"
            " more than 60 new threads an hour: below that it costs nothing that could be measured. Not asked where"
            " `thread_handling` is `pool-of-threads`.",
            suppress="Short-lived clients are meant to be.",
        ),
        look=_look_at_threads,
    ),
    Check(
        id="PL307",
        title="More statements run than the server's processors carry",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "load"}),
        meaning="Statements wait for each other, each takes longer, and connections are held longer: pools run out.",
        about=about(
            looks_at="`Threads_running`, without our own, against the processors of the server's machine.",
            why="A server does no more work with 100 statements at a time than with a few for each processor; it only"
            " does each more slowly.",
            threshold="More than 2 for each processor: the HikariCP wiki's 'About Pool Sizing' has cores x 2 + disks"
            " as the most that is of use. It is one moment and may be chance. The processors are known where the"
            " server runs on the same machine.",
            suppress="The statements mostly sleep or wait for a disk array that serves many at a time.",
        ),
        look=_look_at_running,
    ),
)
