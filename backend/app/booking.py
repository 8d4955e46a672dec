"""The making of a booking: its rules, its price, and what happens when two clients want the same hour.

No check in here keeps two bookings apart: the primary key of `booked_hours` does. The checks make the answers clear.
"""

import asyncio
import hashlib
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.booking_queries import booking_answer
from app.models import BookedHour, Booking, BookingItem, Item, Space, Venue
from app.models.columns import now
from app.problems import problem
from app.schemas.bookings import BookedItem, BookingAnswer, NewBooking
from plimsoll import Database
from plimsoll.server import Fault, fault_of

ATTEMPTS = 5
LONGEST_WAIT_S = 0.05
HOUR = timedelta(hours=1)
FARTHEST_AHEAD = timedelta(days=730)
MINUTES_AN_HOUR, SECONDS_A_MINUTE = 60, 60


async def book(database: Database, account_id: int, request: NewBooking, key: str | None) -> tuple[BookingAnswer, bool]:
    """Book, and return the booking and whether it is one that the same key has made before.

    Raises a problem: 404 for what is not there, 409 for what cannot be booked as things are, such as hours that are
    taken, or for a key that was used for something else, 503 where other transactions were in the way every time.
    """
    key_hash = hashlib.sha256(key.encode()).hexdigest() if key else None
    for attempt in range(ATTEMPTS):
        try:
            async with database.transaction() as session:
                known = await _made_before(session, account_id, key_hash, request)
                if known is not None:
                    return known, True
                return await _make(session, account_id, request, key_hash)
        except DBAPIError as error:
            # Somebody was faster, or a deadlock was broken at our cost: look again at what there is now.
            if fault_of(error, database.engine.dialect.name) not in {Fault.CONFLICT, Fault.BUSY}:
                raise
        await asyncio.sleep(random.uniform(0, LONGEST_WAIT_S * 2**attempt))  # noqa: S311 - no secret
    raise problem(503, "Too many bookings of this space at once. Try again.", {"Retry-After": "1"})


async def _made_before(
    session: AsyncSession, account_id: int, key_hash: str | None, request: NewBooking
) -> BookingAnswer | None:
    if key_hash is None:
        return None
    same_key = (Booking.account_id == account_id) & (Booking.idempotency_key == key_hash)
    known = (await session.execute(select(Booking.id, Booking.request_hash).where(same_key))).one_or_none()
    if known is None:
        return None
    if known.request_hash != request.digest():
        raise problem(409, "This Idempotency-Key was used for another booking. Use a new one.")
    return await booking_answer(session, known.id)


async def _make(
    session: AsyncSession, account_id: int, request: NewBooking, key_hash: str | None
) -> tuple[BookingAnswer, bool]:
    space, venue = await _bookable_space(session, request.space_id)
    _check_start(request.starts_at, venue.utc_offset_minutes)
    if request.guests > space.capacity:
        raise problem(409, f"The space takes {space.capacity} people, not {request.guests}.")
    items = await _bookable_items(session, request, space.currency)
    hours = hours_of(request.starts_at, request.starts_at + request.hours * HOUR)
    taken = await _first_taken(session, space.id, hours)
    if taken is not None:
        # Perhaps by this very request, sent twice at once: its twin may have committed since the key was looked for.
        known = await _made_before(session, account_id, key_hash, request)
        if known is None:
            raise problem(409, f"The space is booked already at {taken:%Y-%m-%dT%H:%M:%SZ}.")
        return known, True
    booking = _new_booking(account_id, request, key_hash, space, items)
    session.add(booking)
    await session.flush()
    await _write_parts(session, booking, hours, items)
    return await booking_answer(session, booking.id), False


def _new_booking(
    account_id: int, request: NewBooking, key_hash: str | None, space: Space, items: Sequence[tuple[Item, BookedItem]]
) -> Booking:
    return Booking(
        account_id=account_id,
        space_id=space.id,
        starts_at=request.starts_at,
        ends_at=request.starts_at + request.hours * HOUR,
        guests=request.guests,
        note=request.note,
        total=total(space.price_per_hour, request.hours, items),
        currency=space.currency,
        idempotency_key=key_hash,
        request_hash=request.digest() if key_hash else None,
    )


