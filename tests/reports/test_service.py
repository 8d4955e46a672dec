"""A real service in real trouble: its record tells who held the connections, and the terminal shows the same."""

import contextlib
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.reports import page
from plimsoll.reports.files import kept, read
from tests.cli.conftest import Ended, plimsoll
from tests.servers import REPOSITORY, RunningCommand, TestDatabase

__all__ = ["plimsoll"]

TOKEN = "for-operators-only-0123"


def hold(url: str) -> None:
    """A request that takes a connection and keeps it."""

    def ask() -> None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/hold", timeout=60).close()

    threading.Thread(target=ask, daemon=True).start()


def wait_for(directory: Path, kind: str, limit_s: float = 60.0) -> Path:
    """The record of this kind."""
    ends_s = time.monotonic() + limit_s
    while time.monotonic() < ends_s:
        if directory.exists():
            for each in kept(directory):
                if each.kind == kind:
                    return each.path
        time.sleep(0.05)
    raise AssertionError(f"no record of the kind {kind} was kept")


def test_an_exhausted_pool_is_on_record_and_in_the_terminal(
    mariadb_database: TestDatabase,
    start_command: Callable[..., RunningCommand],
    plimsoll: Callable[..., Ended],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without anybody who looked; and a record that is asked for by the signal, while the pool is exhausted."""
    records = tmp_path / "records"
    environ = mariadb_database.environ(
        OPS_TOKEN=TOKEN,
        DB_POOL_SIZE="2",
        DB_MAX_OVERFLOW="0",
        ADMISSION="off",
        SHUTDOWN_TIMEOUT="1",
        REPORTS_DIR=str(records),
    )
    environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{REPOSITORY}"
    words = [sys.executable, "-m", "uvicorn", "tests.reports.service:app", "--port", "{port}"]
    command = start_command(words, env=environ, cwd=REPOSITORY).wait_ready("/health/ready", timeout_s=60)
    for _ in range(4):
        hold(command.url)
    record = read(wait_for(records, "exhausted"))
    holders = record.snapshot.holders
    assert len(holders) == 2
    assert all("service.py" in each.place and each.place.endswith(" in hold") for each in holders)
    assert any("pool" in group.stack[0] or "hold" in str(group.stack) for group in record.tasks)
    assert str(mariadb_database.password) not in str(record)
    assert "service.py" in page(record)

    os.kill(command.pid, signal.SIGUSR2)
    assert "SIGUSR2" in read(wait_for(records, "signal")).why

    monkeypatch.setenv("OPS_TOKEN", TOKEN)
    ended = plimsoll("watch", "--once", "--url", command.url)
    assert "[##] 2 of 2 taken, 0 idle, 2 waiting" in ended.out
    assert "Holders (2)" in ended.out
    assert command.terminate(30) == 0
