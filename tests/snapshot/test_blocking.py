"""Who keeps others waiting is found at the head of the line, or guessed where it is not told."""

from dataclasses import replace

from plimsoll.server.facts import LockWait
from plimsoll.snapshot import ProcessView
from plimsoll.snapshot.blocking import PREPARED, blockers
from tests.snapshot.samples import holder
from tests.snapshot.troubles import process


def waiting(number: int, *by: int, seconds: float = 5.0) -> ProcessView:
    """One that waits for these."""
    return process(number, wait=LockWait("a row", seconds, by))


def found(*processes: ProcessView) -> dict[int | None, list[int]]:
    """By who it is those who wait for it."""
    return {each.number: [one.id for one in each.waiting] for each in blockers(processes)}


def test_all_who_wait_behind_one_another_wait_for_the_first() -> None:
    """Also where the server tells of each only who is before it; one that it does not show is named all the same."""
    line = (process(1), waiting(2, 1), waiting(3, 2), waiting(4, 3, 2), waiting(5, 77), waiting(6, PREPARED))
    assert found(*line) == {1: [2, 3, 4], PREPARED: [6], 77: [5]}
    assert not any(each.guessed for each in blockers(line))


def test_one_that_waits_for_two_is_told_of_both() -> None:
    """Two who read while a third wants to alter."""
    assert found(process(1), process(2), waiting(3, 1, 2), waiting(4, 3)) == {1: [3, 4], 2: [3, 4]}


def test_a_deadlock_has_no_first() -> None:
    """The server ends it; meanwhile nobody is blamed, the oldest transaction least of all."""
    assert found(waiting(1, 2), waiting(2, 1), process(3, transaction_s=9.0)) == {}


def test_one_who_is_told_and_guessed_is_one() -> None:
    """Rows are told of, tables are not: the transaction is the same."""
    (one,) = blockers((process(1, transaction_s=9.0), waiting(2, 1), waiting(3, 1), waiting(4)))
    assert (one.number, one.guessed, [each.id for each in one.waiting]) == (1, False, [2, 3, 4])


def test_of_two_who_keep_the_same_waiting_the_older_is_first() -> None:
    """Whichever number it has."""
    young, old = process(1, transaction_s=3.0), process(2, transaction_s=30.0)
    assert list(found(young, old, waiting(3, 1, 2))) == [2, 1]


def test_where_it_is_not_told_the_oldest_transaction_is_guessed() -> None:
    """Of those that were open when the wait began, those of our own pool among them."""
    old, older, late = (process(number, transaction_s=age_s) for number, age_s in ((1, 9.0), (2, 11.0), (3, 2.0)))
    (guess,) = blockers((old, older, late, waiting(4), waiting(5)))
    assert (guess.number, guess.guessed, len(guess.waiting)) == (2, True, 2)
    assert found(late, waiting(4)) == {None: [4]}
    (ours,) = blockers((process(101), late, waiting(4)), [holder(1, age_s=6.0)])
    assert (ours.number, ours.guessed) == (101, True)
    at_work = replace(holder(1, age_s=6.0), state="running a statement")
    assert blockers((process(101), waiting(4)), [at_work])[0].number is None
