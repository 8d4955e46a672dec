"""The export of all bookings: complete, and without a connection or the whole result held while it is read."""

import asyncio
import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core import BackendServiceSettings
from app.models import Booking
from app.routes import export
from plimsoll import Database
from plimsoll.pool import deadline_s
from tests.backend.service import Service, a_booking, service_on
from tests.servers import SqliteDatabase


async def test_the_export_has_every_booking_and_holds_no_connection(
    full_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pieces that the client takes, nothing is checked out, and a piece is a page and no more."""
    admin = await full_service.caller("admin")
    monkeypatch.setattr(export, "PAGE_ROWS", 300)
    sizes, text = [], ""
    async for piece in export._lines(full_service.database, await export._read_page(full_service.database, after=0)):
        assert full_service.checked_out() == 0
        sizes.append(piece.count("\r\n"))
        text += piece
    assert max(sizes) == 300
    answer = await full_service.client.get("/admin/bookings.csv", headers=admin)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 5_000
    async with full_service.database.read_session() as session:
        total = await session.scalar(select(func.sum(Booking.total)))
    assert total == sum((Decimal(row["total"]) for row in rows), Decimal(0))


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4])
async def test_an_export_ends_where_the_bookings_end(
    sqlite_service: Service, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Also where the last page is full, and where there is none."""
    monkeypatch.setattr(export, "PAGE_ROWS", 2)
    admin = await sqlite_service.caller("admin")
    for number in range(rows):
        space = await sqlite_service.space(admin, name=f'Hall {number}, the "Grand"')
        await sqlite_service.make("/bookings", a_booking(space["id"]), admin)
    answer = await sqlite_service.client.get("/admin/bookings.csv", headers=admin)
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["space"] for row in found] == [f'Hall {number}, the "Grand"' for number in range(rows)]


async def test_an_export_may_take_longer_than_a_request(
    sqlite_database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit of a request holds until its response starts; the pages after that are read without one."""
    read_page, limit_s, deadlines = export._read_page, 3.0, []

    async def read_later(database: Database, after: int) -> Sequence[Any]:
        if after:
            await asyncio.sleep(0.7 * limit_s)  # twice, so that the last page is asked for after the time is up
        deadlines.append(deadline_s())
        return await read_page(database, after)

    monkeypatch.setattr(export, "PAGE_ROWS", 1)
    monkeypatch.setattr(export, "_read_page", read_later)
    async with service_on(sqlite_database.url, BackendServiceSettings(request_timeout_s=limit_s)) as service:
        admin = await service.caller("admin")
        for number in range(2):
            space = await service.space(admin, name=f"Hall {number}")
            await service.make("/bookings", a_booking(space["id"]), admin)
        answer = await service.client.get("/admin/bookings.csv", headers=admin)
        assert len(list(csv.DictReader(io.StringIO(answer.text)))) == 2
        assert deadlines[0] is not None
        assert deadlines[1:] == [None, None]


async def test_an_exported_name_is_never_a_formula(sqlite_service: Service) -> None:
    """A name that a spreadsheet would calculate is exported as text."""
    admin = await sqlite_service.caller("admin")
    space = await sqlite_service.space(admin, name='=HYPERLINK("http://x")')
    await sqlite_service.make("/bookings", a_booking(space["id"]), admin)
    answer = await sqlite_service.client.get("/admin/bookings.csv", headers=admin)
    assert next(csv.DictReader(io.StringIO(answer.text)))["space"] == '\'=HYPERLINK("http://x")'


async def test_only_administrators_export(sqlite_service: Service) -> None:
    """A vendor gets a 403, and an anonymous client a 401."""
    vendor = await sqlite_service.caller("vendor")
    assert (await sqlite_service.client.get("/admin/bookings.csv", headers=vendor)).status_code == 403
    assert (await sqlite_service.client.get("/admin/bookings.csv")).status_code == 401
