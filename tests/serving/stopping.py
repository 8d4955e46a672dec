"""Each server that runs the tests' application, and what is seen of it from outside while it is stopped."""

import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import psutil

from tests.servers import REPOSITORY, RunningCommand, TestDatabase

APP = "tests.serving.application:app"
HOST = "127.0.0.1"
STOPPING = "stopping: no longer ready"
"""What the log says when the signal is heard."""

Start = Callable[..., RunningCommand]


def _module(name: str, *options: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *options)


@dataclass(frozen=True)
class Server:
    """How one is started, and in how many processes it serves."""

    name: str
    command: Sequence[str]
    workers: int = 1
    parent: bool = False
    """Whether the process that is started serves nothing itself."""
    environ: dict[str, str] = field(default_factory=dict)
    hears: bool = True
    """Whether a worker is told of the end by a signal, which is what the application can hear."""
    drops: bool = False
    """Whether it ends connections at the signal on which a request may have come a moment before."""
    started: str = "Application startup complete"
    """What each worker prints when it serves."""

    def __str__(self) -> str:
        return self.name


UVICORN = Server("uvicorn", _module("uvicorn", APP, "--port", "{port}"))
UVICORN_2 = Server("uvicorn --workers 2", (*UVICORN.command, "--workers", "2"), workers=2, parent=True)
SERVE = Server("plimsoll serve", _module("plimsoll", "--app", APP, "--app-dir", str(REPOSITORY), "serve"))
SERVE_2 = Server("plimsoll serve, 2 workers", SERVE.command, 2, True, {"WEB_CONCURRENCY": "2"})
GUNICORN = Server(
    "gunicorn -k asgi",
    _module("gunicorn", "-k", "asgi", "-w", "2", "-b", f"{HOST}:{{port}}", "--graceful-timeout", "20", APP),
    workers=2,
    parent=True,
    started="ASGI server listening",
)
HYPERCORN = Server(
    "hypercorn --workers 0",
    _module("hypercorn", "--workers", "0", "--graceful-timeout", "20", "-b", f"{HOST}:{{port}}", APP),
    started="Running on",
)
HYPERCORN_2 = Server(
    "hypercorn --workers 2",
    _module("hypercorn", "--workers", "2", "--graceful-timeout", "1", "-b", f"{HOST}:{{port}}", APP),
    workers=2,
    parent=True,
    hears=False,
    started="Running on",
)
GRANIAN = Server(
    "granian",
    _module("granian", "--interface", "asgi", "--workers", "2", "--host", HOST, "--port", "{port}", APP),
    workers=2,
    parent=True,
    drops=True,
    started="Started worker",
)
SERVERS = (UVICORN, UVICORN_2, SERVE, SERVE_2, GUNICORN, HYPERCORN, HYPERCORN_2, GRANIAN)


class Client:
    """One connection, which is kept."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=60)

    def ask(self, path: str) -> Self:
        """Send a request."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        return self

    def answer_of(self, server: Server) -> "Answer | None":
        """The response; None where there is none, and the server is one that drops."""
        try:
            return self.answer()
        except ConnectionError:  # http.client's RemoteDisconnected too
            if not server.drops:
                raise
            return None

    def answer(self) -> "Answer":
        """Read the response."""
        response = http.client.HTTPResponse(self._socket)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())

    def closed(self) -> bool:
        """Whether the server has ended the connection, with or without more bytes, before the time-out."""
        try:
            while self._socket.recv(65_536):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Leave."""
        self._socket.close()


@dataclass(frozen=True)
class Answer:
    """A response that has been read."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The document in it."""
        return json.loads(self.body)


class Service:
    """A running one."""

    def __init__(self, server: Server, command: RunningCommand) -> None:
        self.server = server
        self.command = command
        self._stack = ExitStack()

    def connect(self) -> Client:
        """A connection that a request was answered on, so that a worker has it."""
        client = Client(self.command.port)
        self._stack.callback(client.close)
        assert client.ask("/quick").answer().status == 200
        return client

    def ask(self, path: str) -> Client:
        """A request on a connection of its own."""
        client = Client(self.command.port)
        self._stack.callback(client.close)
        return client.ask(path)

    def workers(self) -> list[psutil.Process]:
        """The processes that serve."""
        main = psutil.Process(self.command.pid)
        if not self.server.parent:
            return [main]
        # multiprocessing starts a process of its own beside the workers.
        children = main.children(recursive=True)
        return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]

    def signal(self, number: int = signal.SIGTERM) -> None:
        """To the main process, as a service manager sends it."""
        os.kill(self.command.pid, number)

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """Workers do nothing within, and find all that was sent to them when they go on: first of all the signal."""
        workers = self.workers()
        for worker in workers:
            worker.suspend()
        _wait(lambda: all(worker.status() == psutil.STATUS_STOPPED for worker in workers))
        try:
            yield
            if self.server.hears:
                _wait(lambda: all(_has_pending_signal(worker.pid) for worker in workers))
        finally:
            for worker in workers:
                worker.resume()

    def close(self) -> None:
        """Close the clients' connections."""
        self._stack.close()


def _has_pending_signal(pid: int) -> bool:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        pending = next(line for line in status if line.startswith("ShdPnd"))
    wanted = 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGINT - 1) | 1 << (signal.SIGQUIT - 1)
    return bool(int(pending.split()[1], 16) & wanted)


def _wait(true: Callable[[], bool], timeout_s: float = 60.0) -> None:
    ends_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < ends_s
        time.sleep(0.02)


@contextmanager
def serving(start: Start, server: Server, database: TestDatabase, **settings: str) -> Iterator[Service]:
    """Start it, and wait until every worker is ready."""
    environ = database.environ(**server.environ, **settings)
    environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{REPOSITORY}"
    command = start(server.command, env=environ)
    command.wait_ready("/health/ready", timeout_s=60)
    service = Service(server, command)
    _wait(lambda: command.output().count(server.started) >= server.workers)
    try:
        yield service
    finally:
        service.close()
