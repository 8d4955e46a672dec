"""What `plimsoll.checks.child` starts: `plimsoll check` for a service, which goes on serving meanwhile."""

import json
import os
import select
import signal
import sys
import threading
from contextlib import suppress

from plimsoll.checks.child import LIMIT_S
from plimsoll.checks.printable import printable
from plimsoll.cli.gathering import ENV_FILE, secrets_in
from plimsoll.cli.main import cli, words_of
from plimsoll.settings.redaction import hide_within

NICENESS = 5
"""A third of the processor time of who serves, where there is not enough for both (sched(7): 1.25 a step)."""

FIRST_TO_GO = "1000"
"""Where memory runs out all the same, the system ends this and not a worker (proc_pid_oom_score_adj(5))."""

GRACE_S = 5.0
"""More than the service's own limit, for where nobody is there any more to keep to it."""

STDIN, STDOUT, STDERR = 0, 1, 2


def main() -> None:
    """Run the command; its report, or `{"error": ...}`, is all that the service hears."""
    service, answer = os.dup(STDIN), os.dup(STDOUT)
    # The application finds nothing to read, and what it prints is not taken for the report.
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, STDIN)
    os.dup2(STDERR, STDOUT)
    threading.Thread(target=_end_with, args=(service,), name="plimsoll ends with the service", daemon=True).start()
    _give_way()
    descriptors = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    arguments = [*sys.argv[1:], "check", "--format", "json", "--output", f"{descriptors}/{answer}"]
    try:
        cli(args=arguments, standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - whatever it is, the service is told
        words = hide_within(printable(words_of(error)), list(secrets_in(os.environ, ENV_FILE)))
        os.write(answer, json.dumps({"error": words}).encode())


def _end_with(service: int) -> None:
    """Wait until the other end of the pipe is closed, which nobody but the service has."""
    select.select([service], [], [], LIMIT_S + GRACE_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)  # a group of its own, with what it has started


def _give_way() -> None:
    with suppress(OSError):
        os.nice(NICENESS)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(FIRST_TO_GO)
