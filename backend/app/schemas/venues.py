"""What clients send and get about venues and their spaces."""

from typing import Annotated

from pydantic import Field

from app.models.venues import INDIA_OFFSET_MINUTES
from app.schemas.values import (
    WHOLE,
    Amount,
    Answer,
    Currency,
    Flag,
    Id,
    Line16,
    Line32,
    Line80,
    Line120,
    Line255,
    Prose4000,
    Request,
    Time,
)

# UTC-12 to UTC+14; every zone in use is a multiple of a quarter of an hour away.
UtcOffset = Annotated[int, Field(ge=-720, le=840, multiple_of=15, description="minutes east of UTC"), WHOLE]
Capacity = Annotated[int, Field(ge=1, le=100_000, description="people"), WHOLE]


class VenueFields(Request):
    """What a vendor says about a venue, in a new one and in a changed one."""

    name: Line120
    description: Prose4000 = ""
    address: Line255
    city: Line80
    postal_code: Line16
    phone: Line32 | None = None
    is_active: Flag = True


class NewVenue(VenueFields):
    """A venue of the vendor who sends it. Its offset cannot change later: bookings are cut along its hours."""

    utc_offset_minutes: UtcOffset = INDIA_OFFSET_MINUTES


class VenueAnswer(Answer):
    """A venue."""

    id: Id
    vendor_id: Id
    name: str
    description: str
    address: str
    city: str
    postal_code: str
    phone: str | None
    utc_offset_minutes: int
    is_active: bool
    created_at: Time


class NewSpace(Request):
    """A space of a venue, hired by the hour."""

    name: Line120
    capacity: Capacity
    price_per_hour: Amount
    currency: Currency = "INR"


class SpaceAnswer(Answer):
    """A space."""

    id: Id
    venue_id: Id
    name: str
    capacity: int
    price_per_hour: Amount
    currency: str
    is_active: bool
    created_at: Time


class BookedHourAnswer(Answer):
    """An hour that is taken."""

    hour_start: Time
