"""What was is kept in steps, peaks and all, in memory that never grows, whatever the clock does."""

import gc
import math
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.snapshot import Durations
from plimsoll.snapshot.history import SERIES, STEPS, History, Series, Span, numbers_of
from plimsoll.snapshot.moment import Moment
from tests.snapshot.samples import HEALTHY, NOW_S, POOL
from tests.snapshot.troubles import route

START_S = 1_795_860_000.0
"""At a step's beginning in all three."""


MOMENT = Moment.of(HEALTHY)


def at(at_s: float, *, taken: int = 2, waiting: int = 0, requests: int = 0) -> Moment:
    """A worker at a moment."""
    pool = replace(POOL, checked_out=taken, waiting=waiting)
    return Moment.of(replace(HEALTHY, at_s=at_s, pool=pool, routes=(route("GET /items", requests),)))


def seconds(history: History, first: int, last: int, **numbers: int) -> None:
    """Once a second, from `first` up to before `last`."""
    for second in range(first, last):
        history.add(at(START_S + second + 0.3, **numbers))


def taken(series: Series) -> list[float | None]:
    """The connections in use."""
    return list(series.values["pool_taken"])


def test_the_beginning_is_on_a_step() -> None:
    """For the tests below to reckon with."""
    assert all(START_S % step_s == 0 for step_s, _steps in STEPS.values())


def test_nothing_was_before_the_first_step_has_ended() -> None:
    """Nor is an empty history trouble."""
    history = History()
    assert history.series("10m").times_s == ()
    history.add(at(START_S))
    assert history.series("10m") == Series(1.0, (), dict.fromkeys(SERIES, ()))


def test_steps_end_where_their_seconds_do() -> None:
    """The step at hand is not told."""
    history = History()
    seconds(history, 0, 21)
    assert history.series("10m").times_s == tuple(START_S + second for second in range(1, 21))
    assert history.series("1h").times_s == (START_S + 10, START_S + 20)
    assert history.series("1d").times_s == ()


@pytest.mark.parametrize("span", STEPS)
def test_a_span_is_as_long_as_it_says(span: Span) -> None:
    """The oldest steps go."""
    step_s, steps = STEPS[span]
    history = History()
    for number in range(steps + 50):
        history.add(at(START_S + number * step_s, taken=number))
    series = history.series(span)
    assert taken(series) == list(range(49, steps + 49))
    assert series.times_s[-1] - series.times_s[0] == (steps - 1) * step_s
    assert step_s * steps == {"10m": 600, "1h": 3_600, "1d": 86_400}[span]


def test_a_peak_of_a_second_is_seen_a_day_later() -> None:
    """Down-sampling keeps the most that was taken and the least that was left; what is a mean is one."""
    history = History()
    seconds(history, 0, 50)
    history.add(at(START_S + 50.3, taken=40, waiting=25))
    seconds(history, 51, 121)
    day = history.series("1d")
    assert (day.values["pool_taken"], day.values["pool_waiting"]) == ((40.0,), (25.0,))
    assert day.values["pool_idle"][0] == pytest.approx(6.0)
    assert max(value or 0 for value in taken(history.series("1h"))) == 40


def test_means_are_of_all_that_was_known() -> None:
    """Rates are not known at the first look, and are counted over the time between two."""
    history = History()
    for second in range(11):
        history.add(at(START_S + second, requests=second * second))
    series = history.series("10m")
    assert series.values["requests_per_s"] == (None, *(2 * second - 1.0 for second in range(1, 10)))
    assert history.series("1h").values["requests_per_s"][0] == pytest.approx(9.0)


def test_a_gap_is_one_empty_step() -> None:
    """So that no chart draws a line across it; a second that was missed by a little is no gap."""
    history = History()
    for second in (0, 1, 3, 4, 60, 61):
        history.add(at(START_S + second, taken=second))
    series = history.series("10m")
    assert taken(series) == [0.0, 1.0, 3.0, 4.0, None, 60.0]
    assert [round(time_s - START_S) for time_s in series.times_s] == [1, 2, 4, 5, 6, 61]


def test_a_clock_that_jumps_forward_leaves_only_what_is_of_the_span() -> None:
    """Ten minutes are ten minutes."""
    history = History()
    seconds(history, 0, 300, taken=7)
    history.add(at(START_S + 800, taken=9))
    history.add(at(START_S + 801))
    series = history.series("10m")
    assert series.times_s[0] > series.times_s[-1] - 600
    assert taken(series)[-2:] == [None, 9.0]
    seconds(history, 3_000, 3_003)
    assert len(history.series("10m").times_s) == 2


def test_a_clock_that_is_set_back_tells_each_moment_once() -> None:
    """What the wrong clock told of later moments is forgotten; times go on rising."""
    history = History()
    seconds(history, 0, 100, taken=5)
    seconds(history, 40, 60, taken=8)
    series = history.series("10m")
    assert list(series.times_s) == sorted(set(series.times_s))
    assert taken(series) == [5.0] * 40 + [8.0] * 19


