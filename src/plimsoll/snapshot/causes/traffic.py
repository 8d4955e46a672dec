"""Routes and statements: slow ones, such that fail, requests that were refused or took too long."""

from plimsoll.snapshot.causes import thresholds
from plimsoll.snapshot.causes.busy import Busy, BusyStatement, busiest, busy_routes, busy_statements
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.groups import RUNNING
from plimsoll.snapshot.causes.rule import Found, Rule
from plimsoll.snapshot.causes.wording import (
    counted,
    listed,
    over,
    owner,
    percent,
    place,
    plain,
    quoted_statement,
    sane,
    time,
    verb,
)
from plimsoll.snapshot.model import RouteView, Snapshot

ALSO = 2
"""Slow routes that are named beside the slowest; the others are counted."""


def _size(case: Case) -> float:
    return sane(case.now.pool.size) or sane(case.now.pool.limit) or 1.0


def _weighs(case: Case, share: float, average: float | None) -> bool:
    """Whether something takes most of the time, and enough of the pool to matter."""
    enough = thresholds.OF_THE_SIZE * _size(case)
    return share >= thresholds.HALF and average is not None and average >= enough


def _told(case: Case) -> frozenset[str]:
    """Routes that are named as holding on for long or asleep: not to be told twice."""
    return frozenset(holder.route for holder in (*case.held_long, *case.asleep))


def _slow_routes(case: Case) -> list[Busy]:
    """Those that have a connection now come first: their line is known, and something can be done about them."""
    told = _told(case)
    slow = [
        busy
        for busy in busy_routes(case)
        if busy.route not in told
        and (busy.mean_s >= thresholds.SLOW_S or _weighs(case, busy.share, busy.average) or _lasts(busy))
    ]
    return sorted(slow, key=lambda busy: busy.holder is None)


def _lasts(busy: Busy) -> bool:
    """Whether one of its checkouts has lasted for long by now."""
    return busy.holder is not None and sane(busy.holder.age_s) >= thresholds.SLOW_NOW_S


def _connections(case: Case, busy: Busy) -> str:
    """Those that have lasted, or the one that there is."""
    lasting = (each for each in case.now.holders if each.route == busy.route)
    count = sum(sane(each.age_s) >= thresholds.SLOW_NOW_S for each in lasting)
    return f"{count:,} connections" if count > 1 else "a connection"


def _also(slow: list[Busy]) -> str:
    """Some of them by name and line, and how many more there are."""
    parts = [
        f"{owner(each.route)} ({place(each.holder.place)})" if each.holder is not None else owner(each.route)
        for each in slow[:ALSO]
    ]
    more = [f"{len(slow) - ALSO} more"] if slow[ALSO:] else []
    return f"; also {listed([*parts, *more])}" if parts else ""


def _slow_route(case: Case) -> Found | None:
    slow = _slow_routes(case)
    if not slow:
        return None
    busy = slow[0]
    route = owner(busy.route)
    lasts = _lasts(busy) and busy.mean_s < thresholds.SLOW_S
    if busy.holder is not None and (busy.average is None or busy.uses <= 1 or lasts):
        holds = f"{route} has held {_connections(case, busy)} for {over(sane(busy.holder.age_s))}"
    else:
        holds = (
            f"{route} holds a connection for {time(busy.mean_s)} each time ({counted(busy.uses, 'time')} "
            f"{case.lately}, {percent(busy.share, 1)} of all time that connections are held)"
        )
    where = f", taken at {place(busy.holder.place)}" if busy.holder is not None and busy.holder.place else ""
    statement, said = _statement_of(case, busy)
    mostly = f"{said}: {statement}. " if statement else ""
    runs = busy.holder is not None and busy.holder.state in RUNNING
    much = busy.average is not None and busy.average >= thresholds.OF_THE_SIZE * _size(case)
    return Found(
        "warning" if much and busy.mean_s >= thresholds.SLOW_S else "info",
        f"{holds}{where}{_also(slow[1:])}.",
        f"{mostly}Make its statements faster (an index, fewer rows), or end its session before slow work that needs no "
        f"database.{case.unseen_locks if runs else ''}",
        frozenset({"slow-statement"}) if statement else frozenset(),
    )


def _statement_of(case: Case, busy: Busy) -> tuple[str, str]:
    """The statement that took most of its time, as far as it is known, and what it is."""
    of_it = [each for each in busy_statements(case) if busy.route in each.view.routes]
    if of_it:
        return quoted_statement(of_it[0].view.text), "Of its statements this takes most time"
    return quoted_statement(busy.holder.statement) if busy.holder is not None else "", "Its last statement"


def _slow_statement(case: Case) -> Found | None:
    told = _told(case)
    slow = [each for each in busy_statements(case) if _is_slow(case, each) and not told.intersection(each.view.routes)]
    if not slow:
        return None
    each = slow[0]
    by = f", sent by {plain(each.view.routes[0])}" if each.view.routes else ""
    return Found(
        "info",
        f"One statement takes {percent(each.share, 1)} of all statements' time, {time(each.mean_s)} each "
        f"({counted(each.count, 'time')} {case.lately}){by}: {quoted_statement(each.view.text)}.",
        "Ask the server for its plan (EXPLAIN): an index that is missing, more rows than are needed, a lock that it "
        "waits for.",
    )


def _is_slow(case: Case, each: BusyStatement) -> bool:
    return each.mean_s >= thresholds.SLOW_S or _weighs(case, each.share, each.average)


# --- what failed ---


