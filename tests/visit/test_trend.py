"""Whether memory grows: by a slope and an interval that steps and outliers do not mislead."""

import random

import pytest

from plimsoll.checks.trend import LEAST_POINTS, MIB, MOST_POINTS, trend_of


def test_memory_that_stands_is_flat() -> None:
    """Exactly."""
    trend = trend_of([(second, 100.0 * MIB) for second in range(60)])
    assert trend is not None
    assert (trend.slope, trend.low, trend.high, trend.grows) == (0, 0, 0, False)


def test_one_step_is_no_growth() -> None:
    """A cache that was filled: least squares would be sure of 60 MiB an hour."""
    trend = trend_of([(10.0 * step, (100.0 + (step > 55)) * MIB) for step in range(60)])
    assert trend is not None
    assert not trend.grows


def test_growth_is_found_with_its_size() -> None:
    """36 MiB an hour in steps of a page, with noise."""
    chance = random.Random(7)
    points = [(10.0 * step, 100 * MIB + step * 0.1 * MIB + chance.gauss(0, 0.2) * MIB) for step in range(60)]
    trend = trend_of(points)
    assert trend is not None
    assert trend.grows
    assert trend.mib_an_hour == pytest.approx(36, abs=trend.margin_mib_an_hour)
    assert trend.margin_mib_an_hour < 12


def test_an_interval_holds_the_slope_as_often_as_it_says() -> None:
    """95 of 100 times where the noise is independent; with 400 series within 91 and 99."""
    chance = random.Random(11)
    held = 0
    for _ in range(400):
        trend = trend_of([(float(step), step * 5.0 + chance.gauss(0, 100)) for step in range(20)])
        assert trend is not None
        held += trend.low <= 5.0 <= trend.high
    assert 0.91 <= held / 400 <= 0.99


@pytest.mark.parametrize("points", [[], [(0.0, 1.0)] * 20, [(float(step), 1.0) for step in range(LEAST_POINTS - 1)]])
def test_too_few_points_tell_nothing(points: list[tuple[float, float]]) -> None:
    """None, one moment, seven."""
    assert trend_of(points) is None


def test_many_points_are_thinned_out() -> None:
    """Pairs would be millions."""
    trend = trend_of([(float(step), 7.0 * step) for step in range(5000)])
    assert trend is not None
    assert trend.points <= MOST_POINTS
    assert trend.slope == pytest.approx(7)
