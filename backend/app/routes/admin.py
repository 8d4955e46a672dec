"""What administrators see and do."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import select

from app.booking_queries import summaries
from app.models import Account, Booking
from app.paging import Page, Paging, fetch_page
from app.problems import described, problem
from app.schemas.accounts import AccountAdminChange, AccountAnswer, Role
from app.schemas.bookings import AdminBooking, BookingStatus
from app.schemas.values import MAX_ID
from app.security import Administrator
from plimsoll.fastapi import ReadSessionDep, SessionDep

router = APIRouter(prefix="/admin", tags=["admin"])


@router.get("/accounts", summary="List all accounts", responses=described(401, 403, 422))
async def list_accounts(
    _admin: Administrator, session: ReadSessionDep, page: Paging, role: Annotated[Role | None, Query()] = None
) -> Page[AccountAnswer]:
    """List accounts, of one role or all, the oldest first."""
    query = select(Account)
    if role is not None:
        query = query.where(Account.role == role)
    rows, following = await fetch_page(session, query, Account.id, page)
    return Page(items=[AccountAnswer.model_validate(row[0]) for row in rows], next=following)


@router.patch(
    "/accounts/{account_id}",
    summary="Activate or deactivate an account",
    responses=described(400, 401, 403, 404, 408, 409, 413, 422),
)
async def change_account(
    account_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    change: AccountAdminChange,
    admin: Administrator,
    session: SessionDep,
) -> AccountAnswer:
    """Activate or deactivate an account. A deactivated one cannot log in; its tokens expire by themselves."""
    if account_id == admin.account_id and not change.is_active:
        raise problem(409, "Administrators cannot deactivate themselves.")
    account = await session.get(Account, account_id)
    if account is None:
        raise problem(404, f"There is no account {account_id}.")
    account.is_active = change.is_active
    await session.commit()
    return AccountAnswer.model_validate(account)


@router.get("/bookings", summary="List all bookings", responses=described(401, 403, 422))
async def list_all_bookings(
    _admin: Administrator,
    session: ReadSessionDep,
    page: Paging,
    status: Annotated[BookingStatus | None, Query()] = None,
) -> Page[AdminBooking]:
    """List bookings of everybody, of one status or all, the newest first."""
    query = (
        summaries()
        .join(Account, Account.id == Booking.account_id)
        .add_columns(Account.email.label("account_email"), Account.name.label("account_name"))
    )
    if status is not None:
        query = query.where(Booking.status == status)
    rows, following = await fetch_page(session, query, Booking.id, page, descending=True)
    return Page(items=[AdminBooking.model_validate(row) for row in rows], next=following)
