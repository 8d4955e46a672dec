"""`/ops/figures`, `/ops/snapshot` and `/ops/history`: what a worker tells of itself, to those who bear `OPS_TOKEN`,
whatever load or fault there is."""

import asyncio
import contextlib
import hmac
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from ipaddress import ip_address
from time import monotonic
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from plimsoll.asgi.clients import client_of
from plimsoll.asgi.messages import Scope
from plimsoll.fastapi.figures import Worker
from plimsoll.fastapi.health import OwnRoute
from plimsoll.fastapi.runtime import Runtime
from plimsoll.snapshot.codec import to_json
from plimsoll.snapshot.history import STEPS

FIGURES_PATH = "/ops/figures"
SNAPSHOT_PATH = "/ops/snapshot"
HISTORY_PATH = "/ops/history"

SERVER_AGE_S = 5.0
"""The server's side of a snapshot is asked for again after so long."""

SERVER_WAIT_S = 1.0
"""A snapshot waits no longer for it: where the server is silent it says so, and the next one has it."""

WRONG_ALLOWED = 5
"""Wrong tokens that one client may send within `WRONG_WINDOW_S`: a person who mistypes, not a program that guesses."""

WRONG_WINDOW_S = 60.0

CLIENTS_REMEMBERED = 1000
"""Of more, whoever was wrong longest ago is forgotten: clients must not be able to fill the memory."""

_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")
_NAMES_OF_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")


def ops_routes(runtime: Runtime, worker: Worker) -> list[APIRoute]:
    """The routes; they are free of the application's dependencies and not part of its described interface."""
    settings = runtime.protection.settings
    token = settings.ops_token.get_secret_value() if settings.ops_token is not None else None
    access = Access(token, production=runtime.database.settings.production.active)

    async def figures(request: Request) -> JSONResponse:
        """This worker's figures."""
        return access.refusal(request.scope) or _document(worker.figures(ready=runtime.ready))

    async def snapshot(request: Request) -> JSONResponse:
        """This worker now, and the server's side of some seconds ago."""
        refused = access.refusal(request.scope)
        if refused is not None:
            return refused
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SERVER_WAIT_S):
                await runtime.observer.refresh(SERVER_AGE_S)
        return _document(to_json(runtime.observer.snapshot()))

    async def history(request: Request) -> JSONResponse:
        """The last ten minutes of this worker, or its last hour or day."""
        refused = access.refusal(request.scope)
        if refused is not None:
            return refused
        span = request.query_params.get("span", "10m")
        for known in STEPS:
            if known == span:
                return _document(asdict(runtime.observer.history.series(known)))
        return _answer(400, f"span is none of {', '.join(STEPS)}")

    return [_route(FIGURES_PATH, figures), _route(SNAPSHOT_PATH, snapshot), _route(HISTORY_PATH, history)]


def _route(path: str, endpoint: Callable[[Request], Awaitable[JSONResponse]]) -> APIRoute:
    return OwnRoute(path, endpoint, methods=["GET"], include_in_schema=False, response_model=None)


def _document(content: dict[str, Any]) -> JSONResponse:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


class Access:
    """Who may read it: the bearer of the token; without one, in development, whoever is on this machine."""

    def __init__(self, token: str | None, *, production: bool, clock: Callable[[], float] = monotonic) -> None:
        self._token = token.encode() if token is not None else None
        self._open_here = token is None and not production
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def refusal(self, scope: Scope) -> JSONResponse | None:
        """None for who may read, else the answer."""
        if self._token is None:
            return None if self._open_here and is_from_here(scope) else _answer(404, "Not Found")
        client = client_of(scope)
        wait_s = self._waits_s(client)
        if wait_s > 0:
            # The right token too: else it could be guessed for as long as one likes.
            return _answer(429, "Too many wrong tokens", {"Retry-After": f"{int(wait_s) + 1}"})
        given = _bearer(scope)
        if given is None:
            return _answer(401, "A bearer token is needed", {"WWW-Authenticate": "Bearer"})
        if hmac.compare_digest(given, self._token):
            return None
        self._note(client)
        return _answer(401, "The token is wrong", {"WWW-Authenticate": 'Bearer error="invalid_token"'})

    def _waits_s(self, client: str) -> float:
        times = self._wrong.get(client)
        if times is None or len(times) < WRONG_ALLOWED:
            return 0.0
        return times[0] + WRONG_WINDOW_S - self._clock()

    def _note(self, client: str) -> None:
        times = self._wrong.setdefault(client, deque(maxlen=WRONG_ALLOWED))
        times.append(self._clock())
        self._wrong.move_to_end(client)
        if len(self._wrong) > CLIENTS_REMEMBERED:
            self._wrong.popitem(last=False)


def is_from_here(scope: Scope) -> bool:
    """Whether a request comes from this machine and from no proxy on it, nor from a page of a browser that has another
    name resolved to this machine."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if any(name in _FORWARDED for name, _ in headers):
        return False
    host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
    peer = scope.get("client")
    try:
        local = peer is not None and ip_address(peer[0]).is_loopback
    except ValueError:
        return False
    return local and _without_port(host) in _NAMES_OF_THIS_MACHINE


def _without_port(host: str) -> str:
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0].lower()


def _bearer(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = bytes(value).partition(b" ")
            return token.strip() if kind.lower() == b"bearer" else None
    return None


def _answer(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, {"Cache-Control": "no-store", **(headers or {})})
