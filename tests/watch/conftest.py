"""A service that tests make up: real HTTP on a real port, with whatever snapshot and status they say."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest

from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.codec import to_json
from tests.cli.conftest import plimsoll
from tests.servers.places import free_port
from tests.snapshot.samples import HEALTHY

__all__ = ["plimsoll"]

TOKEN = "for-operators-only-0123"


@dataclass
class Service:
    """What it answers. `status` other than 200 is answered without a snapshot; while `deaf` it does not answer.
    `workers` are those that can be asked for by name."""

    snapshot: Snapshot = HEALTHY
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    history: dict[str, Any] | None = None
    token: str | None = TOKEN
    workers: dict[str, Snapshot] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    """None of the ports that outgoing connections have: one of them might sit on it while the service is gone."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    deaf: threading.Event = field(default_factory=threading.Event)
    _seconds: Iterator[int] = field(default_factory=lambda: count(1))
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port again after `stop`."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                given = self.headers.get("Authorization")
                service.asked.append((self.path, given))
                while service.deaf.is_set():
                    threading.Event().wait(0.02)
                status, body = service.answer(self.path, given)
                self.send_response(status)
                for name, value in service.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:  # who asked has gone
                    return

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            def server_bind(self) -> None:
                self.connections: list[Any] = []
                super().server_bind()

            def process_request(self, request: Any, address: Any) -> None:
                self.connections.append(request)
                super().process_request(request, address)

        self._server = Server(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path: str, given: str | None) -> tuple[int, bytes]:
        """By the path and the header."""
        if self.status != 200:
            return self.status, b"{}"
        if self.token is not None and given != f"Bearer {self.token}":
            return 401, b"{}"
        if path.startswith("/ops/history"):
            return (200, json.dumps(self.history).encode()) if self.history is not None else (404, b"{}")
        page, _, asked = path.partition("?worker=")
        if page != "/ops/snapshot":
            return 404, b"{}"
        shown = self.snapshot if asked == "all" else self.workers.get(asked)
        if shown is None:
            gone = {"status": 404, "code": "unknown-worker", "detail": f"There is no worker {asked}."}
            return 404, json.dumps(gone).encode()
        now = replace(shown, at_s=shown.at_s + next(self._seconds))
        return 200, self.body if self.body is not None else json.dumps(to_json(now)).encode()

    def stop(self) -> None:
        """Be gone: also from connections that are open."""
        self.deaf.clear()
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        for connection in server.connections:  # type: ignore[attr-defined]
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def service() -> Iterator[Service]:
    """It runs."""
    made = Service()
    made.start()
    yield made
    made.stop()
