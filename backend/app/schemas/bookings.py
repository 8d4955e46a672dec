"""What clients send and get about bookings and payment orders."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator

from app.schemas.values import MAX_ID, WHOLE, Amount, Answer, Currency, Id, Line100, Prose500, Request, Time, Total

LONGEST_HOURS = 72
BookingStatus = Literal["confirmed", "cancelled"]
Quantity = Annotated[int, Field(ge=1, le=1_000_000), WHOLE]
Guests = Annotated[int, Field(ge=1, le=100_000), WHOLE]


class BookedItem(Request):
    """An item of the catalogue and how many of it."""

    item_id: Annotated[int, Field(ge=1, le=MAX_ID), WHOLE]
    quantity: Quantity = 1


class NewBooking(Request):
    """A space for some hours from a full hour on, by the venue's clock, and what is wanted with it."""

    space_id: Annotated[int, Field(ge=1, le=MAX_ID), WHOLE]
    starts_at: Time
    hours: Annotated[int, Field(ge=1, le=LONGEST_HOURS), WHOLE]
    guests: Guests = 1
    note: Prose500 = ""
    items: list[BookedItem] = Field(default=[], max_length=50)

    @field_validator("items")
    @classmethod
    def each_item_once(cls, items: Sequence[BookedItem]) -> list[BookedItem]:
        """Add up an item that is listed twice; the order in which they come means nothing."""
        quantities: Counter[int] = Counter()
        for item in items:
            quantities[item.item_id] += item.quantity
        # Not validated again: the sum may be above what one line may say, and the item's own limit decides.
        return [BookedItem.model_construct(item_id=key, quantity=quantities[key]) for key in sorted(quantities)]

    def digest(self) -> str:
        """SHA-256 (hex) of what is asked for: equal for two spellings of the same request."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class BookingItemAnswer(Answer):
    """An item as it was booked."""

    item_id: Id
    title: str
    quantity: int
    unit_price: Amount


class BookingSummary(Answer):
    """A booking in a list."""

    id: Id
    account_id: Id
    space_id: Id
    space_name: str
    venue_name: str
    starts_at: Time
    ends_at: Time
    guests: int
    status: BookingStatus
    total: Total
    currency: Currency
    created_at: Time


class BookingAnswer(BookingSummary):
    """A booking with its items."""

    note: str
    cancelled_at: Time | None
    items: list[BookingItemAnswer]


class AdminBooking(BookingSummary):
    """A booking in the administrators' list."""

    account_email: str
    account_name: str


class PaymentOrderAnswer(Answer):
    """An order at the payment provider: `pending` until the provider's answer is known."""

    id: Id
    booking_id: Id
    amount: Total
    currency: Currency
    status: Literal["pending", "placed", "refused"]
    provider_reference: str | None
    created_at: Time
    updated_at: Time


IdempotencyKey = Annotated[Line100, Field(description="The same key with the same body books once.")]
