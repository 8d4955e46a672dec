"""Statements that hang since somebody else has a lock: whom they wait for, ours by route and line, others by name."""

from collections import Counter
from collections.abc import Mapping

from plimsoll.snapshot.blocking import PREPARED, Blocker, blockers
from plimsoll.snapshot.causes import exhaustion, thresholds
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.groups import ASLEEP, Group, remedy
from plimsoll.snapshot.causes.rule import Found, Rule
from plimsoll.snapshot.causes.server import client, ending
from plimsoll.snapshot.causes.wording import counted, listed, over, owner, place, plain, sane, verb
from plimsoll.snapshot.model import HolderView, ProcessView, ServerView

KEY = "lock-waits"

NAMED = 2
"""Routes of those who wait that a sentence names; the others are counted."""


def look(case: Case) -> Found | None:
    """Those who wait for a lock of somebody who has most of them waiting."""
    server = case.now.server
    if server is None or case.now.at_s - server.at_s > thresholds.LOCKS_S:
        return None
    found = [
        each for each in blockers(server.processes, case.now.holders) if _longest_s(each) >= thresholds.LOCK_WAIT_S
    ]
    if not found:
        return None
    first = found[0]
    held = {each.server_id: each for each in case.now.holders if each.server_id is not None}
    holder = held.get(first.number) if first.number is not None else None
    exhausted = _exhausted(case, first)
    waiting = {process.id for process in first.waiting}
    beside = sum(any(process.id in waiting for process in each.waiting) for each in found[1:])
    also = f", and {beside:,} more {verb(beside, 'has', 'have')} it locked beside it" if beside else ""
    behind = {process.id for each in found[1:] for process in each.waiting} - waiting
    more = f"; {len(behind):,} more {verb(len(behind), 'waits', 'wait')} for others" if behind else ""
    full = f"; all {case.now.pool.limit:,} places of the pool are taken{exhaustion.rest(case)}" if exhausted else ""
    return Found(
        exhausted.level if exhausted is not None else "warning",
        f"{_who_waits(first, held)}; {_who_has_it(first, holder)}{also}{more}{full}.",
        _action(server, first, holder, beside),
        _hidden(case, first) | (exhausted.hides | {"pool-exhausted"} if exhausted is not None else frozenset()),
    )


def _waited_s(process: ProcessView) -> float:
    seconds = process.wait.seconds if process.wait is not None else None
    return sane(process.seconds if seconds is None else seconds)


def _longest_s(blocker: Blocker) -> float:
    return max(_waited_s(process) for process in blocker.waiting)


def _exhausted(case: Case, blocker: Blocker) -> Found | None:
    """An exhausted pool, where enough of its places wait here."""
    waiting = {process.id for process in blocker.waiting}
    places = sum(holder.server_id in waiting for holder in case.now.holders)
    return exhaustion.look(case) if places >= thresholds.LEAK_SHARE * sane(case.now.pool.limit) > 0 else None


# --- words ---


def _who_waits(blocker: Blocker, held: Mapping[int, HolderView]) -> str:
    """3 connections (2 of GET /items and 1 of mysql of root) wait for the table items, the first for over 5 s."""
    count = len(blocker.waiting)
    routes = ((each, held[each.id].route if each.id in held else each.route) for each in blocker.waiting)
    whose = Counter(owner(route) if route else client(each) for each, route in routes)
    ordered = sorted(whose.items(), key=lambda each: (-each[1], each[0]))
    rest = sum(number for _name, number in ordered[NAMED:])
    names = [f"{number:,} of {name}" for name, number in ordered[:NAMED]] + ([f"{rest:,} others"] if rest else [])
    of = f" of {ordered[0][0]}" if len(ordered) == 1 else f" ({listed(names)})"
    waits, first = verb(count, "waits", "wait"), verb(count, "", "the first ")
    return f"{counted(count, 'connection')}{of} {waits} for {_lock(blocker)}, {first}for {over(_longest_s(blocker))}"


def _lock(blocker: Blocker) -> str:
    """What most of them wait for."""
    locks = Counter(each.wait.lock for each in blocker.waiting if each.wait is not None)
    return plain(max(locks, key=lambda lock: (locks[lock], lock))) or "a lock"


def _who_has_it(blocker: Blocker, holder: HolderView | None) -> str:
    if blocker.number is None:
        return "the server does not tell this account who has it locked"
    if blocker.number == PREPARED:
        return "a prepared transaction has it locked, which nobody has committed yet"
    maybe, why = ("probably ", ", whose transaction is the oldest that is open") if blocker.guessed else ("", "")
    if holder is not None:
        state = "idle in a transaction" if holder.state == ASLEEP else plain(holder.state)
        where = f"its connection taken {over(holder.age_s)} ago at {place(holder.place)}"
        return f"{maybe}{owner(holder.route)} has it locked{why} ({state}, {where})"
    process = blocker.process
    if process is None:
        return f"connection {blocker.number}, which this account is not shown, has it locked"
    route = f", {plain(process.route)}" if process.route else ""
    state = "idle in a transaction" if process.state == ASLEEP else plain(process.state)
    since = f" for {over(sane(process.seconds))}" if process.seconds is not None else ""
    return f"{maybe}connection {process.id} ({client(process)}{route}) has it locked{why} ({state}{since})"


