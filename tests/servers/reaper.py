"""Ends this run's servers when the test run itself is killed and cannot.

A small process holds the reading end of a pipe. The kernel closes the other end when the test run dies, however it
dies; then every server still on the list is killed, by its process id and only if it still is the same process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = r"""
import os, shutil, signal, sys
watched = {}
for line in sys.stdin:
    sign, pid, started, directory = line.rstrip("\n").split(" ", 3)
    if sign == "+":
        watched[pid] = (started, directory)
    else:
        watched.pop(pid, None)
for pid, (started, directory) in watched.items():
    try:
        with open(f"/proc/{pid}/stat") as stat:
            same = stat.read().rsplit(")", 1)[1].split()[19] == started
        if same:
            os.kill(int(pid), signal.SIGKILL)
    except OSError:
        pass
    if directory:
        shutil.rmtree(directory, ignore_errors=True)
"""


class Reaper:
    """The list of processes that must not outlive the test run."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def watch(self, pid: int, directory: Path | None = None) -> None:
        """Put a process on the list, with the directory to remove along with it."""
        self._tell("+", pid, _started(pid), directory)

    def forget(self, pid: int) -> None:
        """Take a process that has ended off the list."""
        self._tell("-", pid, "0", None)

    def _tell(self, sign: str, pid: int, started: str, directory: Path | None) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C in the terminal must not end it before its work is done
            )
        assert self._process.stdin is not None
        self._process.stdin.write(f"{sign} {pid} {started} {directory or ''}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End the reaper at the end of the run; whatever is still on its list goes with it."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(timeout=30)
            self._process = None


def _started(pid: int) -> str:
    """Clock tick at which a process started: with its id, this names a process for good."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return "0"


reaper = Reaper()
