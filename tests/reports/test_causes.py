"""When a record is due."""

from dataclasses import replace

import pytest

from plimsoll.reports.causes import EXHAUSTED_LOOKS, REFUSED_AT_ONCE, REFUSED_LOOKS, Causes, better_words
from plimsoll.snapshot import EventView, Snapshot
from plimsoll.snapshot.moment import Moment
from tests.reports.worker import with_pool
from tests.snapshot.samples import DATABASE_DOWN, EXHAUSTED, HEALTHY


def kinds(*snapshots: Snapshot) -> list[str]:
    """What one after another tells."""
    causes = Causes()
    return [kind for snapshot in snapshots for kind, _ in causes.look(Moment.of(snapshot))]


def test_a_healthy_worker_and_one_whose_database_is_down_are_no_cause() -> None:
    """The first has nothing to tell, and of the second the log tells all."""
    assert kinds(HEALTHY, HEALTHY, DATABASE_DOWN, DATABASE_DOWN, HEALTHY) == []


def test_exhaustion_is_told_once_while_it_lasts_and_again_when_it_comes_back() -> None:
    """The first record shows how it began."""
    assert kinds(HEALTHY, EXHAUSTED, EXHAUSTED, EXHAUSTED) == ["exhausted"]
    assert kinds(HEALTHY, EXHAUSTED, HEALTHY, EXHAUSTED) == ["exhausted", "exhausted"]


def test_exhaustion_is_seen_when_it_lasts() -> None:
    """A full pool with waiters for a few seconds, or at once where somebody was turned away."""
    full = with_pool(checked_out=40, waiting=3)
    assert kinds(HEALTHY, *[full] * (EXHAUSTED_LOOKS - 1), HEALTHY) == []
    assert kinds(HEALTHY, *[full] * EXHAUSTED_LOOKS) == ["exhausted"]
    assert kinds(HEALTHY, with_pool(full, timeouts=1)) == ["exhausted"]
    refused = replace(with_pool(checked_out=40), admission=replace(HEALTHY.admission, refused=1))
    assert kinds(HEALTHY, refused) == ["exhausted"]
    assert kinds(HEALTHY, with_pool(refused, checked_out=39)) == []


def test_what_was_before_the_box_began_is_no_cause() -> None:
    """Counts that stand already when it first looks."""
    old = replace(with_pool(leaks=3), memory=replace(HEALTHY.memory, errors=2))
    assert kinds(old, old) == []


def test_a_leak_is_told_once() -> None:
    """As often as the pool has found one."""
    causes = Causes()
    leaked = Moment.of(with_pool(leaks=1))
    causes.look(Moment.of(HEALTHY))
    assert causes.look(leaked) == [("leak", "The pool found a leak, 1 in all.")]
    assert causes.look(leaked) == []


def test_better_words_are_those_of_the_diagnosis_and_of_the_event() -> None:
    """They name the route and the line, which no moment has."""
    leaked = replace(HEALTHY, events=(EventView(HEALTHY.at_s, "leak", "GET /export lost a connection."),))
    assert better_words("leak", leaked) == "GET /export lost a connection."
    assert better_words("exhausted", EXHAUSTED) == EXHAUSTED.problems[0].sentence
    assert [better_words(kind, HEALTHY) for kind in ("leak", "exhausted", "signal")] == ["", "", ""]


def test_every_memory_error_is_a_cause() -> None:
    """Two in a row are two."""
    errors = [replace(HEALTHY, memory=replace(HEALTHY.memory, errors=number)) for number in range(3)]
    assert kinds(*errors) == ["memory-error", "memory-error"]


@pytest.mark.parametrize(("each_s", "expected"), [(REFUSED_AT_ONCE // REFUSED_LOOKS - 1, []), (20, ["refusals"])])
def test_many_refusals_in_a_short_time_are_a_storm(each_s: int, expected: list[str]) -> None:
    """A few a second are what the line is there for; a storm that lasts is told once."""
    line = HEALTHY.admission
    snapshots = [replace(HEALTHY, admission=replace(line, refused=second * each_s)) for second in range(40)]
    assert kinds(*snapshots) == expected
