"""A process and its children, signalled as one. Only ever a process that this run has started."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path

import psutil

END_TIMEOUT_S = 30.0
POLL_S = 0.005


def family(pid: int) -> list[psutil.Process]:
    """The process and then all its descendants; none if it has ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def signal_all(processes: list[psutil.Process], which: signal.Signals) -> None:
    """Send a signal to each that still exists."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(which)


def kill_all(processes: list[psutil.Process]) -> None:
    """Kill each, and wait until none runs any more (one that only waits to be reaped does not)."""
    signal_all(processes, signal.SIGKILL)
    deadline = time.monotonic() + END_TIMEOUT_S
    while any(map(runs, processes)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"still running {END_TIMEOUT_S} s after SIGKILL: {processes}")
        time.sleep(POLL_S)


def halt_all(processes: list[psutil.Process]) -> None:
    """Halt each, and wait until no thread of them runs: on a busy machine some still do after the signal was sent."""
    signal_all(processes, signal.SIGSTOP)
    deadline = time.monotonic() + END_TIMEOUT_S
    while not all(map(is_halted, processes)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not halted {END_TIMEOUT_S} s after SIGSTOP: {processes}")
        time.sleep(POLL_S)


def is_halted(process: psutil.Process) -> bool:
    """Whether every thread of a process is halted; one that has ended is."""
    states = []
    for stat in Path(f"/proc/{process.pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            states.append(stat.read_text().rpartition(")")[2].split()[0])
    return all(state in "tTZX" for state in states)


def runs(process: psutil.Process) -> bool:
    """Whether a process exists and is more than an entry that its parent has not read yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
