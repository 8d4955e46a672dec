"""Snapshots of a service on real servers: complete and at once, whatever state the pool and the database are in."""

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from plimsoll import Database, DatabaseSettings
from plimsoll.errors import ActionError
from plimsoll.fastapi import Runtime, SessionDep, install, server_side
from plimsoll.fastapi.observing import Observer
from plimsoll.settings import ServiceSettings, TopologySettings
from plimsoll.snapshot import HolderView, Snapshot
from plimsoll.snapshot.codec import from_json
from tests.pool.conftest import SLEEP, assert_balanced, pool_of, until
from tests.servers import MariaDbServer, SqliteDatabase, TestDatabase

pytestmark = pytest.mark.usefixtures("patient_start")

TOKEN = "snapshots-are-for-operators"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
AS_SHIPPED_S = server_side.LIMIT_S
BUSY_S = 8.0
"""What a busy machine may take beyond it; who waits for the server's answer would wait for ever."""

WORKER = f"{socket.gethostname()}:{os.getpid()}"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may keep the database's server from answering for a while."""
    monkeypatch.setattr(server_side, "LIMIT_S", 20.0)


class Service:
    """A started application: `GET /hold` takes a connection, sends one statement and stays until `go_on` is set, as
    `GET /lock` does with the statement that it is given; `GET /send` does not stay."""

    def __init__(self, app: FastAPI, database: Database, client: httpx.AsyncClient, go_on: asyncio.Event) -> None:
        self.go_on = go_on
        self.runtime: Runtime = app.state.plimsoll
        self.database = database
        self.client = client
        assert isinstance(self.runtime.observer, Observer)
        self.observer = self.runtime.observer

    async def snapshot(self) -> Snapshot:
        """As the page gives it."""
        answer = await self.client.get("/ops/snapshot", headers=BEARER)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
        return from_json(answer.json())

    async def held(self, count: int = 1) -> tuple[HolderView, ...]:
        """Those who hold a connection, once there are so many and each has sent its statement."""

        def all_there() -> bool:
            return sum(holder.statements > 0 for holder in self.observer.snapshot().holders) == count

        await until(all_there)
        return self.observer.snapshot().holders


@asynccontextmanager
async def service(url: str, **settings: Any) -> AsyncIterator[Service]:
    """One on a database."""
    database = Database(
        DatabaseSettings(database_url=url, cleanup_timeout_s=1, **settings), topology=TopologySettings(workers=3)
    )
    app, go_on = FastAPI(), asyncio.Event()
    install(app, database, service=ServiceSettings(ops_token=SecretStr(TOKEN), release="2025.1", admission=False))

    @app.get("/hold")
    async def hold(session: SessionDep, seconds: float = 60, asleep: bool = False) -> None:
        if asleep:
            await session.execute(text(SLEEP[database.settings.dialect].format(seconds)))
        else:
            await session.execute(text("SELECT 'a secret', 1"))
            with suppress(TimeoutError):
                await asyncio.wait_for(go_on.wait(), seconds)
            await session.execute(text("SELECT 2"))

    @app.get("/lock")
    async def lock(session: SessionDep, statement: str) -> None:
        await session.execute(text(statement))
        await go_on.wait()
        await session.rollback()

    @app.get("/send")
    async def send(session: SessionDep, statement: str) -> None:
        await session.execute(text(statement))
        await session.rollback()

    @app.get("/memory")
    async def memory() -> None:
        raise MemoryError

    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=90) as client,
    ):
        yield Service(app, database, client, go_on)


