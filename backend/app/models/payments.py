"""Payment orders: what we asked of the payment provider for a booking, and what it answered."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import TABLE_OPTIONS, Base
from app.models.columns import CreatedAt, Money, RowId, UtcDateTime, now

PENDING, PLACED, REFUSED = "pending", "placed", "refused"
KEY_LENGTH = 32


def new_key() -> str:
    """Return a key that no other order has, here or at another installation."""
    return uuid.uuid4().hex


class PaymentOrder(Base):
    """The one order of a booking. `pending` means that the provider's answer is not known (yet)."""

    __tablename__ = "payment_orders"
    __table_args__ = (UniqueConstraint("booking_id"), TABLE_OPTIONS)

    id: Mapped[RowId]
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"))
    amount: Mapped[Money]
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(16), default=PENDING)
    # What the provider tells orders apart by. After a time-out the same one is sent again, after a refusal a new one.
    provider_key: Mapped[str] = mapped_column(String(KEY_LENGTH), default=new_key)
    provider_reference: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
