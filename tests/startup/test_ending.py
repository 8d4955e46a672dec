"""Start-up that cannot succeed: a clear error, and a process that ends with a status which says so."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.servers import RunningCommand, TestDatabase
from tests.servers.environment import clean_environ
from tests.servers.places import free_port
from tests.startup.running import NEEDING, Proxy, Start, environ, plimsoll, port_of, ready_page, uvicorn, with_tests

SECRET = "Sup3r-secret-of-nobody"
START_FAILED = 3
PATIENT = {"DB_START_TIMEOUT": "8"}
"""Two seconds before it listens, and long enough after that for a busy machine to ask it something."""
MANY_LINES = 60
"""A driver's traceback under SQLAlchemy's has 200: it would bury the sentence that matters."""
LOOPS = ["asyncio", "uvloop"]


def nowhere(scheme: str, **extra: str) -> dict[str, str]:
    """The environment of a process whose database's port is closed."""
    url = f"{scheme}://someone:{SECRET}@127.0.0.1:{free_port()}/somewhere"
    return with_tests(clean_environ() | {"DATABASE_URL": url} | extra)


def assert_ended_clearly(service: RunningCommand, *words: str, status: int = START_FAILED) -> None:
    """Assert that a process ends with `status`, says `words`, and neither a traceback nor the password."""
    assert service.wait(30) == status, service.output()
    output = service.output()
    for word in words:
        assert word in output, output
    assert SECRET not in output
    assert len(output.splitlines()) < MANY_LINES, output


def not_ready(services: list[RunningCommand]) -> list[dict[str, Any]]:
    """The ready pages of services that are alive and not ready. All at once: the first has not for ever."""

    def ask(service: RunningCommand) -> dict[str, Any]:
        service.wait_ready()
        assert httpx.get(f"{service.url}/health/live").status_code == 200
        status, page = ready_page(service)
        assert status == 503
        return page

    with ThreadPoolExecutor(len(services)) as threads:
        return list(threads.map(ask, services))


def test_a_database_that_never_comes_up_ends_a_server_that_already_listens(start_command: Start) -> None:
    """Both event loops: probes are answered until DB_START_TIMEOUT, then one sentence, status 3, no traceback."""
    services = [
        start_command(uvicorn("--loop", loop), env=nowhere(scheme, **PATIENT))
        for loop in LOOPS
        for scheme in ("mysql+aiomysql", "postgresql+asyncpg")
    ]
    for page in not_ready(services):
        assert "someone" not in str(page)
        assert "127.0.0.1" not in str(page)
    for service in services:
        assert_ended_clearly(service, "could not be used within", "Check that the server runs", "DB_START_TIMEOUT")
        assert "Traceback" not in service.output()


def test_the_last_requests_before_the_end_are_answered_and_their_connections_closed(start_command: Start) -> None:
    """A client that keeps its connection gets whole answers, all 503, and then the end of the connection."""
    service = start_command(uvicorn(), env=nowhere("mysql+aiomysql", **PATIENT))
    service.wait_ready()
    assert set(statuses_until_the_end(service)) == {503}
    assert_ended_clearly_but_for_its_access_log(service)


def statuses_until_the_end(service: RunningCommand) -> list[int]:
    """Ask again and again on one connection until the server has gone; AssertionError if it stays."""
    statuses = []
    deadline = time.monotonic() + 60
    with httpx.Client(base_url=service.url) as client:
        while time.monotonic() < deadline:
            try:
                statuses.append(client.get("/boats").status_code)
            except httpx.TransportError:
                return statuses
            time.sleep(0.01)
    raise AssertionError(f"the server still answers:\n{service.output()}")


def assert_ended_clearly_but_for_its_access_log(service: RunningCommand) -> None:
    """Assert status 3 and no error but the one, whatever the number of requests in the log."""
    assert service.wait(30) == START_FAILED
    assert "Traceback" not in service.output()
    assert service.output().count("Start-up failed") == 1


def test_one_try_that_fails_ends_the_server_before_it_listens(start_command: Start) -> None:
    """DB_START_TIMEOUT=0: uvicorn on both loops and `plimsoll serve` end at once with status 3."""
    commands = [*(uvicorn("--loop", loop) for loop in LOOPS), plimsoll("serve")]
    services = [start_command(command, env=nowhere("mysql+aiomysql", DB_START_TIMEOUT="0")) for command in commands]
    for service in services:
        assert_ended_clearly(service, "could not be used", "Application startup failed")
        assert "Application startup complete" not in service.output()


def test_a_lifespan_that_awaits_the_database_fails_with_it(start_command: Start) -> None:
    """The server never listens, and ends with status 3 and the same sentence when the time is over."""
    service = start_command(uvicorn(app=NEEDING), env=nowhere("mysql+aiomysql", DB_START_TIMEOUT="3"))
    assert_ended_clearly(service, "could not be used within", "Application startup failed")
    assert "Application startup complete" not in service.output()


def test_plimsoll_serve_ends_with_the_status_of_its_workers(start_command: Start) -> None:
    """Also when they had begun to listen, and also where a parent watches over several."""
    services = [
        start_command(plimsoll("serve"), env=nowhere("mysql+aiomysql", WEB_CONCURRENCY=workers, **PATIENT))
        for workers in ("1", "2")
    ]
    not_ready(services)
    for service in services:
        assert service.wait(40) == START_FAILED, service.output()
        assert "Traceback" not in service.output()


def test_a_database_that_accepts_and_says_nothing_is_given_up_like_one_that_is_down(
    mariadb_database: TestDatabase, postgres_database: TestDatabase, fault_proxy: Proxy, start_command: Start
) -> None:
    """Each attempt ends at DB_CONNECT_TIMEOUT, probes are answered meanwhile, the end is the same."""
    proxies, services = [], []
    for database in (mariadb_database, postgres_database):
        proxies.append(fault_proxy(port_of(database)))
        proxies[-1].deaf()
        deaf = {"DATABASE_URL": database.url_for(port=proxies[-1].port), "DB_CONNECT_TIMEOUT": "1"}
        services.append(start_command(uvicorn(), env=environ(database, **deaf, **PATIENT)))
    not_ready(services)
    for proxy, service in zip(proxies, services, strict=True):
        assert_ended_clearly(service, "no connection within 1 s", "could not be used within")
        assert proxy.connections_total >= 2
        assert "Traceback" not in service.output()


def test_a_refusal_ends_the_server_at_once(server_database: TestDatabase, start_command: Start) -> None:
    """Wrong password and unknown database: no waiting, since that does not help, and the sentence says so."""
    assert server_database.password is not None
    urls = [
        server_database.url.replace(server_database.password, SECRET),
        server_database.url.replace(f"/{server_database.name}", "/no_such_database"),
    ]
    services = [start_command(uvicorn(), env=environ(server_database, DATABASE_URL=url)) for url in urls]
    for service in services:
        assert_ended_clearly(service, "refused:", "Waiting does not help", "plimsoll settings")
        assert "waited" not in service.output()
        assert server_database.password not in service.output()
