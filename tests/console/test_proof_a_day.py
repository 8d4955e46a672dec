"""A day of traffic in which nothing is ever the same: what a worker remembers of it for its console is bounded."""

import asyncio
import gc
import json
import logging
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute, Match

from plimsoll import Database, DatabaseSettings
from plimsoll.asgi.statement_counts import MOST_FORMS
from plimsoll.asgi.traffic import MOST_ROUTES
from plimsoll.fastapi import install, observing
from plimsoll.fastapi.observing import Observer
from plimsoll.host import survey
from plimsoll.pool import WORK
from plimsoll.settings import ServiceSettings
from plimsoll.snapshot.codec import to_json
from plimsoll.snapshot.eventlog import MOST
from tests.pool.conftest import pool_of
from tests.servers import SqliteDatabase

TOKEN = "the-operators-token-0123"
DAY_S = 86_400.0
STEP_S = 120.0
FULL_AFTER_S = DAY_S / 2
"""All that is bounded by number has come to its bound by then."""
REQUESTS, GUESSES = 20, 3
"""Of each step."""
ROUTES = 2 * MOST_ROUTES
"""Twice as many as are counted each by itself; only the program can make more of them."""
SLACK_BLOCKS, SLACK_BYTES = 3_000, 6 << 20
"""Of Python's memory (some 100 bytes each) and of resident memory: paths and texts are forgotten all at once when there
are too many, so there are more or fewer of them."""


class Clock:
    """In place of the module `time`: stands until it is moved on."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def time(self) -> float:
        """Of the day."""
        return self.now_s

    monotonic = time


class Anything(BaseRoute):
    """Many routes: each request sends a statement of its own, waits, holds, and some fail."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """Whatever begins so."""
        return (Match.FULL if scope["path"].startswith("/any/") else Match.NONE), {}

    async def handle(self, scope: Any, _receive: Any, send: Any) -> None:
        """As a framework does it, which has found the route."""
        number = int(scope["path"].rpartition("/")[2])
        if number % 2:
            scope["route"] = SimpleNamespace(path=f"/any/{number % ROUTES}/{{number}}", methods=None)
        work = WORK.get()
        account = work.account() if work is not None else None
        assert account is not None
        account.waited(0.001 * (number % 900))
        account.ran(f"SELECT column_{number} FROM t WHERE a = '{number}'", 0.01, number % 50, number % 7 == 0)
        account.ran(f"SELECT a FROM t WHERE b = {number}", 0.01, 1, False)
        account.held(0.001 * (number % 5_000))
        await send({"type": "http.response.start", "status": 200 + 100 * (number % 4), "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def ask(app: FastAPI, path: str, client: str, *headers: tuple[bytes, bytes]) -> int:
    """A request from an address; the status."""
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": list(headers), "client": (client, 1), "http_version": "1.1", "scheme": "http"}
    found: list[int] = []

    async def send(message: Any) -> None:
        found.append(message.get("status", 0))

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    await app(scope, receive, send)
    return found[0]


async def one_step(app: FastAPI, database: Database, number: int) -> None:
    """What has not been before: routes, paths, statements, clients, guesses, leaks, words of errors."""
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    for each in range(number * REQUESTS, (number + 1) * REQUESTS):
        await ask(app, f"/any/{each % ROUTES}/{each}", address)
    await ask(app, f"/nowhere/{number}", address)
    for each in range(GUESSES):
        wrong = (b"authorization", f"Bearer guess-{number}".encode())
        assert await ask(app, "/ops/snapshot", f"192.{each}.{number >> 8}.{number & 255}", wrong) == 401
    pool = pool_of(database.engine)
    for tell in pool.numbers.listeners:
        tell("leak", f"GET /any/{number} has held a connection at app/{'x' * (number % 200)}.py:{number}.")
    protection = app.state.plimsoll.protection
    protection.log.log(logging.WARNING, "ended:late", f"GET /any/{number} was ended.")
    protection.traffic.of_owner(f"a job called {number}").held(1.0)
    database.counters.add("answered_not-ready")


def kept() -> tuple[int, int]:
    """Blocks that Python has allocated, and bytes that are resident. (Tracing every allocation takes minutes.)"""
    gc.collect()
    return sys.getallocatedblocks(), survey().rss_bytes


async def test_a_day_of_ever_new_things_leaves_memory_flat(
    sqlite_database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a day fills what is kept, and the other half adds nothing to it; somebody looks every now and then."""
    clock = Clock()
    monkeypatch.setattr(observing, "time", clock)
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # or pytest keeps each record
    database = Database(DatabaseSettings(database_url=sqlite_database.url))
    app = FastAPI()
    install(app, database, service=ServiceSettings(ops_token=SecretStr(TOKEN)))
    app.router.routes.append(Anything())
    observer: Observer = app.state.plimsoll.observer
    observer.events._clock = clock.time
    began_s = time.perf_counter()
    half = full = (0, 0)
    async with app.router.lifespan_context(app):
        for number in range(round(DAY_S / STEP_S)):
            clock.now_s += STEP_S
            await one_step(app, database, number)
            assert observer._timer is not None
            observer._timer.cancel()
            observer._tick(asyncio.get_running_loop())
            if number % 50 == 0:
                json.dumps(to_json(observer.snapshot()))
            if number * STEP_S == FULL_AFTER_S:
                half = kept()
        full = kept()
        now, day = observer.snapshot(), observer.history.series("1d")
    took_s = time.perf_counter() - began_s
    print(f"{half} after half a day, {full} after the whole (blocks, bytes), in {took_s:.1f} s")
    assert full[0] - half[0] < SLACK_BLOCKS
    assert full[1] - half[1] < SLACK_BYTES
    assert len(now.routes) == MOST_ROUTES + 1
    assert len(now.statements) <= MOST_FORMS
    assert len(now.events) == MOST
    assert day.times_s[-1] - day.times_s[0] > 0.9 * DAY_S
