"""The database: down, refusing, failing now and then; and a worker that is not ready."""

import re

from plimsoll.snapshot.causes import thresholds
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.groups import RUNNING
from plimsoll.snapshot.causes.rule import Found, Rule
from plimsoll.snapshot.causes.wording import counted, plain, quoted, sane, time, verb
from plimsoll.snapshot.model import EventView

REFUSED = re.compile(
    r"access denied|unknown database|not allowed to connect|authentication|pg_hba\.conf|permission denied"
    r"|not permitted to log in|(?:role|database) \S+ does not exist|certificate",
    re.IGNORECASE,
)
FULL = re.compile(
    r"too many (?:connections|clients)|max_user_connections|max_connections|remaining connection slots", re.IGNORECASE
)
AWAY = re.compile(
    r"can't connect|could not connect|connect(?:ion)? (?:call )?(?:failed|refused|reset)|lost connection|gone away"
    r"|server closed|connection (?:was |is )?closed|no route|not known|name resolution|unreachable|shutting down"
    r"|starting up|broken pipe|server running|unable to open",
    re.IGNORECASE,
)
LATE = re.compile(r"timed? ?out", re.IGNORECASE)
"""Words of the servers and of their drivers, by what they mean: a snapshot has no error numbers."""

SYMPTOMS = frozenset(
    {
        "not-ready",
        "connect-failures",
        "pool-exhausted",
        "pool-timeouts",
        "slow-connects",
        "reuse-low",
        "refusals",
        "route-errors",
        "deadlines",
        "slow-route",
        "slow-statement",
        "server-full",
        "server-unseen",
    }
)


AWAY_ADVICE = (
    "Start the database's server, or see why it is not reached from this host (MYSQL_HOST or DATABASE_URL, network, "
    "firewall)."
)
SILENT_ADVICE = (
    "Its connections stay open, so its process is stopped or hangs, or the network drops packets: look at the server's "
    "host (load, disk, log) and at the firewall, and start it again if it hangs."
)


EVENT = "The database could not be connected to: "
"""How an event of the kind `connect-failed` begins, before the driver's words."""


def words_of(case: Case) -> str:
    """Why the server's side could not be read, or else why connects fail: of now, not of when somebody last looked."""
    event = _last_failure(case)
    return _error(case) or (event.text.removeprefix(EVENT) if event is not None else "")


def _error(case: Case) -> str:
    """What came of asking the server, unless that was long ago."""
    server = case.now.server
    if server is None or not server.error:
        return ""
    asked_s = server.asked_s if server.asked_s is not None else case.now.at_s
    return server.error if case.now.at_s - asked_s <= thresholds.STALE_S else ""


def _silence(case: Case) -> str:
    """What the server has left unanswered, unless that was long ago."""
    server = case.now.server
    return server.silence if server is not None and _error(case) else ""


def _last_failure(case: Case) -> EventView | None:
    """The event of the last connect that failed lately."""
    if not _failures(case):
        return None
    begins_s = case.now.at_s - sane(case.passed_s)
    return next((each for each in case.now.events if each.kind == "connect-failed" and each.at_s >= begins_s), None)


def _answered_since(case: Case) -> bool:
    """Whether the server was asked after that, and answered."""
    server, event = case.now.server, _last_failure(case)
    return event is not None and server is not None and not server.error and server.at_s > event.at_s


def _failures(case: Case) -> float:
    return case.rose(lambda each: each.pool.connect_failures)


def _none_gets_in(case: Case) -> bool:
    """Whether connects fail, and not one succeeds."""
    pool = case.now.pool
    if case.passed_s is None:
        nothing_open = not (pool.checked_out or pool.idle)
        return nothing_open and pool.connect_failures > 0 and bool(words_of(case))
    opened = case.rose(lambda each: each.pool.opened)
    return _failures(case) > 0 and not opened and not _works(case) and not _answered_since(case)


def _works(case: Case) -> bool:
    """Whether connections that are open were used lately."""
    return case.rose(lambda each: each.pool.reused) > 0


def _refuses(case: Case) -> Found | None:
    words = words_of(case)
    if not REFUSED.search(words):
        return None
    return Found(
        "critical",
        f"The database does not let this worker in: {quoted(words)}{_attempts(case)}.",
        "Check the user, the password, the database's name and the certificate: 'plimsoll settings' shows where each "
        "was read. Waiting does not help.",
        frozenset({"connect-failures", "server-unseen", "database-down"}) | (frozenset() if _works(case) else SYMPTOMS),
    )


def _down(case: Case) -> Found | None:
    words, pool = words_of(case), case.now.pool
    worker = case.now.worker
    said = f": {quoted(words)}" if words else ""
    if FULL.search(words):
        return None
    if not worker.ready and "for the database" in worker.startup:
        return _is_down(case, f"The database has not answered since this worker began {time(case.age_s)} ago{said}")
    if _is_silent(case):
        return _is_down(case, f"The database does not answer{said}", SILENT_ADVICE)
    unused = not (pool.checked_out or pool.idle) or not _works(case)
    error = _error(case)
    away = bool(AWAY.search(error)) and (_failures(case) > 0 or unused)
    late = bool(_silence(case)) or bool(LATE.search(error))
    if not (away or (late and unused) or _none_gets_in(case)):
        return None
    return _is_down(case, f"The database does not answer{said}")


