"""Snapshots go through JSON and come back the same; what is no snapshot is said to be none."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from plimsoll.errors import SnapshotError
from plimsoll.snapshot import Durations, Snapshot
from plimsoll.snapshot.codec import from_json, to_json
from tests.snapshot.samples import ALL, HEALTHY


@pytest.mark.parametrize("name", ALL)
def test_a_snapshot_comes_back_as_it_was(name: str) -> None:
    """Through text, as a file or a response carries it."""
    assert from_json(json.loads(json.dumps(to_json(ALL[name]), allow_nan=False))) == ALL[name]


def test_what_json_has_no_word_for_is_unknown() -> None:
    """Infinity and NaN, which browsers do not read."""
    odd = replace(HEALTHY, holders=(replace(HEALTHY.holders[0], age_s=math.inf),))
    assert to_json(odd)["holders"][0]["age_s"] is None


def test_names_that_are_not_known_are_passed_over_and_missing_ones_take_their_defaults() -> None:
    """A newer version's file, and an older one's."""
    document: Any = to_json(HEALTHY)
    document["invented"] = {"a": 1}
    document["pool"]["invented"] = 1
    del document["events"]
    assert from_json(document) == replace(HEALTHY, events=())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "no snapshot of format 1"),
        ([], "no snapshot of format 1"),
        ({}, "found: None"),
        ({"format": 2}, "found: 2"),
        ({"format": 1}, "snapshot lacks something"),
        (to_json(HEALTHY) | {"pool": {"size": "twenty"}}, "snapshot.pool.size is 'twenty'"),
        (to_json(HEALTHY) | {"holders": [3]}, r"snapshot.holders\[0\] is 3"),
        (to_json(HEALTHY) | {"holders": "none"}, "snapshot.holders is 'none'"),
        (to_json(HEALTHY) | {"at_s": True}, "snapshot.at_s is True"),
        (to_json(HEALTHY) | {"problems": [{"level": "fatal"}]}, r"snapshot.problems\[0\].level is 'fatal'"),
        (to_json(HEALTHY) | {"counters": {"a": 1, "b": "2"}}, "snapshot.counters.b is '2'"),
        (to_json(HEALTHY) | {"counters": [1]}, r"snapshot.counters is \[1\]"),
        (to_json(HEALTHY) | {"at_s": 10**400}, "snapshot.at_s is a number of"),
    ],
)
def test_what_is_no_snapshot_is_said_to_be_none(document: object, words: str) -> None:
    """With the place of what is wrong."""
    with pytest.raises(SnapshotError, match=words):
        from_json(document)


def test_quantiles_are_the_bound_that_the_share_keeps_to() -> None:
    """None where nothing was observed, without end beyond the last bound."""
    assert Durations().quantile_s(0.99) is None
    some = Durations((0.1, 1.0), (98, 1, 1), 3.0)
    assert (some.quantile_s(0.5), some.quantile_s(0.99), some.quantile_s(1.0)) == (0.1, 1.0, math.inf)


def test_a_snapshot_is_frozen() -> None:
    """Views cannot change what others see."""
    with pytest.raises(AttributeError):
        HEALTHY.at_s = 1.0  # type: ignore[misc]
    assert isinstance(HEALTHY, Snapshot)
