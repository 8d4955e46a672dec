"""PL207 to PL211: time limits that lie within each other, so that the one who knows most gives up first."""

import math

from plimsoll.checks.check import Check
from plimsoll.checks.env_lines import env_line
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict

TAGS = frozenset({"timeouts", "capacity"})

ALIKE_S = 1.0
"""Limits that differ by less than this strike together: timers and a busy event loop are not finer under load."""

OF_THE_OUTER = 2 / 3
"""What is proposed for an inner limit: the part that DB_POOL_TIMEOUT (30) is of REQUEST_TIMEOUT (45) by default. The
rest is for the work that comes after the wait."""

OF_THE_PROXY = 3 / 4
"""REQUEST_TIMEOUT (45) as a part of the 60 s that nginx (proxy_read_timeout) and Apache (Timeout) wait by default."""

CONNECT_OFTEN = 5
"""A connect limit below so many times the measured connect fails when the server is a little busy: a SYN that is lost
once comes again after 1 s (RFC 6298), and a handshake takes turns with others."""


def inner(outer_s: float, part: float = OF_THE_OUTER) -> float:
    """A limit to propose inside of `outer_s`, in seconds: whole ones where there is room for them."""
    proposed = outer_s * part
    return float(math.floor(proposed)) if proposed >= 1 else max(0.1, round(proposed, 1))


def _pool_in_request(facts: Facts) -> Verdict:
    settings, service = facts.settings.value, facts.service.value
    pool_s, request_s = settings.pool_timeout_s, service.request_timeout_s
    if request_s == 0:
        return NotApplicable("REQUEST_TIMEOUT is 0, so requests have no limit that the wait could outlast (PL208)")
    if abs(pool_s - request_s) < ALIKE_S:
        return NotApplicable("DB_POOL_TIMEOUT is as long as REQUEST_TIMEOUT, which is PL909's question")
    if pool_s < request_s:
        return Passed(f"DB_POOL_TIMEOUT {pool_s:g} s < REQUEST_TIMEOUT {request_s:g} s")
    proposed = inner(request_s)
    return Found(
        f"DB_POOL_TIMEOUT is {pool_s:g} s, REQUEST_TIMEOUT {request_s:g} s: a request is ended before its wait for a "
        "connection can be",
        f"Wait for at most {proposed:g} s for a connection: {request_s - proposed:g} s are then left for the work.",
        (env_line(settings, "DB_POOL_TIMEOUT", proposed, risk="Under overload more requests are refused, sooner."),),
        numbers={"pool_timeout_s": pool_s, "request_timeout_s": request_s},
    )


def _request_in_proxy(facts: Facts) -> Verdict:
    service, topology = facts.service.value, facts.topology.value
    request_s, proxy_s = service.request_timeout_s, topology.proxy_timeout_s
    if proxy_s == 0 and request_s > 0:
        return NotApplicable("nothing is in front of the service (DEPLOY_PROXY_TIMEOUT is 0)")
    if request_s > 0 and request_s <= proxy_s - ALIKE_S:
        return Passed(f"REQUEST_TIMEOUT {request_s:g} s < DEPLOY_PROXY_TIMEOUT {proxy_s:g} s")
    proposed = inner(proxy_s, OF_THE_PROXY) if proxy_s else 45.0
    limit = f"the proxy gives up after {proxy_s:g} s (DEPLOY_PROXY_TIMEOUT)" if proxy_s else "no proxy limits it"
    now = f"REQUEST_TIMEOUT is {request_s:g} s" if request_s else "REQUEST_TIMEOUT is 0, so a request may take for ever"
    longer = ", or let the proxy wait longer and say so in DEPLOY_PROXY_TIMEOUT" if proxy_s and request_s else ""
    return Found(
        f"{now}; {limit}",
        f"End requests after {proposed:g} s{longer}.",
        (
            env_line(
                service,
                "REQUEST_TIMEOUT",
                proposed,
                risk="Requests that take longer are answered 503 and rolled back; streams that have begun go on.",
            ),
        ),
        numbers={"request_timeout_s": request_s, "proxy_timeout_s": proxy_s},
    )


