"""A real service on a real database, and the command that looks at it."""

import json
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cli.conftest import Ended, plimsoll
from tests.servers import REPOSITORY, RunningCommand, TestDatabase

__all__ = ["plimsoll"]

TOKEN = "for-operators-only-0123"
RELEASE = "2025.11.2"


@dataclass(frozen=True)
class Running:
    """A running service."""

    command: RunningCommand

    @property
    def url(self) -> str:
        """Its address."""
        return self.command.url

    def post(self, path: str, timeout_s: float = 60.0) -> int:
        """Have it do something; the status."""
        request = urllib.request.Request(f"{self.url}{path}", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


Start = Callable[..., Running]


@pytest.fixture
def start(start_command: Callable[..., RunningCommand], monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the service: `start(database, DB_POOL_SIZE="2")`. The command is given the same database and token."""

    def begin(database: TestDatabase, workers: int = 1, **settings: str) -> Running:
        given = {"OPS_TOKEN": TOKEN, "RELEASE": RELEASE, "DB_CLEANUP_TIMEOUT": "1", **settings}
        environ = database.environ(**given)
        environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{REPOSITORY}"
        words = [sys.executable, "-m", "uvicorn", "tests.visit.application:app", "--port", "{port}"]
        if workers > 1:
            # uvicorn kills a worker whose imports take 5 s, as they may beside other tests.
            words += ["--workers", str(workers), "--timeout-worker-healthcheck", "60"]
        command = start_command(words, env=environ, cwd=REPOSITORY).wait_ready("/health/ready", timeout_s=60)
        monkeypatch.setenv("DATABASE_URL", database.url)
        monkeypatch.setenv("OPS_TOKEN", TOKEN)
        return Running(command)

    return begin


class Looked:
    """What the command found."""

    def __init__(self, ended: Ended) -> None:
        assert TOKEN not in ended.printed
        assert ended.out, ended.err
        self.status = ended.status
        self.report: dict[str, Any] = json.loads(ended.out)
        self.results = {result["id"]: result for result in self.report["results"]}

    def verdict(self, id_: str) -> str:
        """Of one check."""
        return str(self.results[id_]["verdict"])

    def evidence(self, id_: str) -> str:
        """What a check found, or why it could not."""
        result = self.results[id_]
        return str(result.get("evidence", result.get("why")))

    @property
    def found(self) -> set[str]:
        """The ids of what was found."""
        return {id_ for id_, result in self.results.items() if result["verdict"] == "found"}

    @property
    def unknown(self) -> set[str]:
        """The ids of what could not be answered."""
        return {id_ for id_, result in self.results.items() if result["verdict"] == "could not"}


Look = Callable[..., Looked]


@pytest.fixture
def look(plimsoll: Callable[..., Ended]) -> Look:
    """Run `plimsoll check --stage after --url URL` and read its JSON."""

    def run(url: str, *options: str) -> Looked:
        return Looked(plimsoll("check", "--stage", "after", "--format", "json", "--url", url, *options))

    return run
