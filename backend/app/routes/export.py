"""All bookings as CSV, streamed. Each page is read in a session of its own, so that neither the result nor a
connection is held while the client reads."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from app.booking_queries import summaries
from app.models import Account, Booking
from app.problems import described
from app.security import Administrator
from app.services import ServicesDep
from plimsoll import Database

router = APIRouter(prefix="/admin", tags=["admin"])

PAGE_ROWS = 500
# A spreadsheet takes a cell that begins so for a formula, and a name is what a client has made it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
HEADER = (
    "id", "account_id", "space_id", "space", "venue", "starts_at", "ends_at", "guests", "status", "total",
    "currency", "created_at", "email", "name",
)  # fmt: skip


class CsvResponse(StreamingResponse):
    """A streamed CSV document."""

    media_type = "text/csv"


@router.get(
    "/bookings.csv",
    summary="Export all bookings",
    response_class=CsvResponse,
    responses=described(401, 403),
)
async def export_bookings(_admin: Administrator, services: ServicesDep) -> CsvResponse:
    """Export every booking as CSV, in the order of its making. Bookings made meanwhile may be in it."""
    # Read before the answer begins: a database that does not answer is then a 503 and not a cut-off file.
    first = await _read_page(services.database, after=0)
    headers = {"Content-Disposition": 'attachment; filename="bookings.csv"'}
    return CsvResponse(_lines(services.database, first), headers=headers)


async def _lines(database: Database, page: Sequence[Any]) -> AsyncGenerator[str]:
    yield _csv([HEADER])
    while page:
        yield _csv([[_cell(value) for value in row] for row in page])
        page = await _read_page(database, after=page[-1].id) if len(page) == PAGE_ROWS else []


async def _read_page(database: Database, after: int) -> Sequence[Any]:
    query = (
        summaries()
        .join(Account, Account.id == Booking.account_id)
        .add_columns(Account.email, Account.name)
        .where(Booking.id > after)
        .order_by(Booking.id)
        .limit(PAGE_ROWS)
    )
    async with database.read_session() as session:
        return (await session.execute(query)).all()


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value
