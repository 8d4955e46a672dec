"""Venues and the spaces in them that can be booked."""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import TABLE_OPTIONS, Base
from app.models.columns import CreatedAt, Money, RowId, exact_text

INDIA_OFFSET_MINUTES = 330


class Venue(Base):
    """A place of one vendor. `utc_offset_minutes` says when its hours begin: 18:00 in Pune is 12:30 UTC."""

    __tablename__ = "venues"
    __table_args__ = (UniqueConstraint("vendor_id", "name"), Index(None, "city", "id"), TABLE_OPTIONS)

    id: Mapped[RowId]
    vendor_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str] = mapped_column(exact_text(120))
    description: Mapped[str] = mapped_column(Text, default="")
    address: Mapped[str] = mapped_column(String(255))
    city: Mapped[str] = mapped_column(String(80))
    postal_code: Mapped[str] = mapped_column(String(16))
    phone: Mapped[str | None] = mapped_column(String(32))
    utc_offset_minutes: Mapped[int] = mapped_column(default=INDIA_OFFSET_MINUTES)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[CreatedAt]


class Space(Base):
    """A hall, lawn or room of a venue, hired by the hour."""

    __tablename__ = "spaces"
    __table_args__ = (UniqueConstraint("venue_id", "name"), TABLE_OPTIONS)

    id: Mapped[RowId]
    venue_id: Mapped[int] = mapped_column(ForeignKey("venues.id"))
    name: Mapped[str] = mapped_column(exact_text(120))
    capacity: Mapped[int]
    price_per_hour: Mapped[Money]
    currency: Mapped[str] = mapped_column(String(3), default="INR")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[CreatedAt]

    # Loaded only where a query asks for it: a lazy load would be a query a row.
    venue: Mapped[Venue] = relationship(lazy="raise")
