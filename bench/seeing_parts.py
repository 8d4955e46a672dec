"""What each part of being seen takes of the event loop, in a process of its own: `bench_seeing.py` prints it.

An installed application on SQLite with ten holders, and with so many counted routes and forms of statements."""

import asyncio
import json
import statistics
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter
from timeit import repeat
from types import SimpleNamespace

from fastapi import FastAPI
from sqlalchemy import text

from plimsoll import Database, DatabaseSettings
from plimsoll.asgi.routes import Kinds
from plimsoll.asgi.traffic import Traffic
from plimsoll.asgi.work import RequestWork
from plimsoll.fastapi import install
from plimsoll.fastapi.observing import Observer
from plimsoll.metrics import exposition
from plimsoll.pool.numbers import safely
from plimsoll.settings import ServiceSettings
from plimsoll.snapshot.codec import from_json, to_json
from plimsoll.snapshot.shared import Others

ROUTES = (3, 200)
HOLDERS = 10
REQUESTS = 50
"""Of each route, so that no histogram is empty."""
TIMES = 50
CALLS, REPEATS = 500, 200
STATEMENTS = ("SELECT a FROM t WHERE b = ?", "SELECT count(*) FROM t", "SELECT c FROM t ORDER BY c LIMIT 5")

Part = Callable[[], object]


def fill(traffic: Traffic, routes: int) -> None:
    """As a service has it after a while."""
    for number in range(routes):
        counts = traffic.of_owner(f"GET /api/v1/resource_{number}/{{item_id}}")
        for step in range(REQUESTS):
            counts.latency.observe(0.003 * step)
            counts.waiting.observe(0.0002 * step)
            counts.holding.observe(0.001 * step)
            counts.ended("" if step % 10 else "4xx")
        counts.ran(f"SELECT a.id, a.name FROM resource_{number} AS a WHERE a.id = ?", 0.002, 1, False)


def parts(observer: Observer) -> dict[str, Part]:
    """By what they are called in the table."""
    loop, now = asyncio.get_running_loop(), observer.snapshot()
    document, accept = to_json(now), "application/openmetrics-text"
    others = Others(tuple(replace(now, worker=replace(now.worker, pid=number)) for number in range(3)), 0)

    def tick() -> None:
        assert observer._timer is not None
        observer._timer.cancel()
        observer._tick(loop)

    return {
        "each second, nobody looks": tick,
        "a whole snapshot, without its diagnosis": observer._gather,
        "the same with it, as a look takes it": observer.snapshot,
        "a snapshot to JSON text": lambda: json.dumps(to_json(now), separators=(",", ":")),
        "a snapshot from JSON": lambda: from_json(document),
        "/metrics of one worker": lambda: exposition(now, accept),
        "/metrics of four workers": lambda: exposition(now, accept, others),
    }


def counting_us() -> tuple[float, float]:
    """What counting takes of a request without the database, and of one with three statements."""
    kinds = Kinds()
    traffic = Traffic(kinds, "mysql")
    route = SimpleNamespace(path="/items/{item_id}", methods={"GET"})
    scope = {"type": "http", "method": "GET", "path": "/items/7", "route": route, "headers": []}
    kinds.learn(scope, kinds.of(scope), took_connection=True)

    def work() -> RequestWork:
        made = RequestWork.__new__(RequestWork)  # all but its connection, which there is none of
        made.scope, made.kind, made._traffic = scope, kinds.of(scope), traffic
        made.deadline_s, made.began_s = None, 0.0
        return made

    def count(each: RequestWork) -> None:
        each.count_start(200, 0.003)
        each.count_end(monotonic)

    def count_three() -> None:
        each = work()
        account = each.account()
        safely(account.waited, 0.0001)
        for statement in STATEMENTS:
            safely(account.ran, statement, monotonic() - 0.001, 1, False)
        safely(account.held, 0.003)
        count(each)

    without, one, three = map(_least_us, (work, lambda: count(work()), count_three))
    return one - without, three - without


def _least_us(part: Part) -> float:
    return min(repeat(part, number=CALLS, repeat=REPEATS)) / CALLS * 1e6


def timed_ms(part: Part) -> list[float]:
    """Each time of many."""
    found = []
    for _ in range(TIMES):
        began_s = perf_counter()
        part()
        found.append((perf_counter() - began_s) * 1000)
    return found


async def measured(routes: int, directory: str) -> dict[str, list[float]]:
    """Milliseconds by part."""
    url = f"sqlite+aiosqlite:///{Path(directory) / 'parts.db'}"
    database = Database(DatabaseSettings(database_url=url, pool_size=HOLDERS, max_overflow=0))
    app = FastAPI()
    install(app, database, service=ServiceSettings())
    async with app.router.lifespan_context(app), AsyncExitStack() as stack:
        fill(app.state.plimsoll.protection.traffic, routes)
        for _ in range(HOLDERS):
            session = await stack.enter_async_context(database.session())
            await session.execute(text("SELECT 1"))
        return {name: timed_ms(part) for name, part in parts(app.state.plimsoll.observer).items()}


def main() -> None:
    """As JSON: milliseconds by number of routes, the least and the median; microseconds of counting."""
    found = {}
    for routes in ROUTES:
        with TemporaryDirectory() as directory:
            times = asyncio.run(measured(routes, directory))
        found[routes] = {name: (min(each), statistics.median(each)) for name, each in times.items()}
    json.dump({"parts": found, "counting": counting_us()}, sys.stdout)


if __name__ == "__main__":
    main()
