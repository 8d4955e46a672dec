"""Every model, so that `Base.metadata` is complete for whoever imports it from here."""

from app.models.accounts import Account
from app.models.base import Base
from app.models.bookings import BookedHour, Booking, BookingItem
from app.models.items import Item
from app.models.payments import PaymentOrder
from app.models.venues import Space, Venue

__all__ = [
    "Account",
    "Base",
    "BookedHour",
    "Booking",
    "BookingItem",
    "Item",
    "PaymentOrder",
    "Space",
    "Venue",
]