def _count(route: RouteView, kind: str) -> float:
    return sane(route.errors.get(kind, 0))


def _rises(case: Case, kind: str) -> list[tuple[float, float, str]]:
    """Errors of a kind, all requests, and the route, of those with enough of them lately; most first."""
    if case.passed_s is None:
        return []
    found = []
    for route in case.now.routes:
        then = case.routes_before.get(route.name)
        errors = sane(_count(route, kind) - (_count(then, kind) if then is not None else 0.0))
        requests = sane(sane(route.requests) - (sane(then.requests) if then is not None else 0.0))
        requests = max(requests, errors)
        if errors >= thresholds.FEW and errors >= thresholds.ERROR_SHARE * requests:
            found.append((errors, requests, route.name))
    return sorted(found, key=lambda each: (-each[0], each[2]))


def _route_errors(case: Case) -> Found | None:
    rises = _rises(case, "5xx")
    if not rises:
        return None
    errors, requests, name = rises[0]
    others = len(rises) - 1
    more = f"; {counted(others, 'other route')} {verb(others, 'fails', 'fail')} as well" if others else ""
    return Found(
        "critical" if errors >= thresholds.HALF * requests else "warning",
        f"{owner(name)} answers with errors: {errors:,.0f} of {counted(requests, 'request')} "
        f"({percent(errors, requests)}) {case.lately} got a 5xx{more}.",
        "The log has the traceback of each kind. If a release has just begun to serve (Events), take it back.",
    )


def _deadlines(case: Case) -> Found | None:
    rises = _rises(case, "deadline")
    if not rises:
        return None
    ended, requests, name = rises[0]
    limit_s = case.setting("REQUEST_TIMEOUT", 0)
    limit = f" of {time(limit_s)}" if limit_s else ""
    return Found(
        "warning",
        f"{owner(name)} takes longer than it may: {ended:,.0f} of {counted(requests, 'request')} {case.lately} "
        f"{verb(ended, 'was', 'were')} ended at the limit{limit} (REQUEST_TIMEOUT).",
        "See what it waits for under Holders and Statements; long work belongs into a background job.",
    )


def _all_requests(snapshot: Snapshot) -> float:
    return sum(sane(route.requests) for route in snapshot.routes)


def _refusals(case: Case) -> Found | None:
    line = case.now.admission
    refused = case.rose(lambda each: each.admission.refused)
    requests = max(case.rose(_all_requests), refused)
    storm = refused >= thresholds.FEW and refused >= thresholds.REFUSED_SHARE * requests
    if not (storm or line.overloaded):
        return None
    top = busiest(case)
    most = ""
    if top is not None and top.share >= thresholds.HALF:
        most = f"; {owner(top.route)} holds connections for {percent(top.share, 1)} of the time"
    counts = f"; {refused:,.0f} of {counted(requests, 'request')} were refused {case.lately}" if refused else ""
    return Found(
        "critical" if storm and refused >= thresholds.HALF * requests else "warning",
        f"More comes in than the database carries: admission lets {counted(sane(line.limit), 'request')} in at a time, "
        f"{sane(line.waiting):,.0f} {verb(line.waiting, 'waits', 'wait')}{counts}{most}.",
        "Those let in are served well. Shorten what holds connections (Routes, Statements), or find the client that "
        "sends so much.",
    )


RULES = (
    Rule(
        "refusals",
        "critical, warning",
        "The line before the work is overloaded: requests are answered 503 at once, so that the others are served.",
        f"Admission says that it is overloaded, or {thresholds.REFUSED_SHARE:.0%} of the requests lately "
        f"({thresholds.FEW} at least) were refused; critical from half of them on.",
        "Shorten what holds connections, see who sends so much, and ask `plimsoll capacity` whether the pool may grow.",
        _refusals,
    ),
    Rule(
        "route-errors",
        "critical, warning",
        "A route answers with errors (5xx).",
        f"{thresholds.ERROR_SHARE:.0%} of its requests lately, {thresholds.FEW} at least; critical from half on.",
        "The log has the tracebacks. After a deployment, take the release back.",
        _route_errors,
    ),
    Rule(
        "deadlines",
        "warning",
        "Requests of a route are ended since they take longer than `REQUEST_TIMEOUT`.",
        f"{thresholds.ERROR_SHARE:.0%} of its requests lately, {thresholds.FEW} at least.",
        "See what it waits for. Long work belongs into a background job.",
        _deadlines,
    ),
    Rule(
        "slow-route",
        "warning, info",
        "A route holds its connections for long, or has most of them.",
        f"A checkout of it took {thresholds.SLOW_S:g} s or more on average lately, or one has lasted for "
        f"{thresholds.SLOW_NOW_S:g} s by now; or it has {thresholds.HALF:.0%} of "
        f"all time that connections were held, and {thresholds.OF_THE_SIZE:.0%} of `DB_POOL_SIZE` on average. A "
        "warning where both are so. "
        "Without an earlier snapshot only who holds one now is known.",
        "Make its statements faster, or end its session before slow work that needs no database.",
        _slow_route,
    ),
    Rule(
        "slow-statement",
        "info",
        "A statement takes long, or most of the time of all statements.",
        f"{thresholds.SLOW_S:g} s or more on average lately; or {thresholds.HALF:.0%} of all statements' time and as "
        f"many at a time as {thresholds.OF_THE_SIZE:.0%} of `DB_POOL_SIZE`. Not where its route is named already.",
        "Ask the server for its plan (EXPLAIN).",
        _slow_statement,
    ),
)
