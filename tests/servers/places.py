"""Where a throw-away server lives: its port, its directory, and the account it runs under."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import IO

# Below the kernel's ephemeral range (32768 and up on Linux), so that no outgoing connection of a test can
# sit on the port while its server is down for a restart.
FIRST_PORT, LAST_PORT = 20_000, 32_000
HOST = "127.0.0.1"

# Not TMPDIR: the path of a Unix socket may have 107 bytes at most, and a server that runs as another user
# must be able to reach its directory.
SHORT_TEMPORARY_ROOT = Path("/tmp")

_handed_out: set[int] = set()


def free_port() -> int:
    """Return a loopback port on which nothing listens, never the same one twice in a test run."""
    candidates = random.sample(_ports_of_this_process(), 200)
    for port in candidates:
        if port not in _handed_out and _can_bind(port):
            _handed_out.add(port)
            return port
    raise RuntimeError(f"no free port on {HOST} between {FIRST_PORT} and {LAST_PORT}")


def _ports_of_this_process() -> range:
    """Each process of a run under pytest-xdist has its own: a port is free until what it was picked for listens on it,
    and two processes would pick the same one meanwhile."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return range(FIRST_PORT + number % count, LAST_PORT, count)


def _can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class Account:
    """The unprivileged user a server runs as: itself, unless the tests run as root (servers refuse root)."""

    def __init__(self, *preferred: str) -> None:
        self.entry = self._find(preferred) if os.geteuid() == 0 else None

    @staticmethod
    def _find(preferred: tuple[str, ...]) -> pwd.struct_passwd:
        for name in (*preferred, "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise RuntimeError(f"no user named {' or '.join(preferred)} or nobody to run a server as")

    def popen(self, command: list[str], directory: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program as this user, in a session of its own, which Ctrl-C in the terminal does not reach."""
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            start_new_session=True,
            user=self.entry.pw_uid if self.entry else None,
            group=self.entry.pw_gid if self.entry else None,
            extra_groups=[] if self.entry else None,
        )

    def own(self, path: Path) -> None:
        """Give a path, and all below it, to this user."""
        if self.entry is None:
            return
        for owned in (path, *path.rglob("*")):
            os.chown(owned, self.entry.pw_uid, self.entry.pw_gid)


def new_directory(account: Account) -> Path:
    """Make a directory that only the given account (and root) can enter."""
    directory = Path(tempfile.mkdtemp(prefix="plimsoll-", dir=SHORT_TEMPORARY_ROOT))
    account.own(directory)
    return directory


def remove_directory(directory: Path) -> None:
    """Remove a server's directory; what cannot be removed is left to the system's own cleaning of /tmp."""
    shutil.rmtree(directory, ignore_errors=True)
