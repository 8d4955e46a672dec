"""The ready page of a running service whose database is busy, stopped, frozen or gone: true, and in time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import install, probe
from plimsoll.fastapi.probe import GONE, PROBE_LIMIT_S, REUSE_S
from plimsoll.server import Fault
from tests.servers import TestDatabase
from tests.startup.running import Proxy, port_of

pytestmark = pytest.mark.usefixtures("patient_start")

IN_TIME_S = PROBE_LIMIT_S + 6.0
"""What a probe may take on a machine that does other things as well. Without its limit it would wait for the pool, or
for a server that is silent: for 20 s and more."""


@asynccontextmanager
async def service(url: str, **settings: Any) -> AsyncIterator[tuple[Database, httpx.AsyncClient]]:
    """A started application on a database, and a client of it."""
    database = Database(DatabaseSettings(database_url=url, cleanup_timeout_s=1, **settings))
    app = FastAPI()
    install(app, database)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield database, client


async def ready(client: httpx.AsyncClient) -> tuple[int, dict[str, Any]]:
    """Status and the database's check of the ready page; AssertionError if the page takes too long."""
    began_s = time.monotonic()
    answer = await client.get("/health/ready")
    took_s = time.monotonic() - began_s
    assert took_s < IN_TIME_S, f"a probe was answered after {took_s:.2f} s"
    return answer.status_code, answer.json()["checks"]["database"]


async def until(client: httpx.AsyncClient, status: int, *details: str) -> dict[str, Any]:
    """Ask until the page has this status, and its database's check one of the details if there are any; the check."""
    async with asyncio.timeout(60):
        while True:
            found, check = await ready(client)
            if found == status and (not details or check["detail"] in details):
                return check
            await asyncio.sleep(0.1)


async def test_a_database_that_answers_is_asked_once_however_many_probes_come(
    server_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred probes at once, and more within the second: one question to the server."""
    monkeypatch.setattr(probe, "PROBE_LIMIT_S", IN_TIME_S)
    monkeypatch.setattr(probe, "REUSE_S", 60.0)
    async with service(server_database.url) as (_, client):
        before = server_database.query_count()
        pages = await asyncio.gather(*(ready(client) for _ in range(100)))
        pages.append(await ready(client))
        assert pages == [(200, {"ok": True, "detail": "answers"})] * 101
        # The ping before it, and the transaction around it, are statements too.
        assert server_database.query_count() - before < 10


ONE_CONNECTION: dict[str, Any] = {"pool_size": 1, "max_overflow": 0}


async def test_an_exhausted_pool_is_busy_and_not_down(server_database: TestDatabase) -> None:
    """Somebody holds the one connection: every probe is told so in time, and the service stays in service."""
    async with service(server_database.url, **ONE_CONNECTION) as (database, client):
        holder = await holding(database)
        busy = (200, {"ok": True, "detail": "busy: every connection of the pool is in use"})
        assert await asyncio.gather(*(ready(client) for _ in range(10))) == [busy] * 10
        assert (await client.get("/health/live")).status_code == 200
        await holder.close()
        await until(client, 200, "answers")


async def test_a_pool_that_gives_nothing_back_is_stuck_and_not_busy(server_database: TestDatabase) -> None:
    """Nothing has come back for DB_POOL_TIMEOUT, so every request of that time failed: that is not ready."""
    async with service(server_database.url, pool_timeout_s=1.0, **ONE_CONNECTION) as (database, client):
        holder = await holding(database)
        check = await until(client, 503)
        assert check["detail"].startswith("stuck: no connection has come back to the pool for")
        await holder.close()
        await until(client, 200, "answers")


async def holding(database: Database) -> AsyncConnection:
    """A connection of the pool that is in use until it is closed."""
    connection = await database.engine.connect()
    await connection.execute(text("SELECT 1"))
    return connection


async def test_a_database_that_is_stopped_is_seen_at_once_and_seen_again_when_it_is_back(
    server_database: TestDatabase,
) -> None:
    """503 with what is wrong and no more; alive all the while; ready again without a restart."""
    server = server_database.server
    assert server is not None
    async with service(server_database.url) as (_, client):
        await until(client, 200)
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(REUSE_S + 0.1)
        assert (await ready(client))[0] == 503
        await until(client, 503, "the database cannot be reached, or the connection to it was lost")
        assert (await client.get("/health/live")).status_code == 200
        await asyncio.to_thread(server.start)
        await until(client, 200)


async def test_a_database_that_is_frozen_is_seen_within_a_second_and_again_when_it_goes_on(
    server_database: TestDatabase,
) -> None:
    """SIGSTOP: connections stay open and nothing is said, to one probe or to many."""
    server = server_database.server
    assert server is not None
    async with service(server_database.url) as (database, client):
        server.freeze()
        await asyncio.sleep(REUSE_S + 0.1)
        silent = (503, {"ok": False, "detail": "no answer within 1 s"})
        assert await ready(client) == silent
        assert await asyncio.gather(*(ready(client) for _ in range(20))) == [silent] * 20
        assert (await client.get("/health/live")).status_code == 200
        assert database.engine.sync_engine.pool.checkedout() == 1  # type: ignore[attr-defined]
        server.thaw()
        await until(client, 200)


async def test_a_connection_whose_other_end_has_vanished_is_dropped_and_a_new_one_tried(
    server_database: TestDatabase, fault_proxy: Proxy
) -> None:
    """The kernel would wait for a quarter of an hour; the probe asks anew after twice DB_CONNECT_TIMEOUT."""
    proxy = fault_proxy(port_of(server_database))
    async with service(server_database.url_for(port=proxy.port), connect_timeout_s=0.5) as (_, client):
        proxy.freeze()
        before = proxy.connections_total
        async with asyncio.timeout(60):
            while proxy.connections_total == before:
                assert (await ready(client))[0] == 503 or proxy.connections_total == before
                await asyncio.sleep(0.1)
        proxy.forward()
        await until(client, 200)


async def test_a_database_that_is_dropped_is_not_ready_until_it_is_back(server_database: TestDatabase) -> None:
    """The server still answers `SELECT 1`, also on the connections that MariaDB leaves open, and every page fails."""
    server, name = server_database.server, server_database.name
    assert server is not None
    mariadb = server_database.kind == "mariadb"
    async with service(server_database.url, **ONE_CONNECTION) as (_, client):
        await until(client, 200)
        await asyncio.to_thread(server.sql, f"DROP DATABASE {name}{'' if mariadb else ' WITH (FORCE)'}")
        await until(client, 503, *([GONE] if mariadb else [Fault.REFUSED.value, Fault.UNAVAILABLE.value]))
        assert (await client.get("/health/live")).status_code == 200
        await asyncio.to_thread(server.sql, f"CREATE DATABASE {name}")
        await until(client, 200, "answers")


async def test_a_database_that_is_hidden_from_its_account_is_not_ready(mariadb_database: TestDatabase) -> None:
    """As it is where privileges were taken from the account while the service runs."""
    async with service(mariadb_database.url, **ONE_CONNECTION) as (_, client):
        await until(client, 200)
        name = mariadb_database.name
        mariadb_database.sql(f"REVOKE ALL PRIVILEGES ON `{name}`.* FROM '{mariadb_database.user}'@'%'")
        await until(client, 503, GONE)
