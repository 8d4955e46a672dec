"""Waits: Erlang's formulas against a slow exact one and known values, and what must hold of any queue."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.capacity.queueing import (
    Load,
    connections_for,
    erlang_b,
    erlang_c,
    mean_wait_s,
    square_root_staffing,
    wait_percentile_s,
    waits,
)


def slow_erlang_c(busy: Fraction, servers: int) -> Fraction:
    """The textbook's formula, term by term, in fractions: exact, and hopeless for many servers."""
    last = busy**servers / math.factorial(servers) * Fraction(servers) / (servers - busy)
    return last / (sum(busy**k / Fraction(math.factorial(k)) for k in range(servers)) + last)


@given(servers=st.integers(1, 60), percent=st.integers(1, 99))
def test_erlang_c_is_that_of_the_direct_formula(servers: int, percent: int) -> None:
    """For up to 60 servers and any use below all of them."""
    busy = Fraction(servers * percent, 100)
    assert erlang_c(float(busy), servers) == pytest.approx(float(slow_erlang_c(busy, servers)), rel=1e-9)


@pytest.mark.parametrize(
    ("busy", "servers", "delayed"),
    [(0.5, 1, 0.5), (1, 2, 1 / 3), (2, 3, 4 / 9), (4, 5, 0.5541), (8, 10, 0.4092), (18, 20, 0.5508)],
)
def test_known_values_of_erlang_c(busy: float, servers: int, delayed: float) -> None:
    """Those that tables give to four places."""
    assert erlang_c(busy, servers) == pytest.approx(delayed, abs=5e-5)


def test_many_servers_do_not_overflow() -> None:
    """With 100,000 of them, where a power or a factorial has long left what a float can hold."""
    assert 0 < erlang_b(99_000, 100_000) < erlang_c(99_000, 100_000) < 1
    assert erlang_c(99_900, 100_000) == pytest.approx(1 / (1 + 0.3162 * 0.6241 / 0.3795), rel=0.01)


def test_one_connection_waits_as_the_simplest_queue_does() -> None:
    """M/M/1 at half its use: the mean wait is one hold, and half do not wait at all."""
    load = Load(arrivals_per_s=10, hold_s=0.05)
    assert mean_wait_s(load, 1) == pytest.approx(0.05)
    assert wait_percentile_s(load, 1, 0.5) == 0
    assert wait_percentile_s(load, 1, 0.99) == pytest.approx(math.log(50) / 10)


def test_more_than_a_pool_carries_waits_without_end() -> None:
    """Also where exactly as much comes as it carries."""
    found = waits(Load(arrivals_per_s=200, hold_s=0.05), 10)
    assert (found.utilisation, found.delayed, found.most_per_s) == (1, 1, 200)
    assert found.mean_s == found.p95_s == found.p99_s == math.inf


@given(rate=st.floats(0.1, 5000), hold=st.floats(0.001, 2), wait=st.floats(0.001, 5))
def test_the_connections_for_a_wait_are_the_least_that_keep_it(rate: float, hold: float, wait: float) -> None:
    """One fewer would not."""
    load = Load(rate, hold)
    count = connections_for(load, wait)
    assert count is not None
    assert wait_percentile_s(load, count, 0.99) <= wait
    assert count == 1 or wait_percentile_s(load, count - 1, 0.99) > wait


@given(busy=st.floats(1, 2000), delayed=st.floats(0.01, 0.9))
def test_square_root_staffing_is_near_the_exact_number(busy: float, delayed: float) -> None:
    """Within a connection or two of the least at which Erlang C says no more are delayed, as is known of it."""
    staffed = square_root_staffing(busy, delayed)
    exact = next(count for count in range(math.floor(busy) + 1, staffed + 100) if erlang_c(busy, count) <= delayed)
    assert abs(staffed - exact) <= 2


@given(rate=st.floats(0.1, 5000), hold=st.floats(0.001, 2), count=st.integers(1, 300))
def test_a_connection_more_never_waits_longer(rate: float, hold: float, count: int) -> None:
    """In the mean and at the percentiles."""
    now, more = waits(Load(rate, hold), count), waits(Load(rate, hold), count + 1)
    assert more.mean_s <= now.mean_s
    assert more.p99_s <= now.p99_s * (1 + 1e-12)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_load_that_is_none_is_refused(value: float) -> None:
    """Both its numbers are above zero."""
    for load in ((value, 1), (1, value)):
        with pytest.raises(ValueError, match="above zero"):
            Load(*load)


def test_a_load_beyond_any_number_is_refused() -> None:
    """Two numbers that are fine by themselves may be too much together."""
    with pytest.raises(ValueError, match="beyond any number"):
        Load(1e308, 1e308)
