"""The limit that adapts: down when the database is given too much, up when requests have to wait for the limit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.limiter import AdaptiveLimit, Usage
from plimsoll.limiter.adaptive import LEAST_SAMPLES, WINDOW_S

SIZE, MOST = 5, 10


class Pool:
    """A pool whose totals the test moves, and a clock."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.totals = Usage(0.0, 0, 0.0, 0, SIZE, MOST)
        self.limit = AdaptiveLimit(lambda: self.totals, lambda: self.now_s)

    def window(self, *, wait_s: float = 0.0, use_s: float = 0.01, uses: int = 20, pressed: bool = False) -> int:
        """A window goes by with so many uses of this mean wait and time; the limit after it."""
        totals = self.totals
        self.totals = replace(
            totals,
            waited_s=totals.waited_s + wait_s * uses,
            waits=totals.waits + uses,
            used_s=totals.used_s + use_s * uses,
            uses=totals.uses + uses,
        )
        self.now_s += WINDOW_S
        assert self.limit.look(pressed=pressed)
        return self.limit.limit


def test_it_begins_with_what_the_pool_may_open() -> None:
    """Its size and its overflow."""
    assert Pool().limit.limit == MOST


def test_it_is_looked_at_once_a_window() -> None:
    """Before that nothing is read and nothing moves."""
    pool = Pool()
    pool.window(wait_s=1)
    assert not pool.limit.look(pressed=True)
    pool.now_s += WINDOW_S * 0.9
    assert not pool.limit.look(pressed=True)


def test_it_goes_up_by_one_only_where_somebody_had_to_wait_for_it() -> None:
    """And never above twice what the pool may open."""
    pool = Pool()
    assert [pool.window() for _ in range(3)] == [MOST] * 3
    assert [pool.window(pressed=True) for _ in range(3)] == [MOST + 1, MOST + 2, MOST + 3]
    assert [pool.window(pressed=True) for _ in range(20)][-1] == 2 * MOST


def test_waits_for_a_connection_take_it_down_to_the_pools_size_and_no_further() -> None:
    """More than a tenth of the time of use is spent in the pool's line: too many were let in."""
    pool = Pool()
    seen = [pool.window(wait_s=0.005, pressed=True) for _ in range(10)]
    assert seen[0] == 9
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == SIZE


@pytest.mark.parametrize(("wait_s", "use_s"), [(0.0019, 0.001), (0.009, 0.1)])
def test_short_waits_are_how_the_pool_stays_busy(wait_s: float, use_s: float) -> None:
    """Less than a tenth of the use, or than the time of a few turns of the loop, is no sign."""
    pool = Pool()
    assert pool.window(wait_s=wait_s, use_s=use_s, pressed=True) == MOST + 1


def test_uses_that_take_a_multiple_of_the_usual_take_it_down() -> None:
    """Though nobody waits: the database is slower the more it is given."""
    pool = Pool()
    for _ in range(5):
        pool.window(use_s=0.01)
    assert pool.window(use_s=0.015, pressed=True) == MOST + 1
    assert pool.window(use_s=0.05, pressed=True) < MOST + 1


def test_another_kind_of_load_becomes_the_usual_one() -> None:
    """Requests that simply take longer than those before them do not keep the limit down for ever."""
    pool = Pool()
    pool.window(use_s=0.01)
    seen = [pool.window(use_s=0.03, pressed=True) for _ in range(60)]
    assert min(seen) == SIZE
    assert seen[-1] > MOST


def test_faster_is_believed_at_once() -> None:
    """A slow start is not taken for usual."""
    pool = Pool()
    pool.window(use_s=0.5)
    for _ in range(4):
        pool.window(use_s=0.01)
    assert pool.limit.usual_s < 0.05
    assert pool.window(use_s=0.2) < MOST


def test_few_uses_say_nothing_until_they_are_enough() -> None:
    """They are added to those of the next window."""
    pool = Pool()
    few = LEAST_SAMPLES - 1
    assert pool.window(wait_s=1.0, uses=few) == MOST
    assert pool.window(wait_s=1.0, uses=1) == 9


def test_a_pool_that_began_anew_is_no_sign_and_its_new_size_counts_at_once() -> None:
    """`engine.dispose()` starts the totals at zero."""
    pool = Pool()
    pool.window()
    pool.totals = Usage(0.0, 0, 0.0, 0, 2, 3)
    pool.now_s += WINDOW_S
    assert pool.limit.look(pressed=True)
    assert pool.limit.limit == 6
    assert pool.window(wait_s=1.0) == 5


@given(
    st.lists(
        st.tuples(
            st.floats(0, 10),
            st.floats(0.0001, 10),
            st.integers(0, 100),
            st.booleans(),
            st.integers(1, 50),
            st.integers(0, 50),
        ),
        max_size=40,
    )
)
def test_it_never_leaves_its_bounds(windows: list[tuple[float, float, int, bool, int, int]]) -> None:
    """Whatever the pool shows: at least the pool's size, at most twice what it may open."""
    pool = Pool()
    for wait_s, use_s, uses, pressed, size, overflow in windows:
        pool.totals = replace(pool.totals, size=size, most=size + overflow)
        limit = pool.window(wait_s=wait_s, use_s=use_s, uses=uses, pressed=pressed)
        assert size <= limit <= 2 * (size + overflow)
