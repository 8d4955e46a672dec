"""The payment provider, over HTTP: time limits, retries, and answers that are never read without bound."""

import json
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx
import stamina

from app.models.columns import HUNDRED

MAX_ANSWER_BYTES = 65_536
MAX_REFERENCE = 64
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0


class ProviderError(Exception):
    """The provider did not place the order; whether it will have done so is not known."""


class ProviderTimeoutError(ProviderError):
    """The provider did not answer in time."""


class ProviderRefusedError(ProviderError):
    """The provider answered that it does not accept the order."""


class PaymentProvider:
    """Places orders with the provider at `url`. One call may take `timeout_s` seconds; there are `attempts` calls.

    Every call carries a key, so a provider that got the order and whose answer was lost places it once.
    """

    def __init__(self, url: str, key: str | None, *, timeout_s: float, attempts: int) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._client: httpx.AsyncClient | None = None

    async def place(self, order_key: str, amount: Decimal, currency: str) -> str:
        """Place an order and return the provider's reference. Raise a ProviderError that says what is known."""
        body = {"amount": int(amount * HUNDRED), "currency": currency, "receipt": order_key}
        try:
            async for attempt in stamina.retry_context(
                on=_worth_another_call,
                attempts=self._attempts,
                timeout=None,
                wait_initial=FIRST_WAIT_S,
                wait_max=LONGEST_WAIT_S,
            ):
                with attempt:
                    return _reference(await self._call(body, order_key))
        except httpx.TimeoutException as error:
            raise ProviderTimeoutError(f"no answer within {self._timeout_s:g} s") from error
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            refused = status < HTTPStatus.INTERNAL_SERVER_ERROR
            raise (ProviderRefusedError if refused else ProviderError)(f"it answered {status}") from error
        except httpx.HTTPError as error:
            raise ProviderError(type(error).__name__) from error
        raise ProviderError("it was not asked")

    async def close(self) -> None:
        """Close the connections to the provider."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _call(self, body: dict[str, Any], order_key: str) -> bytes:
        headers = self._headers | {"Idempotency-Key": order_key}
        client = self._opened()
        async with client.stream("POST", f"{self._url}/orders", json=body, headers=headers) as response:
            response.raise_for_status()
            answer = b""
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    raise ProviderError(f"its answer is longer than {MAX_ANSWER_BYTES} bytes")
            return answer

    def _opened(self) -> httpx.AsyncClient:
        """Open the client with the first order: under Passenger no start-up code has run before it."""
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._timeout_s)
        return self._client


def _worth_another_call(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, httpx.TransportError)


def _reference(answer: bytes) -> str:
    try:
        reference = json.loads(answer)["id"]
    except (ValueError, KeyError, TypeError) as error:
        raise ProviderError("its answer holds no order id") from error
    if not isinstance(reference, str) or not 0 < len(reference) <= MAX_REFERENCE:
        raise ProviderError(f"its order id is not a text of 1 to {MAX_REFERENCE} characters")
    return reference
