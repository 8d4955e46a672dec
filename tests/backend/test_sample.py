"""The sample data, and what only shows with a table that has rows in it: pages, statement counts, the export."""

import asyncio
import csv
import io
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from random import Random
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import event, func, select

from app.models import Account, BookedHour, Booking, BookingItem, Item, Space
from app.models.columns import now
from app.routes import export
from app.sample import seed_sample
from app.sample.calendar import make_bookings
from app.sample.catalogue import make_catalogue
from tests.backend.service import Service, application, service_on, started
from tests.servers import TestDatabase

SECONDS_ALLOWED = 15  # it takes about two; the machine that tests is shared


@pytest_asyncio.fixture
async def full(any_database: TestDatabase) -> AsyncIterator[Service]:
    """The service on each database, with the sample in it."""
    async with service_on(any_database.url, sample_data=True) as running:
        await _until_ready(running)
        yield running
        assert running.checked_out() == 0


async def _until_ready(service: Service) -> None:
    async with asyncio.timeout(60):
        while (await service.client.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.05)


@contextmanager
def statements(service: Service) -> Iterator[list[str]]:
    """Collect the statements that the engine is given meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(service.database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(service.database.engine.sync_engine, "before_cursor_execute", note)


async def test_the_sample_is_as_large_as_promised_and_consistent(full: Service) -> None:
    """Some 2,000 items and 5,000 bookings, whose hours and prices add up."""
    async with full.database.read_session() as session:
        counts = {
            model: await session.scalar(select(func.count()).select_from(model))
            for model in (Item, Booking, BookedHour, BookingItem, Account)
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
        await asyncio.gather(_until_ready(first), _until_ready(second))
        async with first.database.read_session() as session:
            assert await session.scalar(select(func.count()).select_from(Booking)) == 5_000


async def test_a_database_in_use_gets_no_sample(any_database: TestDatabase) -> None:
    """Where there is a venue already, nothing is added."""
    async with service_on(any_database.url) as service:
        await service.space(await service.caller("vendor"))
        await seed_sample(service.database)
        async with service.database.read_session() as session:
            assert await session.scalar(select(func.count()).select_from(Booking)) == 0


async def test_production_gets_no_sample(sqlite_database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """SAMPLE_DATA has no effect there, whatever it says."""
    from app.core import AppSettings, BackendDatabaseSettings, make_database
    from plimsoll.seeding import AdminSettings

    settings = BackendDatabaseSettings(database_url=sqlite_database.url, environment="production")
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


PUBLIC_LISTS = ("/items", "/venues", "/items?category=music", "/venues?city=Pune", "/venues/1/spaces")
ADMIN_LISTS = ("/admin/accounts", "/admin/bookings", "/admin/bookings?status=cancelled", "/venues/1/bookings")


@pytest.mark.parametrize("path", [*PUBLIC_LISTS, *ADMIN_LISTS, "/bookings"])
async def test_a_page_takes_as_many_statements_with_one_row_as_with_a_hundred(full: Service, path: str) -> None:
    """No list asks the database again for each of its rows."""
    admin = await full.caller("admin")
    counts = []
    for limit in (1, 100):
        with statements(full) as seen:
            answer = await full.client.get(path, params={"limit": limit}, headers=admin)
        assert answer.status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1]
    assert counts[0] <= 3


async def test_one_booking_takes_two_statements_however_many_items_it_has(full: Service) -> None:
    """The items come in one statement with their titles."""
    async with full.database.read_session() as session:
        query = select(Booking).join(BookingItem).group_by(Booking.id).having(func.count() == 3).limit(1)
        found = await session.scalar(
            select(Booking).where(Booking.id.in_(query.with_only_columns(Booking.id).subquery()))
        )
        assert found is not None
    from app.booking_queries import booking_answer

    with statements(full) as seen:
        async with full.database.read_session() as session:
            answer = await booking_answer(session, found.id)
    assert len(answer.items) == 3
    assert len(seen) == 2


@pytest.mark.parametrize("path", ["/items?category=music", "/admin/bookings?status=cancelled", "/admin/accounts"])
async def test_the_pages_of_a_list_are_the_list(full: Service, path: str) -> None:
    """Followed to the end, the pages hold every row once, in order, whatever the limit."""
    admin = await full.caller("admin")
    walks = []
    for limit in (100, 37):
        ids: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            query: dict[str, Any] = {"limit": limit, **({"cursor": cursor} if cursor else {})}
            page = (await full.client.get(httpx.URL(path).copy_merge_params(query), headers=admin)).json()
            assert len(page["items"]) <= limit
            ids += [row["id"] for row in page["items"]]
            cursor = page["next"]
        walks.append(ids)
    assert walks[0] == walks[1]
    assert walks[0] == sorted(set(walks[0]), reverse="bookings" in path)
    assert len(walks[0]) > 100


async def test_the_export_has_every_booking_and_holds_no_connection(
    full: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pieces that the client takes, nothing is checked out, and no more than a page is in memory."""
    admin = await full.caller("admin")
    monkeypatch.setattr(export, "PAGE_ROWS", 300)
    sizes, text = [], ""
    async for piece in export._lines(full.database, await export._read_page(full.database, after=0)):
        assert full.checked_out() == 0
        sizes.append(piece.count("\r\n"))
        text += piece
    assert max(sizes) == 300
    answer = await full.client.get("/admin/bookings.csv", headers=admin)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 5_000
    async with full.database.read_session() as session:
        total = await session.scalar(select(func.sum(Booking.total)))
    assert total == sum((Decimal(row["total"]) for row in rows), Decimal(0))


async def test_an_exported_name_is_never_a_formula(sqlite_service: Service) -> None:
    """A name that a spreadsheet would calculate is exported as text."""
    assert export._cell('=HYPERLINK("http://x")') == '\'=HYPERLINK("http://x")'
    assert export._cell("Gauri") == "Gauri"
