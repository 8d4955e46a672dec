"""Commands run as real processes: readiness, output, signals, and an end in any case."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.servers.family import runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import RunningCommand

WEB = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
SLEEP = [sys.executable, "-c", "print('awake'); import time; time.sleep(60)"]


def test_waits_until_the_command_answers(start_command: Callable[..., RunningCommand]) -> None:
    """Any answer but a 503 counts, a 404 too."""
    command = start_command(WEB).wait_ready("/nothing-here")
    assert command.returncode is None
    assert command.terminate() == -signal.SIGTERM


def test_a_command_that_ends_instead_is_reported_with_its_output(start_command: Callable[..., RunningCommand]) -> None:
    """The assertion has what the command printed, from both streams."""
    command = start_command([sys.executable, "-c", "import sys; print('out'); sys.exit('no database')"])
    with pytest.raises(AssertionError, match="no database") as caught:
        command.wait_ready()
    assert "out" in str(caught.value)
    assert command.wait() == 1


def test_waits_for_output(start_command: Callable[..., RunningCommand]) -> None:
    """Text that is printed ends the wait; text that never is, fails it."""
    command = start_command(SLEEP)
    assert "awake" in command.wait_output("awake")
    with pytest.raises(AssertionError, match="asleep"):
        command.wait_output("asleep", timeout_s=0.05)


def test_interrupt_is_what_control_c_does(start_command: Callable[..., RunningCommand]) -> None:
    """SIGINT reaches the command."""
    command = start_command(SLEEP)
    command.wait_output("awake")
    assert command.interrupt() != 0
    assert "KeyboardInterrupt" in command.output()


def test_kill_takes_the_children_along(start_command: Callable[..., RunningCommand]) -> None:
    """No worker process outlives the command."""
    program = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid); p.wait()"
    command = start_command([sys.executable, "-c", program])
    command.wait_output("\n")
    child = psutil.Process(int(command.output()))
    assert runs(child)
    command.kill()
    assert not runs(child)


def test_a_command_knows_its_port_and_no_database_of_the_machine(start_command: Callable[..., RunningCommand]) -> None:
    """HOST and PORT are set, DATABASE_URL is not."""
    program = "import os; print(os.environ['HOST'], os.environ['PORT'], os.environ.get('DATABASE_URL'))"
    command = start_command([sys.executable, "-c", program])
    assert command.wait() == 0
    assert command.output().split() == ["127.0.0.1", str(command.port), "None"]
