"""The console of a real service under each server: when it is needed most, and when the process is to end."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.console.served.service import TOKEN
from tests.servers import MariaDbServer, TestDatabase
from tests.serving.stopping import (
    GRANIAN,
    GUNICORN,
    HOST,
    HYPERCORN,
    HYPERCORN_2,
    SERVE_2,
    UVICORN,
    Server,
    Service,
    Start,
    serving,
)

OPENED_S = 12.0
"""The console is opened, or has news, within this on a busy machine; two seconds is what is wanted. Where it waited for
the pool, or for a server that is silent, it would take half a minute, or for ever."""

ENDS_S = 15.0
"""Less than the servers' own limits, which are 20 s and more."""

BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Watching:
    """One who watches the live stream on a connection of their own."""

    def __init__(self, service: Service) -> None:
        self._connection = http.client.HTTPConnection(HOST, service.command.port, timeout=OPENED_S)
        self._connection.request("GET", "/ops/live", headers=BEARER)
        self.response = self._connection.getresponse()
        assert self.response.status == 200

    def snapshot(self) -> dict[str, Any]:
        """The next one."""
        ends_s = time.monotonic() + OPENED_S
        while time.monotonic() < ends_s:
            line = self.response.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line[len(b"data: ") :])
                return found
        raise AssertionError("no snapshot in time")

    def ended(self) -> bool:
        """Whether the stream comes to its end, as a whole answer."""
        self.response.read()
        return True

    def close(self) -> None:
        """Leave."""
        self.response.close()
        self._connection.close()


@contextmanager
def watching(service: Service) -> Iterator[Watching]:
    """Watch for as long."""
    found = Watching(service)
    try:
        yield found
    finally:
        found.close()


def asked(service: Service, path: str, **headers: str) -> tuple[int, bytes]:
    """The answer on a connection of its own, within the time that an operator waits."""
    connection = http.client.HTTPConnection(HOST, service.command.port, timeout=OPENED_S)
    try:
        connection.request("GET", path, headers={**BEARER, **headers})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("server", [UVICORN, SERVE_2, GUNICORN, HYPERCORN, HYPERCORN_2, GRANIAN], ids=str)
def test_who_watches_does_not_keep_the_process_from_ending(
    server: Server, mariadb_database: TestDatabase, start_command: Start
) -> None:
    """Long before SHUTDOWN_TIMEOUT, with status 0 and nothing about it in the log."""
    with (
        serving(start_command, server, mariadb_database, SHUTDOWN_TIMEOUT="60", OPS_TOKEN=TOKEN) as service,
        watching(service) as one,
        watching(service) as two,
    ):
        one.snapshot()
        two.snapshot()
        two.snapshot()
        service.signal()
        assert service.command.wait(ENDS_S) == 0, service.command.output()
        if server.hears:  # else it was cut, of which asyncio writes a traceback for hypercorn
            assert "Traceback" not in service.command.output()
            assert one.ended()
            assert two.ended()


def test_it_is_there_while_the_pool_is_exhausted(mariadb_database: TestDatabase, start_command: Start) -> None:
    """Opened and updated, with those who wait."""
    sizes = {"DB_POOL_SIZE": "2", "DB_MAX_OVERFLOW": "0", "ADMISSION": "false"}
    with serving(start_command, UVICORN, mariadb_database, OPS_TOKEN=TOKEN, **sizes) as service:
        for number in range(6):
            service.ask(f"/work?name=n{number}&seconds=60")
        service.command.wait_output("in transaction: n1")
        assert asked(service, "/ops/")[0] == 200
        with watching(service) as one:
            pools = (one.snapshot()["pool"] for _ in range(10))  # some may be still on their way
            assert any((pool["checked_out"], pool["waiting"]) == (2, 4) for pool in pools)
            first = one.snapshot()["at_s"]
            assert one.snapshot()["at_s"] > first


def test_it_is_there_while_the_database_is_silent(mariadb_database: TestDatabase, start_command: Start) -> None:
    """Opened by who was not there before, and updated for who was."""
    server = mariadb_database.server
    assert isinstance(server, MariaDbServer)
    with serving(start_command, UVICORN, mariadb_database, OPS_TOKEN=TOKEN) as service, watching(service) as before:
        before.snapshot()
        server.freeze()
        try:
            assert asked(service, "/ops/")[0] == 200
            with watching(service) as since:
                for _ in range(4):
                    before.snapshot()
                    since.snapshot()
        finally:
            server.heal()


def test_it_is_there_while_memory_is_short(mariadb_database: TestDatabase, start_command: Start) -> None:
    """On new connections, while work is refused."""
    little = replace(UVICORN, command=("prlimit", f"--as={4 << 30}", *UVICORN.command))
    reserve = {"MEMORY_RESERVE": str(4 << 30)}
    with serving(start_command, little, mariadb_database, OPS_TOKEN=TOKEN, **reserve) as service:
        service.ask("/stream?name=alone&seconds=30")
        service.command.wait_output("in transaction: alone")
        assert asked(service, "/quick")[0] == 503
        with watching(service) as one:
            for path in ("/ops/", "/health/live", "/ops/figures"):
                assert asked(service, path)[0] == 200
            # The first may be a second old.
            assert any(one.snapshot()["admission"]["memory_pressed"] for _ in range(5))


def test_below_a_root_path_it_is_there_as_well(mariadb_database: TestDatabase, start_command: Start) -> None:
    """As a proxy has it that takes the prefix away."""
    below = replace(UVICORN, command=(*UVICORN.command, "--root-path", "/api"))
    sizes = {"DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0"}
    with serving(start_command, below, mariadb_database, OPS_TOKEN=TOKEN, **sizes) as service:
        for number in range(4):
            service.ask(f"/work?name=n{number}&seconds=30")
        service.command.wait_output("in transaction: n0")
        assert asked(service, "/ops/")[0] == 200
        with watching(service) as one:
            one.snapshot()
