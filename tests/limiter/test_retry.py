"""`Retry-After`: as long as the work needs for those who were turned away, never the same for all of them."""

from collections import Counter

import pytest

from plimsoll.limiter import RetryAfter
from plimsoll.limiter.retry import LONGEST_S


class Clock:
    """A clock that the test moves."""

    now_s = 7.0

    def __call__(self) -> float:
        return self.now_s


def after(served: int, refused: int, seconds: float = 1.0, *, jitter: float | None = 1.0) -> RetryAfter:
    """After a time in which so many were served and refused; `jitter` in place of chance."""
    clock = Clock()
    retry = RetryAfter(clock) if jitter is None else RetryAfter(clock, lambda _low, _high: jitter)
    for _ in range(served):
        retry.served()
    for _ in range(refused - 1):
        retry.refuse()
    clock.now_s += seconds
    retry.refuse()
    return retry


@pytest.mark.parametrize(
    ("served", "refused", "seconds", "expected"),
    [
        (200, 100, 1.0, 1),
        (100, 450, 1.0, 5),
        (200, 900, 2.0, 5),
        (1, 20, 10.0, 2),
        (10, 100, 1.0, 10),
        (0, 20, 1.0, 20),
        (1, 5000, 1.0, LONGEST_S),
    ],
)
def test_it_is_the_time_that_the_work_would_need_for_all_who_were_refused(
    served: int, refused: int, seconds: float, expected: int
) -> None:
    """Refused divided by served, in whole seconds, 1 to 30; also where nothing is served at all."""
    assert after(served, refused, seconds).refuse() == expected


def test_before_anything_was_measured_it_is_a_second() -> None:
    """The least that the header can say."""
    assert RetryAfter(Clock()).refuse() == 1


def test_the_measure_follows_the_load() -> None:
    """A second after the flood its number is forgotten."""
    clock = Clock()
    retry = RetryAfter(clock, lambda _low, _high: 1.0)
    for served, refused, expected in ((10, 200, 20), (10, 9, 1)):
        for _ in range(served):
            retry.served()
        for _ in range(refused - 1):
            retry.refuse()
        clock.now_s += 1
        assert retry.refuse() == expected


def test_they_are_not_all_sent_to_come_back_together() -> None:
    """Half of the time to one and a half of it."""
    drawn = Counter(after(10, 100, jitter=None).refuse() for _ in range(300))
    assert set(drawn) <= set(range(5, 16))
    assert len(drawn) > 5