def _action(server: ServerView, blocker: Blocker, holder: HolderView | None, beside: int) -> str:
    if blocker.number == PREPARED:
        if server.dialect != "postgresql":
            return "XA RECOVER lists it on the server: XA COMMIT or XA ROLLBACK ends it."
        return "pg_prepared_xacts lists it on the server: COMMIT PREPARED or ROLLBACK PREPARED ends it."
    if blocker.number is None:
        return f"See under Connections who has a transaction or LOCK TABLES open.{_told_by(server, blocker)}"
    hint = f"{_or_first(server, blocker)}{_told_by(server, blocker) if blocker.guessed else ''}"
    all_of_them = " The others go on when all who have it locked have ended." if beside else ""
    if holder is not None:
        words = remedy((Group(holder.route, holder.place, (holder,)),))
        words = f"If it is that one: {words[0].lower()}{words[1:]}" if blocker.guessed else words
        return f"{words}{all_of_them}{hint}"
    have = "If it is that one, have" if blocker.guessed else "Have"
    go_on = "" if beside else " and lets the others go on"
    return (
        f"{have} its owner commit, or run {ending(server, blocker.number)} on the server, which rolls its work back"
        f"{go_on}.{all_of_them}{hint}"
    )


def _or_first(server: ServerView, blocker: Blocker) -> str:
    """Whoever waits for a table and keeps out all who come after, as an ALTER TABLE does, may be ended instead."""
    behind = Counter(number for each in blocker.waiting if each.wait is not None for number in each.wait.by)
    first = [each for each in blocker.waiting if behind[each.id]]
    if len(first) != 1 or first[0].wait is None or "table" not in first[0].wait.lock:
        return ""
    who = f"connection {first[0].id} ({client(first[0])}), which waits first"
    return f" Or end {who}: the {behind[first[0].id]:,} behind it go on ({ending(server, first[0].id)})."


def _told_by(server: ServerView, blocker: Blocker) -> str:
    """What would let this account be told who has the lock. PostgreSQL tells every account; who has it may have ended
    just now."""
    if server.dialect == "postgresql":
        return ""
    if "mariadb" not in server.version.lower():
        return " With GRANT SELECT ON performance_schema.* (and PROCESS) this account is told who has it."
    if _lock(blocker).startswith("a row"):
        return " With GRANT PROCESS ON *.* this account is told who has it."
    return " After INSTALL SONAME 'metadata_lock_info', once and by an administrator, the server tells who has it."


# --- symptoms ---


def _hidden(case: Case, blocker: Blocker) -> frozenset[str]:
    """What is told of those who wait or have it is not told beside it; of others it is."""
    waiting = {process.id for process in blocker.waiting}
    involved = waiting | {blocker.number}
    hidden = set()
    if all(holder.server_id == blocker.number for holder in case.asleep):
        hidden.add("idle-in-transaction")
    if all(holder.server_id in involved for holder in case.held_long):
        hidden.add("connections-held")
    if all(each.id == blocker.number for each in _asleep(case)):
        hidden.add("server-sleepers")
    slow = [holder for holder in case.now.holders if sane(holder.age_s) >= thresholds.LOCK_WAIT_S]
    if slow and all(holder.server_id in involved for holder in slow):
        hidden |= {"slow-route", "slow-statement"}
    return frozenset(hidden)


def _asleep(case: Case) -> list[ProcessView]:
    processes = case.listed.processes if case.listed is not None else ()
    return [each for each in processes if each.state == ASLEEP and sane(each.seconds) >= case.idle_transaction_s]


RULES = (
    Rule(
        KEY,
        "critical, warning",
        "Statements hang since somebody else has locked a row or a table that they need. They go on when that "
        "transaction ends.",
        "The server's list has connections that wait for a lock for "
        f"{thresholds.LOCK_WAIT_S:g} s or more; all who wait behind one another are counted for whoever is at the head "
        "of the line. As grave as the exhausted pool where that has its reason here: "
        f"{thresholds.LEAK_SHARE:.0%} of the places wait. PostgreSQL tells everybody who has a lock. MariaDB tells it "
        "of rows with the privilege PROCESS, of tables with its plugin `metadata_lock_info`; MySQL of both with "
        "PROCESS and SELECT on `performance_schema`. Otherwise the sentence says 'probably' and names the oldest "
        "transaction that is open, or says that it is not told; without PROCESS it is not seen that somebody waits for "
        "a row.",
        "End the transaction that the sentence names: under Holders where it is ours, with the statement that the "
        "action gives where it is not. Then have that code commit before slow work that needs no database, and change "
        "tables while nobody has them for long.",
        look,
    ),
)
