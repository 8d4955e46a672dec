"""Registration, log-in and the caller's own account. No connection is held while a password is hashed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.security import OAuth2PasswordRequestForm
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from app.models import Account
from app.problems import described, problem
from app.schemas.accounts import AccountAnswer, AccountChange, PasswordChange, Registration, Token
from app.security import Caller, issue_token, unauthorized
from app.services import ServicesDep
from plimsoll.fastapi import ReadSessionDep, SessionDep
from plimsoll.server import Fault, fault_of

router = APIRouter(tags=["accounts"])


@router.post("/accounts", status_code=201, summary="Register", responses=described(400, 408, 409, 413, 422))
async def register(registration: Registration, services: ServicesDep) -> AccountAnswer:
    """Make an account, as a user who books or as a vendor who offers."""
    password_hash = await services.hasher.hash(registration.password.get_secret_value())
    account = Account(
        email=registration.email,
        name=registration.name,
        password_hash=password_hash,
        role=registration.role,
    )
    try:
        async with services.database.transaction() as session:
            session.add(account)
    except DBAPIError as error:
        if fault_of(error, services.database.settings.dialect) is not Fault.CONFLICT:
            raise
        raise problem(409, "There is an account with this e-mail already.") from error
    return AccountAnswer.model_validate(account)


@router.post("/token", summary="Log in", responses=described(400, 401, 408, 413, 422))
async def log_in(form: Annotated[OAuth2PasswordRequestForm, Depends()], services: ServicesDep) -> Token:
    """Get an access token for an e-mail (`username`) and password."""
    async with services.database.read_session() as session:
        account = await session.scalar(select(Account).where(Account.email == _email(form.username)))
    # Unknown, wrong and deactivated take the same time and get the same answer.
    stored_hash = account.password_hash if account else None
    right = await services.hasher.verify(stored_hash, form.password)
    if account is None or not right or not account.is_active:
        raise unauthorized("The e-mail or the password is wrong.")
    return issue_token(services, account)


@router.get("/accounts/me", summary="The caller's account", responses=described(401))
async def read_own_account(caller: Caller, session: ReadSessionDep) -> AccountAnswer:
    """Read the account that the access token was given to."""
    return AccountAnswer.model_validate(_own(await session.get(Account, caller.account_id)))


@router.patch("/accounts/me", summary="Change the caller's account", responses=described(400, 401, 408, 413, 422))
async def change_own_account(change: AccountChange, caller: Caller, session: SessionDep) -> AccountAnswer:
    """Change the name of the caller's account."""
    account = _own(await session.get(Account, caller.account_id))
    account.name = change.name
    await session.commit()
    return AccountAnswer.model_validate(account)


@router.post(
    "/accounts/me/password",
    status_code=204,
    summary="Change the password",
    responses=described(400, 401, 408, 413, 422),
)
async def change_password(change: PasswordChange, caller: Caller, services: ServicesDep) -> Response:
    """Change the caller's password. Tokens given out before are good until they expire."""
    async with services.database.read_session() as session:
        account = _own(await session.get(Account, caller.account_id))
    if not await services.hasher.verify(account.password_hash, change.current_password.get_secret_value()):
        raise unauthorized("The current password is wrong.")
    password_hash = await services.hasher.hash(change.new_password.get_secret_value())
    async with services.database.transaction() as session:
        await session.execute(update(Account).where(Account.id == account.id).values(password_hash=password_hash))
    return Response(status_code=204)


def _own(account: Account | None) -> Account:
    if account is None or not account.is_active:
        raise unauthorized("The account of this access token is not active any more.")
    return account


def _email(username: str) -> str:
    """Return the form in which e-mails are stored. NUL, which PostgreSQL does not take, is in none of them."""
    return username.replace("\x00", "").lower()
