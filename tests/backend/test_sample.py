"""The sample data: as large as promised, consistent, made once."""

import asyncio
import time
from random import Random
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select

from app.core import AppSettings, BackendDatabaseSettings, make_database
from app.models import BookedHour, Booking, BookingItem, Item, Space
from app.models.columns import now
from app.sample import seed_sample
from app.sample.calendar import make_bookings
from app.sample.catalogue import make_catalogue
from plimsoll.seeding import AdminSettings
from tests.backend.service import Service, application, service_on, started, until_ready
from tests.servers import TestDatabase

SECONDS_ALLOWED = 15  # it takes about two; the machine that tests is shared


async def test_the_sample_is_as_large_as_promised_and_consistent(full_service: Service) -> None:
    """Some 2,000 items and 5,000 bookings, whose hours and prices add up."""
    async with full_service.database.read_session() as session:
        counts = {
            model: await session.scalar(select(func.count()).select_from(model))
            for model in (Item, Booking, BookedHour)
        }
        assert (counts[Item], counts[Booking]) == (2_000, 5_000)
        bookings = (await session.scalars(select(Booking).where(Booking.status == "confirmed"))).all()
        hours = sum((booking.ends_at - booking.starts_at).total_seconds() / 3600 for booking in bookings)
        assert counts[BookedHour] == hours
        assert sum(booking.starts_at > now() for booking in bookings) > 1_000
        one = await session.scalar(select(Booking).join(BookingItem).order_by(Booking.id.desc()).limit(1))
        assert one is not None
        space = await session.get(Space, one.space_id)
        lines = (await session.scalars(select(BookingItem).where(BookingItem.booking_id == one.id))).all()
        assert space is not None
        duration = int((one.ends_at - one.starts_at).total_seconds() // 3600)
        assert one.total == space.price_per_hour * duration + sum(line.unit_price * line.quantity for line in lines)


async def test_two_starts_at_once_make_one_sample(any_database: TestDatabase) -> None:
    """Two processes that start on an empty database end with one sample between them."""
    both = [application(any_database.url, sample_data=True) for _ in range(2)]
    async with started(*both[0]) as first, started(*both[1]) as second:
        await asyncio.gather(until_ready(first), until_ready(second))
        async with first.database.read_session() as session:
            assert await session.scalar(select(func.count()).select_from(Booking)) == 5_000


async def test_a_database_in_use_gets_no_sample(any_database: TestDatabase) -> None:
    """Where there is a venue already, nothing is added."""
    async with service_on(any_database.url) as service:
        await service.space(await service.caller("vendor"))
        await seed_sample(service.database)
        async with service.database.read_session() as session:
            assert await session.scalar(select(func.count()).select_from(Booking)) == 0


def test_production_gets_no_sample(sqlite_database: TestDatabase) -> None:
    """SAMPLE_DATA has no effect there, whatever it says."""
    settings = BackendDatabaseSettings(database_url=SecretStr(sqlite_database.url), environment="production")
    database = make_database(settings, AppSettings(sample_data=True), AdminSettings())
    assert database.gate.on_ready == []


def test_the_sample_is_the_same_every_time() -> None:
    """Two runs for the same day give the same rows."""
    at = now().replace(hour=0, minute=0, second=0)

    def made() -> Any:
        rng = Random(1876)
        catalogue = make_catalogue(rng, at)
        spaces, items = [row for _, row in catalogue.spaces], [row for _, row in catalogue.items]
        return catalogue, make_bookings(rng, at, len(catalogue.users), spaces, items)

    assert made() == made()


async def test_the_sample_is_quick_on_sqlite(sqlite_database: TestDatabase) -> None:
    """A first start does not keep anybody waiting."""
    async with service_on(sqlite_database.url) as service:
        began = time.perf_counter()
        await seed_sample(service.database)
        assert time.perf_counter() - began < SECONDS_ALLOWED
