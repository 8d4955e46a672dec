"""A command under test, such as uvicorn, as a real process on a free port."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from tests.servers.environment import clean_environ
from tests.servers.family import family, kill_all
from tests.servers.places import HOST, free_port
from tests.servers.reaper import reaper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

POLL_S = 0.02


class RunningCommand:
    """A started process: its output is collected, and `close` kills it with its children if it still runs.

    `{port}` in an argument becomes the free port chosen for it, which the variable PORT names too.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.command = [argument.replace("{port}", str(self.port)) for argument in command]
        environ = dict(clean_environ() if env is None else env)
        environ |= {"HOST": HOST, "PORT": str(self.port), "PYTHONUNBUFFERED": "1"}
        # A file, not a pipe: a process that prints much must not stop because nobody reads. It has no name, so
        # that nothing of it is left however the test run ends.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the command is
        self._process = subprocess.Popen(
            self.command,
            env=environ,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        reaper.watch(self._process.pid)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code (minus the signal, if one ended it), or None while the process runs."""
        return self._process.poll()

    def output(self) -> str:
        """All that was printed so far, both streams together."""
        descriptor = self._output.fileno()
        # Read at a place of its own: the offset of the descriptor is where the process writes next.
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def wait_ready(self, path: str = "/health/live", timeout_s: float = 60.0) -> Self:
        """Wait for an HTTP answer on `path`, of any status but 503, which says that it is not ready yet; AssertionError
        with the output if none comes."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            assert self.returncode is None, f"{self.command} ended with {self.returncode}:\n{self.output()}"
            if self._answers(path):
                return self
            time.sleep(POLL_S)
        raise AssertionError(f"no answer on {self.url}{path} within {timeout_s} s:\n{self.output()}")

    def _answers(self, path: str) -> bool:
        try:
            urllib.request.urlopen(self.url + path, timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            return error.code != HTTPStatus.SERVICE_UNAVAILABLE
        except OSError:
            return False
        return True

    def wait_output(self, text: str, timeout_s: float = 60.0) -> str:
        """Wait until `text` has been printed; return all the output."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            ended = self.returncode is not None
            if text in (output := self.output()):
                return output
            assert not ended, f"{self.command} ended with {self.returncode} before {text!r}:\n{output}"
            time.sleep(POLL_S)
        raise AssertionError(f"{text!r} was not printed within {timeout_s} s:\n{self.output()}")

    def wait(self, timeout_s: float = 30.0) -> int:
        """Wait for the end and return the exit code; AssertionError with the output if it does not come."""
        try:
            return self._process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} still runs after {timeout_s} s:\n{self.output()}") from None

    def terminate(self, timeout_s: float = 20.0) -> int:
        """Ask the process to end (SIGTERM), as a service manager does, and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def interrupt(self, timeout_s: float = 20.0) -> int:
        """Ask the process to end (SIGINT), as Ctrl-C does, and return its exit code."""
        self._process.send_signal(signal.SIGINT)
        return self.wait(timeout_s)

    def kill(self) -> int:
        """End the process and its children at once."""
        if self._process.poll() is None:
            kill_all(family(self.pid))
        return self._process.wait(timeout=30)

    def close(self) -> None:
        """Kill what still runs, and forget the output."""
        self.kill()
        reaper.forget(self.pid)
        self._output.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