def _statement(facts: Facts) -> Verdict:
    settings, service = facts.settings.value, facts.service.value
    statement_s, request_s = settings.statement_timeout_s, service.request_timeout_s
    if statement_s == 0:
        return Found(
            "DB_STATEMENT_TIMEOUT is 0: a statement that the server never answers is waited for without end",
            "Set a limit. A request's own limit does not cover start-up, background work and commands.",
            (env_line(settings, "DB_STATEMENT_TIMEOUT", 60.0, risk="A report that takes longer fails."),),
            numbers={"statement_timeout_s": 0},
        )
    proxy_s = facts.topology.value.proxy_timeout_s
    if request_s == 0 and 0 < proxy_s <= statement_s:
        proposed = inner(proxy_s)
        return Found(
            f"DB_STATEMENT_TIMEOUT is {statement_s:g} s, and REQUEST_TIMEOUT 0: the proxy has given up after "
            f"{proxy_s:g} s, and the statement runs on",
            "Set REQUEST_TIMEOUT (PL208), which ends the statement too; or this one below the proxy's.",
            (env_line(settings, "DB_STATEMENT_TIMEOUT", proposed, risk="Longer statements fail."),),
            numbers={"statement_timeout_s": statement_s, "proxy_timeout_s": proxy_s},
        )
    if 0 < request_s < statement_s:
        return Passed(
            f"a request's statements end with it after {request_s:g} s (REQUEST_TIMEOUT), all others after "
            f"{statement_s:g} s (DB_STATEMENT_TIMEOUT)"
        )
    return Passed(f"a statement ends after {statement_s:g} s (DB_STATEMENT_TIMEOUT)")


def _connect(facts: Facts) -> Verdict:
    settings, service = facts.settings.value, facts.service.value
    if settings.dialect == "sqlite":
        return NotApplicable("SQLite is a file, which is opened and not connected to")
    limit_s = settings.connect_timeout_s
    outer = {"DB_POOL_TIMEOUT": settings.pool_timeout_s}
    if service.request_timeout_s:
        outer["REQUEST_TIMEOUT"] = service.request_timeout_s
    name, outer_s = min(outer.items(), key=lambda item: item[1])
    measured_s = facts.connect_s.value if facts.connect_s.known else None
    if measured_s is not None and not math.isfinite(measured_s):
        return CouldNot("the time that connecting took was no number")
    needed_s = CONNECT_OFTEN * (measured_s or 0.0)
    numbers = {"connect_timeout_s": limit_s, "outer_s": outer_s}
    if measured_s is not None and limit_s < needed_s:
        proposed = float(math.ceil(needed_s))
        return Found(
            f"DB_CONNECT_TIMEOUT is {limit_s:g} s, and connecting took {measured_s:.3g} s just now",
            f"Give it {proposed:g} s: {CONNECT_OFTEN} times what it took. Better, find out why connecting is slow.",
            (env_line(settings, "DB_CONNECT_TIMEOUT", proposed, risk="A dead server is noticed later."),),
            numbers=numbers,
        )
    if limit_s >= outer_s:
        proposed = inner(outer_s)
        return Found(
            f"DB_CONNECT_TIMEOUT is {limit_s:g} s, {name} {outer_s:g} s: if the server does not answer, requests only "
            "hear that the wait was too long",
            f"Give up connecting after {proposed:g} s.",
            (env_line(settings, "DB_CONNECT_TIMEOUT", proposed, risk="A slow server counts as dead."),),
            numbers=numbers,
        )
    took = f"; connecting took {measured_s:.3g} s" if measured_s is not None else ""
    return Passed(f"DB_CONNECT_TIMEOUT {limit_s:g} s < {name} {outer_s:g} s{took}")


