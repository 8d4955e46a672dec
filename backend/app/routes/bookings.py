"""Bookings of the account that calls."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Response
from sqlalchemy import delete, select

from app.booking import book
from app.booking_queries import as_summaries, booking_answer, summaries
from app.models import BookedHour, Booking
from app.models.bookings import CANCELLED
from app.models.columns import now
from app.paging import Page, Paging, fetch_page
from app.problems import described, problem
from app.schemas.bookings import BookingAnswer, BookingSummary, IdempotencyKey, NewBooking
from app.schemas.values import MAX_ID
from app.security import Caller
from app.services import ServicesDep
from plimsoll.fastapi import ReadSessionDep, TransactionDep

router = APIRouter(tags=["bookings"])
BookingId = Annotated[int, Path(ge=1, le=MAX_ID)]
REPLAYED = "Idempotent-Replayed"


@router.post(
    "/bookings",
    status_code=201,
    summary="Book a space",
    responses=described(400, 401, 404, 408, 409, 413, 422),
)
async def create_booking(
    booking: NewBooking,
    caller: Caller,
    services: ServicesDep,
    response: Response,
    idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
) -> BookingAnswer:
    """Book a space for some whole hours, with items or without.

    409 where an hour is taken, or where the space or an item cannot be had as asked for. Sent again with the same
    `Idempotency-Key` and the same body, it answers with the booking that was made the first time, and the header
    `Idempotent-Replayed: true`.
    """
    made, replayed = await book(services.database, caller.account_id, booking, idempotency_key)
    if replayed:
        response.headers[REPLAYED] = "true"
    return made


@router.get("/bookings", summary="List one's bookings", responses=described(401, 422))
async def list_bookings(caller: Caller, session: ReadSessionDep, page: Paging) -> Page[BookingSummary]:
    """List the caller's bookings, the newest first."""
    query = summaries().where(Booking.account_id == caller.account_id)
    rows, following = await fetch_page(session, query, Booking.id, page, descending=True)
    return Page(items=as_summaries(rows), next=following)


@router.get("/bookings/{booking_id}", summary="Read a booking", responses=described(401, 404, 422))
async def read_booking(booking_id: BookingId, caller: Caller, session: ReadSessionDep) -> BookingAnswer:
    """Read one of the caller's bookings, with its items."""
    return await booking_answer(session, booking_id, caller.account_id)


@router.post("/bookings/{booking_id}/cancel", summary="Cancel a booking", responses=described(401, 404, 409, 422))
async def cancel_booking(booking_id: BookingId, caller: Caller, session: TransactionDep) -> BookingAnswer:
    """Cancel a booking that has not begun; its hours are free again. To cancel twice is to cancel once."""
    query = select(Booking).where(Booking.id == booking_id, Booking.account_id == caller.account_id)
    booking = await session.scalar(query.with_for_update())
    if booking is None:
        raise problem(404, f"There is no booking {booking_id} of yours.")
    if booking.status != CANCELLED:
        if booking.starts_at <= now():
            raise problem(409, "This booking has begun, so it cannot be cancelled any more.")
        booking.status = CANCELLED
        booking.cancelled_at = now()
        await session.execute(delete(BookedHour).where(BookedHour.booking_id == booking_id))
        await session.flush()
    return await booking_answer(session, booking_id)
