"""What clients send and get about catalogue items, the profile of a performing team included."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from app.schemas.values import (
    WHOLE,
    Amount,
    Answer,
    Currency,
    Email,
    Flag,
    Id,
    Line32,
    Line40,
    Line80,
    Line120,
    Line160,
    Line200,
    Percent,
    Prose255,
    Prose1000,
    Prose4000,
    Request,
    Time,
    WebAddress,
)

Category = Literal[
    "catering",
    "decor",
    "furniture",
    "lighting",
    "music",
    "performance",
    "photography",
    "sound",
    "staff",
    "stage",
]
Unit = Literal["event", "hour", "day", "piece", "plate", "person"]
Count = Annotated[int, Field(ge=0, le=1_000_000), WHOLE]
AtLeastOne = Annotated[int, Field(ge=1, le=1_000_000), WHOLE]
Hours = Annotated[int, Field(ge=0, le=8760, description="hours"), WHOLE]
Year = Annotated[int, Field(ge=1800, le=2100), WHOLE]


class Member(Request):
    """One person of a performing team."""

    name: Line120
    role: Line80
    since_year: Year | None = None
    biography: Prose1000 = ""


class Milestone(Request):
    """One entry of a team's history."""

    year: Year
    event: Line200
    place: Line120 | None = None


class Contact(Request):
    """How to reach a team."""

    name: Line120
    email: Email | None = None
    phone: Line32 | None = None
    website: WebAddress | None = None


class PerformanceTeamProfile(Request):
    """Who performs: history, members, achievements, contact. At most some 100 KB in all."""

    history: list[Milestone] = Field(default=[], max_length=50)
    members: list[Member] = Field(default=[], max_length=50)
    achievements: list[Line200] = Field(default=[], max_length=50)
    contact: Contact


class ItemFields(Request):
    """What a vendor says about an item, in a new one and in a changed one.

    Where `min_quantity` is above `max_quantity` or `stock`, the item cannot be booked, as when it is not active.
    """

    title: Line160
    summary: Prose255 = ""
    description: Prose4000 = ""
    category: Category
    brand: Line80 | None = None
    city: Line80
    service_radius_km: Annotated[int, Field(ge=0, le=20_000), WHOLE] = 50
    price: Amount
    deposit: Amount = Decimal("0.00")
    tax_percent: Percent = Decimal("18.00")
    currency: Currency = "INR"
    unit: Unit
    stock: Count
    min_quantity: AtLeastOne = 1
    max_quantity: AtLeastOne = 1
    lead_time_hours: Hours = 24
    setup_minutes: Annotated[int, Field(ge=0, le=10_080), WHOLE] = 0
    cancellation_hours: Hours = 48
    images: list[WebAddress] = Field(default=[], max_length=20)
    tags: list[Line40] = Field(default=[], max_length=20)
    is_active: Flag = True
    performance_team_profile: PerformanceTeamProfile | None = None


class ItemSummary(Answer):
    """An item in a list: without the long texts and the profile, which can be 100 KB each."""

    id: Id
    vendor_id: Id
    title: str
    summary: str
    category: Category
    city: str
    price: Amount
    currency: str
    unit: Unit
    rating: Amount
    rating_count: int
    is_featured: bool
    tags: list[str]


class ItemAnswer(ItemSummary):
    """An item with all there is to know."""

    description: str
    brand: str | None
    service_radius_km: int
    deposit: Amount
    tax_percent: Amount
    stock: int
    min_quantity: int
    max_quantity: int
    lead_time_hours: int
    setup_minutes: int
    cancellation_hours: int
    images: list[str]
    is_active: bool
    created_at: Time
    updated_at: Time
    performance_team_profile: PerformanceTeamProfile | None
