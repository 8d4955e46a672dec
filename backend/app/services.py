"""What the routes work with, made once for an application and found again from a request."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from app.core import AppSettings
from app.provider import PaymentProvider
from plimsoll import Database
from plimsoll.seeding import PasswordHasher


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one running application."""

    database: Database
    settings: AppSettings
    hasher: PasswordHasher
    signing_key: bytes
    provider: PaymentProvider | None


def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


ServicesDep = Annotated[Services, Depends(_services)]
