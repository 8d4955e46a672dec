"""Puts the sample into an empty database, once, however many processes start at the same time."""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.models import Account, BookedHour, Booking, BookingItem, Item, Space, Venue
from app.models.columns import now
from app.sample.calendar import SampleBooking, make_bookings
from app.sample.catalogue import Catalogue, make_catalogue
from plimsoll import Database, PlimsollError
from plimsoll.server import exclusive

logger = logging.getLogger("app.sample")

SEED = 1876  # the year of the load line
LOCK = "sample"
LOCK_WAIT_S = 120.0
# PostgreSQL takes 32,767 values in a statement and MySQL 16 MiB: this stays far below both.
CHUNK_ROWS = 1_000


async def seed_sample(database: Database) -> None:
    """Fill the catalogue and the calendar where both are empty. A failure is logged and stops nothing."""
    try:
        async with database.engine.connect() as connection:
            if not await _is_empty(connection):
                return
        async with exclusive(database.engine, LOCK, wait_s=LOCK_WAIT_S) as connection:
            if await _is_empty(connection):
                await _fill(connection)
    except (SQLAlchemyError, PlimsollError):
        logger.exception("The sample data could not be made; the service runs without it.")


async def _is_empty(connection: AsyncConnection) -> bool:
    for model in (Venue, Item, Booking):
        if await connection.scalar(select(model.id).limit(1)) is not None:
            return False
    return True


async def _fill(connection: AsyncConnection) -> None:
    began_s = time.perf_counter()
    rng = Random(SEED)  # noqa: S311 - the same sample every time is the point
    # The calendar is laid around today, so that there is always something to come.
    at = now().replace(hour=0, minute=0, second=0)
    catalogue = make_catalogue(rng, at)
    spaces = [row for _, row in catalogue.spaces]
    items = [row for _, row in catalogue.items]
    bookings = make_bookings(rng, at, len(catalogue.users), spaces, items)
    user_ids, space_ids, item_ids = await _insert_catalogue(connection, catalogue)
    await _insert_bookings(connection, bookings, user_ids, space_ids, item_ids, items)
    logger.info(
        "Made sample data: %d items, %d bookings, in %.1f s.",
        len(items),
        len(bookings),
        time.perf_counter() - began_s,
    )


async def _insert_catalogue(
    connection: AsyncConnection, catalogue: Catalogue
) -> tuple[list[int], list[int], list[int]]:
    vendors = await _insert_found_by(connection, Account, catalogue.vendors, ("email",))
    users = await _insert_found_by(connection, Account, catalogue.users, ("email",))
    venue_rows = [{**row, "vendor_id": vendors[vendor]} for vendor, row in catalogue.venues]
    venues = await _insert_found_by(connection, Venue, venue_rows, ("vendor_id", "name"))
    space_rows = [{**row, "venue_id": venues[venue]} for venue, row in catalogue.spaces]
    spaces = await _insert_found_by(connection, Space, space_rows, ("venue_id", "name"))
    item_rows = [{**row, "vendor_id": vendors[vendor]} for vendor, row in catalogue.items]
    await _insert(connection, Item, item_rows)
    # The table was empty and is locked against other seeders, so the ids are in the order of insertion.
    items = list(await connection.scalars(select(Item.id).order_by(Item.id).limit(len(item_rows))))
    return users, spaces, items


async def _insert_bookings(
    connection: AsyncConnection,
    bookings: Sequence[SampleBooking],
    user_ids: Sequence[int],
    space_ids: Sequence[int],
    item_ids: Sequence[int],
    items: Sequence[Mapping[str, Any]],
) -> None:
    rows = [
        {
            **booking.row,
            "account_id": user_ids[booking.user],
            "space_id": space_ids[booking.space],
            "idempotency_key": hashlib.sha256(f"sample-{number}".encode()).hexdigest(),
        }
        for number, booking in enumerate(bookings)
    ]
    ids = await _insert_found_by(connection, Booking, rows, ("account_id", "idempotency_key"))
    await _insert_parts(connection, list(zip(ids, bookings, strict=True)), space_ids, item_ids, items)


async def _insert_parts(
    connection: AsyncConnection,
    bookings: Sequence[tuple[int, SampleBooking]],
    space_ids: Sequence[int],
    item_ids: Sequence[int],
    items: Sequence[Mapping[str, Any]],
) -> None:
    hours = [
        {"space_id": space_ids[booking.space], "hour_start": hour, "booking_id": booking_id}
        for booking_id, booking in bookings
        for hour in booking.hours
    ]
    await _insert(connection, BookedHour, hours)
    lines = [
        {"booking_id": booking_id, "item_id": item_ids[item], "quantity": n, "unit_price": items[item]["price"]}
        for booking_id, booking in bookings
        for item, n in booking.items
    ]
    await _insert(connection, BookingItem, lines)


async def _insert(connection: AsyncConnection, model: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, len(rows), CHUNK_ROWS):
        await connection.execute(insert(model), rows[start : start + CHUNK_ROWS])


async def _insert_found_by(
    connection: AsyncConnection, model: type[Any], rows: Sequence[Mapping[str, Any]], unique: Sequence[str]
) -> list[int]:
    """Insert the rows, and return their ids in the same order, found again by the columns `unique`."""
    await _insert(connection, model, rows)
    columns = [getattr(model, name) for name in unique]
    found = (await connection.execute(select(model.id, *columns))).all()
    ids = {tuple(row[1:]): row[0] for row in found}
    return [ids[tuple(row[name] for name in unique)] for row in rows]
