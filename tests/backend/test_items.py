"""Catalogue items, with the profile of a performing team."""

import json
from typing import Any

import pytest

from tests.backend.service import Service, an_item

PROFILE: dict[str, Any] = {
    "history": [{"year": 1998, "event": "First show", "place": "Nashik"}],
    "members": [{"name": "Gauri Joshi", "role": "Lead", "since_year": 1998, "biography": "Trained in Jaipur."}],
    "achievements": ["State award for folk arts", "ताल"],
    "contact": {
        "name": "Gauri Joshi", "email": "gauri@example.com", "phone": "+91 98220 00001", "website": None,
    },
}  # fmt: skip


async def test_an_item_comes_back_as_it_was_made(service: Service) -> None:
    """Money, lists and the whole profile survive the database unchanged."""
    vendor = await service.caller("vendor")
    body = an_item(performance_team_profile=PROFILE, tags=["wedding", "🎉"], images=["https://images.example/1.jpg"])
    made = await service.make("/items", body, vendor)
    assert {name: made[name] for name in body} == body
    assert (await service.client.get(f"/items/{made['id']}")).json() == made


async def test_an_item_without_a_profile_has_none(service: Service) -> None:
    """No profile is null, for the client and for the database."""
    made = await service.make("/items", an_item(), await service.caller("vendor"))
    assert made["performance_team_profile"] is None
    async with service.database.engine.connect() as connection:
        count = await connection.exec_driver_sql("SELECT count(*) FROM items WHERE performance_team_profile IS NULL")
        assert count.scalar() == 1


async def test_a_changed_item_keeps_its_id_and_owner(service: Service) -> None:
    """The owner says anew what the item is; another vendor cannot."""
    vendor, other = await service.caller("vendor"), await service.caller("vendor")
    made = await service.make("/items", an_item(), vendor)
    path, change = f"/items/{made['id']}", an_item(price="1.05", performance_team_profile=PROFILE)
    assert (await service.client.put(path, json=change, headers=other)).status_code == 403
    changed = (await service.client.put(path, json=change, headers=vendor)).json()
    assert (changed["price"], changed["performance_team_profile"]) == ("1.05", PROFILE)
    assert (changed["id"], changed["vendor_id"], changed["created_at"]) == (
        made["id"], made["vendor_id"], made["created_at"],
    )  # fmt: skip
    assert (await service.client.get(path)).json() == changed


@pytest.mark.parametrize(
    "wrong",
    [
        {"contact": None},
        {"members": [{"name": "Nobody"}]},
        {"members": [{"name": "A", "role": "B"}] * 51},
        {"achievements": ["x" * 201]},
        {"history": [{"year": 1066, "event": "Battle"}]},
        {"fees": "secret"},
        {"contact": {"name": "A", "email": "not an e-mail"}},
        {"contact": {"name": "A", "website": "javascript:alert(1)"}},
    ],
)
async def test_a_profile_outside_its_bounds_is_refused(sqlite_service: Service, wrong: dict[str, Any]) -> None:
    """Each bound of the profile is a 422 that names the place."""
    vendor = await sqlite_service.caller("vendor")
    body = an_item(performance_team_profile={**PROFILE, **wrong})
    answer = await sqlite_service.client.post("/items", json=body, headers=vendor)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"].startswith("body.performance_team_profile.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_quantity": 0},
        {"is_active": 1},
        {"stock": "4"},
        {"title": "a\x00b"},
        {"title": "\ud800"},
        {"title": ""},
        {"stock": 10**12},
        {"currency": "XXX"},
        {"tax_percent": "100.01"},
    ],
)
async def test_an_item_outside_its_bounds_is_refused(sqlite_service: Service, wrong: dict[str, Any]) -> None:
    """What a database would refuse, or nobody could book, is refused before it gets there."""
    vendor = await sqlite_service.caller("vendor")
    body = json.dumps(an_item(**wrong))  # a lone surrogate can be sent only in its escaped form
    headers = vendor | {"Content-Type": "application/json"}
    answer = await sqlite_service.client.post("/items", content=body, headers=headers)
    assert answer.status_code == 422
