"""Makes the bookings of the sample: half a year back, four months ahead, no two of them in the same hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from app.booking import hours_of
from app.models.bookings import CANCELLED, CONFIRMED
from app.models.venues import INDIA_OFFSET_MINUTES
from app.sample import names

BOOKINGS = 5_000
DAYS_BACK, DAYS_AHEAD = 180, 120
OPENS, LAST_START, LONGEST = 8, 18, 6
CANCELLED_SHARE, WITH_ITEMS_SHARE = 0.08, 0.6


@dataclass(frozen=True, slots=True)
class SampleBooking:
    """A booking before it has ids: positions of the user, space and items, and the row."""

    user: int
    space: int
    items: list[tuple[int, int]]
    row: dict[str, Any]

    @property
    def hours(self) -> list[datetime]:
        """The hours it takes: none once it is cancelled."""
        return [] if self.row["status"] == CANCELLED else hours_of(self.row["starts_at"], self.row["ends_at"])


def make_bookings(
    rng: Random,
    at: datetime,
    users: int,
    spaces: Sequence[dict[str, Any]],
    items: Sequence[dict[str, Any]],
) -> list[SampleBooking]:
    """Return the bookings in the order in which they were made, as of the instant `at`, a midnight in UTC."""
    taken: set[tuple[int, datetime]] = set()
    bookings: list[SampleBooking] = []
    while len(bookings) < BOOKINGS:
        booking = _booking(rng, at, rng.randrange(users), rng.randrange(len(spaces)), spaces, items)
        wanted = {(booking.space, hour) for hour in booking.hours}
        if not wanted & taken:
            taken |= wanted
            bookings.append(booking)
    return sorted(bookings, key=lambda booking: booking.row["created_at"])


def _booking(
    rng: Random,
    at: datetime,
    user: int,
    space: int,
    spaces: Sequence[dict[str, Any]],
    items: Sequence[dict[str, Any]],
) -> SampleBooking:
    day = at + timedelta(days=rng.randint(-DAYS_BACK, DAYS_AHEAD), minutes=-INDIA_OFFSET_MINUTES)
    starts_at = day + timedelta(hours=rng.randint(OPENS, LAST_START))
    hours = rng.randint(2, LONGEST)
    wanted = _items(rng, items) if rng.random() < WITH_ITEMS_SHARE else []
    cancelled = rng.random() < CANCELLED_SHARE
    created_at = min(starts_at, at) - timedelta(minutes=rng.randint(60, 60 * 24 * 60))
    row = {
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=hours),
        "guests": rng.randint(10, spaces[space]["capacity"]),
        "note": rng.choice(names.BOOKING_NOTES),
        "status": CANCELLED if cancelled else CONFIRMED,
        "total": spaces[space]["price_per_hour"] * hours
        + sum((items[item]["price"] * quantity for item, quantity in wanted), Decimal(0)),
        "currency": "INR",
        "created_at": created_at,
        "cancelled_at": created_at + timedelta(minutes=30) if cancelled else None,
    }
    return SampleBooking(user, space, wanted, row)


def _items(rng: Random, items: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    chosen = rng.sample(range(len(items)), rng.randint(1, 3))
    return [(item, rng.randint(1, items[item]["max_quantity"])) for item in chosen]
