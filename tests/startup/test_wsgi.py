"""Where no lifespan runs, as under Passenger: the first request passes the gate."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx
import pytest
from a2wsgi import ASGIMiddleware
from fastapi import FastAPI

from plimsoll import DatabaseSettings
from plimsoll.fastapi import runtime
from tests.servers import TestDatabase
from tests.startup.project.service import make_app, make_database
from tests.startup.running import Proxy, assert_refused_for_now, port_of

THREADS = 8


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request waits for the gate for as long as a busy machine takes to pass it."""
    monkeypatch.setattr(runtime, "GRACE_S", 60.0)


class _ThreadedServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the class has
        """Say nothing."""


@contextmanager
def wsgi(app: FastAPI) -> Iterator[httpx.Client]:
    """The application through a2wsgi in a WSGI server with a thread a request, and a client of it."""
    server = make_server("127.0.0.1", 0, ASGIMiddleware(app), _ThreadedServer, _Quiet)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", timeout=60) as client:
            yield client
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def statuses(client: httpx.Client, path: str, count: int) -> list[int]:
    """The statuses of so many requests at once."""
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(client.get(path).status_code)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def wait_until_served(client: httpx.Client, path: str, timeout_s: float = 60.0) -> httpx.Response:
    """Ask until the answer is no 503."""
    deadline = time.monotonic() + timeout_s
    while (answer := client.get(path)).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


@pytest.mark.usefixtures("patient")
def test_the_first_requests_pass_the_gate(any_database: TestDatabase) -> None:
    """Eight threads ask at once, before anything was started: the tables are made, and all are answered."""
    app = make_app(make_database(DatabaseSettings(database_url=any_database.url)))
    with wsgi(app) as client:
        assert statuses(client, "/boats", THREADS) == [200] * THREADS
        assert client.get("/health/ready").status_code == 200
    assert any_database.sql("SELECT version_num FROM alembic_version") == [("0002",)]


def seconds_refused(client: httpx.Client, path: str) -> float:
    """How long it took to be refused for now."""
    began_s = time.monotonic()
    assert_refused_for_now(client.get(path))
    return time.monotonic() - began_s


def test_a_database_that_is_down_at_the_first_request_is_met_by_a_later_one(
    server_database: TestDatabase, fault_proxy: Proxy
) -> None:
    """503 meanwhile: the first after the grace, those after it at once. Then served, without a restart."""
    proxy = fault_proxy(port_of(server_database))
    proxy.refuse()
    app = make_app(make_database(DatabaseSettings(database_url=server_database.url_for(port=proxy.port))))
    with wsgi(app) as client:
        assert_refused_for_now(client.get("/boats"))
        assert min(seconds_refused(client, "/boats") for _ in range(5)) < runtime.GRACE_S / 2
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        proxy.forward()
        assert wait_until_served(client, "/boats").json() == 0


def test_a_gate_that_failed_is_tried_again_by_a_later_request(
    server_database: TestDatabase, fault_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing ends the process there, so that a failure must not be for good."""
    monkeypatch.setattr(runtime, "RETRY_FAILED_S", 1.0)
    proxy = fault_proxy(port_of(server_database))
    proxy.refuse()
    settings = DatabaseSettings(database_url=server_database.url_for(port=proxy.port), start_timeout_s=0)
    with wsgi(make_app(make_database(settings))) as client:
        assert_refused_for_now(client.get("/boats"))
        assert client.get("/health/ready").json()["checks"]["startup"]["detail"] == (
            "start-up failed (PLE010), see the log"
        )
        proxy.forward()
        assert wait_until_served(client, "/boats").json() == 0


def test_the_ready_page_alone_gets_the_gate_passed(any_database: TestDatabase) -> None:
    """A balancer sends no request to a service that is not ready: its own question must be enough."""
    app = make_app(make_database(DatabaseSettings(database_url=any_database.url)))
    with wsgi(app) as client:
        assert wait_until_served(client, "/health/ready").status_code == 200
