"""Payment orders. The provider is called between two transactions, and no connection is held meanwhile."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.booking_queries import booking_answer
from app.models import Booking, PaymentOrder
from app.models.bookings import CONFIRMED
from app.models.payments import PENDING, PLACED, REFUSED, new_key
from app.problems import described, problem
from app.provider import ProviderError, ProviderRefusedError, ProviderTimeoutError
from app.routes.bookings import BookingId
from app.schemas.bookings import PaymentOrderAnswer
from app.security import Caller
from app.services import Services, ServicesDep
from plimsoll import Database
from plimsoll.fastapi import ReadSessionDep
from plimsoll.server import Fault, fault_of

router = APIRouter(tags=["payments"])


@dataclass(frozen=True, slots=True)
class _Order:
    """What is known of an order once its transaction has ended."""

    id: int
    key: str
    amount: Decimal
    currency: str
    status: str


@router.post(
    "/bookings/{booking_id}/payment",
    summary="Order the payment of a booking",
    responses=described(401, 404, 409, 422, 502, 504),
)
async def order_payment(booking_id: BookingId, caller: Caller, services: ServicesDep) -> PaymentOrderAnswer:
    """Place an order with the payment provider, or answer with the one that was placed before.

    502 and 504 mean that the order is not known to be placed: ask again, the provider will not place it twice.
    """
    if services.provider is None:
        async with services.database.read_session() as session:
            await booking_answer(session, booking_id, caller.account_id)
        raise problem(503, "Payments are not configured here: PAYMENT_PROVIDER_URL is not set.")
    order = await _noted(services.database, booking_id, caller.account_id)
    if order.status != PLACED:
        await _place(services, order)
    async with services.database.read_session() as session:
        return await _order_answer(session, booking_id, caller.account_id)


@router.get("/bookings/{booking_id}/payment", summary="Read a payment order", responses=described(401, 404, 422))
async def read_payment(booking_id: BookingId, caller: Caller, session: ReadSessionDep) -> PaymentOrderAnswer:
    """Read the payment order of one of the caller's bookings."""
    return await _order_answer(session, booking_id, caller.account_id)


async def _noted(database: Database, booking_id: int, account_id: int) -> _Order:
    """Note the order as pending, in a transaction of its own, unless that was done before."""
    try:
        async with database.transaction() as session:
            return await _note(session, booking_id, account_id)
    except DBAPIError as error:
        if fault_of(error, database.settings.dialect) is not Fault.CONFLICT:
            raise
    # Another request has noted the same order meanwhile: that one it is.
    async with database.transaction() as session:
        return await _note(session, booking_id, account_id)


async def _note(session: AsyncSession, booking_id: int, account_id: int) -> _Order:
    owned = (Booking.id == booking_id) & (Booking.account_id == account_id)
    booking = await session.scalar(select(Booking).where(owned))
    if booking is None:
        raise problem(404, f"There is no booking {booking_id} of yours.")
    if booking.status != CONFIRMED or booking.total == 0:
        raise problem(409, "There is nothing to pay for this booking.")
    order = await session.scalar(select(PaymentOrder).where(PaymentOrder.booking_id == booking_id))
    if order is None:
        order = PaymentOrder(booking_id=booking_id, amount=booking.total, currency=booking.currency)
        session.add(order)
    elif order.status == REFUSED:
        order.status, order.provider_key = PENDING, new_key()
    await session.flush()
    return _Order(order.id, order.provider_key, order.amount, order.currency, order.status)


async def _place(services: Services, order: _Order) -> None:
    """Ask the provider, holding no connection, and note what it said."""
    assert services.provider is not None
    try:
        reference = await services.provider.place(order.key, order.amount, order.currency)
    except ProviderTimeoutError as error:
        raise problem(504, f"The payment provider is too slow: {error}. The order is pending.") from error
    except ProviderRefusedError as error:
        await _record(services.database, order, status=REFUSED)
        raise problem(502, f"The payment provider refused the order: {error}.") from error
    except ProviderError as error:
        raise problem(502, f"The payment provider failed: {error}. The order is pending.") from error
    await _record(services.database, order, status=PLACED, provider_reference=reference)


async def _record(database: Database, order: _Order, **values: Any) -> None:
    """Note the provider's answer, unless a request beside this one has noted its own."""
    this_attempt = (PaymentOrder.id == order.id) & (PaymentOrder.provider_key == order.key)
    async with database.transaction() as session:
        await session.execute(update(PaymentOrder).where(this_attempt, PaymentOrder.status == PENDING).values(**values))


async def _order_answer(session: AsyncSession, booking_id: int, account_id: int) -> PaymentOrderAnswer:
    query = (
        select(PaymentOrder)
        .join(Booking, Booking.id == PaymentOrder.booking_id)
        .where(PaymentOrder.booking_id == booking_id, Booking.account_id == account_id)
    )
    order = await session.scalar(query)
    if order is None:
        raise problem(404, f"There is no payment order for a booking {booking_id} of yours.")
    return PaymentOrderAnswer.model_validate(order)
