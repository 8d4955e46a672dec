"""Makes the people, places and offers of the sample, as rows that refer to each other by position."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from app.sample import names

Row = dict[str, Any]

VENDORS, USERS, VENUES, ITEMS = 30, 300, 40, 2_000
# No hash at all, so no password fits: nobody can log in as one of these people.
NO_PASSWORD = "!"  # noqa: S105


@dataclass
class Catalogue:
    """Rows in the order of insertion. `venue`, `vendor` and the like are positions in the other lists."""

    vendors: list[Row] = field(default_factory=list)
    users: list[Row] = field(default_factory=list)
    venues: list[tuple[int, Row]] = field(default_factory=list)
    spaces: list[tuple[int, Row]] = field(default_factory=list)
    items: list[tuple[int, Row]] = field(default_factory=list)


def make_catalogue(rng: Random, at: datetime) -> Catalogue:
    """Return the catalogue as of the instant `at`: the same for the same state of `rng`."""
    catalogue = Catalogue()
    catalogue.vendors = [_person(rng, "vendor", number, at) for number in range(VENDORS)]
    catalogue.users = [_person(rng, "user", number, at) for number in range(USERS)]
    for number in range(VENUES):
        catalogue.venues.append((number % VENDORS, _venue(rng, number, at)))
        kinds = rng.sample(names.SPACES, rng.randint(2, 4))
        catalogue.spaces += [(number, _space(rng, kind, at)) for kind in kinds]
    catalogue.items = [(rng.randrange(VENDORS), _item(rng, at)) for _ in range(ITEMS)]
    return catalogue


def rupees(rng: Random, least: int, most: int) -> Decimal:
    """Return a price that a person would ask: two digits that count, then zeros."""
    amount = rng.randint(least, most)
    step = 10 ** max(0, len(str(amount)) - 2)
    return Decimal(amount // step * step).quantize(Decimal("0.01"))


def _person(rng: Random, role: str, number: int, at: datetime) -> Row:
    first, last = rng.choice(names.FIRST_NAMES), rng.choice(names.LAST_NAMES)
    address = f"{first}.{last}{number}".lower().replace("'", "")
    return {
        "email": f"{address}@{role}s.example",
        "name": f"{first} {last}" if role == "user" else f"{last} {rng.choice(('Events', 'and Sons', 'Hospitality'))}",
        "password_hash": NO_PASSWORD,
        "role": role,
        "created_at": at - timedelta(days=rng.randint(200, 900)),
    }


def _venue(rng: Random, number: int, at: datetime) -> Row:
    city, code = rng.choice(names.CITIES)
    first = names.VENUE_FIRST[number % len(names.VENUE_FIRST)]
    return {
        "name": f"{first} {rng.choice(names.VENUE_LAST)}, {city}",
        "description": f"A venue in {city} with parking for {rng.randint(2, 20) * 10} cars and its own kitchen.",
        "address": f"{rng.randint(1, 220)} {rng.choice(names.STREETS)}",
        "city": city,
        "postal_code": f"{code}{rng.randint(1, 99):02}",
        "phone": f"+91 98{rng.randint(10_000_000, 99_999_999)}",
        "created_at": at - timedelta(days=rng.randint(200, 900)),
    }


def _space(rng: Random, kind: tuple[str, int, int, int], at: datetime) -> Row:
    name, capacity, least, most = kind
    return {
        "name": name,
        "capacity": capacity * rng.randint(5, 10) // 10,
        "price_per_hour": rupees(rng, least, most),
        "created_at": at - timedelta(days=200),
    }


def _item(rng: Random, at: datetime) -> Row:
    category = rng.choice(list(names.OFFERS))
    things, unit, least, most, owned = names.OFFERS[category]
    thing, city = rng.choice(things), rng.choice(names.CITIES)[0]
    price, stock = rupees(rng, least, most), rng.randint(max(1, owned // 2), owned)
    made = at - timedelta(days=rng.randint(1, 500))
    return {
        "title": f"{rng.choice(names.QUALITIES)} {thing}",
        "summary": f"{thing} in and around {city}",
        "description": f"{thing} for events of every size, set up and taken away by our own people.",
        "category": category,
        "brand": None,
        "city": city,
        "service_radius_km": rng.choice((25, 50, 100, 250)),
        "price": price,
        "deposit": (price / 10).quantize(Decimal(1)),
        "tax_percent": Decimal("5.00") if category == "catering" else Decimal("18.00"),
        "unit": unit,
        "stock": stock,
        "max_quantity": stock,
        "lead_time_hours": rng.choice((12, 24, 48, 72)),
        "setup_minutes": rng.choice((0, 30, 60, 120)),
        "images": [f"https://images.example/{category}/{rng.randint(1, 60)}.jpg"],
        "tags": rng.sample(names.TAGS, rng.randint(1, 3)),
        "rating": Decimal(rng.randint(300, 500)) / 100,
        "rating_count": rng.randint(0, 400),
        "is_featured": rng.random() < 0.05,
        "created_at": made,
        "updated_at": made,
        "performance_team_profile": _profile(rng, at.year) if category in {"performance", "music"} else None,
    }


def _profile(rng: Random, year: int) -> Row:
    began = year - rng.randint(3, 30)
    leader = f"{rng.choice(names.FIRST_NAMES)} {rng.choice(names.LAST_NAMES)}"
    members = [
        {"name": f"{rng.choice(names.FIRST_NAMES)} {rng.choice(names.LAST_NAMES)}", "role": role, "since_year": began}
        for role in rng.sample(names.TEAM_ROLES, rng.randint(2, 5))
    ]
    history = [
        {"year": began + n, "event": event, "place": rng.choice(names.CITIES)[0]}
        for n, event in enumerate(names.MILESTONES[: rng.randint(1, 3)])
    ]
    return {
        "history": history,
        "members": [{"name": leader, "role": "Founder", "since_year": began}, *members],
        "achievements": rng.sample(names.ACHIEVEMENTS, rng.randint(0, 2)),
        "contact": {"name": leader, "phone": f"+91 97{rng.randint(10_000_000, 99_999_999)}"},
    }
