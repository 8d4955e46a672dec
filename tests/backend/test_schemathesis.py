"""Schemathesis, a client that knows nothing but the description of the API, finds nothing wrong on any database."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.backend.service import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD
from tests.servers import RunningCommand, TestDatabase

BACKEND = Path(__file__).resolve().parents[2] / "backend"
EXAMPLES = 10  # for each route; its edge cases come on top
FEW_EXAMPLES = 3
TIME_LIMIT_S = 170


class _Provider(BaseHTTPRequestHandler):
    """A payment provider that accepts every order: that one is missing is no finding."""

    def do_POST(self) -> None:
        answer = json.dumps({"id": "order_1"}).encode()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_args: object) -> None:
        """Print nothing."""


@pytest.fixture
def provider_url() -> Iterator[str]:
    """A payment provider in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _start_service(
    start_command: Callable[..., RunningCommand], database: TestDatabase, provider_url: str, tmp_path: Path
) -> RunningCommand:
    environ = database.environ(
        ADMIN_EMAIL=ADMIN_EMAIL, ADMIN_PASSWORD=ADMIN_PASSWORD, SECRET_KEY="k" * 40, PAYMENT_PROVIDER_URL=provider_url
    )
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--app-dir", str(BACKEND), "--port", "{port}"]
    service: RunningCommand = start_command(command, env=environ, cwd=tmp_path)
    service.wait_ready(timeout_s=60)
    for _ in range(600):
        # Ready once the sample is in: its rows are what the generated requests find.
        if httpx.get(f"{service.url}/health/ready", timeout=30).status_code == 200:
            return service
        time.sleep(0.1)
    raise AssertionError(service.output())


def _log_in(service: RunningCommand, email: str, password: str) -> str:
    """The header of someone's requests."""
    answer = httpx.post(f"{service.url}/token", data={"username": email, "password": password}, timeout=30)
    return f"Authorization: Bearer {answer.json()['access_token']}"


def _examine(
    start_command: Callable[..., RunningCommand],
    service: RunningCommand,
    tmp_path: Path,
    *options: str,
    examples: int = EXAMPLES,
) -> None:
    """Run schemathesis with all of its checks, and fail with its report where it has something to say."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", "--no-color", "--seed", "1",
        "--max-examples", str(examples), "--generation-database", "none", *options,
    ]  # fmt: skip
    run: RunningCommand = start_command(command, cwd=tmp_path)
    assert run.wait(TIME_LIMIT_S) == 0, run.output()
    assert "Traceback" not in service.output()


@pytest.mark.timeout(500)
def test_it_finds_nothing_as_an_administrator(
    any_database: TestDatabase, provider_url: str, start_command: Callable[..., RunningCommand], tmp_path: Path
) -> None:
    """No server error, no undescribed answer, no valid request refused, no invalid one accepted."""
    service = _start_service(start_command, any_database, provider_url, tmp_path)
    _examine(start_command, service, tmp_path, "--header", _log_in(service, ADMIN_EMAIL, ADMIN_PASSWORD))


@pytest.mark.timeout(500)
@pytest.mark.parametrize("role", ["user", "vendor"])
def test_it_finds_nothing_as_anyone_else(
    sqlite_database: TestDatabase,
    provider_url: str,
    start_command: Callable[..., RunningCommand],
    tmp_path: Path,
    role: str,
) -> None:
    """The same for those who register themselves: what is not theirs is refused as described."""
    service = _start_service(start_command, sqlite_database, provider_url, tmp_path)
    person = {"email": "asha@people.example.in", "name": "Asha Rao", "password": PASSWORD, "role": role}
    assert httpx.post(f"{service.url}/accounts", json=person, timeout=30).status_code == 201
    header = _log_in(service, person["email"], PASSWORD)
    _examine(start_command, service, tmp_path, "--header", header, examples=FEW_EXAMPLES)


@pytest.mark.timeout(500)
def test_it_finds_nothing_without_a_login(
    sqlite_database: TestDatabase, provider_url: str, start_command: Callable[..., RunningCommand], tmp_path: Path
) -> None:
    """The same for a client that nobody knows."""
    service = _start_service(start_command, sqlite_database, provider_url, tmp_path)
    _examine(start_command, service, tmp_path)
