"""The tests' project under a real server, and what a platform sees of it from outside."""

import sys
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.servers import FaultProxy, RunningCommand, TestDatabase
from tests.servers.environment import REPOSITORY

APP = "tests.startup.project.served:app"
NEEDING = "tests.startup.project.needing:app"
NAMED = ["--app", APP, "--app-dir", str(REPOSITORY)]
POLL_S = 0.05

Start = Callable[..., RunningCommand]
Proxy = Callable[[int], FaultProxy]


def uvicorn(*options: str, app: str = APP) -> list[str]:
    """The command line of a plain uvicorn that serves the project."""
    return [sys.executable, "-m", "uvicorn", app, "--app-dir", str(REPOSITORY), "--port", "{port}", *options]


def plimsoll(*arguments: str) -> list[str]:
    """The command line of `plimsoll` about the project."""
    return [sys.executable, "-m", "plimsoll", *NAMED, *arguments]


def port_of(database: TestDatabase) -> int:
    """The port that a database's server listens on."""
    assert database.port is not None
    return database.port


def environ(database: TestDatabase, **extra: str) -> dict[str, str]:
    """The environment of a process on `database`, with the tests importable."""
    return with_tests(database.environ(**extra))


def with_tests(variables: dict[str, str]) -> dict[str, str]:
    """The variables, with the repository's root among the places to import from."""
    return variables | {"PYTHONPATH": f"{variables['PYTHONPATH']}:{REPOSITORY}"}


def ready_page(service: RunningCommand) -> tuple[int, dict[str, Any]]:
    """Status and body of the ready page."""
    answer = httpx.get(f"{service.url}/health/ready", timeout=20)
    return answer.status_code, answer.json()


def wait_until_ready(service: RunningCommand, timeout_s: float = 60.0) -> None:
    """Wait until the ready page says 200; AssertionError with the output if it does not."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        status, page = ready_page(service)
        if status == 200:
            return
        time.sleep(POLL_S)
    raise AssertionError(f"not ready within {timeout_s} s: {page}\n{service.output()}")


def assert_refused_for_now(answer: httpx.Response) -> None:
    """Assert that an answer is the 503 of a service that is not ready."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["code"] == "not-ready"
