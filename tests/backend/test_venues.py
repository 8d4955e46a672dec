"""Venues and spaces: who may make and change them, and what is refused."""

from tests.backend.service import Service, a_booking, a_space, a_venue, evening


async def test_a_vendor_offers_a_venue_that_everybody_sees(service: Service) -> None:
    """What was sent is what is answered, and what is read without a login."""
    vendor = await service.caller("vendor")
    made = await service.make("/venues", a_venue(name="Peacock Palace — मोर"), vendor)
    assert made["name"] == "Peacock Palace — मोर"
    assert made["utc_offset_minutes"] == 330
    assert (await service.client.get(f"/venues/{made['id']}")).json() == made


async def test_users_do_not_offer_venues(service: Service) -> None:
    """The role in the token decides."""
    user = await service.caller("user")
    assert (await service.client.post("/venues", json=a_venue(), headers=user)).status_code == 403


async def test_one_vendor_has_one_venue_of_a_name(service: Service) -> None:
    """A second one of the same name is a conflict, another vendor's or another spelling is not."""
    vendor, other = await service.caller("vendor"), await service.caller("vendor")
    await service.make("/venues", a_venue(), vendor)
    answer = await service.client.post("/venues", json=a_venue(), headers=vendor)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    await service.make("/venues", a_venue(), other)
    await service.make("/venues", a_venue(name="LOTUS BANQUETS"), vendor)
    await service.make("/venues", a_venue(name="Lótus Banquets"), vendor)


async def test_only_the_owner_and_administrators_change_a_venue(service: Service) -> None:
    """Another vendor gets a 403, and nothing changes."""
    vendor, other, admin = [await service.caller(role) for role in ("vendor", "vendor", "admin")]
    made = await service.make("/venues", a_venue(), vendor)
    path, change = f"/venues/{made['id']}", a_venue(phone="+91 98220 00000")
    assert (await service.client.put(path, json=change, headers=other)).status_code == 403
    assert (await service.client.get(path)).json() == made
    for caller in (vendor, admin):
        changed = await service.client.put(path, json=change, headers=caller)
        assert changed.json() == {**made, "phone": "+91 98220 00000"}


async def test_a_space_belongs_to_the_vendors_own_venue(service: Service) -> None:
    """Its price comes back as it went in, to the paisa."""
    vendor, other = await service.caller("vendor"), await service.caller("vendor")
    space = await service.space(vendor, price_per_hour="99999999.99")
    assert space["price_per_hour"] == "99999999.99"
    assert (await service.client.get(f"/spaces/{space['id']}")).json() == space
    path = f"/venues/{space['venue_id']}/spaces"
    assert (await service.client.post(path, json=a_space(name="Lawn"), headers=other)).status_code == 403
    assert (await service.client.post(path, json=a_space(), headers=vendor)).status_code == 409
    assert (await service.client.get(path)).json() == {"items": [space], "next": None}


async def test_money_is_refused_where_it_is_not_exact(sqlite_service: Service) -> None:
    """A JSON number, a third decimal, a sign and a price beyond the column are each a 422."""
    vendor = await sqlite_service.caller("vendor")
    venue = await sqlite_service.make("/venues", a_venue(), vendor)
    for price in (1250.5, 1250, "1250.505", "-1.00", "100000000.00", "1e3", "NaN", "", None, True):
        body = a_space(price_per_hour=price)
        answer = await sqlite_service.client.post(f"/venues/{venue['id']}/spaces", json=body, headers=vendor)
        assert answer.status_code == 422, price


async def test_the_hours_that_are_taken_come_page_by_page(service: Service) -> None:
    """Each hour of each booking once, in the order of time, however the bookings came in."""
    vendor, user = await service.caller("vendor"), await service.caller("user")
    space = await service.space(vendor)
    for days in (32, 30, 31):
        await service.make("/bookings", a_booking(space["id"], start=evening(days)), user)
    hours, cursor = [], None
    while True:
        query = {"limit": 4, **({"cursor": cursor} if cursor else {})}
        page = (await service.client.get(f"/spaces/{space['id']}/booked", params=query)).json()
        hours += [entry["hour_start"] for entry in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    expected = [evening(days, hour) for days in (30, 31, 32) for hour in (18, 19, 20)]
    assert hours == [f"{hour:%Y-%m-%dT%H:%M:%SZ}" for hour in expected]


async def test_any_cursor_of_the_right_form_is_answered(service: Service) -> None:
    """A cursor that we never gave out stands for some time or other, and is no error."""
    space = await service.space(await service.caller("vendor"))
    for cursor in ("AAAAAAAAAAA", "___________", "f_________8", "gAAAAAAAAAA"):
        for path in (f"/spaces/{space['id']}/booked", "/venues", "/items"):
            assert (await service.client.get(path, params={"cursor": cursor})).status_code == 200, cursor