async def _write_parts(
    session: AsyncSession,
    booking: Booking,
    hours: Sequence[datetime],
    items: Sequence[tuple[Item, BookedItem]],
) -> None:
    # In the order of time: two bookings that overlap then wait for each other's first hour, not crosswise.
    taken = [{"space_id": booking.space_id, "hour_start": hour, "booking_id": booking.id} for hour in hours]
    await session.execute(insert(BookedHour), taken)
    if items:
        wanted = [
            {
                "booking_id": booking.id,
                "item_id": item.id,
                "quantity": line.quantity,
                "unit_price": item.price,
            }
            for item, line in items
        ]
        await session.execute(insert(BookingItem), wanted)


async def _bookable_space(session: AsyncSession, space_id: int) -> tuple[Space, Venue]:
    query = select(Space, Venue).join(Space.venue).where(Space.id == space_id, Space.is_active, Venue.is_active)
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise problem(404, f"There is no space {space_id} to book.")
    return found[0], found[1]


async def _bookable_items(session: AsyncSession, request: NewBooking, currency: str) -> list[tuple[Item, BookedItem]]:
    if not request.items:
        return []
    wanted = select(Item).where(Item.id.in_([line.item_id for line in request.items]), Item.is_active)
    known = {item.id: item for item in await session.scalars(wanted)}
    chosen = []
    for line in request.items:
        item = known.get(line.item_id)
        if item is None:
            raise problem(404, f"There is no item {line.item_id} to book.")
        _check_item(item, line.quantity, request.starts_at, currency)
        chosen.append((item, line))
    return chosen


def _check_item(item: Item, quantity: int, starts_at: datetime, currency: str) -> None:
    most = min(item.max_quantity, item.stock)
    if not item.min_quantity <= quantity <= most:
        raise problem(409, f"Of item {item.id} one books {item.min_quantity} to {most}, not {quantity}.")
    if item.currency != currency:
        raise problem(409, f"Item {item.id} is priced in {item.currency}, the space in {currency}.")
    if starts_at - now() < timedelta(hours=item.lead_time_hours):
        raise problem(409, f"Item {item.id} has to be booked {item.lead_time_hours} hours ahead.")


def _check_start(starts_at: datetime, utc_offset_minutes: int) -> None:
    if not now() < starts_at <= now() + FARTHEST_AHEAD:
        raise problem(409, f"A booking begins between now and {FARTHEST_AHEAD.days} days from now.")
    if not _is_full_hour(starts_at, utc_offset_minutes):
        raise problem(409, "A booking begins on the full hour by the venue's clock.")


def _is_full_hour(time: datetime, utc_offset_minutes: int) -> bool:
    seconds = int(time.timestamp()) + utc_offset_minutes * SECONDS_A_MINUTE
    return time.microsecond == 0 and seconds % (MINUTES_AN_HOUR * SECONDS_A_MINUTE) == 0


async def _first_taken(session: AsyncSession, space_id: int, hours: Sequence[datetime]) -> datetime | None:
    """Return the hour that is in the way, where that shows before trying."""
    query = (
        select(BookedHour.hour_start)
        .where(BookedHour.space_id == space_id, BookedHour.hour_start.between(hours[0], hours[-1]))
        .order_by(BookedHour.hour_start)
        .limit(1)
    )
    return await session.scalar(query)


def hours_of(starts_at: datetime, ends_at: datetime) -> list[datetime]:
    """Return the first instant of each hour from `starts_at` to before `ends_at`."""
    return [starts_at + n * HOUR for n in range((ends_at - starts_at) // HOUR)]


def total(price_per_hour: Decimal, hours: int, items: Sequence[tuple[Item, BookedItem]]) -> Decimal:
    """Return the price of a booking, exact."""
    return price_per_hour * hours + sum((item.price * line.quantity for item, line in items), Decimal(0))
