"""The console within an application: before its routes, beside its routes, and whatever state it is in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException
from pydantic import SecretStr

from plimsoll import Database, DatabaseSettings
from plimsoll.console import PATHS
from plimsoll.fastapi import install
from plimsoll.settings import ServiceSettings
from tests.console.served.service import OWN, TOKEN, sign_in
from tests.servers import SqliteDatabase

pytestmark = pytest.mark.usefixtures("static")

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def deny() -> None:
    """What a whole application may ask of everybody."""
    raise HTTPException(418)


def application(database: SqliteDatabase, *, production: bool = False, token: str | None = TOKEN) -> FastAPI:
    """One with routes for everything, and a login of its own before all of them."""
    more = {"environment": "production"} if production else {}
    app = FastAPI(dependencies=[Depends(deny)])
    settings = DatabaseSettings(database_url=database.url, cleanup_timeout_s=1, **more)
    install(app, Database(settings), service=ServiceSettings(ops_token=SecretStr(token) if token else None))

    @app.api_route("/{path:path}", methods=["GET", "POST"], include_in_schema=False)
    async def everything(path: str) -> str:
        return path

    return app


@asynccontextmanager
async def browser_of(app: FastAPI, root_path: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A browser on this machine."""
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1234), root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        yield browser


@pytest.mark.parametrize("root_path", ["", "/api"])
async def test_nothing_of_the_application_stands_before_it(sqlite_database: SqliteDatabase, root_path: str) -> None:
    """No route for everything and no login; and it is in no description of the interface."""
    app = application(sqlite_database)
    async with app.router.lifespan_context(app), browser_of(app, root_path) as browser:
        assert (await browser.get(f"{root_path}/ops/")).status_code == 401
        assert (await browser.get(f"{root_path}/ops/routes", headers=BEARER)).status_code == 200
        assert (await browser.get(f"{root_path}/ops/static/main.js")).status_code == 200
        answer = await browser.post(f"{root_path}/ops/holders/h1/kill", headers=BEARER)
        assert (answer.status_code, answer.json()["code"]) == (409, "not-done")
        assert "/ops" not in (await browser.get(f"{root_path}/openapi.json")).text


async def test_other_addresses_below_ops_are_the_application_s(sqlite_database: SqliteDatabase) -> None:
    """As are those that only begin alike."""
    app = application(sqlite_database)
    async with app.router.lifespan_context(app), browser_of(app) as browser:
        for path in (
            "/ops/reports",
            "/operations",
            "/ops/holders",
            "/ops/holders/h1/else",
            "/x/ops/",
            "/ops/statement",
        ):
            assert (await browser.get(path, headers=BEARER)).status_code == 418, path


async def test_without_a_token_production_has_none_of_it(sqlite_database: SqliteDatabase) -> None:
    """Nor does the application see what is asked there."""
    app = application(sqlite_database, production=True, token=None)
    async with browser_of(app) as browser:
        ours = [path.replace("*", "main.js") for path in PATHS if "holders" not in path]
        for path in (*ours, "/ops/holders/h1/kill", "/ops/snapshot", "/ops/history", "/ops/workers", "/ops/figures"):
            assert (await browser.get(path, headers=BEARER)).status_code == 404, path


async def test_it_is_there_before_the_service_is(sqlite_database: SqliteDatabase) -> None:
    """Start-up that does not get on is what one may want to look at; and while the process stops."""
    app = application(sqlite_database)
    runtime = app.state.plimsoll
    async with browser_of(app) as browser:
        runtime._began_s = float("-inf")
        runtime.pass_gate = lambda: pytest.fail("the console waited for the gate")
        runtime.protection.admission.stopping = True
        assert (await sign_in(browser, TOKEN, headers={**OWN, "Origin": "http://localhost"})).status_code == 303
        for path in ("/ops/", "/ops/checks", "/ops/snapshot", "/ops/figures"):
            assert (await browser.get(path)).status_code == 200, path


async def test_a_session_is_good_for_all_that_is_for_operators(sqlite_database: SqliteDatabase) -> None:
    """The console's script asks for snapshots with it."""
    app = application(sqlite_database)
    async with app.router.lifespan_context(app), browser_of(app) as browser:
        assert (await browser.get("/ops/snapshot")).status_code == 401
        await sign_in(browser, TOKEN)
        for path in ("/ops/snapshot", "/ops/history?span=1h", "/ops/workers", "/ops/figures"):
            assert (await browser.get(path)).status_code == 200
        foreign = {"Origin": "http://evil.example"}
        assert (await browser.get("/ops/snapshot", headers=foreign)).status_code == 401