def test_a_clock_that_is_set_back_by_a_little_stays_in_its_step() -> None:
    """As time servers do it."""
    history = History()
    for moment_s in (0.0, 0.9, 0.2, 1.1, 2.0):
        history.add(at(START_S + moment_s))
    assert len(history.series("10m").times_s) == 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-200_000, 200_000), st.integers(0, 50)), max_size=60))
def test_whatever_the_clock_does_times_rise(looks: list[tuple[float, int]]) -> None:
    """And lie within the span that ends with the last; peaks are among what was seen."""
    history = History()
    for moved_s, number in looks:
        history.add(at(START_S + moved_s, taken=number))
    for span, (step_s, steps) in STEPS.items():
        series = history.series(span)
        times = list(series.times_s)
        assert times == sorted(set(times))
        assert not times or times[0] > times[-1] - step_s * steps
        assert {value for value in taken(series) if value is not None} <= {float(number) for _moved_s, number in looks}
        assert all(len(values) == len(times) for values in series.values.values())


@pytest.mark.parametrize("moment_s", [math.nan, math.inf, -math.inf])
def test_a_moment_that_is_none_is_passed_over(moment_s: float) -> None:
    """The history goes on after it."""
    history = History()
    seconds(history, 0, 3)
    history.add(at(moment_s))
    seconds(history, 3, 5)
    assert len(history.series("10m").times_s) == 4


def test_durations_beyond_all_bounds_are_told_as_the_last_bound() -> None:
    """JSON has no word for infinity, and the worst minute is not to be a hole in the chart."""
    beyond = Durations((0.1, 1.0), (0, 0, 9), 90.0)
    now = replace(MOMENT, pool=replace(POOL, acquire=beyond))
    assert numbers_of(now, None)["acquire_p99_s"] == 1.0
    without = replace(MOMENT, pool=replace(POOL, acquire=Durations(counts=(3,))))
    assert math.isnan(numbers_of(without, None)["acquire_p99_s"])


def test_durations_are_those_since_the_look_before() -> None:
    """A histogram that has begun anew is taken as it is."""
    before = replace(MOMENT, pool=replace(POOL, acquire=Durations((0.1, 1.0), (90, 0, 0), 1.0)))
    now = replace(MOMENT, at_s=NOW_S + 1, pool=replace(POOL, acquire=Durations((0.1, 1.0), (90, 5, 0), 3.0)))
    anew = replace(MOMENT, at_s=NOW_S + 1, pool=replace(POOL, acquire=Durations((0.1, 1.0), (3, 0, 0), 0.1)))
    assert numbers_of(now, before)["acquire_p99_s"] == 1.0
    assert numbers_of(anew, before)["acquire_p99_s"] == 0.1


def test_rates_are_never_below_zero() -> None:
    """A counter that fell has begun anew."""
    later = replace(at(NOW_S + 1, requests=5), at_s=NOW_S + 1)
    assert numbers_of(later, at(NOW_S, requests=9))["requests_per_s"] == 0
    assert math.isnan(numbers_of(later, at(NOW_S + 1))["requests_per_s"])


def test_what_is_not_known_is_none() -> None:
    """A worker whose server nobody has asked, without limits and sockets."""
    history = History()
    unknown = Moment.of(
        replace(HEALTHY, server=None, client_connections=None, memory=replace(HEALTHY.memory, binding=None))
    )
    for second in range(3):
        history.add(replace(unknown, at_s=START_S + second))
    values = history.series("10m").values
    assert values["server_connections"] == values["client_connections"] == values["memory_left_bytes"] == (None, None)


def test_every_series_is_filled() -> None:
    """The numbers and the series have the same names."""
    assert set(numbers_of(MOMENT, None)) == set(SERIES)


def traced_bytes() -> int:
    """What code of the snapshot's package has allocated, and not given back."""
    gc.collect()
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/plimsoll/snapshot/*")])
    return sum(trace.size for trace in ours.traces)


def test_a_day_takes_no_more_memory_than_is_said() -> None:
    """A simulated day: flat after the first seconds, and as much as `memory_bytes` says within a tenth."""
    looks = [at(START_S, taken=number, requests=number) for number in range(40)]
    tracemalloc.start()
    try:
        history = History()
        seconds(history, 0, 3)
        made_bytes = traced_bytes()
        for second in range(3, 86_400, 9):
            object.__setattr__(looks[second % 40], "at_s", START_S + second)
            history.add(looks[second % 40])
        ended_bytes = traced_bytes()
    finally:
        tracemalloc.stop()
    assert ended_bytes - made_bytes < 10_000
    assert history.memory_bytes == pytest.approx(made_bytes, rel=0.1)
    assert 200_000 < history.memory_bytes < 300_000
    assert len(history.series("1d").times_s) == 719
