"""The service in this process, over one database, with what tests of its routes need again and again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import argon2
import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from app.core import AppSettings, BackendDatabaseSettings, BackendServiceSettings, make_database
from app.factory import create_app
from app.models import Account
from app.models.columns import now
from app.security import issue_token
from plimsoll import Database
from plimsoll.seeding import AdminSettings, PasswordHasher

PASSWORD = "correct horse battery"
ADMIN_PASSWORD = "violet-harbour-crane-42"
ADMIN_EMAIL = "boss@venues.example.in"
# The cheapest argon2: what is tested here is not its strength.
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

Headers = dict[str, str]


@dataclass
class Service:
    """A started application and a client of it."""

    app: FastAPI
    database: Database
    client: httpx.AsyncClient
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def caller(self, role: str = "user") -> Headers:
        """Make an account, without a password, and return the headers of its requests."""
        account = Account(
            email=f"{role}{next(self.numbers)}@people.example.in", name="A. Person", password_hash="!", role=role
        )
        async with self.database.transaction() as session:
            session.add(account)
        token = issue_token(self.app.state.services, account)
        return {"Authorization": f"Bearer {token.access_token}"}

    async def make(self, path: str, body: dict[str, Any], headers: Headers) -> dict[str, Any]:
        """POST what must succeed with 201, and return the answer."""
        response = await self.client.post(path, json=body, headers=headers)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    async def space(self, vendor: Headers, **fields: Any) -> dict[str, Any]:
        """Make a venue with a space in it, and return the space."""
        venue = await self.make("/venues", a_venue(name=f"Lotus Banquets {next(self.numbers)}"), vendor)
        return await self.make(f"/venues/{venue['id']}/spaces", a_space(**fields), vendor)

    def checked_out(self) -> int:
        """Return how many connections of the pool are in use."""
        used: int = self.database.engine.pool.checkedout()  # type: ignore[attr-defined]
        return used


@asynccontextmanager
async def started(app: FastAPI, database: Database, **client_options: Any) -> AsyncGenerator[Service]:
    """Run the lifespan of an application around a client that calls it in this process."""
    async with app.router.lifespan_context(app):
        await database.start()  # on a busy machine start-up takes longer than the lifespan waits for it
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service", **client_options) as client:
            yield Service(app, database, client)


async def until_ready(service: Service) -> None:
    """Wait for the end of start-up: it goes on after the lifespan has begun where it takes long."""
    for _ in range(600):
        if (await service.client.get("/health/ready")).status_code == 200:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the service did not become ready within a minute")


def application(
    url: str, service: BackendServiceSettings | None = None, **app_settings: Any
) -> tuple[FastAPI, Database]:
    """Make the application for a database, without the sample unless it is asked for."""
    settings = AppSettings(**{"secret_key": "k" * 40, "sample_data": False, **app_settings})
    admin = AdminSettings(admin_email=ADMIN_EMAIL, admin_password=SecretStr(ADMIN_PASSWORD))
    hasher = PasswordHasher(argon2id=CHEAP)
    database = make_database(BackendDatabaseSettings(database_url=SecretStr(url)), settings, admin, hasher)
    return create_app(database, settings, service or BackendServiceSettings()), database


@asynccontextmanager
async def service_on(
    url: str, service: BackendServiceSettings | None = None, **app_settings: Any
) -> AsyncGenerator[Service]:
    """Make and run the application for a database."""
    app, database = application(url, service, **app_settings)
    async with started(app, database) as running:
        yield running


def a_venue(**fields: Any) -> dict[str, Any]:
    """Return the body of a new venue, in Pune unless said otherwise."""
    return {
        "name": "Lotus Banquets", "address": "12 Station Road", "city": "Pune", "postal_code": "411001", **fields
    }  # fmt: skip


def a_space(**fields: Any) -> dict[str, Any]:
    """Return the body of a new space."""
    return {"name": "Grand Hall", "capacity": 300, "price_per_hour": "1250.50", **fields}


def an_item(**fields: Any) -> dict[str, Any]:
    """Return the body of a new item."""
    return {
        "title": "Kathak Troupe", "category": "performance", "city": "Pune", "price": "18000.10", "unit": "event",
        "stock": 4, "max_quantity": 3, **fields,
    }  # fmt: skip


def evening(days: int = 30, hour: int = 18) -> datetime:
    """Return a full hour by Indian clocks, some days from now."""
    day = now().replace(hour=0, minute=0, second=0) + timedelta(days=days)
    return day + timedelta(hours=hour, minutes=-330)


def a_booking(space_id: int, hours: int = 3, start: datetime | None = None, **fields: Any) -> dict[str, Any]:
    """Return the body of a booking of some hours of one evening."""
    return {"space_id": space_id, "starts_at": (start or evening()).isoformat(), "hours": hours, **fields}


MIGRATIONS = Path(__file__).resolve().parents[2] / "backend" / "migrations"
