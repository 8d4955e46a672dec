"""Who keeps others waiting: from the locks that the server tells of, or guessed from the transactions that are open,
where it does not tell who has one. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plimsoll.snapshot.model import HolderView, ProcessView

PREPARED = 0
"""Stands for a prepared transaction, which no connection has any more."""

CLOCK_S = 1.0
"""MySQL's list counts whole seconds, so that a wait may seem to be older than the transaction it waits for."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """One at whose end others go on. `number` is the server's of its connection, None where nobody knows; `process` is
    that connection where it is in the list. `waiting` are all who wait for it, also behind one another."""

    number: int | None
    process: ProcessView | None
    waiting: tuple[ProcessView, ...]
    guessed: bool = False
    """It is the oldest transaction that is open, no more is known."""


def blockers(processes: Sequence[ProcessView], holders: Iterable[HolderView] = ()) -> tuple[Blocker, ...]:
    """Those who keep others waiting, whoever has most of them first. `holders` are ours, of whom more is known. Several
    may keep the same ones waiting, who go on when all of these have ended."""
    by_number = {process.id: process for process in processes}
    held = {holder.server_id: holder for holder in holders if holder.server_id is not None}
    waiting: dict[tuple[int | None, bool], list[ProcessView]] = {}
    for process in processes:
        if process.wait is None:
            continue
        ends = _ends(process, by_number)
        if not ends and process.wait.by:
            continue  # a ring: nobody else has anything to do with it
        if not ends:
            guess = _oldest(processes, held, process)
            waiting.setdefault((guess, guess is not None), []).append(process)
        for number in ends:
            waiting.setdefault((number, False), []).append(process)
    for known, guessed in list(waiting):
        if guessed and (known, False) in waiting:  # others are told to wait for it, so it is hardly a guess
            waiting[known, False] += waiting.pop((known, True))
    found = [
        Blocker(number, None if number is None else by_number.get(number), tuple(behind), guessed)
        for (number, guessed), behind in waiting.items()
    ]
    return tuple(sorted(found, key=_rank))


def _rank(blocker: Blocker) -> tuple[int, bool, float, int]:
    """Most of them first, then the oldest transaction."""
    age_s = blocker.process.transaction_s if blocker.process is not None else None
    return -len(blocker.waiting), blocker.number is None, -(age_s or 0.0), blocker.number or 0


def _ends(process: ProcessView, by_number: Mapping[int, ProcessView]) -> list[int]:
    """Where the line that it stands in begins: those who wait for nobody. There is no such one in a deadlock, which the
    server ends by itself where it sees all of it."""
    ends: dict[int, None] = {}
    seen = {process.id}
    left = list(process.wait.by) if process.wait is not None else []
    while left:
        number = left.pop()
        if number in seen:
            continue
        seen.add(number)
        other = by_number.get(number)
        further = other.wait.by if other is not None and other.wait is not None else ()
        if further:
            left.extend(further)
        else:
            ends[number] = None
    return list(ends)


def _oldest(processes: Sequence[ProcessView], held: Mapping[int, HolderView], waiting: ProcessView) -> int | None:
    """The transaction that has been open for longest of those that were when the wait began; None where none shows."""
    wait_s = waiting.wait.seconds if waiting.wait is not None else None
    ages = {
        process.id: age_s
        for process in processes
        if process.wait is None and (age_s := _transaction_s(process, held.get(process.id))) is not None
    }
    known = [(age_s, -number) for number, age_s in ages.items() if age_s + CLOCK_S >= (wait_s or 0.0)]
    return -max(known)[1] if known else None


def _transaction_s(process: ProcessView, holder: HolderView | None) -> float | None:
    """For how long a transaction of it is open, None where none is: as the server tells, or as our pool does, which
    knows it where the account is not told."""
    if process.transaction_s is not None:
        return process.transaction_s
    return holder.age_s if holder is not None and holder.state == "idle in transaction" else None
