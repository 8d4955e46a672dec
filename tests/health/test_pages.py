"""The two health pages as an application has them: reachable, described, and silent about what is nobody's business."""

import json
import time
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.testclient import TestClient

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import install
from plimsoll.seeding import AdminAccount
from tests.seeding.accounts import EMAIL, GOOD_PASSWORD, Base, admin_account
from tests.servers import SqliteDatabase, TestDatabase
from tests.startup.project.service import make_app, make_database

PAGES = ("/health/live", "/health/ready")


@pytest.fixture
def database(sqlite_database: SqliteDatabase, patient_start: None) -> Database:
    """A database that nobody has started."""
    return Database(DatabaseSettings(database_url=sqlite_database.url))


def assert_both_answer(app: FastAPI) -> None:
    """Assert that both pages are ours, once started."""
    with TestClient(app) as client:
        assert client.get("/health/live").json() == {"status": "alive"}
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")
        assert [client.head(page).status_code for page in PAGES] == [200, 200], "monitors ask by HEAD as well"


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_route_for_every_path_does_not_hide_them(database: Database, order: str) -> None:
    """Declared before or after `install`."""
    app = FastAPI()
    if order == "after":
        install(app, database)

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def everything(path: str) -> str:
        return f"caught {path}"

    if order == "before":
        install(app, database)
    assert_both_answer(app)
    with TestClient(app) as client:
        assert client.get("/elsewhere").json() == "caught elsewhere"


@pytest.mark.parametrize("root_path", ["", "/api"])
def test_they_are_answered_whatever_else_is_refused(database: Database, root_path: str) -> None:
    """As while the process stops or memory is short; below the root path of a server (`--root-path`) too."""
    app = FastAPI()
    install(app, database, body_limits={"/small": 1_024})

    @app.post("/small")
    async def small() -> str:
        return "small"

    with TestClient(app, root_path=root_path) as client:
        assert client.post(f"{root_path}/small", content=b"x" * 2_000).status_code == 413
        app.state.plimsoll.protection.admission.stopping = True
        assert client.post(f"{root_path}/small").status_code == 503
        assert client.get(f"{root_path}/health/live").json() == {"status": "alive"}
        assert "process" in client.get(f"{root_path}/health/ready").json()["checks"]


def test_an_application_mounted_at_the_root_does_not_hide_them(database: Database) -> None:
    """As a front end's files are."""
    app = FastAPI()
    app.mount("/", FastAPI())
    install(app, database)
    assert_both_answer(app)


def test_dependencies_of_the_whole_application_do_not_guard_them(database: Database) -> None:
    """A probe has no login; everything else still needs one."""

    def login() -> None:
        raise HTTPException(401)

    app = FastAPI(dependencies=[Depends(login)])
    install(app, database)

    @app.get("/secret")
    async def secret() -> str:
        return "cargo"

    assert_both_answer(app)
    with TestClient(app) as client:
        assert client.get("/secret").status_code == 401


def test_they_are_described_with_both_answers(database: Database) -> None:
    """In the API's description, with the 503 that a monitoring system must know."""
    app = FastAPI()
    install(app, database)
    paths = app.openapi()["paths"]
    assert set(paths["/health/live"]["get"]["responses"]) == {"200"}
    assert set(paths["/health/ready"]["get"]["responses"]) == {"200", "503"}


@pytest.mark.usefixtures("patient_start")
def test_a_ready_service_names_nothing_of_its_database(any_database: TestDatabase) -> None:
    """Neither page has the host, the port, the account, the password or the database's name."""
    app = make_app(make_database(DatabaseSettings(database_url=any_database.url)))
    with TestClient(app) as client:
        pages = " ".join(client.get(page).text for page in PAGES)
    assert '"database":{"ok":true,"detail":"answers"}' in pages
    assert "the newest revision" in pages
    for secret in (any_database.password, any_database.user, any_database.host, any_database.port, any_database.name):
        assert secret is None or str(secret) not in pages


def admin_check(database: TestDatabase, account: AdminAccount, **settings: Any) -> tuple[int, dict[str, Any]]:
    """Status and the admin's check of the ready page of an application with such an account."""
    app = FastAPI()
    made = DatabaseSettings(database_url=database.url, **settings)
    install(app, Database(made, metadata=Base.metadata, admin=account))
    with TestClient(app) as client:
        answer = client.get("/health/ready")
    assert EMAIL not in answer.text
    assert GOOD_PASSWORD not in answer.text
    return answer.status_code, answer.json()["checks"]["admin"]


@pytest.mark.usefixtures("patient_start")
def test_the_admin_account_is_a_check_that_names_nobody_and_takes_nothing_out_of_service(
    any_database: TestDatabase,
) -> None:
    """Made, found, refused or failed: 200 all the same, since the service works without; the log has the rest."""
    missing = admin_check(any_database, admin_account(), environment="production")
    assert missing == (200, {"ok": False, "detail": "no admin account could be made, see the log"})
    made = {"ok": True, "detail": "an admin account exists"}
    assert admin_check(any_database, admin_account()) == (200, made)
    assert admin_check(any_database, admin_account(), environment="production") == (200, made)
    any_database.sql("DELETE FROM accounts")
    weak = admin_check(any_database, admin_account("admin"), environment="production")
    assert weak == (
        200,
        {"ok": False, "detail": "no admin account: ADMIN_PASSWORD is not fit for production, see the log"},
    )


def test_a_service_whose_schema_is_missing_names_revisions_and_no_more(any_database: TestDatabase) -> None:
    """What is to be run is shown; where the database is, is not."""
    settings = DatabaseSettings(database_url=any_database.url, environment="production")
    with TestClient(make_app(make_database(settings))) as client:
        ends_s = time.monotonic() + 30
        while "plimsoll migrate" not in (answer := client.get("/health/ready")).text and time.monotonic() < ends_s:
            time.sleep(0.1)
    assert answer.status_code == 503
    page = answer.json()
    assert "Run 'plimsoll migrate'" in page["checks"]["startup"]["detail"]
    text = json.dumps(page)
    for secret in (any_database.password, any_database.user, any_database.host, any_database.port):
        assert secret is None or str(secret) not in text
