"""Our pool against SQLAlchemy's `AsyncAdaptedQueuePool` as commonly advised (pre-ping, recycle 280).

Round trips, throughput, fairness, and what cancelled queries leave on the server: same sizes, same drivers, same
servers, in turns, in one run.

Run: `python bench/bench_pool.py`, or `make bench`.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from tests.servers import FaultProxy, MariaDbServer, PostgresServer
from tests.servers.database import ServerDatabase

from plimsoll.pool import READING, PlimsollPool

ROUNDS = 5
DRIVERS = {"aiomysql": "MariaDB", "asyncmy": "MariaDB", "asyncpg": "PostgreSQL", "psycopg": "PostgreSQL"}
ADVISED: dict[str, Any] = {"pool_pre_ping": True, "pool_recycle": 280}
OURS: dict[str, Any] = {"poolclass": PlimsollPool, "pool_recycle": 280}
SIDES = {"SQLAlchemy": ADVISED, "Plimsoll": OURS}

Work = Callable[[AsyncEngine], Awaitable[None]]


async def read(engine: AsyncEngine) -> None:
    """One row, in a session for reading."""
    token = READING.set(True)
    try:
        async with AsyncSession(engine) as session:
            await session.execute(text("SELECT name FROM note WHERE id = 7"))
    finally:
        READING.reset(token)


async def write(engine: AsyncEngine) -> None:
    """One statement and its commit."""
    async with AsyncSession(engine) as session:
        await session.execute(text("UPDATE note SET name = 'b' WHERE id = 7"))
        await session.commit()


async def round_trips(engine: AsyncEngine, proxy: FaultProxy, work: Work, count: int = 20) -> float:
    """Round trips of one piece of work on a warm connection, as a proxy between both sees them."""
    for _ in range(3):
        await work(engine)
    before = proxy.round_trips
    for _ in range(count):
        await work(engine)
    return (proxy.round_trips - before) / count


async def throughput(engine: AsyncEngine, tasks: int, seconds: float = 1.0) -> float:
    """One-row reads a second by so many tasks at once."""
    done = 0
    ends = time.monotonic() + seconds

    async def one() -> None:
        nonlocal done
        while time.monotonic() < ends:
            await read(engine)
            done += 1

    await read(engine)
    await asyncio.gather(*(one() for _ in range(tasks)))
    return done / seconds


async def fairness(engine: AsyncEngine) -> tuple[int, int]:
    """Checkouts of the least and of the most served of two greedy and twenty patient tasks, in 2 s."""
    counts = [0] * 22
    ends = time.monotonic() + 2

    async def use(number: int) -> None:
        while time.monotonic() < ends:
            async with engine.connect():
                counts[number] += 1
                await asyncio.sleep(0)
            if number > 1:
                await asyncio.sleep(0.001)

    await asyncio.gather(*(use(number) for number in range(22)))
    return min(counts), max(counts)


async def left_by_cancels(engine: AsyncEngine, database: ServerDatabase, sleep: str) -> int:
    """Connections on the server after fifty cancels of a long query on a pool of 5 + 5."""

    async def one() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(text(sleep))

    for _ in range(5):
        tasks = [asyncio.create_task(one()) for _ in range(10)]
        await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return database.connection_count()


def engine_for(side: str, url: str, size: int, overflow: int = 0) -> AsyncEngine:
    """An engine of one side."""
    return create_async_engine(url, pool_size=size, max_overflow=overflow, **SIDES[side])


def port_of(database: ServerDatabase) -> int:
    """Where its server listens."""
    assert database.port is not None
    return database.port


async def count_trips(databases: dict[str, ServerDatabase]) -> None:
    """The first table."""
    print("\n| driver | pool | read | transaction |\n|---|---|---:|---:|")
    for driver, server in DRIVERS.items():
        for side in SIDES:
            with FaultProxy(port_of(databases[server])) as proxy:
                engine = engine_for(side, databases[server].url_for(driver, port=proxy.port), 1)
                trips = [await round_trips(engine, proxy, work) for work in (read, write)]
                print(f"| {driver} | {side} | {trips[0]:.1f} | {trips[1]:.1f} |")
                await engine.dispose()


async def count_reads(databases: dict[str, ServerDatabase], delay_s: float, size: int) -> None:
    """Throughput of one-row reads, 32 tasks, behind a proxy that adds `delay_s` each way."""
    print(
        f"\n{delay_s * 1000:g} ms added, pool of {size}, 32 tasks, reads a second (min / median / max of {ROUNDS}):\n"
    )
    print("| driver | SQLAlchemy | Plimsoll | ratio of medians |\n|---|---|---|---:|")
    for driver, server in DRIVERS.items():
        rates: dict[str, list[float]] = {side: [] for side in SIDES}
        for _ in range(ROUNDS):
            for side in SIDES:
                with FaultProxy(port_of(databases[server])) as proxy:
                    proxy.delay_s = delay_s
                    port = proxy.port if delay_s else databases[server].port
                    engine = engine_for(side, databases[server].url_for(driver, port=port), size)
                    rates[side].append(await throughput(engine, 32))
                    await engine.dispose()
        cells = [f"{min(each):.0f} / {statistics.median(each):.0f} / {max(each):.0f}" for each in rates.values()]
        ratio = statistics.median(rates["Plimsoll"]) / statistics.median(rates["SQLAlchemy"])
        print(f"| {driver} | {cells[0]} | {cells[1]} | {ratio:.2f} |")


async def count_shares(databases: dict[str, ServerDatabase]) -> None:
    """Fairness, and what cancelled queries leave."""
    sleeps = {"MariaDB": "SELECT SLEEP(6)", "PostgreSQL": "SELECT pg_sleep(6)"}
    print("\n| driver | pool | least / most served of 22 tasks | connections after 50 cancels on 5 + 5 |")
    print("|---|---|---|---:|")
    for driver, server in DRIVERS.items():
        for side in SIDES:
            engine = engine_for(side, databases[server].url_for(driver), 2)
            least, most = await fairness(engine)
            await engine.dispose()
            engine = engine_for(side, databases[server].url_for(driver), 5, 5)
            left = await left_by_cancels(engine, databases[server], sleeps[server])
            print(f"| {driver} | {side} | {least} / {most} | {left} |")
            await engine.dispose()
            await asyncio.to_thread(databases[server].wait_connection_count, 0, 10)


async def main(databases: dict[str, ServerDatabase]) -> None:
    """All tables."""
    await count_trips(databases)
    await count_reads(databases, 0.0, 16)
    await count_reads(databases, 0.001, 4)
    await count_shares(databases)


if __name__ == "__main__":
    with MariaDbServer() as mariadb, PostgresServer() as postgres:
        found = {"MariaDB": mariadb.create_database(), "PostgreSQL": postgres.create_database()}
        for made in found.values():
            made.sql("CREATE TABLE note (id INTEGER PRIMARY KEY, name VARCHAR(50))")
            made.sql("INSERT INTO note VALUES (7, 'a')")
        asyncio.run(main(found))
