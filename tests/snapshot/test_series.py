"""Histories of several workers are one, step by step."""

import json
from dataclasses import replace

import pytest

from plimsoll.errors import SnapshotError
from plimsoll.snapshot.codec import series_from_json, series_to_json
from plimsoll.snapshot.history import SERIES, History, Series
from plimsoll.snapshot.moment import Moment
from plimsoll.snapshot.series import series_as_one
from tests.snapshot.samples import HEALTHY, NOW_S


def series(times_s: tuple[float, ...], **values: tuple[float | None, ...]) -> Series:
    """What is not given is not known."""
    unknown = (None,) * len(times_s)
    return Series(1.0, times_s, {name: values.get(name, unknown) for name in SERIES})


def test_numbers_are_added_up_and_of_some_the_worst_is_told() -> None:
    """A mean is weighed by the requests it is of."""
    one = series(
        (1.0, 2.0),
        pool_taken=(1.0, 2.0),
        latency_p99_s=(0.1, 0.5),
        memory_left_bytes=(10.0, 20.0),
        server_connections=(7.0, 8.0),
        latency_mean_s=(1.0, 1.0),
        requests_per_s=(30.0, 0.0),
    )
    other = series(
        (1.0, 2.0),
        pool_taken=(4.0, None),
        latency_p99_s=(0.2, None),
        memory_left_bytes=(5.0, None),
        server_connections=(7.0, 9.0),
        latency_mean_s=(3.0, 2.0),
        requests_per_s=(10.0, None),
    )
    joined = series_as_one((one, other))
    assert joined is not None
    assert joined.values["pool_taken"] == (5.0, 2.0)
    assert joined.values["latency_p99_s"] == (0.2, 0.5)
    assert joined.values["memory_left_bytes"] == (5.0, 20.0)
    assert joined.values["server_connections"] == (7.0, 9.0)
    assert joined.values["latency_mean_s"] == (1.5, 1.5)
    assert joined.values["requests_per_s"] == (40.0, 0.0)
    assert joined.values["rss_bytes"] == (None, None)


def test_the_end_waits_for_all_but_those_who_have_gone() -> None:
    """A sum without one of them would look like a fall."""
    ahead = series((1.0, 2.0, 3.0), pool_taken=(1.0, 1.0, 1.0))
    behind = series((1.0, 2.0), pool_taken=(1.0, 1.0))
    gone = series((-3.0, -2.0), pool_taken=(1.0, 1.0))
    joined = series_as_one((ahead, behind, gone))
    assert joined is not None
    assert joined.times_s == (-3.0, -2.0, 1.0, 2.0)
    assert joined.values["pool_taken"] == (1.0, 1.0, 2.0, 2.0)


def test_a_step_that_one_of_them_has_missed_is_no_fall() -> None:
    """The one before stands for it; a longer gap is one, in which it is not counted."""
    whole = series((1.0, 2.0, 3.0, 4.0), pool_limit=(5.0, 5.0, 5.0, 5.0))
    late = series((1.0, 3.0, 4.0), pool_limit=(4.0, 4.0, None))
    joined = series_as_one((whole, late))
    assert joined is not None
    assert joined.times_s == (1.0, 2.0, 3.0, 4.0)
    assert joined.values["pool_limit"] == (9.0, 9.0, 9.0, 5.0)


def test_of_one_it_is_the_same_and_of_none_nothing() -> None:
    """One that has just begun has no step yet."""
    one = series((1.0,), pool_taken=(3.0,))
    assert series_as_one((one, series(()))) == one
    assert series_as_one((series(()),)) == series(())
    assert series_as_one(()) is None


def test_a_history_comes_back_as_it_was() -> None:
    """Through JSON, as another worker sends it."""
    history = History()
    for second in range(5):
        history.add(replace(Moment.of(HEALTHY), at_s=NOW_S + second))
    found = history.series("10m")
    assert len(found.times_s) == 4
    assert series_from_json(json.loads(json.dumps(series_to_json(found), allow_nan=False))) == found


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "history is None"),
        ({"step_s": 1.0}, "history lacks something"),
        ({"step_s": 1.0, "times_s": [1.0], "values": {"a": []}}, "history.values.a has 0 numbers for 1 times"),
        ({"step_s": 1.0, "times_s": [1.0], "values": {"a": ["x"]}}, r"history.values.a\[0\] is 'x'"),
    ],
)
def test_what_is_no_history_is_said_to_be_none(document: object, words: str) -> None:
    """With the place of what is wrong."""
    with pytest.raises(SnapshotError, match=words):
        series_from_json(document)
