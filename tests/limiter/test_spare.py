"""Who may connect though memory is short: a few, and never for the last of it."""

from plimsoll.limiter import Spare
from plimsoll.limiter.spare import KEPT, SAVED_BYTES, SPARE_BYTES_S

MIB = 1 << 20
RESERVE = 16 * MIB
PLAIN = 12 << 10
TLS = 300 << 10


def test_a_page_with_its_files_can_be_opened_and_a_flood_cannot() -> None:
    """At once what was saved up, then so much a second, however many come."""
    now = [100.0]
    spare = Spare(lambda: now[0], RESERVE)
    assert sum(spare.take(TLS, RESERVE) for _ in range(1_000)) == SAVED_BYTES // TLS == 10
    now[0] += 1.0
    assert sum(spare.take(PLAIN, RESERVE) for _ in range(1_000)) >= SPARE_BYTES_S // PLAIN
    now[0] += 10_000.0
    assert sum(spare.take(PLAIN, RESERVE) for _ in range(1_000)) == SAVED_BYTES // PLAIN


def test_the_last_of_the_memory_is_not_given() -> None:
    """Nor is a refusal held against the next."""
    spare = Spare(lambda: 0.0, RESERVE)
    assert not spare.take(PLAIN, RESERVE // KEPT)
    assert not spare.take(PLAIN, 0)
    assert spare.take(PLAIN, RESERVE // KEPT + PLAIN)


def test_a_crowd_that_is_turned_away_and_comes_again_does_not_use_it_up() -> None:
    """What each has taken is there for the next; more than may be saved up is never had."""
    spare = Spare(lambda: 0.0, RESERVE)
    for _ in range(10_000):
        assert spare.take(PLAIN, RESERVE)
        spare.give_back(PLAIN)
    for _ in range(100):
        spare.give_back(TLS)
    assert sum(spare.take(TLS, RESERVE) for _ in range(1_000)) == SAVED_BYTES // TLS
