"""How start-up spends the time it has: a clock that the test moves, and no database."""

import random

import pytest
from sqlalchemy.exc import OperationalError

from plimsoll import DatabaseSettings
from plimsoll.errors import DatabaseUnavailableError
from plimsoll.startup.patience import FIRST_PAUSE_S, LONGEST_PAUSE_S, SPREAD, Patience

DOWN = OperationalError("SELECT 1", {}, Exception(2003, "cannot connect"))


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def patience(clock: Clock, start_timeout_s: float, connect_timeout_s: float = 10.0) -> Patience:
    """The patience of a service on MySQL."""
    settings = DatabaseSettings(
        database_url="mysql+aiomysql://user:secret@db/name",
        start_timeout_s=start_timeout_s,
        connect_timeout_s=connect_timeout_s,
    )
    return Patience(settings, clock)


def pauses(clock: Clock, patient: Patience) -> list[float]:
    """The pauses between attempts that fail at once, until the time is over."""
    found = []
    while True:
        try:
            found.append(patient.pause_after(DOWN))
        except DatabaseUnavailableError:
            return found
        clock.now_s += found[-1]


def test_pauses_grow_to_a_limit_and_use_all_the_time() -> None:
    """Many attempts at first, for a database that is nearly there; the last one when the time is over, not before."""
    random.seed(3)
    clock = Clock()
    found = pauses(clock, patience(clock, 60))
    assert clock.now_s == pytest.approx(1060)
    assert found[0] <= FIRST_PAUSE_S * (1 + SPREAD)
    assert max(found) <= LONGEST_PAUSE_S * (1 + SPREAD)
    assert min(found[6:-1]) >= LONGEST_PAUSE_S * (1 - SPREAD)


def test_workers_that_start_together_do_not_ask_together() -> None:
    """Pauses differ by chance."""
    clock = Clock()
    assert len({patience(clock, 60).pause_after(DOWN) for _ in range(10)}) > 1


def test_no_time_to_wait_is_one_attempt() -> None:
    """DB_START_TIMEOUT=0: the first failure is the end, and that one attempt has its full time."""
    clock = Clock()
    patient = patience(clock, 0)
    assert patient.attempt_limit_s == 20
    clock.now_s += 15
    with pytest.raises(DatabaseUnavailableError, match=r"within 15\.0 s.*which is 0 now"):
        patient.pause_after(DOWN)


def test_an_attempt_ends_with_the_time_that_is_left_and_has_a_second_at_least() -> None:
    """A silent server does not stretch start-up by more than a second."""
    clock = Clock()
    patient = patience(clock, 30)
    assert patient.attempt_limit_s == 20
    clock.now_s += 25
    assert patient.attempt_limit_s == 5
    clock.now_s += 5
    assert patient.attempt_limit_s == 1


def test_what_is_shown_to_others_names_no_host() -> None:
    """The ready page has the numbers, the log has the database too, and neither the password."""
    clock = Clock()
    patient = patience(clock, 60)
    clock.now_s += 1.5
    assert patient.waited == "waited 1.5 s of 60 s for the database"
    assert patient.told(DOWN) == (
        "waited 1.5 s of 60 s for the database at mysql+aiomysql://user:***@db/name?charset=utf8mb4: "
        "cannot connect (error 2003)"
    )
