"""Payment orders at an external provider: no connection is held while it thinks, and no order is placed twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
import pytest_asyncio

from app.core import AppSettings
from plimsoll.settings import SettingsError
from tests.backend.provider import Provider, provider_running
from tests.backend.service import Headers, Service, a_booking, service_on
from tests.servers import TestDatabase, free_port


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    """A payment provider."""
    async with provider_running() as running:
        yield running


@pytest_asyncio.fixture
async def shop(any_database: TestDatabase, provider: Provider) -> AsyncIterator[Service]:
    """The service on each database, with that provider, for which it is patient."""
    async with _service_with(provider, any_database, patience_s=30) as running:
        yield running
        assert running.checked_out() == 0


def _service_with(
    provider: Provider, database: TestDatabase, patience_s: float
) -> "AbstractAsyncContextManager[Service]":
    return service_on(
        database.url,
        payment_provider_url=provider.url,
        payment_provider_key="pk_test",
        payment_timeout_s=patience_s,
    )


async def _booked(service: Service) -> tuple[str, Headers]:
    """Book, and return the path of its payment and the headers of its owner."""
    vendor, user = await service.caller("vendor"), await service.caller("user")
    booking = await service.make("/bookings", a_booking((await service.space(vendor))["id"]), user)
    return f"/bookings/{booking['id']}/payment", user


async def test_an_order_is_placed_and_no_connection_is_held_meanwhile(shop: Service, provider: Provider) -> None:
    """While a slow provider thinks about ten orders, the pool is untouched; then each has its reference."""
    held: list[int] = []
    paths = [await _booked(shop) for _ in range(10)]
    provider.thinks = asyncio.Event()
    provider.during_call = lambda: held.append(shop.checked_out())
    calls = asyncio.gather(*(shop.client.post(path, headers=user) for path, user in paths))
    async with asyncio.timeout(30):
        while len(provider.requests) < 10:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    held.append(shop.checked_out())
    assert not calls.done()
    provider.thinks.set()
    answers = await calls
    assert len(provider.requests) == 10
    assert held[-1] == 0, "a connection was held while the provider was thinking"
    assert {answer.status_code for answer in answers} == {200}
    orders = [answer.json() for answer in answers]
    assert {order["status"] for order in orders} == {"placed"}
    assert len({order["provider_reference"] for order in orders}) == 10
    assert (await shop.client.get(paths[0][0], headers=paths[0][1])).json() == orders[0]


async def test_the_provider_is_sent_minor_units_a_key_and_our_credentials(shop: Service, provider: Provider) -> None:
    """Three hours at 1250.50 are 375150 paise."""
    path, user = await _booked(shop)
    await shop.client.post(path, headers=user)
    headers, body = provider.requests[0]
    assert (body["amount"], body["currency"]) == (375150, "INR")
    assert headers["authorization"] == "Bearer pk_test"
    assert headers["idempotency-key"] == body["receipt"]


async def test_a_placed_order_is_not_placed_again(shop: Service, provider: Provider) -> None:
    """Asked again, the service answers with the order it has, and does not call the provider."""
    path, user = await _booked(shop)
    first = await shop.client.post(path, headers=user)
    second = await shop.client.post(path, headers=user)
    assert first.json() == second.json()
    assert len(provider.requests) == 1


async def test_simultaneous_orders_are_one(shop: Service, provider: Provider) -> None:
    """Eight requests for one booking send one and the same key, and get one and the same order."""
    path, user = await _booked(shop)
    provider.delay_s = 0.1
    answers = await asyncio.gather(*(shop.client.post(path, headers=user) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert len({answer.json()["provider_reference"] for answer in answers}) == 1
    assert len(set(provider.keys)) == 1


async def test_a_failing_provider_is_asked_again_with_the_same_key(shop: Service, provider: Provider) -> None:
    """A 503 and a connection that breaks are tried again; the third call places the order."""
    path, user = await _booked(shop)
    provider.hang_up = 1
    provider.answers = [(503, b"later"), (201, b'{"id": "order_1"}')]
    answer = await shop.client.post(path, headers=user)
    assert answer.json()["provider_reference"] == "order_1"
    assert len(provider.keys) == 3
    assert len(set(provider.keys)) == 1


async def test_a_slow_provider_is_a_504_and_can_be_asked_again(any_database: TestDatabase, provider: Provider) -> None:
    """The order is pending; the next request sends the same key, so the provider cannot place it twice."""
    async with _service_with(provider, any_database, patience_s=2) as shop:
        path, user = await _booked(shop)
        provider.delay_s = 60
        answer = await shop.client.post(path, headers=user)
        assert answer.status_code == 504
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await shop.client.get(path, headers=user)).json()["status"] == "pending"
        provider.delay_s = 0
        assert (await shop.client.post(path, headers=user)).json()["status"] == "placed"
        assert len(set(provider.keys)) == 1
        assert shop.checked_out() == 0


async def test_a_refusal_is_a_502_and_the_next_attempt_is_a_new_order(shop: Service, provider: Provider) -> None:
    """A 4xx is not tried again by itself; a later request has a new key."""
    path, user = await _booked(shop)
    provider.answers = [(422, b"no"), (201, b'{"id": "order_2"}')]
    assert (await shop.client.post(path, headers=user)).status_code == 502
    assert (await shop.client.get(path, headers=user)).json()["status"] == "refused"
    assert (await shop.client.post(path, headers=user)).json()["provider_reference"] == "order_2"
    assert len(set(provider.keys)) == len(provider.keys) == 2


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b'{"id": 7}', b'{"id": ""}', b'{"id": "' + b"x" * 65 + b'"}', b"x" * 100_000, b"\xff"]
)
async def test_an_answer_that_makes_no_sense_is_a_502(
    sqlite_database: TestDatabase, provider: Provider, answer: bytes
) -> None:
    """Whatever the provider says, it is read within bounds and never becomes a 500."""
    provider.answers = [(200, answer)]
    async with service_on(sqlite_database.url, payment_provider_url=provider.url) as service:
        path, user = await _booked(service)
        assert (await service.client.post(path, headers=user)).status_code == 502
        assert (await service.client.get(path, headers=user)).json()["status"] == "pending"


async def test_a_provider_that_is_not_there_is_a_502(sqlite_database: TestDatabase) -> None:
    """A refused connection is tried as often as the setting says, then told to the client."""
    url = f"http://127.0.0.1:{free_port()}"
    async with service_on(sqlite_database.url, payment_provider_url=url, payment_attempts=2) as service:
        path, user = await _booked(service)
        assert (await service.client.post(path, headers=user)).status_code == 502


async def test_without_a_provider_there_are_no_payments(sqlite_service: Service) -> None:
    """The answer names the setting that is missing."""
    path, user = await _booked(sqlite_service)
    answer = await sqlite_service.client.post(path, headers=user)
    assert answer.status_code == 503
    assert "PAYMENT_PROVIDER_URL" in answer.json()["detail"]
    assert (await sqlite_service.client.get(path, headers=user)).status_code == 404


async def test_a_cancelled_booking_is_not_paid_for(shop: Service, provider: Provider) -> None:
    """There is nothing to pay, and the provider is not asked."""
    path, user = await _booked(shop)
    await shop.client.post(path.replace("payment", "cancel"), headers=user)
    assert (await shop.client.post(path, headers=user)).status_code == 409
    assert provider.requests == []


@pytest.mark.parametrize("url", ["payments.example.com", "ftp://x", "https://", "https://x:port", "https://a b"])
def test_a_provider_address_that_is_none_is_refused_at_start(url: str) -> None:
    """The mistake shows when the service starts, not with the first payment."""
    with pytest.raises(SettingsError, match="PAYMENT_PROVIDER_URL"):
        AppSettings(payment_provider_url=url)
