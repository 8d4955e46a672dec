"""No hour of a space is ever booked twice, however many want it at the same moment."""

import asyncio
from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from sqlalchemy import func, select

from app.core import BackendServiceSettings
from app.models import BookedHour, Booking
from tests.backend.service import Service, a_booking, evening, service_on
from tests.servers import TestDatabase

ROUNDS, CLIENTS = 5, 20


async def test_of_twenty_who_want_the_same_hours_one_gets_them(service: Service) -> None:
    """Exactly one 201, nineteen 409, no 500, in every round."""
    vendor = await service.caller("vendor")
    users = [await service.caller("user") for _ in range(CLIENTS)]
    space = await service.space(vendor)
    for day in range(ROUNDS):
        body = a_booking(space["id"], 4, evening(30 + day))
        answers = await asyncio.gather(*(service.client.post("/bookings", json=body, headers=user) for user in users))
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses == {201: 1, 409: CLIENTS - 1}, [answer.text for answer in answers]
    await _every_hour_belongs_to_its_booking(service)


@pytest.mark.parametrize("admission", [False, True])
async def test_bookings_that_overlap_in_part_never_share_an_hour(any_database: TestDatabase, admission: bool) -> None:
    """Sixty requests for shifting hours, with cancellations between them, end in a calendar without an overlap: also
    where all are let in at once, and not only as many as the database keeps up with."""
    async with service_on(any_database.url, BackendServiceSettings(admission=admission)) as service:
        await _sixty_at_once(service, {201, 409, 503} if admission else {201, 409})
        await _every_hour_belongs_to_its_booking(service)
        assert service.checked_out() == 0


async def _sixty_at_once(service: Service, allowed: set[int]) -> None:
    rng = Random(7)
    vendor, user = await service.caller("vendor"), await service.caller("user")
    space = await service.space(vendor)

    async def one(hour: int, hours: int, *, cancel: bool) -> int:
        body = a_booking(space["id"], hours, evening(hour=hour))
        answer = await service.client.post("/bookings", json=body, headers=user)
        if answer.status_code == 503:
            assert answer.json()["code"] == "database-busy"
            assert "retry-after" in answer.headers
        if answer.status_code == 201 and cancel:
            path = f"/bookings/{answer.json()['id']}/cancel"
            for _ in range(100):
                cancelled = await service.client.post(path, headers=user)
                if cancelled.status_code not in allowed & {503}:
                    break
                await asyncio.sleep(0.05)
            assert cancelled.status_code == 200
        return answer.status_code

    wanted = [(rng.randint(0, 20), rng.randint(1, 5), rng.random() < 0.5) for _ in range(60)]
    statuses = Counter(await asyncio.gather(*(one(hour, hours, cancel=cancel) for hour, hours, cancel in wanted)))
    assert set(statuses) <= allowed, statuses
    assert statuses[201] > 0


async def _every_hour_belongs_to_its_booking(service: Service) -> None:
    """The confirmed bookings and the table of hours say the same, and no two bookings overlap."""
    async with service.database.read_session() as session:
        bookings = (await session.scalars(select(Booking).where(Booking.status == "confirmed"))).all()
        ordered = sorted(bookings, key=lambda booking: booking.starts_at)
        for earlier, later in pairwise(ordered):
            assert earlier.ends_at <= later.starts_at
        hours = sum((booking.ends_at - booking.starts_at).total_seconds() / 3600 for booking in bookings)
        assert await session.scalar(select(func.count()).select_from(BookedHour)) == hours
