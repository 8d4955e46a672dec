"""Bookings as they are shown: a list takes one statement and a single booking two, however many rows they have."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Booking, BookingItem, Item, Space, Venue
from app.problems import problem
from app.schemas.bookings import BookingAnswer, BookingItemAnswer, BookingSummary

SUMMARY_COLUMNS: tuple[Any, ...] = (
    Booking.id,
    Booking.account_id,
    Booking.space_id,
    Space.name.label("space_name"),
    Venue.name.label("venue_name"),
    Booking.starts_at,
    Booking.ends_at,
    Booking.guests,
    Booking.status,
    Booking.total,
    Booking.currency,
    Booking.created_at,
)


def summaries() -> Select[Any]:
    """Return the query of bookings with the names of their space and venue."""
    return (
        select(*SUMMARY_COLUMNS)
        .select_from(Booking)
        .join(Space, Space.id == Booking.space_id)
        .join(Venue, Venue.id == Space.venue_id)
    )


def as_summaries(rows: Sequence[Any]) -> list[BookingSummary]:
    """Return the rows of `summaries()` as they are answered."""
    return [BookingSummary.model_validate(row) for row in rows]


async def booking_answer(session: AsyncSession, booking_id: int, account_id: int | None = None) -> BookingAnswer:
    """Return one booking with its items, of `account_id` alone where that is given. 404 where there is none."""
    query = summaries().add_columns(Booking.note, Booking.cancelled_at).where(Booking.id == booking_id)
    if account_id is not None:
        query = query.where(Booking.account_id == account_id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise problem(404, f"There is no booking {booking_id} of yours.")
    lines = (
        select(BookingItem.item_id, Item.title, BookingItem.quantity, BookingItem.unit_price)
        .join(BookingItem.item)
        .where(BookingItem.booking_id == booking_id)
        .order_by(BookingItem.item_id)
    )
    items = [BookingItemAnswer.model_validate(line) for line in (await session.execute(lines)).all()]
    return BookingAnswer.model_validate({**row._mapping, "items": items})