def _is_silent(case: Case) -> bool:
    """Whether the server has not answered what it was asked, nor since then anything on an open connection of the pool.
    A list of connections that is slow to come is no more than that, while nobody else waits; but whoever lives answers
    a connect."""
    silence, server, pool = _silence(case), case.now.server, case.now.pool
    if server is None or server.asked_s is None or pool.quiet_s is None or not silence:
        return False
    heard_since = case.now.at_s - sane(pool.quiet_s) >= server.asked_s
    return not heard_since and (silence == "connect" or _waiting(case) > 0)


def _waiting(case: Case) -> float:
    """Connections on which the server owes an answer, and such as are being opened."""
    return sum(holder.state in RUNNING for holder in case.now.holders) + sane(case.now.pool.opening)


def _is_down(case: Case, sentence: str, advice: str = AWAY_ADVICE) -> Found:
    return Found(
        "critical",
        f"{sentence}{_attempts(case)}.",
        f"{advice} Requests are answered 503 meanwhile; the pool connects again by itself within a second.",
        SYMPTOMS,
    )


def _attempts(case: Case) -> str:
    """`; it last did 20 s ago, 2 connections wait, and 40 requests for a connection failed in the last 30 s`: few
    of these are attempts to connect, between which the pool pauses."""
    server, waiting = case.now.server, _waiting(case) if _is_silent(case) else 0.0
    ago_s = _answered_ago_s(case)
    failures, when = _failures(case), f" {case.lately}"
    if not failures:
        failures, when = sane(case.now.pool.connect_failures), f" since the worker began {time(case.age_s)} ago"
    parts = [
        *([f"it last did {time(ago_s)} ago"] if ago_s and server is not None and server.error else []),
        *([f"{counted(waiting, 'connection')} {verb(waiting, 'waits', 'wait')} for it"] if waiting else []),
        *([f"{counted(failures, 'request')} for a connection failed{when}"] if failures else []),
    ]
    return f"; {', '.join(parts[:-1])}{', and ' if parts[1:] else ''}{parts[-1]}" if parts else ""


def _answered_ago_s(case: Case) -> float:
    """When it last did: when its side was read, or a connection of the pool was answered. 0 where neither is known."""
    server, quiet_s = case.now.server, case.now.pool.quiet_s
    # Without a version it has never answered.
    read_s = sane(case.now.at_s - server.at_s) if server is not None and server.version and sane(server.at_s) else 0.0
    return min((each for each in (read_s, sane(quiet_s)) if each), default=0.0)


def _connect_failures(case: Case) -> Found | None:
    failures = _failures(case)
    if not failures:
        return None
    opened = case.rose(lambda each: each.pool.opened)
    words = words_of(case)
    said = f": {quoted(words)}" if words else ""
    again = "; the server answers by now" if opened and _answers(case) else ""
    return Found(
        "warning",
        f"{failures:,.0f} of {counted(failures + opened, 'attempt')} to connect to the database failed "
        f"{case.lately}{said}{again}.",
        "The log has the server's words: a limit of connections (its own or the account's), a server that restarts, or "
        "a network that drops packets.",
        _errors_of_it(case, failures),
    )


def _answers(case: Case) -> bool:
    """Whether the server has answered just now."""
    server = case.now.server
    return server is not None and not server.error and sane(case.now.at_s - server.at_s) <= thresholds.JUST_NOW_S


def _errors_of_it(case: Case, failures: float) -> frozenset[str]:
    """Errors of routes, if there are no more of them than requests that got no connection."""
    errors = case.rose(lambda each: sum(sane(route.errors.get("5xx", 0)) for route in each.routes))
    return frozenset({"route-errors"}) if errors <= failures else frozenset()


def _not_ready(case: Case) -> Found | None:
    worker = case.now.worker
    if worker.ready:
        return None
    late = case.age_s >= thresholds.NOT_READY_S
    why = plain(worker.startup, 200).rstrip(".") or "no reason is known"
    action = "The log says what it waits for; requests are answered 503 until it is ready."
    if "migration" in worker.startup.lower():
        action = "Run 'plimsoll migrate' with this release, then start the workers again (DB_PENDING_MIGRATIONS)."
    return Found(
        "critical" if late else "info",
        f"This worker is not ready, {time(case.age_s)} after it began: {why}.",
        action,
        frozenset({"route-errors", "refusals", "startup-warnings"}),
    )


RULES = (
    Rule(
        "database-refuses",
        "critical",
        "The database's server answers and will not let this account in. Waiting does not help.",
        "The server's own words when its side was last asked for: access denied, unknown database, authentication, "
        "certificate.",
        "Check user, password, database and certificate; `plimsoll settings` shows where each was read.",
        _refuses,
    ),
    Rule(
        "database-down",
        "critical",
        "The database does not answer. Requests that need it are answered 503.",
        "Attempts to connect failed lately and none succeeded; or the server's side could not be read, in words that "
        "mean so, and connects failed or no open connection was used either; or the server has left that question "
        "unanswered for two seconds, and since then everything on open connections too, while somebody waits there or "
        "the question was a connect; or a worker still waits for it at start.",
        "Start the server, or see why it is not reached from this host. The pool connects again by itself within a "
        "second.",
        _down,
    ),
    Rule(
        "not-ready",
        "critical, info",
        "Start-up is not done, so that requests are answered 503.",
        f"As the worker says. For information in the first {thresholds.NOT_READY_S:g} s, critical from then on.",
        "The sentence has what start-up came to. With migrations missing: `plimsoll migrate`, then start the workers "
        "again.",
        _not_ready,
    ),
    Rule(
        "connect-failures",
        "warning",
        "Some connects to the database failed, and others did not.",
        "Attempts that failed since the snapshot before.",
        "The log has the server's words: a limit of connections, a restart, a bad network.",
        _connect_failures,
    ),
)
