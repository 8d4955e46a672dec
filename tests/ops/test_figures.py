"""`/ops/figures`: what a worker tells operators, to whom, and that nothing keeps it from answering."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from plimsoll import Database, DatabaseSettings
from plimsoll.console import Access
from plimsoll.console.attempts import CLIENTS_REMEMBERED, WRONG_ALLOWED, WRONG_WINDOW_S
from plimsoll.fastapi import install
from plimsoll.fastapi.metrics import METRICS_PATH
from plimsoll.settings import ServiceSettings
from tests.servers import MariaDbServer, SqliteDatabase, TestDatabase

pytestmark = pytest.mark.usefixtures("patient_start")

TOKEN = "figures-are-for-operators"
PATH = "/ops/figures"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def service(
    url: str, *, token: str | None = TOKEN, production: bool = False, peer: str = "127.0.0.1", **settings: Any
) -> AsyncIterator[tuple[Database, httpx.AsyncClient]]:
    """A started application on a database, and a client of it."""
    more = {"environment": "production"} if production else {}
    database = Database(DatabaseSettings(database_url=url, cleanup_timeout_s=1, **more, **settings))
    app = FastAPI()
    install(app, database, service=ServiceSettings(ops_token=SecretStr(token) if token else None, release="2025.1"))

    @app.get("/{path:path}")
    async def everything(path: str) -> str:
        return f"caught {path}"

    transport = httpx.ASGITransport(app, client=(peer, 1234))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield database, client


async def test_a_worker_tells_who_it_is_and_how_its_pool_was_used(mariadb_database: TestDatabase) -> None:
    """Its release and mode, its pool now and at most, its connections as the server has them."""
    async with service(mariadb_database.url, pool_size=2, max_overflow=1) as (database, client):
        async with database.session() as one, database.session() as two:
            await one.execute(text("SELECT 1"))
            await two.execute(text("SELECT 1"))
        found = (await client.get(PATH, headers=BEARER)).json()
        listed = {int(str(row[0])) for row in mariadb_database.connections()}
    assert found["format"] == 1
    assert found["release"] == "2025.1"
    assert found["production"] == {"active": False, "rule": "no production rule matched"}
    assert found["ready"] is True
    pool = found["pool"]
    assert (pool["size"], pool["max_overflow"], pool["checked_out"], pool["most_taken"]) == (2, 1, 0, 2)
    assert pool["checkouts"] == pool["reused"] + pool["opened"]
    assert set(found["connections"]) == listed
    assert found["memory"]["rss_bytes"] > 1 << 20
    assert 0 <= found["age_s"] < 60


async def test_an_exhausted_pool_does_not_keep_it_from_answering(mariadb_database: TestDatabase) -> None:
    """It tells how many wait, while they do."""
    async with service(mariadb_database.url, pool_size=1, max_overflow=0, pool_timeout_s=60) as (database, client):

        async def use() -> None:
            async with database.session() as session:
                await session.execute(text("SELECT SLEEP(60)"))

        users = [asyncio.create_task(use()) for _ in range(3)]
        async with asyncio.timeout(30):
            while (pool := (await client.get(PATH, headers=BEARER)).json()["pool"])["waiting"] < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not any(user.done() for user in users), "it was not answered until a connection came back"
        assert (pool["checked_out"], pool["waiting"], pool["most_taken"], pool["most_waiting"]) == (1, 2, 1, 2)
        for user in users:
            user.cancel()
        await asyncio.gather(*users, return_exceptions=True)


async def test_it_answers_while_the_database_is_away_and_asks_it_nothing(mariadb_database: TestDatabase) -> None:
    """Whether the server is stopped, or up: then it counts no statement more."""
    server = mariadb_database.server
    assert isinstance(server, MariaDbServer)
    async with service(mariadb_database.url) as (_, client):
        before = mariadb_database.query_count()
        assert (await client.get(PATH, headers=BEARER)).status_code == 200
        assert mariadb_database.query_count() == before
        server.freeze()
        try:
            assert (await client.get(PATH, headers=BEARER)).status_code == 200
        finally:
            server.heal()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": f"bearer  {TOKEN}"}, 200),
    ],
)
async def test_the_token_and_nothing_else_lets_in(
    sqlite_database: SqliteDatabase, headers: dict[str, str], status: int
) -> None:
    """In development on this machine too, once a token is set; an answer is never kept by a cache."""
    async with service(sqlite_database.url) as (_, client):
        answer = await client.get(PATH, headers=headers)
        assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")
        if status == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", [PATH, METRICS_PATH])
async def test_without_a_token_production_has_no_such_page(sqlite_database: SqliteDatabase, path: str) -> None:
    """Whoever asks, and whatever they bear."""
    database = Database(DatabaseSettings(database_url=sqlite_database.url, environment="production"))
    app = FastAPI()
    install(app, database, service=ServiceSettings())
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get(path)).status_code == 404
        assert (await client.get(path, headers=BEARER)).status_code == 404


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {"Host": "[::1]:8000"}, 200),
        ("10.1.2.3", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "10.1.2.3"}, 404),
        ("127.0.0.1", {"Forwarded": "for=10.1.2.3"}, 404),
        ("127.0.0.1", {"Host": "evil.example:8000"}, 404),
    ],
)
async def test_without_a_token_development_shows_it_to_this_machine_only(
    sqlite_database: SqliteDatabase, peer: str, headers: dict[str, str], status: int
) -> None:
    """Not to a proxy on it, and not to a page whose name was made to lead here."""
    async with service(sqlite_database.url, token=None, peer=peer) as (_, client):
        assert (await client.get(PATH, headers=headers)).status_code == status


async def test_whoever_guesses_has_to_wait(sqlite_database: SqliteDatabase) -> None:
    """After a few wrong tokens the right one is refused as well, from that address."""
    async with service(sqlite_database.url) as (_, client):
        for _ in range(WRONG_ALLOWED):
            assert (await client.get(PATH, headers={"Authorization": "Bearer guess"})).status_code == 401
        answer = await client.get(PATH, headers=BEARER)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= WRONG_WINDOW_S + 1


def scope(peer: str, token: str) -> dict[str, Any]:
    """A request."""
    return {"method": "GET", "client": (peer, 1), "headers": [(b"authorization", f"Bearer {token}".encode())]}


def test_others_are_let_in_meanwhile_and_the_guesser_after_a_while() -> None:
    """Addresses are told apart, of IPv6 by their network; memory of them is bounded."""
    now = [0.0]
    access = Access(TOKEN, production=True, clock=lambda: now[0])
    for number in range(WRONG_ALLOWED):
        assert access.refusal(scope(f"2001:db8::{number}", "guess")) is not None
    assert access.refusal(scope("2001:db8::ffff", TOKEN)) is not None
    assert access.refusal(scope("2001:db8:0:1::1", TOKEN)) is None
    now[0] = WRONG_WINDOW_S + 0.1
    assert access.refusal(scope("2001:db8::ffff", TOKEN)) is None
    for number in range(2 * CLIENTS_REMEMBERED):
        access.refusal(scope(f"10.0.{number // 250}.{number % 250}", "guess"))
    assert len(access.attempts) == CLIENTS_REMEMBERED


async def test_it_names_no_secret_and_no_database(mariadb_database: TestDatabase) -> None:
    """Neither the token, nor the password, user and host of the database."""
    async with service(mariadb_database.url) as (_, client):
        told = (await client.get(PATH, headers=BEARER)).text
        schema = (await client.get("/openapi.json")).text
    for secret in (TOKEN, mariadb_database.password, mariadb_database.name):
        assert secret is not None
        assert secret not in told
    assert PATH not in schema
