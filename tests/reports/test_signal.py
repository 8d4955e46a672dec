"""SIGUSR2 asks a worker for a record, under real servers, and takes the signal from nobody."""

import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.reports.files import Kept, kept, read
from tests.servers import REPOSITORY, RunningCommand, clean_environ

Start = Callable[..., RunningCommand]

APP = "tests.reports.application:app"
SERVERS = {
    "uvicorn": ["-m", "uvicorn", APP, "--port", "{port}"],
    "gunicorn": ["-m", "gunicorn", "-k", "asgi", "-b", "127.0.0.1:{port}", APP],
    "hypercorn": ["-m", "hypercorn", "-b", "127.0.0.1:{port}", APP],
    "granian": ["-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", APP],
}


def serve(start_command: Start, server: str, **settings: str) -> RunningCommand:
    """The application under a server."""
    environ = {**clean_environ(), **settings}
    environ["PYTHONPATH"] = f"{environ.get('PYTHONPATH', '')}:{REPOSITORY}:{REPOSITORY / 'src'}"
    return start_command([sys.executable, *SERVERS[server]], env=environ, cwd=REPOSITORY).wait_ready(timeout_s=60)


def get(command: RunningCommand, path: str = "/") -> int:
    """The process id of the worker that answers."""
    with urllib.request.urlopen(f"{command.url}{path}", timeout=30) as answer:
        return int(answer.read())


def wait_for_record(directory: Path, limit_s: float = 30.0) -> Kept:
    """The first record there."""
    ends_s = time.monotonic() + limit_s
    while time.monotonic() < ends_s:
        if directory.exists() and (found := kept(directory)):
            return found[0]
        time.sleep(0.02)
    raise AssertionError("no record was written")


@pytest.mark.parametrize("server", SERVERS)
def test_the_signal_has_a_worker_keep_a_record_and_serve_on(server: str, start_command: Start, tmp_path: Path) -> None:
    """Under each server; without the box it would end the worker."""
    command = serve(start_command, server, RECORDS=str(tmp_path / "records"))
    worker = get(command)
    os.kill(worker, signal.SIGUSR2)
    record = wait_for_record(tmp_path / "records")
    assert (record.kind, record.pid) == ("signal", worker)
    assert get(command) == worker


def test_it_tells_what_blocks_the_loop(start_command: Start, tmp_path: Path) -> None:
    """The stack is of the moment of the signal, though the record is made when the loop is free again."""
    go_on = tmp_path / "go on"
    command = serve(start_command, "uvicorn", RECORDS=str(tmp_path / "records"), BLOCKED=str(go_on))
    worker = get(command, "/block")
    command.wait_output("blocked")
    os.kill(worker, signal.SIGUSR2)
    go_on.touch()
    stack = read(wait_for_record(tmp_path / "records").path).interrupted
    assert stack[0].endswith(" in block")
    assert "application.py" in stack[0]


def test_without_a_directory_the_signal_ends_nobody(start_command: Start) -> None:
    """The log says what is missing."""
    command = serve(start_command, "uvicorn")
    worker = get(command)
    os.kill(worker, signal.SIGUSR2)
    command.wait_output("REPORTS_DIR is not set")
    assert get(command) == worker


def test_a_handler_that_python_does_not_know_of_keeps_the_signal(start_command: Start, tmp_path: Path) -> None:
    """faulthandler's is C code."""
    command = serve(start_command, "uvicorn", RECORDS=str(tmp_path / "records"), HANDLED="yes")
    os.kill(get(command), signal.SIGUSR2)
    command.wait_output("(most recent call first)")
    assert not (tmp_path / "records").exists()
