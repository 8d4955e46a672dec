"""The pool is exhausted: by whom, or by plain load."""

from plimsoll.snapshot.causes import thresholds
from plimsoll.snapshot.causes.busy import busiest, lately_of, mean
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.groups import Group, grouped, held_by, remedy
from plimsoll.snapshot.causes.rule import Found, Rule
from plimsoll.snapshot.causes.wording import counted, over, owner, percent, sane, time, verb
from plimsoll.snapshot.rows import Level

SYMPTOMS = frozenset(
    {"pool-timeouts", "slow-connects", "refusals", "slow-route", "slow-statement", "route-errors", "deadlines"}
)
HELD = frozenset({"connections-held", "idle-in-transaction"})
SIZE_ADVICE = "Raise DB_POOL_SIZE only if 'plimsoll capacity' says that the server has room for it."
OPENING_ADVICE = (
    "See why the server is slow to let us in: its load, name resolution, TLS, max_connections; DB_POOL_MIN_IDLE keeps "
    "connections open for a burst."
)
CLOSING_ADVICE = (
    "Find what gives up its queries: clients that go away, or statements beyond DB_STATEMENT_TIMEOUT or "
    "REQUEST_TIMEOUT (Statements shows the slowest)."
)


def look(case: Case) -> Found | None:
    """The exhausted pool, whoever has its connections."""
    pool, line = case.now.pool, case.now.admission
    taken, limit = sane(pool.taken), sane(pool.limit)
    waiting = sane(pool.waiting) + sane(line.waiting)
    if limit < 1 or taken < limit:
        return None
    long = grouped(case.held_long)
    held = sum(group.count for group in long)
    # Where every place is held on to, whoever comes next gets none, even if nobody has come yet.
    if held < limit and not (waiting or _failed(case) or _refused(case)):
        return None
    if held and held >= thresholds.LEAK_SHARE * limit:
        return Found("critical", f"{held_by(long, _of(held, limit))}{rest(case)}.", remedy(long), SYMPTOMS | HELD)
    level: Level = "critical" if _failed(case) else "warning"
    underway = sane(pool.opening) + sane(pool.closing)
    if underway >= thresholds.HALF * limit:
        return Found(level, *_not_in_use(case, limit), SYMPTOMS)
    slow = _slow(case)
    if slow:
        held = sum(group.count for group in slow)
        return Found(level, f"{held_by(slow, _of(held, limit))}{rest(case)}.", remedy(slow), SYMPTOMS | HELD)
    return Found(level, *_load(case, limit), SYMPTOMS)


def _of(held: float, limit: float) -> str:
    """12 of 40 connections."""
    return f"{held:,.0f} of {counted(limit, 'connection')}"


def _failed(case: Case) -> float:
    """Who got no connection in the end."""
    return case.rose(lambda each: each.pool.timeouts) + case.rose(lambda each: each.pool.refused)


def _refused(case: Case) -> float:
    return case.rose(lambda each: each.admission.refused)


def rest(case: Case) -> str:
    """What that does to the others: `; 25 wait for one, and 7 waited in vain in the last 30 s`."""
    waiting = sane(case.now.pool.waiting) + sane(case.now.admission.waiting)
    failed, refused = _failed(case), _refused(case)
    parts = [
        *([f"{waiting:,.0f} {verb(waiting, 'waits', 'wait')} for one"] if waiting else []),
        *([f"{failed:,.0f} waited in vain"] if failed else []),
        *([f"{counted(refused, 'request')} {verb(refused, 'was', 'were')} refused"] if refused else []),
    ]
    return f"; {' and '.join(parts)}{f' {case.lately}' if failed or refused else ''}" if parts else ""


def _slow(case: Case) -> tuple[Group, ...]:
    """Those that hold on for a while, if not for long, where they have most of the connections together."""
    groups = grouped(holder for holder in case.now.holders if sane(holder.age_s) >= thresholds.SLOW_S)
    enough = thresholds.HALF * sane(case.now.pool.limit)
    return groups if sum(group.count for group in groups) >= enough else ()


def _not_in_use(case: Case, limit: float) -> tuple[str, str]:
    pool = case.now.pool
    opening, closing = sane(pool.opening), sane(pool.closing)
    if opening >= closing:
        mean_s = mean(lately_of(case, lambda each: each.pool.create))
        takes = f" (a connect takes {time(mean_s)} on average)" if mean_s else ""
        sentence = f"{opening:,.0f} of {counted(limit, 'connection')} are still being opened{takes}{rest(case)}."
        return sentence, OPENING_ADVICE
    sentence = (
        f"{closing:,.0f} of {counted(limit, 'connection')} wait for the server to end what was cancelled or took "
    )
    return f"{sentence}too long{rest(case)}.", CLOSING_ADVICE


def _load(case: Case, limit: float) -> tuple[str, str]:
    oldest_s = max((sane(holder.age_s) for holder in case.now.holders), default=0.0)
    none_long = f", the longest for {over(oldest_s)}" if oldest_s >= 1 else ", none for long"
    many = f"{counted(limit, 'connection')} carry: all are" if limit > 1 else "the only connection carries: it is"
    top = busiest(case)
    most = ""
    if top is not None and top.share >= thresholds.HALF:
        most = f", {percent(top.share, 1)} of the time by {owner(top.route)}"
    line = case.now.admission
    does = (
        f"Admission lets {line.limit:,} in at a time and answers the rest 503 at once, so those are served well. "
        if line.limit > 0
        else "Admission is off, so everybody waits up to DB_POOL_TIMEOUT: switch it on (ADMISSION=true). "
    )
    return (
        f"More comes in than {many} in use{none_long}{most}{rest(case)}.",
        f"{does}Shorten what holds them (Routes, Statements). {SIZE_ADVICE}",
    )


RULES = (
    Rule(
        "pool-exhausted",
        "critical, warning",
        "All connections of the pool are taken, and others wait for one. The sentence says by whom: a route that holds "
        "on, connects or ends of statements that do not come to an end, or nobody in particular: more load than the "
        "connections carry.",
        "No place is free, and somebody waits (for a connection or before the work), waited in vain or was refused "
        "lately, or all places are held for longer than `DB_LEAK_THRESHOLD`. A route is to blame if connections held "
        f"for longer than `DB_LEAK_THRESHOLD` ({thresholds.LEAK_S:g} "
        f"s) are {thresholds.LEAK_SHARE:.0%} of the places or more: critical. Otherwise it is critical only if "
        "somebody waited in vain, and the reason is half of the places being opened or closed, or half of them held "
        f"for {thresholds.SLOW_S:g} s, by whichever routes, or load.",
        "Under Holders, end the statements of those who hold on, or take their connections back; then shorten what the "
        "named line does while it holds one. Under plain load, see Routes and Statements for what holds them most. "
        f"{SIZE_ADVICE}",
        look,
    ),
)
