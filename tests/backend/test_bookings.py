"""Bookings: their rules, their price, their cancellation, and the key that makes a second sending harmless."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from app import booking as booking_rules
from tests.backend.service import Service, a_booking, a_space, a_venue, an_item, evening


async def test_a_booking_has_its_price_to_the_paisa(service: Service) -> None:
    """Hours and items are added up exactly, an item listed twice is one, and it reads back as it was answered."""
    vendor, user = await service.caller("vendor"), await service.caller("user")
    space = await service.space(vendor, price_per_hour="1250.35")
    troupe = await service.make("/items", an_item(price="0.07"), vendor)
    chairs = await service.make("/items", an_item(price="33.33", stock=500, max_quantity=300), vendor)
    wanted = [{"item_id": item["id"], "quantity": n} for item, n in ((chairs, 200), (troupe, 3), (chairs, 99))]
    made = await service.make("/bookings", a_booking(space["id"], items=wanted, guests=120, note="संगीत"), user)
    assert made["total"] == "13716.93"  # 3 x 1250.35 + 299 x 33.33 + 3 x 0.07
    assert [(line["item_id"], line["quantity"], line["unit_price"]) for line in made["items"]] == [
        (troupe["id"], 3, "0.07"), (chairs["id"], 299, "33.33"),
    ]  # fmt: skip
    assert (made["starts_at"], made["status"]) == (f"{evening():%Y-%m-%dT%H:%M:%SZ}", "confirmed")
    assert (await service.client.get(f"/bookings/{made['id']}", headers=user)).json() == made


async def test_a_booking_is_its_owners_alone(service: Service) -> None:
    """Another account gets the 404 that a booking which does not exist gets."""
    vendor, user, other = [await service.caller(role) for role in ("vendor", "user", "user")]
    made = await service.make("/bookings", a_booking((await service.space(vendor))["id"]), user)
    for method, path in (("GET", ""), ("POST", "/cancel"), ("GET", "/payment")):
        answer = await service.client.request(method, f"/bookings/{made['id']}{path}", headers=other)
        assert answer.status_code == 404
    assert (await service.client.get("/bookings", headers=other)).json()["items"] == []


async def test_hours_that_touch_are_free_and_hours_that_overlap_are_not(service: Service) -> None:
    """18 to 21 leaves 15 to 18 and 21 to 24 free; anything that shares an hour is told which one."""
    vendor, user = await service.caller("vendor"), await service.caller("user")
    space = await service.space(vendor)
    await service.make("/bookings", a_booking(space["id"]), user)
    for hour, hours in ((17, 2), (20, 1), (18, 3), (16, 8)):
        body = a_booking(space["id"], hours, evening(hour=hour))
        answer = await service.client.post("/bookings", json=body, headers=user)
        assert answer.status_code == 409
        assert "booked already" in answer.json()["detail"]
    for hour in (15, 21):
        await service.make("/bookings", a_booking(space["id"], 3, evening(hour=hour)), user)


async def test_a_cancelled_booking_frees_its_hours(service: Service) -> None:
    """To cancel twice is to cancel once, and somebody else can then book the same hours."""
    vendor, user, other = [await service.caller(role) for role in ("vendor", "user", "user")]
    space = await service.space(vendor)
    made = await service.make("/bookings", a_booking(space["id"]), user)
    answers = [await service.client.post(f"/bookings/{made['id']}/cancel", headers=user) for _ in range(2)]
    assert answers[0].json()["status"] == "cancelled"
    assert answers[0].json() == answers[1].json()
    await service.make("/bookings", a_booking(space["id"]), other)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"guests": 301}, "300 people"),
        ({"starts_at": evening() + timedelta(minutes=30)}, "full hour"),
        ({"starts_at": evening() + timedelta(seconds=1)}, "full hour"),
        ({"starts_at": evening() + timedelta(microseconds=1)}, "full hour"),
        ({"starts_at": evening(-1)}, "begins between now"),
        ({"starts_at": evening(800)}, "begins between now"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "begins between now"),
        ({"starts_at": "9999-12-31T23:00:00-12:00"}, "begins between now"),
    ],
)
async def test_a_booking_against_the_rules_is_refused(
    sqlite_service: Service, change: dict[str, Any], words: str
) -> None:
    """Each rule is a 409 that says what is allowed."""
    vendor = await sqlite_service.caller("vendor")
    space = await sqlite_service.space(vendor)
    change = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in change.items()}
    body = {**a_booking(space["id"]), **change}
    answer = await sqlite_service.client.post("/bookings", json=body, headers=vendor)
    assert answer.status_code == 409
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"hours": 0}, {"hours": 73}, {"hours": "3"}, {"hours": True}, {"hours": 1.5}, {"guests": 0},
        {"starts_at": 1893456000}, {"starts_at": "1893456000"}, {"starts_at": "2031-05-04"},
        {"starts_at": "2031-05-04T18:00:00"}, {"starts_at": "2031-02-30T18:00:00Z"},
        {"ends_at": "2031-05-04T18:00:00Z"}, {"note": "x" * 501},
        {"items": [{"item_id": 1, "quantity": 0}]}, {"space_id": 2**63},
    ],
)  # fmt: skip
async def test_a_booking_that_is_no_booking_is_refused(sqlite_service: Service, change: dict[str, Any]) -> None:
    """What the description does not allow is a 422."""
    user = await sqlite_service.caller()
    answer = await sqlite_service.client.post("/bookings", json={**a_booking(1), **change}, headers=user)
    assert answer.status_code == 422


async def test_the_full_hour_is_the_venues_own(sqlite_service: Service) -> None:
    """Where clocks are three quarters of an hour off UTC, so are bookings."""
    vendor = await sqlite_service.caller("vendor")
    venue = await sqlite_service.make("/venues", a_venue(city="Kathmandu", utc_offset_minutes=345), vendor)
    space = await sqlite_service.make(f"/venues/{venue['id']}/spaces", a_space(), vendor)
    start = evening() - timedelta(minutes=15)
    await sqlite_service.make("/bookings", a_booking(space["id"], start=start), vendor)
    answer = await sqlite_service.client.post("/bookings", json=a_booking(space["id"]), headers=vendor)
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("item", "quantity", "status", "words"),
    [
        ({}, 4, 409, "books 1 to 3"),
        ({"stock": 2}, 3, 409, "books 1 to 2"),
        ({"min_quantity": 2}, 1, 409, "books 2 to 3"),
        ({"currency": "EUR"}, 1, 409, "priced in EUR"),
        ({"lead_time_hours": 8760}, 1, 409, "8760 hours ahead"),
        ({"is_active": False}, 1, 404, "no item"),
    ],
)
async def test_an_item_that_cannot_be_had_is_refused(
    sqlite_service: Service, item: dict[str, Any], quantity: int, status: int, words: str
) -> None:
    """Stock, quantities, currency and notice are looked at before anything is written."""
    vendor = await sqlite_service.caller("vendor")
    space, made = await sqlite_service.space(vendor), await sqlite_service.make("/items", an_item(**item), vendor)
    body = a_booking(space["id"], items=[{"item_id": made["id"], "quantity": quantity}])
    answer = await sqlite_service.client.post("/bookings", json=body, headers=vendor)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


async def test_the_same_key_and_body_book_once(service: Service) -> None:
    """The second answer is the first one, however the same body is spelt, and says that it is a repetition."""
    vendor, user = await service.caller("vendor"), await service.caller("user")
    space = await service.space(vendor)
    headers = {**user, "Idempotency-Key": "order 1"}
    first = await service.client.post("/bookings", json=a_booking(space["id"]), headers=headers)
    spelt_otherwise = {**a_booking(space["id"]), "guests": 1, "items": [], "note": ""}
    second = await service.client.post("/bookings", json=spelt_otherwise, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


async def test_the_same_key_with_another_body_is_a_conflict(service: Service) -> None:
    """Nothing is booked; another account's equal key is its own."""
    vendor, user, other = [await service.caller(role) for role in ("vendor", "user", "user")]
    space = await service.space(vendor)
    key = {"Idempotency-Key": "order 1"}
    await service.make("/bookings", a_booking(space["id"]), user | key)
    body = a_booking(space["id"], start=evening(31))
    answer = await service.client.post("/bookings", json=body, headers=user | key)
    assert answer.status_code == 409
    assert "Idempotency-Key" in answer.json()["detail"]
    await service.make("/bookings", body, other | key)
    await service.make("/bookings", a_booking(space["id"], start=evening(32)), user | {"Idempotency-Key": "ORDER 1"})


async def test_the_same_key_sent_many_times_at_once_books_once(service: Service) -> None:
    """All senders get the same booking, and none an error."""
    vendor, user = await service.caller("vendor"), await service.caller("user")
    space = await service.space(vendor)
    headers = {**user, "Idempotency-Key": "order 1"}
    answers = await asyncio.gather(
        *(service.client.post("/bookings", json=a_booking(space["id"]), headers=headers) for _ in range(12))
    )
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await service.client.get("/bookings", headers=user)).json()["items"]) == 1


async def test_a_twin_that_commits_between_two_looks_is_found(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is unknown at the first look, the hours are taken at the second: it is still the same booking."""
    vendor, user = await service.caller("vendor"), await service.caller("user")
    space = await service.space(vendor)
    headers = {**user, "Idempotency-Key": "order 1"}
    first = await service.make("/bookings", a_booking(space["id"]), headers)
    look, looks = booking_rules._made_before, 0

    async def blind_at_first(*args: Any) -> Any:
        nonlocal looks
        looks += 1
        return None if looks == 1 else await look(*args)

    monkeypatch.setattr(booking_rules, "_made_before", blind_at_first)
    assert await service.make("/bookings", a_booking(space["id"]), headers) == first