def _stop(facts: Facts) -> Verdict:
    settings, service, topology = facts.settings.value, facts.service.value, facts.topology.value
    stop_s = topology.stop_timeout_s
    if stop_s == 0:
        return NotApplicable("nothing kills the service after a time (DEPLOY_STOP_TIMEOUT is 0)")
    ours_s, cleanup_s = service.shutdown_timeout_s, 2 * settings.cleanup_timeout_s
    needed_s = ours_s + cleanup_s
    sum_ = f"SHUTDOWN_TIMEOUT {ours_s} s + roll-back {cleanup_s:g} s (2 x DB_CLEANUP_TIMEOUT) = {needed_s:g} s"
    if needed_s <= stop_s:
        return Passed(f"{sum_}, and the service manager waits {stop_s:g} s (DEPLOY_STOP_TIMEOUT)")
    proposed = math.floor(stop_s - cleanup_s)
    changes: tuple[Change, ...] = ()
    if proposed >= 1:
        changes = (
            env_line(service, "SHUTDOWN_TIMEOUT", proposed, risk="Requests that take longer are cut at a deployment."),
        )
    return Found(
        f"{sum_}, and the service manager kills after {stop_s:g} s (DEPLOY_STOP_TIMEOUT)",
        f"Let the service manager wait {math.ceil(needed_s)} s (systemd: TimeoutStopSec={math.ceil(needed_s)}) and set "
        "DEPLOY_STOP_TIMEOUT to the same" + (f"; or stop within {proposed} s." if changes else "."),
        changes,
        numbers={"needed_s": needed_s, "stop_timeout_s": stop_s},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL207",
        "The wait for a connection outlasts the request",
        Level.ERROR,
        TAGS,
        "The pool's own answer, which says who holds the connections, is never given: requests are cut first, and the "
        "log names the wrong cause.",
        """\
`DB_POOL_TIMEOUT` against `REQUEST_TIMEOUT`. Equal ones are the question of PL909.

Whoever gives up first tells the story. The pool knows that all connections are in use, and by whom; the request's
limit only knows that time is up. A wait that ends together with the request also leaves no time for the work it was
for.

Threshold: two thirds of the request's time are proposed: the part that the defaults have (30 of 45 s).

Never, as far as we know: with `REQUEST_TIMEOUT=0` the check does not apply.
""",
        _pool_in_request,
    ),
    Check(
        "PL208",
        "A request may take longer than the proxy waits",
        Level.ERROR,
        TAGS,
        "The proxy answers 504 and the client tries again, while the first request still works and holds a connection.",
        """\
`REQUEST_TIMEOUT` against `DEPLOY_PROXY_TIMEOUT`, which you declare: the service cannot see it.

A proxy that gives up closes its connection, and the work behind goes on for nobody. Clients and proxies try again, so
the load doubles just when there is too much of it. A request that ends before gives its connection back and answers
with a reason.

Threshold: the proxy's limit is 60 s by default in nginx (`proxy_read_timeout`) and Apache (`Timeout`). Limits that
differ by less than a second count as equal. Three quarters are proposed, as the defaults are.

Suppress it where the routes that take long are streams: a proxy's limit is between two pieces of them.
""",
        _request_in_proxy,
    ),
    Check(
        "PL209",
        "A statement may run on for nobody",
        Level.WARNING,
        TAGS,
        "A server that has stopped to answer sends nothing: what waits for it waits for ever and keeps its connection.",
        """\
`DB_STATEMENT_TIMEOUT`, and where `REQUEST_TIMEOUT` is off the proxy's limit too.

The limit of a request ends its statement on the server as well. Start-up, background work and commands have no
request around them: there this is the only limit. A frozen server was measured to stop everything for as long as it
was frozen, as nothing timed out.

Threshold: 0 is a finding. 60 s are the default, which is longer than any request may take.

Suppress it for a service whose statements rightly take hours, and which is watched in another way.
""",
        _statement,
    ),
    Check(
        "PL210",
        "The limit for connecting does not fit",
        Level.WARNING,
        TAGS,
        "A server that is down is reported as a full pool, or one that is only busy as down.",
        """\
`DB_CONNECT_TIMEOUT` against the shorter of `DB_POOL_TIMEOUT` and `REQUEST_TIMEOUT`, and against the time that
connecting took when it was measured.

A new connection is opened while a request waits for it. If the wait ends first, the error speaks of the pool, and the
cause (no answer from the server) is lost.

Threshold: five times the measured time at least: a lost first packet alone is sent again after a second (RFC 6298).

Suppress it where connecting was slow only while it was measured.
""",
        _connect,
    ),
    Check(
        "PL211",
        "The service is killed while it stops",
        Level.WARNING,
        TAGS,
        "Requests in flight are cut without an answer at each deployment, and their transactions end when the server "
        "notices.",
        """\
`SHUTDOWN_TIMEOUT` and twice `DB_CLEANUP_TIMEOUT` against `DEPLOY_STOP_TIMEOUT`, which you declare.

After a signal requests may finish for `SHUTDOWN_TIMEOUT`; what is left is rolled back, and where a statement must be
ended on the server this takes another connection, each within `DB_CLEANUP_TIMEOUT`. A kill before that rolls nothing
back. [Serving](../serving.md) has the order of events.

Threshold: systemd waits 90 s by default (`DefaultTimeoutStopSec`), Docker 10 s (`docker stop`), Kubernetes 30 s
(`terminationGracePeriodSeconds`).

Suppress it where no request takes long and every one can be repeated.
""",
        _stop,
    ),
)
