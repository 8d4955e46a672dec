"""Bookings, what they contain, and the table in which the database itself refuses a double booking."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.accounts import Account
from app.models.base import TABLE_OPTIONS, Base
from app.models.columns import ROW_ID, CreatedAt, Instant, Money, RowId, UtcDateTime, exact_text
from app.models.items import Item
from app.models.venues import Space

CONFIRMED, CANCELLED = "confirmed", "cancelled"
SHA256_HEX = 64


class Booking(Base):
    """A space for some whole hours. The key is the SHA-256 of the client's Idempotency-Key, as is the body's."""

    __tablename__ = "bookings"
    __table_args__ = (
        UniqueConstraint("account_id", "idempotency_key"),
        Index(None, "account_id", "id"),
        Index(None, "space_id", "id"),
        Index(None, "status", "id"),
        TABLE_OPTIONS,
    )

    id: Mapped[RowId]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id"))
    starts_at: Mapped[Instant]
    ends_at: Mapped[Instant]
    guests: Mapped[int] = mapped_column(default=1)
    note: Mapped[str] = mapped_column(String(500), default="")
    status: Mapped[str] = mapped_column(String(16), default=CONFIRMED)
    total: Mapped[Money]
    currency: Mapped[str] = mapped_column(String(3))
    idempotency_key: Mapped[str | None] = mapped_column(exact_text(SHA256_HEX))
    request_hash: Mapped[str | None] = mapped_column(String(SHA256_HEX))
    created_at: Mapped[CreatedAt]
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[Account] = relationship(lazy="raise")
    space: Mapped[Space] = relationship(lazy="raise")
    items: Mapped[list["BookingItem"]] = relationship(lazy="raise", order_by="BookingItem.item_id")


class BookingItem(Base):
    """An item in a booking, at the price of the moment it was booked."""

    __tablename__ = "booking_items"
    __table_args__ = (Index(None, "item_id"), TABLE_OPTIONS)

    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    quantity: Mapped[int]
    unit_price: Mapped[Money]

    item: Mapped[Item] = relationship(lazy="raise")


class BookedHour(Base):
    """One hour of one space, taken. The primary key is what makes a second booking of it impossible."""

    __tablename__ = "booked_hours"
    __table_args__ = (Index(None, "booking_id"), TABLE_OPTIONS)

    space_id: Mapped[int] = mapped_column(ROW_ID, ForeignKey("spaces.id"), primary_key=True, autoincrement=False)
    hour_start: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"))
