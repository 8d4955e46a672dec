"""The catalogue: what vendors offer beside the space itself."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import TABLE_OPTIONS, Base
from app.models.columns import NULLABLE_JSON, CreatedAt, Money, RowId, UtcDateTime, now


class Item(Base):
    """Something a vendor lets out or performs: a stage, a dinner, a band.

    `stock` is how many the vendor owns, and so the most that one booking can take. `performance_team_profile`
    describes the people of a performing item: history, members, achievements, contact.
    """

    __tablename__ = "items"
    __table_args__ = (Index(None, "vendor_id", "id"), Index(None, "category", "id"), TABLE_OPTIONS)

    id: Mapped[RowId]
    vendor_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    title: Mapped[str] = mapped_column(String(160))
    summary: Mapped[str] = mapped_column(String(255), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    category: Mapped[str] = mapped_column(String(32))
    brand: Mapped[str | None] = mapped_column(String(80))
    city: Mapped[str] = mapped_column(String(80))
    service_radius_km: Mapped[int] = mapped_column(default=50)
    price: Mapped[Money]
    deposit: Mapped[Money]
    tax_percent: Mapped[Money]
    currency: Mapped[str] = mapped_column(String(3), default="INR")
    unit: Mapped[str] = mapped_column(String(16))
    stock: Mapped[int]
    min_quantity: Mapped[int] = mapped_column(default=1)
    max_quantity: Mapped[int] = mapped_column(default=1)
    lead_time_hours: Mapped[int] = mapped_column(default=24)
    setup_minutes: Mapped[int] = mapped_column(default=0)
    cancellation_hours: Mapped[int] = mapped_column(default=48)
    images: Mapped[list[str]] = mapped_column(JSON, default=list)
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    rating: Mapped[Money]
    rating_count: Mapped[int] = mapped_column(default=0)
    is_featured: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
    performance_team_profile: Mapped[dict[str, Any] | None] = mapped_column(NULLABLE_JSON)
