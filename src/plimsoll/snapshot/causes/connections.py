"""Connections of the pool: held for long, asleep, lost, waited for in vain, slow to open, not reused."""

from plimsoll.snapshot.causes import thresholds
from plimsoll.snapshot.causes.busy import lately_of, mean
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.groups import RUNNING, grouped, held_by, remedy
from plimsoll.snapshot.causes.rule import Found, Rule
from plimsoll.snapshot.causes.wording import counted, percent, plain, quoted, sane, time, verb


def _asleep(case: Case) -> Found | None:
    groups = grouped(case.asleep)
    count = sum(group.count for group in groups)
    if not count:
        return None
    sentence = f"{held_by(groups, counted(count, 'connection') + ' idle in a transaction')}."
    return Found(
        "warning",
        sentence,
        f"{remedy(groups)} DB_END_IDLE_TRANSACTION ends such by itself.",
        frozenset({"slow-connects"}),
    )


def _held(case: Case) -> Found | None:
    asleep = {id(holder) for holder in case.asleep}
    groups = grouped(holder for holder in case.held_long if id(holder) not in asleep)
    count = sum(group.count for group in groups)
    if not count:
        return None
    limit = sane(case.now.pool.limit)
    of = f" of {limit:,.0f}" if limit >= count else ""
    unseen = case.unseen_locks if groups[0].mostly(*RUNNING) else ""
    noun = "connection" if (limit or count) == 1 else "connections"
    return Found("warning", f"{held_by(groups, f'{count:,}{of} {noun}')}.", f"{remedy(groups)}{unseen}")


def _lost(case: Case) -> Found | None:
    lost, lately = sane(case.now.pool.lost), case.rose(lambda each: each.pool.lost)
    if not lost:
        return None
    count, when = (lately, case.lately) if lately else (lost, f"since the worker began {time(case.age_s)} ago")
    return Found(
        "warning" if lately else "info",
        f"{counted(count, 'connection')} {verb(count, 'was', 'were')} never given back and lost to the garbage "
        f"collector {when}; {verb(count, 'its place is', 'their places are')} free again.",
        f"{_lost_words(case)}Use 'async with' or the session dependencies there.",
    )


def _lost_words(case: Case) -> str:
    """Which they were, as far as the events say."""
    lost = (event.text for event in case.now.events if event.kind == "leak" and "garbage" in event.text.lower())
    newest = next(lost, "")
    return f"{quoted(newest)}. " if newest else "The log names the route and the line that took each. "


def _timeouts(case: Case) -> Found | None:
    timeouts = case.rose(lambda each: each.pool.timeouts)
    refused = case.rose(lambda each: each.pool.refused)
    count = timeouts + refused
    if not count:
        return None
    pool = case.now.pool
    return Found(
        "warning",
        f"{counted(count, 'request')} waited in vain for a connection {case.lately}; now {sane(pool.taken):,.0f} of "
        f"{counted(sane(pool.limit), 'place')} are taken.",
        "The log says who held the connections at that moment, with the line that took each: shorten that.",
    )


def _slow_connects(case: Case) -> Found | None:
    pool = case.now.pool
    lately = lately_of(case, lambda each: each.pool.create)
    mean_s = mean(lately)
    waits = pool.waiting > 0 and pool.opening > 0
    if mean_s < thresholds.SLOW_CONNECT_S or not (waits or lately.count >= thresholds.FEW):
        return None
    waiting = f"; {pool.waiting:,} {verb(pool.waiting, 'waits', 'wait')} for one" if waits else ""
    return Found(
        "warning",
        f"A connect to the database takes {time(mean_s)} on average ({counted(lately.count, 'connect')} "
        f"{case.lately}){waiting}.",
        "See the server's load, name resolution (skip_name_resolve) and TLS; DB_POOL_MIN_IDLE keeps connections open "
        "so that nobody waits for a connect.",
    )