async def ended(*tasks: "asyncio.Task[Any]") -> None:
    """Give up requests."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_snapshot_of_an_exhausted_pool_names_who_holds_what(server_database: TestDatabase) -> None:
    """By route and line of code, and joined with the server's process list, which is read past the pool."""
    async with service(server_database.url, pool_size=2, max_overflow=0, pool_timeout_s=60) as it:
        requests = [asyncio.create_task(it.client.get("/hold")) for _ in range(3)]
        await it.held(2)
        await until(lambda: it.observer.snapshot().pool.waiting == 1)
        found = await it.snapshot()
        assert not any(request.done() for request in requests), "it was not given until a connection came back"
        await ended(*requests)
    assert (found.pool.taken, found.pool.limit, found.pool.waiting) == (2, 2, 1)
    assert {(holder.route, holder.statement) for holder in found.holders} == {("GET /hold", "SELECT ?")}
    assert {route.name for route in found.routes} >= {"GET /hold"}
    assert "SELECT ?" in {statement.text for statement in found.statements}
    assert "a secret" not in repr(found)
    assert all("test_observer.py" in holder.place and holder.place == holder.stack[0] for holder in found.holders)
    assert found.server is not None
    assert not found.server.error
    ours = {view.id: view for view in found.server.processes if view.whose == "this worker"}
    assert set(ours) == {holder.server_id for holder in found.holders}
    assert {(view.worker, view.route) for view in ours.values()} == {(WORKER, "GET /hold")}
    assert found.server.connections is not None
    assert found.server.connections >= 3  # with the one that asks
    assert found.load_line is not None
    assert (found.load_line.demanded, found.load_line.demanded_deploying) == (6, 12)
    assert (found.worker.pid, found.worker.release, found.worker.ready) == (os.getpid(), "2025.1", True)


async def test_a_snapshot_says_nothing_that_is_secret(mariadb_database: TestDatabase) -> None:
    """Neither the password nor the token, in the settings or anywhere; where each was read is said."""
    async with service(mariadb_database.url, pool_size=3) as it:
        found = await it.snapshot()
        whole = json.dumps((await it.client.get("/ops/snapshot", headers=BEARER)).json())
    assert mariadb_database.password is not None
    assert mariadb_database.password not in whole
    assert TOKEN not in whole
    settings = {view.name: view for view in found.settings}
    assert (settings["OPS_TOKEN"].value, settings["OPS_TOKEN"].source) == ("********", "argument")
    assert (settings["DB_POOL_SIZE"].value, settings["WEB_CONCURRENCY"].value[:1]) == ("3 connections", "3")
    assert (settings["DEPLOY_HOSTS"].value, settings["MAX_BODY_BYTES"].value) == ("1 host", "1048576 bytes (1 MiB)")


async def test_connections_carry_the_workers_name_on_the_server(postgres_database: TestDatabase) -> None:
    """So that other workers are told apart; a stranger is not one of them, who sleeps in a transaction is marked."""
    async with service(postgres_database.url, idle_transaction_s=0.1) as it:
        other = Database(DatabaseSettings(database_url=postgres_database.url, application_name="somebody else"))
        async with other.session() as stranger:
            await stranger.execute(text("SELECT 1"))
            request = asyncio.create_task(it.client.get("/hold"))
            await it.held()
            await asyncio.sleep(0.5)
            names = {row[4] for row in postgres_database.connections()}
            found = (await it.snapshot()).server
            await ended(request)
        await other.close()
    assert names >= {f"plimsoll {WORKER}", "somebody else"}
    assert found is not None
    by_name = {view.application: view for view in found.processes}
    assert by_name["somebody else"].whose == "unknown"
    assert by_name["somebody else"].mark == "idle in transaction"
    assert by_name[f"plimsoll {WORKER}"].mark == "idle in transaction"


