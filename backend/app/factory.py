"""Puts an application together for any database and settings: the running service and every test use it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.core import AppSettings, signing_key
from app.problems import described, install_problems
from app.provider import PaymentProvider
from app.routes import accounts, admin, bookings, export, items, payments, spaces, venues
from app.services import Services
from plimsoll import Database
from plimsoll.fastapi import install
from plimsoll.limiter import Priority
from plimsoll.seeding import PasswordHasher
from plimsoll.settings import ServiceSettings, Settings

DESCRIPTION = """
Venues, the spaces in them, and what vendors offer beside: found, booked by the hour, paid for.

Lists come in pages: send `next` of one page as `cursor` to get the page after it. Money is a decimal in a string.
Times are UTC. Errors are problem documents (RFC 9457).
"""
TAGS = [
    {"name": "accounts", "description": "Register, log in, and look after one's own account."},
    {"name": "venues", "description": "Venues and their spaces, and which hours are taken."},
    {"name": "items", "description": "The catalogue of what vendors offer."},
    {"name": "bookings", "description": "Bookings of the account that calls."},
    {"name": "payments", "description": "Payment orders at the external provider."},
    {"name": "admin", "description": "For administrators: all accounts, all bookings, the export."},
]


# Whoever looks after the service gets through while its visitors are more than the database carries.
PRIORITIES = {"/admin/*": Priority.HIGH}


def create_app(
    database: Database,
    settings: AppSettings,
    service: ServiceSettings,
    *,
    more_settings: tuple[Settings, ...] = (),
) -> FastAPI:
    """Return the application. It connects to nothing before its lifespan, or its first request, begins.

    Raises SettingsError where production has no good SECRET_KEY.
    """
    services = _services(database, settings)
    app = FastAPI(
        title="Venue booking",
        version="1.0.0",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=_lifespan,
        responses=described(503, 504),
    )
    app.state.services = services
    install_problems(app)
    for module in (accounts, venues, spaces, items, bookings, payments, admin, export):
        app.include_router(module.router)
    install(app, database, service=service, priorities=PRIORITIES, extra_settings=(settings, *more_settings))
    return app


def _services(database: Database, settings: AppSettings) -> Services:
    return Services(
        database,
        settings,
        # The one that makes the first administrator: two would double the memory that hashing may take.
        database.admin.hasher if database.admin else PasswordHasher(),
        signing_key(settings, production=database.settings.production.active),
        _provider(settings),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    services: Services = app.state.services
    try:
        yield
    finally:
        if services.provider is not None:
            await services.provider.close()


def _provider(settings: AppSettings) -> PaymentProvider | None:
    if settings.payment_provider_url is None:
        return None
    key = settings.payment_provider_key
    return PaymentProvider(
        settings.payment_provider_url,
        key.get_secret_value() if key else None,
        timeout_s=settings.payment_timeout_s,
        attempts=settings.payment_attempts,
    )
