"""Access tokens, and the dependencies that say who calls and what he may do."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import Depends
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import select
from starlette.exceptions import HTTPException

from app.models import Account
from app.problems import problem
from app.schemas.accounts import Token
from app.services import Services, ServicesDep

ALGORITHM = "HS256"
ISSUER = "venue-booking"
_bearer = OAuth2PasswordBearer(tokenUrl="token", description="Log in with e-mail and password.")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, as the token says. A token outlives a change of the account by `TOKEN_MINUTES` at most."""

    account_id: int
    role: str

    def may_change(self, owner_id: int) -> bool:
        """Return whether this caller may change what belongs to `owner_id`."""
        return self.role == "admin" or self.account_id == owner_id


def issue_token(services: Services, account: Account) -> Token:
    """Return a token for an account whose password has been verified."""
    life = timedelta(minutes=services.settings.token_minutes)
    issued = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "sub": str(account.id),
        "role": account.role,
        "iat": issued,
        "exp": issued + life,
    }
    token = jwt.encode(claims, services.signing_key, ALGORITHM)
    return Token(access_token=token, expires_in=int(life.total_seconds()))


def unauthorized(detail: str) -> HTTPException:
    """Return a 401 that tells the client how to log in."""
    return problem(401, detail, {"WWW-Authenticate": "Bearer"})


def _caller(services: ServicesDep, token: Annotated[str, Depends(_bearer)]) -> Identity:
    try:
        claims = jwt.decode(
            token,
            services.signing_key,
            [ALGORITHM],
            issuer=ISSUER,
            options={"require": ["exp", "sub", "iss", "role"]},
        )
        return Identity(int(claims["sub"]), str(claims["role"]))
    except (jwt.InvalidTokenError, ValueError) as error:
        raise unauthorized("The access token is not valid, or it has expired. Log in again.") from error


Caller = Annotated[Identity, Depends(_caller)]


def _vendor(caller: Caller) -> Identity:
    if caller.role not in {"vendor", "admin"}:
        raise problem(403, "Only vendors may do this.")
    return caller


async def _administrator(caller: Caller, services: ServicesDep) -> Identity:
    """Ask the database, not the token alone. Its session ends here, so a request never holds two connections."""
    if caller.role == "admin":
        still = select(Account.id).where(Account.id == caller.account_id, Account.role == "admin", Account.is_active)
        async with services.database.read_session() as session:
            if await session.scalar(still) is not None:
                return caller
    raise problem(403, "Only administrators may do this.")


Vendor = Annotated[Identity, Depends(_vendor)]
Administrator = Annotated[Identity, Depends(_administrator)]