async def test_nobody_asks_the_server_while_nobody_looks(
    server_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history grows without it; whoever looks opens one connection, shared by all, which ends soon after."""
    async with service(server_database.url, pool_size=2) as it:
        async with it.database.session() as session:
            await session.execute(text("SELECT 1"))
        before = server_database.query_count()
        await until(lambda: len(it.observer.history.series("10m").times_s) >= 2)
        # Our own count is in it on some servers.
        assert server_database.query_count() - before <= 2
        assert it.observer.snapshot().server is None
        count = server_database.connection_count()
        await asyncio.gather(*(it.observer.refresh(0.0) for _ in range(20)))
        assert server_database.connection_count() == count + 1
        own = it.observer.connection_ids()
        assert set(own) > set(pool_of(it.database.engine).server_ids())
        figures = (await it.client.get("/ops/figures", headers=BEARER)).json()
        assert figures["connections"] == own
        monkeypatch.setattr(server_side, "KEPT_S", 0.1)
        await it.observer.refresh(0.0)
        await asyncio.to_thread(server_database.wait_connection_count, count)
        assert it.observer.connection_ids() == pool_of(it.database.engine).server_ids()


async def seen(it: Service) -> None:
    """Wait until the server has answered."""
    async with asyncio.timeout(60):
        while (view := it.observer.snapshot().server) is None or view.error:
            await it.observer.refresh(0.0)
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("how", ["stop", "freeze"])
async def test_a_snapshot_is_there_while_the_server_is_not(
    mariadb_database: TestDatabase, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within two seconds, with what was known before and the reason why it is old; once the server is back, it is
    seen to have been started anew."""
    server = mariadb_database.server
    assert isinstance(server, MariaDbServer)
    async with service(mariadb_database.url, connect_timeout_s=1) as it:
        await seen(it)
        monkeypatch.setattr(server_side, "LIMIT_S", AS_SHIPPED_S)
        (server.stop if how == "stop" else server.freeze)()
        try:
            for _ in range(2):
                await asyncio.sleep(AS_SHIPPED_S)
                began_s = time.monotonic()
                await it.observer.refresh(0.0)
                found = await it.snapshot()
                assert time.monotonic() - began_s < AS_SHIPPED_S + BUSY_S
                assert found.server is not None
                assert found.server.error
                assert found.server.max_connections is not None
                assert len(found.server.processes) <= 1
        finally:
            server.heal()
        await until(lambda: bool(server.is_running))
        await seen(it)
        restarts = [event for event in it.observer.snapshot().events if event.text == server_side.RESTARTED]
        assert len(restarts) == (how == "stop")


async def test_an_operator_ends_a_statement(server_database: TestDatabase) -> None:
    """The request is answered 503, the place is free, the server has ended it, and who did it is written down."""
    async with service(server_database.url, pool_size=1, max_overflow=0) as it:
        request = asyncio.create_task(it.client.get("/hold?asleep=true"))
        (holder,) = await it.held()
        assert holder.state == "running a statement"
        assert await it.observer.kill(holder.id, "ann") == "The statement of GET /hold was ended on the server."
        assert (await request).status_code == 503
        await until(lambda: not it.observer.snapshot().pool.closing)
        assert_balanced(pool_of(it.database.engine))
        assert await asyncio.to_thread(server_database.wait_connection_count, 0) == 0
        (event,) = [event for event in it.observer.snapshot().events if event.kind == "operator"]
        assert event.text == f"ann ended the statement of GET /hold (checkout {holder.id})."


async def test_an_operator_gives_a_connection_back(server_database: TestDatabase) -> None:
    """The next in line is served while its holder still sits on it, who is answered 503 in the end."""
    async with service(server_database.url, pool_size=1, max_overflow=0) as it:
        holding = asyncio.create_task(it.client.get("/hold"))
        (holder,) = await it.held()
        waiting = asyncio.create_task(it.client.get("/hold?seconds=0"))
        await until(lambda: it.observer.snapshot().pool.waiting == 1)
        said = await it.observer.give_back(holder.id, "ann")
        assert said == "The connection of GET /hold was closed, and its place in the pool is free."
        assert (await waiting).status_code == 200
        assert not holding.done()
        await asyncio.to_thread(server_database.wait_connection_count, 1)
        it.go_on.set()
        assert (await holding).status_code == 503
        assert_balanced(pool_of(it.database.engine))
        assert await asyncio.to_thread(server_database.wait_connection_count, 1) == 1
        assert [event.kind for event in it.observer.snapshot().events][:1] != []
        assert any(event.text.startswith("ann took back") for event in it.observer.snapshot().events)


async def test_what_is_not_there_cannot_be_ended(sqlite_database: SqliteDatabase) -> None:
    """A checkout that has ended, one of another worker, and names that are none."""
    async with service(sqlite_database.url) as it:
        for name in (f"{os.getpid()}-999", "1-1", "", "x", "../1"):
            for act in (it.observer.kill, it.observer.give_back):
                with pytest.raises(ActionError, match="no such checkout in this worker"):
                    await act(name, "ann")
        async with it.database.session() as session:
            await session.execute(text("SELECT 1"))
            (holder,) = it.observer.snapshot().holders
            with pytest.raises(ActionError, match="runs no statement"):
                await it.observer.kill(holder.id, "ann")


async def test_what_happens_is_among_the_events(mariadb_database: TestDatabase) -> None:
    """A deployment, a leak with route and line, a MemoryError, refusals, connections that the server has closed."""
    settings = {"pool_size": 1, "max_overflow": 0, "pool_timeout_s": 3, "leak_threshold_s": 0.2}
    async with service(mariadb_database.url, **settings) as it:
        request = asyncio.create_task(it.client.get("/hold"))
        await it.held()
        assert (await it.client.get("/hold")).status_code == 503
        await until(lambda: any(event.kind == "leak" for event in it.observer.snapshot().events))
        it.go_on.set()
        await request
        assert (await it.client.get("/memory")).status_code == 503
        assert mariadb_database.server is not None
        mariadb_database.server.kill_connections(mariadb_database)
        assert (await it.client.get("/hold?seconds=0")).status_code == 200
        events = {event.kind: event.text for event in it.observer.snapshot().events}
    assert events["deployment"] == f"Release 2025.1 begins to serve (process {os.getpid()})."
    assert "GET /hold has held a database connection" in events["leak"]
    assert "test_observer.py" in events["leak"]
    assert "/memory" in events["memory-error"]
    assert "refused" in events
    assert "lost-connection" in events


async def test_the_history_is_told_by_span(sqlite_database: SqliteDatabase) -> None:
    """To those who bear the token; what is no span is answered 400."""
    async with service(sqlite_database.url) as it:
        await until(lambda: len(it.observer.history.series("10m").times_s) >= 1)
        found = (await it.client.get("/ops/history?span=10m", headers=BEARER)).json()
        assert (found["step_s"], len(found["times_s"])) == (1.0, len(found["values"]["rss_bytes"]))
        assert found["values"]["rss_bytes"][0] > 1 << 20
        assert (await it.client.get("/ops/history", headers=BEARER)).status_code == 200
        assert (await it.client.get("/ops/history?span=2y", headers=BEARER)).status_code == 400
        for path in ("/ops/history", "/ops/snapshot", "/ops/workers"):
            assert (await it.client.get(path)).status_code == 401
        found_server = (await it.snapshot()).server
        assert found_server is None


async def test_a_second_of_it_costs_little(sqlite_database: SqliteDatabase) -> None:
    """With forty holders, what the timer does takes no more than some milliseconds on a busy machine."""
    async with service(sqlite_database.url, pool_size=40, max_overflow=0) as it:
        sessions = [it.database.session() for _ in range(40)]
        for session in sessions:
            await (await session.__aenter__()).execute(text("SELECT 1"))
        times = []
        for _ in range(50):
            began_s = time.perf_counter()
            it.observer._moment()
            times.append(time.perf_counter() - began_s)
        print(f"a tick takes {min(times) * 1000:.3f} ms")
        for session in sessions:
            await session.__aexit__(None, None, None)
    assert min(times) < 0.005


async def test_seconds_make_a_whole_snapshot_once_in_five(
    sqlite_database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what the first look is compared with; all other seconds are a few numbers in the history."""
    async with service(sqlite_database.url) as it:
        observer, made = it.observer, list[Snapshot]()
        gather = observer._gather

        def whole() -> Snapshot:
            made.append(gather())
            return made[-1]

        monkeypatch.setattr(observer, "_schedule", lambda _loop: None)
        monkeypatch.setattr(observer, "_gather", whole)
        for _ in range(35):
            observer._tick(asyncio.get_running_loop())
        assert len(made) == 7
        assert list(observer._lately) == made[-3:]


async def test_the_first_page_has_the_load_line_where_start_up_has_asked_for_it(
    mariadb_database: TestDatabase,
) -> None:
    """`DB_POOL_SIZE=auto` has read the server's facts: nothing more is asked."""
    async with service(mariadb_database.url, pool_size="auto") as it:
        await until(lambda: it.runtime.ready)
        before = mariadb_database.query_count()
        found = it.observer.snapshot()
        assert mariadb_database.query_count() - before <= 2  # our own count is in it
    assert found.server is None
    assert found.load_line is not None
    assert found.load_line.advised_size is not None


async def test_a_second_that_cannot_be_looked_at_is_left_out(
    sqlite_database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, and the next seconds are there again."""
    async with service(sqlite_database.url) as it:
        with monkeypatch.context() as broken:
            broken.setattr(it.observer, "_moment", lambda: 1 // 0)
            await until(lambda: "a second of the history is missing" in caplog.text)
        await until(lambda: len(it.observer.history.series("10m").times_s) >= 1)