def _reuse(case: Case) -> Found | None:
    checkouts = case.rose(lambda each: each.pool.checkouts)
    reused = min(case.rose(lambda each: each.pool.reused), checkouts)
    if checkouts < thresholds.LEAST_CHECKOUTS or reused >= thresholds.LEAST_REUSED * checkouts:
        return None
    closed = _most_closed(case)
    why = f"; most were closed as '{plain(closed)}'" if closed else ""
    return Found(
        "warning",
        f"Only {percent(reused, checkouts)} of {counted(checkouts, 'checkout')} {case.lately} found an open "
        f"connection{why}.",
        "Each connect costs several round trips: see that DB_POOL_IDLE_TIMEOUT and DB_POOL_RECYCLE are not far too "
        "short, nor the server's wait_timeout, and whether clients give up their queries.",
    )


def _most_closed(case: Case) -> str:
    """The reason for which most connections were closed lately."""
    rises = {
        reason: case.rose(lambda each, reason=reason: each.pool.closed.get(reason, 0))  # type: ignore[misc]
        for reason in case.now.pool.closed
    }
    most = max(rises.items(), key=lambda each: (each[1], each[0]), default=("", 0.0))
    return most[0] if most[1] else ""


RULES = (
    Rule(
        "idle-in-transaction",
        "warning",
        "Somebody holds a connection and does something else meanwhile, in the middle of a transaction: its locks "
        "stay, others wait for them, and its place in the pool is of no use.",
        f"Held for longer than `DB_IDLE_TRANSACTION` ({thresholds.IDLE_TRANSACTION_S:g} s) and idle in a transaction "
        "now; and it has sent no more than a statement a second since the snapshot before, or the server says that it "
        "is idle for so long.",
        "End the transaction (commit, or leave the session's block) before slow work that needs no database, at the "
        "line that is named. Take the connection back under Holders to free its locks now. "
        "`DB_END_IDLE_TRANSACTION` ends such by itself.",
        _asleep,
    ),
    Rule(
        "connections-held",
        "warning",
        "Connections are held for longer than a request should, though others are still free: a leak, a slow "
        "statement, or a session that is kept open over a stream or a call to another service.",
        f"Held for longer than `DB_LEAK_THRESHOLD` ({thresholds.LEAK_S:g} s), and not already told as idle in a "
        "transaction.",
        "Look at the line that is named and at its last statement under Holders: end it, or take the connection "
        "back; then shorten what it does while it holds one.",
        _held,
    ),
    Rule(
        "connections-lost",
        "warning, info",
        "Code took connections and forgot them. The pool got their places back when Python threw the session away; "
        "until then each of them was missing.",
        "The pool's count of connections that were garbage-collected: a warning if it rose lately, else an info.",
        "Use `async with` or the session dependencies at the line that the events and the log name.",
        _lost,
    ),
    Rule(
        "pool-timeouts",
        "warning",
        "Requests got no connection a moment ago; now there are free ones.",
        "Waits that ended without a connection, or were refused at once, since the snapshot before.",
        "The log has who held the connections at that moment. Shorten that.",
        _timeouts,
    ),
    Rule(
        "slow-connects",
        "warning",
        "It takes long to open a connection, so that a burst waits although places are free.",
        f"A connect took {thresholds.SLOW_CONNECT_S:g} s or more on average lately, and somebody waits while one is "
        f"opened, or there were {thresholds.FEW} connects at least.",
        "See the server's load, its name resolution and TLS. `DB_POOL_MIN_IDLE` keeps connections open for a burst.",
        _slow_connects,
    ),
    Rule(
        "reuse-low",
        "warning",
        "Connections are opened for nearly each use instead of being reused: several round trips each time.",
        f"Less than {thresholds.LEAST_REUSED:.0%} of the checkouts lately found an open connection, of "
        f"{thresholds.LEAST_CHECKOUTS} at least (as PL711).",
        "See why they are closed: the sentence has the most frequent reason. `DB_POOL_IDLE_TIMEOUT`, "
        "`DB_POOL_RECYCLE` or the server's `wait_timeout` far too short, or clients that give up their queries.",
        _reuse,
    ),
)
