"""uvicorn with the tests' applications, and clients that write bytes."""

import http.client
import json
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers import REPOSITORY, RunningCommand, clean_environ
from tests.servers.certificates import Certificates, Tls

HOST = "127.0.0.1"


class Served:
    """A running uvicorn, and what to ask it."""

    def __init__(self, command: RunningCommand, certificates: Certificates | None = None) -> None:
        self.command = command
        self.port = command.port
        self._certificates = certificates
        self._stack = ExitStack()

    def connect(self, timeout_s: float = 30.0, receive_buffer: int = 0) -> socket.socket:
        """A plain connection, closed at the end of the test."""
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(timeout_s)
        client.connect((HOST, self.port))
        return self._stack.enter_context(client)

    def wait_listening(self, timeout_s: float = 20.0) -> None:
        """Return when connections are accepted: with several workers a moment after the last line they print."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                socket.create_connection((HOST, self.port), timeout=timeout_s).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, self.command.output()
                time.sleep(0.05)
            else:
                return

    def context(self) -> ssl.SSLContext:
        """Of a client that trusts the server."""
        assert self._certificates is not None
        return ssl.create_default_context(cafile=self._certificates.ca)

    def get(self, path: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None) -> "Answer":
        """One request on a connection of its own."""
        if self._certificates is None:
            connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        else:
            connection = http.client.HTTPSConnection(HOST, self.port, timeout=30, context=self.context())
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def figures(self) -> dict[str, Any]:
        """The process's own figures."""
        answer = self.get("/figures")
        assert answer.status == 200, answer
        figures: dict[str, Any] = json.loads(answer.body)
        return figures

    def wait_figures(self, what: Callable[[dict[str, Any]], bool], timeout_s: float = 30.0) -> dict[str, Any]:
        """The figures once `what` is so of them."""
        deadline = time.monotonic() + timeout_s
        while not what(figures := self.figures()):
            assert time.monotonic() < deadline, f"{figures}\n{self.command.output()}"
            time.sleep(0.05)
        return figures

    def close(self) -> None:
        """Close the clients' connections."""
        self._stack.close()


class Answer:
    """A response that has been read."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def __repr__(self) -> str:
        return f"{self.status} {self.headers} {self.body[:300]!r}"


def read_answer(client: socket.socket) -> Answer:
    """The next response on a connection."""
    response = http.client.HTTPResponse(client)
    response.begin()
    return Answer(response.status, dict(response.getheaders()), response.read())


def ended(client: socket.socket) -> bool:
    """Whether the server ends the connection, in either way, before the socket's time-out."""
    try:
        while client.recv(65_536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


@contextmanager
def tls_clients(served: Served, count: int) -> Iterator[list[ssl.SSLSocket]]:
    """As many connections as are let in of `count`; those that are not end in an error."""
    context = served.context()
    with ExitStack() as stack:
        inside = []
        for _ in range(count):
            client = stack.enter_context(socket.create_connection((HOST, served.port), timeout=30))
            try:
                inside.append(stack.enter_context(context.wrap_socket(client, server_hostname=HOST)))
            except OSError:
                continue
        yield inside


Serve = Callable[..., Served]


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    """Each event loop in turn."""
    return str(request.param)


@pytest.fixture
def serve(start_command: Callable[..., RunningCommand], tmp_path: Path) -> Iterator[Serve]:
    """Start uvicorn: `serve("app", "--loop", "uvloop", tls=True, max_connections=50)`."""
    with ExitStack() as stack:

        def start(app: str = "app", *options: str, tls: bool = False, command: Any = None, **rules: Any) -> Served:
            certificates = Certificates.issue(tmp_path / "tls", Tls()) if tls else None
            target = f"tests.asgi.application:{app}"
            words = [*(command or (sys.executable, "-m", "uvicorn")), target, "--port", "{port}", "--lifespan", "on"]
            if certificates is not None:
                words += [
                    "--ssl-certfile",
                    str(certificates.server_cert),
                    "--ssl-keyfile",
                    str(certificates.server_key),
                ]
            # One arena: what others have reserved would be free for connections, and no limit would bind.
            environ = clean_environ() | {"RULES": json.dumps(rules), "MALLOC_ARENA_MAX": "1"}
            running = start_command([*words, *options], env=environ, cwd=REPOSITORY)
            running.wait_output("Uvicorn running on")
            served = Served(running, certificates)
            stack.callback(served.close)
            return served

        yield start
