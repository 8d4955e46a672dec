"""Venues. These handlers commit by themselves, as in the operator's note: `await session.commit()`, then answer."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.booking_queries import as_summaries, summaries
from app.models import Booking, Venue
from app.paging import Page, Paging, fetch_page
from app.problems import described, problem
from app.schemas.bookings import BookingSummary
from app.schemas.values import MAX_ID, Line80
from app.schemas.venues import NewVenue, VenueAnswer, VenueFields
from app.security import Identity, Vendor
from plimsoll.fastapi import IntegrityConflict, ReadSessionDep, SessionDep

router = APIRouter(tags=["venues"])
VenueId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("/venues", summary="List venues", responses=described(422))
async def list_venues(
    session: ReadSessionDep, page: Paging, city: Annotated[Line80 | None, Query()] = None
) -> Page[VenueAnswer]:
    """List active venues, of one city or all, the oldest first."""
    query = select(Venue).where(Venue.is_active)
    if city is not None:
        query = query.where(Venue.city == city)
    rows, following = await fetch_page(session, query, Venue.id, page)
    return Page(items=[VenueAnswer.model_validate(row[0]) for row in rows], next=following)


@router.post(
    "/venues",
    status_code=201,
    summary="Offer a venue",
    responses=described(400, 401, 403, 408, 409, 413, 422),
    dependencies=[IntegrityConflict],
)
async def create_venue(venue: NewVenue, caller: Vendor, session: SessionDep) -> VenueAnswer:
    """Make a venue of the calling vendor. One vendor cannot have two of the same name."""
    made = Venue(vendor_id=caller.account_id, **venue.model_dump())
    session.add(made)
    await session.commit()
    return VenueAnswer.model_validate(made)


@router.get("/venues/{venue_id}", summary="Read a venue", responses=described(404, 422))
async def read_venue(venue_id: VenueId, session: ReadSessionDep) -> VenueAnswer:
    """Read one venue."""
    return VenueAnswer.model_validate(await find_venue(session, venue_id))


@router.put(
    "/venues/{venue_id}",
    summary="Change a venue",
    responses=described(400, 401, 403, 404, 408, 409, 413, 422),
    dependencies=[IntegrityConflict],
)
async def change_venue(venue_id: VenueId, change: VenueFields, caller: Vendor, session: SessionDep) -> VenueAnswer:
    """Say anew what a venue is. Bookings made before stay as they are."""
    venue = await own_venue(session, venue_id, caller)
    for field, value in change.model_dump().items():
        setattr(venue, field, value)
    await session.commit()
    return VenueAnswer.model_validate(venue)


@router.get(
    "/venues/{venue_id}/bookings",
    summary="List a venue's bookings",
    responses=described(401, 403, 404, 422),
)
async def list_venue_bookings(
    venue_id: VenueId, caller: Vendor, session: ReadSessionDep, page: Paging
) -> Page[BookingSummary]:
    """List the bookings of all spaces of the vendor's venue, the newest first."""
    await own_venue(session, venue_id, caller)
    rows, following = await fetch_page(
        session, summaries().where(Venue.id == venue_id), Booking.id, page, descending=True
    )
    return Page(items=as_summaries(rows), next=following)


async def find_venue(session: AsyncSession, venue_id: int) -> Venue:
    """Return a venue, or raise a 404."""
    venue = await session.get(Venue, venue_id)
    if venue is None:
        raise problem(404, f"There is no venue {venue_id}.")
    return venue


async def own_venue(session: AsyncSession, venue_id: int, caller: Identity) -> Venue:
    """Return a venue that the caller may change, or raise a 404 or 403."""
    venue = await find_venue(session, venue_id)
    if not caller.may_change(venue.vendor_id):
        raise problem(403, "This venue belongs to another vendor.")
    return venue
