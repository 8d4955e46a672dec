"""The checklist in a process of its own: the same command as in a terminal, with the environment and the directory of
this process. Bounded in time and output; it ends with this process, however that ends.

A thread waits for it, which is the same under every event loop and server, and on a worker whose loop is busy."""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from plimsoll.checks.own_name import OwnName

LIMIT_S = 60.0
"""The import may take 30 s (`plimsoll.cli.importing`), and each source of facts 5, side by side."""

MOST_BYTES = 2 << 20
"""Of a report; one of a hundred checks is 40 KiB."""

END_S = 2.0
"""Between the end of what it tells and its own."""

POLL_S = 0.02

_CODE = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from plimsoll.cli.as_child import main; main()"
"""Not `-m plimsoll`: what this process has added to the path since it began counts too."""

_PYTHON = re.compile(r"(python|pypy)[\w.-]*")

_AGAIN = "'plimsoll check' in the service's directory shows why."


class ChildError(Exception):
    """The checklist came to no result; says why in words that may be shown."""


class Child:
    """One run. `end` may be called from another thread, at any time."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def run(self, own: OwnName | None) -> dict[str, Any]:
        """The report on this application, or on the one that pyproject.toml names, as `--format json` gives it.

        Raises:
            ChildError: there is none.
        """
        process = self._begin(own)
        try:
            told = self._told(process)
            self._wait(process)
        finally:
            self._finish(process)
        return self._report(told, process.returncode or 0)

    def end(self) -> None:
        """Kill it, and what it has started."""
        with self._lock:
            self._ended = True
            self._kill()

    def _begin(self, own: OwnName | None) -> subprocess.Popen[bytes]:
        if not _PYTHON.fullmatch(os.path.basename(sys.executable or "")):
            raise ChildError(
                f"The server does not say which Python it runs ({sys.executable or 'nothing'}), so no process can be "
                "started for the checklist. Run 'plimsoll check' in a terminal."
            )
        try:
            process = subprocess.Popen(  # noqa: S603 - our own command, and no text of anybody else in it
                command(own),
                stdin=subprocess.PIPE,  # it watches it, and ends when this process is gone
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what the application says at its import may have secrets in it
                start_new_session=True,
            )
        except OSError as error:
            raise ChildError(f"No process can be started for the checklist: {error.strerror or error}.") from error
        with self._lock:
            self._process = process
            if self._ended:
                self._kill()
        return process

    def _told(self, process: subprocess.Popen[bytes]) -> bytes:
        """All that it writes, to the end."""
        assert process.stdout is not None
        found, ends_s = bytearray(), time.monotonic() + self._limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                left_s = ends_s - time.monotonic()
                if left_s <= 0 or not selector.select(left_s):
                    raise ChildError(
                        f"The checklist did not end within {self._limit_s:g} s, and was ended. What takes so long is "
                        f"most often the import of the application. {_AGAIN}"
                    )
                part = os.read(process.stdout.fileno(), 1 << 16)
                if not part:
                    return bytes(found)
                found += part
                if len(found) > MOST_BYTES:
                    raise ChildError(f"The checklist told more than {MOST_BYTES >> 20} MiB, and was ended.")

    @staticmethod
    def _wait(process: subprocess.Popen[bytes]) -> None:
        """Until it has ended by itself; it is not reaped, so that its number stays its own."""
        ends_s = time.monotonic() + END_S
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        with suppress(ChildProcessError):  # somebody else has reaped it
            while not os.waitid(os.P_PID, process.pid, options) and time.monotonic() < ends_s:
                time.sleep(POLL_S)

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._kill()
            self._process = None
        with suppress(subprocess.TimeoutExpired):  # a disk that hangs keeps even what was killed
            process.wait(END_S)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _report(self, told: bytes, status: int) -> dict[str, Any]:
        if self._ended:
            raise ChildError("The worker ended before the checklist did, and the checklist with it.")
        try:
            found = json.loads(told, parse_constant=lambda _: None)  # browsers know no NaN
        except (ValueError, RecursionError):
            raise ChildError(_without_report(status)) from None
        error = found.get("error") if isinstance(found, dict) else None
        if isinstance(error, str):
            raise ChildError(error)
        if not isinstance(found, dict) or not _is_report(found):
            raise ChildError(_without_report(status))
        return found


def command(own: OwnName | None) -> list[str]:
    """The command line; there is nothing in it that others may not see."""
    path = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
    named: Sequence[str] = () if own is None else ("--app", own.name, "--app-dir", str(own.directory))
    return [sys.executable, "-c", _CODE, path, *named]


def _is_report(found: dict[str, Any]) -> bool:
    results = found.get("results")
    return (
        isinstance(results, list)
        and all(isinstance(result, dict) and isinstance(result.get("id"), str) for result in results)
        and all(isinstance(found.get(name), str) for name in ("stage", "summary"))
        and isinstance(found.get("safe"), bool)
    )


def _without_report(status: int) -> str:
    """What an end without a report means; `status` as `subprocess` has it."""
    if status == -signal.SIGKILL:
        return "The checklist was killed (SIGKILL): most likely memory ran out, and the system took it first."
    if status < 0:
        return f"The checklist was ended by signal {-status}. {_AGAIN}"
    return f"The checklist ended with status {status} and told nothing that can be read. {_AGAIN}"
