"""`/metrics` of real services: behind each server all of its workers, with the pool exhausted or the database away."""

import asyncio
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import install
from plimsoll.fastapi.metrics import METRICS_PATH
from plimsoll.settings import ServiceSettings
from tests.servers import REPOSITORY, MariaDbServer, RunningCommand, TestDatabase
from tests.serving.stopping import GRANIAN, GUNICORN, HYPERCORN_2, SERVE_2, UVICORN_2, Server

pytestmark = pytest.mark.usefixtures("patient_start")

Start = Callable[..., RunningCommand]
TOKEN = "prometheus-reads-metrics"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
WORKERS_S = 60.0
"""Workers begin one after the other, on a busy machine slowly."""


def read(service: RunningCommand) -> str:
    """A reading by whichever worker takes the connection."""
    request = urllib.request.Request(service.url + METRICS_PATH, headers=BEARER)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.read().decode())


def workers_in(metrics: str) -> set[str]:
    """Process ids."""
    return set(re.findall(r'^plimsoll_ready\{worker="(\d+)"\} 1\.0$', metrics, re.MULTILINE))


@contextmanager
def serving(start: Start, server: Server, database: TestDatabase, **more: str) -> Iterator[RunningCommand]:
    """The service, once all of its workers are seen."""
    environ = database.environ(**server.environ, OPS_READ_TOKEN=TOKEN, **more)
    environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{REPOSITORY}"
    service = start(server.command, env=environ).wait_ready("/health/live")
    until_s = time.monotonic() + WORKERS_S
    while len(workers_in(read(service))) < server.workers:
        assert time.monotonic() < until_s, service.output()
        time.sleep(0.2)
    yield service


@pytest.mark.parametrize("server", [SERVE_2, UVICORN_2, GUNICORN, GRANIAN, HYPERCORN_2], ids=str)
def test_whichever_worker_is_read_tells_of_all(
    server: Server, sqlite_database: TestDatabase, start_command: Start
) -> None:
    """The same workers each time, and counters that never go back, as Prometheus needs them. A worker that a busy
    machine keeps from answering in time is said to be silent."""
    with serving(start_command, server, sqlite_database) as service:
        readings: list[str] = []
        until_s = time.monotonic() + WORKERS_S
        while len(readings) < 5:
            assert time.monotonic() < until_s, service.output()
            if "plimsoll_silent_workers 0.0\n" in (reading := read(service)):
                readings.append(reading)
    workers = {frozenset(workers_in(reading)) for reading in readings}
    assert len(workers) == 1
    assert len(next(iter(workers))) == server.workers
    for reading in readings:
        assert list(text_string_to_metric_families(reading))
    taken = re.compile(r"^plimsoll_pool_checkouts_total\S* (\S+)$", re.MULTILINE)
    sums = [sum(map(float, taken.findall(reading))) for reading in readings]
    assert sums == sorted(sums)


async def installed(url: str, **settings: object) -> tuple[Database, FastAPI]:
    """An application with a small pool, read by a token."""
    database = Database(DatabaseSettings(database_url=url, pool_size=1, max_overflow=0, **settings))
    app = FastAPI()
    install(app, database, service=ServiceSettings(ops_read_token=SecretStr(TOKEN), ops_shared_dir="none"))

    @app.get("/{path:path}")
    async def everything(path: str) -> str:
        return f"caught {path}"

    return database, app


async def test_it_is_answered_while_the_pool_is_exhausted(mariadb_database: TestDatabase) -> None:
    """And says so; a catch-all route does not hide it."""
    database, app = await installed(mariadb_database.url, pool_timeout_s=60)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):

        async def use() -> None:
            async with database.session() as session:
                await session.execute(text("SELECT SLEEP(60)"))

        users = [asyncio.create_task(use()) for _ in range(3)]
        async with asyncio.timeout(30):
            while True:
                found = await client.get(METRICS_PATH, headers=BEARER)
                if "plimsoll_pool_waiting 2.0\n" in found.text:
                    break
                await asyncio.sleep(0.02)
        assert not any(user.done() for user in users), "it was not answered until a connection came back"
        assert 'plimsoll_pool_connections{state="in_use"} 1.0\n' in found.text
        assert (await client.get(METRICS_PATH)).status_code == 401
        for user in users:
            user.cancel()
        await asyncio.gather(*users, return_exceptions=True)


async def test_it_is_answered_while_the_database_is_silent(mariadb_database: TestDatabase) -> None:
    """Within its patience."""
    server = mariadb_database.server
    assert isinstance(server, MariaDbServer)
    _, app = await installed(mariadb_database.url, cleanup_timeout_s=1)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client,
    ):
        async with asyncio.timeout(60):
            while "plimsoll_server_max_connections" not in (await client.get(METRICS_PATH, headers=BEARER)).text:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        server.freeze()
        try:
            found = await client.get(METRICS_PATH, headers=BEARER)
            assert found.status_code == 200
            assert "plimsoll_pool_limit_connections 1.0\n" in found.text
        finally:
            server.heal()


async def test_no_secret_is_in_it(mariadb_database: TestDatabase) -> None:
    """Neither the tokens nor the database's password, user, host or name."""
    _, app = await installed(mariadb_database.url)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        found = (await client.get(METRICS_PATH, headers=BEARER)).text
    for secret in (TOKEN, mariadb_database.password, mariadb_database.name):
        assert secret is not None
        assert secret not in found
