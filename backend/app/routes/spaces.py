"""The spaces of a venue, and the hours at which they are taken."""

import calendar
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import select

from app.models import BookedHour, Space
from app.models.columns import now
from app.paging import CURSOR_PATTERN, DEFAULT_LIMIT, MAX_LIMIT, Page, Paging, fetch_page, make_cursor, read_cursor
from app.problems import described, problem
from app.routes.venues import VenueId, find_venue, own_venue
from app.schemas.values import MAX_ID, Time
from app.schemas.venues import BookedHourAnswer, NewSpace, SpaceAnswer
from app.security import Vendor
from plimsoll.fastapi import IntegrityConflict, ReadSessionDep, SessionDep

router = APIRouter(tags=["venues"])
SpaceId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("/venues/{venue_id}/spaces", summary="List a venue's spaces", responses=described(404, 422))
async def list_spaces(venue_id: VenueId, session: ReadSessionDep, page: Paging) -> Page[SpaceAnswer]:
    """List the active spaces of a venue, the oldest first."""
    await find_venue(session, venue_id)
    query = select(Space).where(Space.venue_id == venue_id, Space.is_active)
    rows, following = await fetch_page(session, query, Space.id, page)
    return Page(items=[SpaceAnswer.model_validate(row[0]) for row in rows], next=following)


@router.post(
    "/venues/{venue_id}/spaces",
    status_code=201,
    summary="Add a space",
    responses=described(400, 401, 403, 404, 408, 409, 413, 422),
    dependencies=[IntegrityConflict],
)
async def create_space(venue_id: VenueId, space: NewSpace, caller: Vendor, session: SessionDep) -> SpaceAnswer:
    """Add a space to the vendor's venue. One venue cannot have two of the same name."""
    await own_venue(session, venue_id, caller)
    made = Space(venue_id=venue_id, **space.model_dump())
    session.add(made)
    await session.commit()
    return SpaceAnswer.model_validate(made)


@router.get("/spaces/{space_id}", summary="Read a space", responses=described(404, 422))
async def read_space(space_id: SpaceId, session: ReadSessionDep) -> SpaceAnswer:
    """Read one space."""
    space = await session.get(Space, space_id)
    if space is None:
        raise problem(404, f"There is no space {space_id}.")
    return SpaceAnswer.model_validate(space)


@router.get("/spaces/{space_id}/booked", summary="List the hours that are taken", responses=described(404, 422))
async def list_booked_hours(
    space_id: SpaceId,
    session: ReadSessionDep,
    since: Annotated[Time | None, Query(description="from this time on; now where it is not given")] = None,
    cursor: Annotated[str | None, Query(pattern=CURSOR_PATTERN)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> Page[BookedHourAnswer]:
    """List the hours at which a space is taken, in the order of time."""
    if await session.get(Space, space_id) is None:
        raise problem(404, f"There is no space {space_id}.")
    query = select(BookedHour.hour_start).where(
        BookedHour.space_id == space_id, BookedHour.hour_start >= (since or now())
    )
    if cursor is not None:
        query = query.where(BookedHour.hour_start > _time_of(cursor))
    hours = (await session.scalars(query.order_by(BookedHour.hour_start).limit(limit + 1))).all()
    shown = [BookedHourAnswer(hour_start=hour) for hour in hours[:limit]]
    following = make_cursor(calendar.timegm(hours[limit - 1].utctimetuple())) if len(hours) > limit else None
    return Page(items=shown, next=following)


def _time_of(cursor: str) -> datetime:
    """Return the instant in a cursor; one that no calendar has is taken for the nearest that it does have."""
    seconds = min(max(read_cursor(cursor), 0), int(datetime.max.replace(tzinfo=UTC).timestamp()) - 1)
    return datetime.fromtimestamp(seconds, UTC)
