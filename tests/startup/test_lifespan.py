"""Start-up and shut-down composed with the application's own lifespan."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import text

from plimsoll import Database, DatabaseSettings
from plimsoll.errors import DatabaseUnavailableError, InstallationError
from plimsoll.fastapi import SessionDep, install, runtime
from plimsoll.fastapi.runtime import GRACE_S, LAST_WORDS_S
from plimsoll.startup import State
from tests.servers import SqliteDatabase, TestDatabase
from tests.servers.places import free_port
from tests.startup.project.models import Base
from tests.startup.project.service import make_app, make_database
from tests.startup.running import Proxy, port_of


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application begins to serve when the gate is passed, however long a busy machine takes for it."""
    monkeypatch.setattr(runtime, "GRACE_S", 60.0)


@pytest.fixture
def database(sqlite_database: SqliteDatabase) -> Database:
    """A database that nobody has started."""
    return Database(DatabaseSettings(database_url=sqlite_database.url), metadata=Base.metadata)


def unreachable() -> Database:
    """A database whose port is closed, tried once."""
    url = f"postgresql+asyncpg://someone:secret@127.0.0.1:{free_port()}/somewhere"
    return Database(DatabaseSettings(database_url=url, start_timeout_s=0))


def test_the_lifespan_of_the_application_runs_inside_ours(database: Database) -> None:
    """It begins when the gate is passed, ends while the pool is open, and what it yields reaches the requests."""
    seen: list[str] = []

    @asynccontextmanager
    async def own(_app: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append(database.gate.report.state.value)
        yield {"cargo": "tea"}
        async with database.session() as session:
            seen.append(f"boats at the end: {await session.scalar(text('SELECT count(*) FROM boat'))}")

    app = FastAPI(lifespan=own)
    install(app, database)

    @app.get("/cargo")
    async def cargo(request: Request) -> str:
        return str(request.state.cargo)

    with TestClient(app) as client:
        assert client.get("/cargo").json() == "tea"
        assert client.app_state["cargo"] == "tea"
    assert seen == ["ready", "boats at the end: 0"]
    assert database.gate.report.state is State.IDLE


def test_start_up_handlers_of_the_older_kind_run_too(database: Database) -> None:
    """`add_event_handler`, before and after `install`."""
    seen: list[str] = []
    app = FastAPI()
    app.router.add_event_handler("startup", lambda: seen.append("before"))
    install(app, database)
    app.router.add_event_handler("startup", lambda: seen.append("after"))
    app.router.add_event_handler("shutdown", lambda: seen.append("end"))
    with TestClient(app):
        pass
    assert seen == ["before", "after", "end"]


@pytest.mark.parametrize("when", ["at the beginning", "at the end"])
def test_what_the_applications_lifespan_raises_is_raised_and_the_pool_is_closed(
    server_database: TestDatabase, when: str
) -> None:
    """Its error and no other; the server counts no connection afterwards."""
    database = make_database(DatabaseSettings(database_url=server_database.url))

    @asynccontextmanager
    async def own(_app: FastAPI) -> AsyncIterator[None]:
        if when == "at the beginning":
            raise LookupError(when)
        yield
        raise LookupError(when)

    app = FastAPI(lifespan=own)
    install(app, database)
    with pytest.raises(LookupError, match=when), TestClient(app):
        assert server_database.connection_count() == 1
    server_database.wait_connection_count(0)


def test_a_lifespan_that_needs_the_database_waits_for_it(database: Database) -> None:
    """`await database.start()` in it joins the gate that runs already, and returns at once where it is passed."""
    seen: list[State] = []

    @asynccontextmanager
    async def own(_app: FastAPI) -> AsyncIterator[None]:
        await database.start()
        seen.append(database.gate.report.state)
        yield

    app = FastAPI(lifespan=own)
    install(app, database)
    for _ in range(2):
        with TestClient(app):
            assert seen.pop() is State.READY


def test_a_failed_start_up_is_raised_to_the_test(database: Database) -> None:
    """`with TestClient(app)` raises the error that explains itself, without the driver's tracebacks."""
    entered: list[bool] = []

    @asynccontextmanager
    async def own(_app: FastAPI) -> AsyncIterator[None]:
        entered.append(True)
        yield

    app = FastAPI(lifespan=own)
    install(app, unreachable())
    with pytest.raises(DatabaseUnavailableError, match="could not be used") as caught, TestClient(app):
        pass
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert entered == []


def test_a_failure_of_work_at_the_end_of_start_up_is_raised_with_its_own_traceback(
    sqlite_database: SqliteDatabase,
) -> None:
    """It is the application's code that failed: the line must be seen."""

    async def seed(_database: Database) -> None:
        raise KeyError("a sample without a name")

    app = FastAPI()
    install(app, Database(DatabaseSettings(database_url=sqlite_database.url), on_ready=[seed]))
    with pytest.raises(KeyError) as caught, TestClient(app):
        pass
    assert caught.traceback[-1].name == "seed"


def test_an_application_is_tested_many_times_on_loops_of_their_own(any_database: TestDatabase) -> None:
    """Each `with TestClient(app)` starts anew and closes all; on no database does a connection outlive its loop."""
    app = make_app(make_database(DatabaseSettings(database_url=any_database.url)))
    for _ in range(3):
        with TestClient(app) as client:
            assert client.get("/boats").json() == 0
            assert client.get("/health/ready").status_code == 200
        if any_database.server is not None:
            any_database.wait_connection_count(0)


def test_a_client_of_tests_without_lifespan_is_served(sqlite_database: SqliteDatabase) -> None:
    """`TestClient(app)` without `with` runs each request in a loop of its own; the first passes the gate."""
    client = TestClient(make_app(make_database(DatabaseSettings(database_url=sqlite_database.url))))
    for _ in range(3):
        assert client.get("/boats").json() == 0
        assert client.get("/health/ready").status_code == 200


def test_a_client_of_tests_without_lifespan_may_come_before_the_database(
    server_database: TestDatabase, fault_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate ended with the first request's loop; the next request opens it anew."""
    proxy = fault_proxy(port_of(server_database))
    proxy.refuse()
    app = make_app(make_database(DatabaseSettings(database_url=server_database.url_for(port=proxy.port))))
    client = TestClient(app)
    with monkeypatch.context() as patch:
        patch.setattr(runtime, "GRACE_S", GRACE_S)
        assert client.get("/boats").status_code == 503
    proxy.forward()
    assert client.get("/boats").json() == 0


def test_a_server_in_a_thread_is_not_ended_by_a_late_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is someone else's: it stays alive and not ready, and every request is answered."""
    monkeypatch.setattr(runtime, "GRACE_S", 0.5)
    url = f"mysql+aiomysql://someone:secret@127.0.0.1:{free_port()}/somewhere"
    app = make_app(Database(DatabaseSettings(database_url=url, start_timeout_s=3)))
    with TestClient(app) as client:
        while "failed" not in (page := client.get("/health/ready").json())["checks"]["startup"]["detail"]:
            assert page["status"] == "not ready"
        time.sleep(LAST_WORDS_S * 2)
        assert client.get("/boats").status_code == 503
        assert client.get("/health/live").status_code == 200


def test_a_second_installation_is_refused(database: Database) -> None:
    """Two would each make sessions and routes; the error says what to do for a second database."""
    app = FastAPI()
    install(app, database)
    with pytest.raises(InstallationError, match="called twice"):
        install(app, database)


def test_an_installation_after_the_start_is_refused_and_changes_nothing(database: Database) -> None:
    """Its lifespan would never run."""
    app = FastAPI()
    with TestClient(app) as client:
        with pytest.raises(InstallationError, match="after the application had begun to serve"):
            install(app, database)
        assert client.get("/health/live").status_code == 404
    assert not hasattr(app.state, "plimsoll")


def test_a_second_database_is_started_by_the_applications_lifespan(database: Database, tmp_path: Any) -> None:
    """As the error above says."""
    other = Database(DatabaseSettings(database_url=f"sqlite+aiosqlite:///{tmp_path}/other.db"), metadata=Base.metadata)

    @asynccontextmanager
    async def own(_app: FastAPI) -> AsyncIterator[None]:
        await other.start()
        yield
        await other.close()

    app = FastAPI(lifespan=own)
    install(app, database)

    @app.get("/both")
    async def both(session: SessionDep) -> list[int]:
        count = text("SELECT count(*) FROM boat")
        async with other.session() as second:
            return [await session.scalar(count) or 0, await second.scalar(count) or 0]

    with TestClient(app) as client:
        assert client.get("/both").json() == [0, 0]


def test_a_mounted_application_has_sessions_of_the_one_it_is_mounted_in(database: Database) -> None:
    """Installed once, at the top; also below a root path."""
    app, inner = FastAPI(), FastAPI()

    @inner.get("/boats")
    async def boats(session: SessionDep) -> int:
        return await session.scalar(text("SELECT count(*) FROM boat")) or 0

    app.mount("/inner", inner)
    install(app, database)
    for root_path in ("", "/api"):
        with TestClient(app, root_path=root_path) as client:
            assert client.get(f"{root_path}/inner/boats").json() == 0
            assert client.get(f"{root_path}/health/ready").status_code == 200


def test_an_application_installed_below_another_passes_the_gate_with_its_first_request(database: Database) -> None:
    """Starlette runs no lifespan of what is mounted."""
    inner = FastAPI()

    @inner.get("/boats")
    async def boats(session: SessionDep) -> int:
        return await session.scalar(text("SELECT count(*) FROM boat")) or 0

    install(inner, database)
    outer = FastAPI()
    outer.mount("/inner", inner)
    with TestClient(outer) as client:
        assert client.get("/inner/boats").json() == 0
        assert client.get("/inner/health/ready").status_code == 200
