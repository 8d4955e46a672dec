"""Lists come in bounded pages that lose and repeat nothing, and never ask the database once for each row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from sqlalchemy import event, func, select

from app.booking_queries import booking_answer
from app.models import BookingItem
from tests.backend.service import Headers, Service

LISTS = (
    "/items", "/venues", "/items?category=music", "/venues?city=Pune", "/venues/1/spaces", "/spaces/1/booked",
    "/admin/accounts", "/admin/bookings", "/admin/bookings?status=cancelled", "/venues/1/bookings", "/bookings",
)  # fmt: skip


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


async def test_a_page_takes_as_many_statements_with_one_row_as_with_a_hundred(full_service: Service) -> None:
    """No list asks the database again for each of its rows; at most two look-ups come before it."""
    admin = await full_service.caller("admin")
    for path in LISTS:
        counts = []
        for limit in (1, 100):
            url = httpx.URL(path).copy_merge_params({"limit": limit})
            with statements(full_service) as seen:
                answer = await full_service.client.get(url, headers=admin)
            assert answer.status_code == 200
            counts.append(len(seen))
        assert counts[0] == counts[1] <= 3, path


async def test_a_booking_takes_two_statements_however_many_items_it_has(full_service: Service) -> None:
    """The items come in one statement with their titles."""
    query = select(BookingItem.booking_id).group_by(BookingItem.booking_id).having(func.count() == 3).limit(1)
    async with full_service.database.read_session() as session:
        booking_id = await session.scalar(query)
    assert booking_id is not None
    with statements(full_service) as seen:
        async with full_service.database.read_session() as session:
            answer = await booking_answer(session, booking_id)
    assert len(answer.items) == 3
    assert len(seen) == 2


async def test_the_pages_of_a_list_are_the_list(full_service: Service) -> None:
    """Followed to the end, the pages hold every row once, in order, whatever the limit."""
    admin = await full_service.caller("admin")
    for path in ("/items?category=music", "/admin/bookings?status=cancelled", "/admin/accounts"):
        whole, in_parts = [await _walk(full_service, path, limit, admin) for limit in (100, 37)]
        assert whole == in_parts
        assert whole == sorted(set(whole), reverse="bookings" in path)
        assert len(whole) > 100


async def test_a_row_that_is_added_while_one_pages_moves_no_other(service: Service) -> None:
    """The next page of a list that grows at its top begins after the last row that was seen."""
    vendor = await service.caller("vendor")
    admin = await service.caller("admin")
    first = (await service.client.get("/admin/accounts", params={"limit": 1}, headers=admin)).json()
    await service.caller("user")
    query = {"limit": 100, "cursor": first["next"]}
    rest = (await service.client.get("/admin/accounts", params=query, headers=admin)).json()
    ids = [row["id"] for page in (first, rest) for row in page["items"]]
    assert ids == sorted(set(ids))
    assert len(ids) == 4
    assert vendor != admin


async def _walk(service: Service, path: str, limit: int, headers: Headers) -> list[int]:
    ids: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        query: dict[str, Any] = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        page = (await service.client.get(httpx.URL(path).copy_merge_params(query), headers=headers)).json()
        assert len(page["items"]) <= limit
        ids += [row["id"] for row in page["items"]]
        cursor = page["next"]
    return ids
