"""What MariaDB and PostgreSQL have in common as throw-away servers: a process, a directory, a port, a log."""

from __future__ import annotations

import secrets
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tests.servers.certificates import Certificates, Tls
from tests.servers.family import family, halt_all, kill_all, signal_all
from tests.servers.places import HOST, Account, free_port, new_directory, remove_directory
from tests.servers.reaper import reaper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers.database import ServerDatabase, TestDatabase

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.02
ADMIN = "harness"

Row = tuple[Any, ...]


class ServerFailedError(RuntimeError):
    """A server did not start; the message ends with the last lines of its log."""


class MissingServerError(RuntimeError):
    """A server's program is not installed; the message has the command that installs it."""


class Server(ABC):
    """One server process on a loopback port of its own, with its data in a directory of its own."""

    kind: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, *, tls: Tls | None = None, options: Sequence[str] = ()) -> None:
        self.tls = tls
        self.options = tuple(options)
        self.host = HOST
        self.port = free_port()
        self.admin_password = f"Adm1n-secret-{secrets.token_hex(8)}"
        self.account = self.find_account()
        self.directory = new_directory(self.account)
        self.certificates: Certificates | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._prepared = False

    # What a kind of server defines.

    @abstractmethod
    def find_account(self) -> Account:
        """The user this kind of server runs as when the tests run as root."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the data directory."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line of the server, which stays in the foreground."""

    @abstractmethod
    def sql(self, statement: str, *parameters: object, database: str | None = None) -> list[Row]:
        """Run one statement as the administrator, on a connection of its own, and return its rows.

        Placeholders are `%s`. With parameters a percent sign is written twice, without any it is written once.
        """

    @abstractmethod
    def create_database(self, prefix: str = "t") -> ServerDatabase:
        """Create an empty database with a fresh name, and a user of the same name who owns it."""

    @abstractmethod
    def drop_database(self, database: TestDatabase) -> None:
        """Remove a database and its user, ending the connections it has."""

    @abstractmethod
    def connections(self, database: TestDatabase) -> list[Row]:
        """One row a client connection of a database or its user, the administrator's left out."""

    @abstractmethod
    def kill_connections(self, database: TestDatabase) -> int:
        """End every connection of a database from the server's side; return how many there were."""

    @abstractmethod
    def query_count(self, database: TestDatabase) -> int:
        """Statements of this database's user that the server has counted since it started."""

    @abstractmethod
    def status(self, name: str) -> int:
        """One of the server's global counters."""

    # What they share.

    def connection_count(self, database: TestDatabase) -> int:
        """How many client connections the server itself sees for a database, the administrator's left out."""
        return len(self.connections(database))

    def wait_until_gone(self, database: TestDatabase, killed: Sequence[Row]) -> None:
        """Wait until the server has none of these connections any more: it says at once that it will end them."""
        numbers = {row[0] for row in killed}
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while numbers & {row[0] for row in self.connections(database)}:
            assert time.monotonic() < deadline, self.connections(database)
            time.sleep(POLL_S)

    @property
    def is_running(self) -> bool:
        """Whether the process exists (a frozen one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the server."""
        if self._process is None:
            raise RuntimeError(f"{self.kind} has not been started")
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """File with all that the server has printed."""
        return self.directory / "server.log"

    def start(self) -> Self:
        """Start the server and return once it answers; does nothing if it is running."""
        if self.is_running:
            return self
        if not self._prepared:
            self._prepare()
        with self.log_path.open("ab") as log:
            self._process = self.account.popen(self.command(), self.directory, log)
        reaper.watch(self._process.pid, self.directory)
        self._wait_until_it_answers()
        return self

    def _prepare(self) -> None:
        if self.tls is not None:
            self.certificates = Certificates.issue(self.directory / "tls", self.tls)
            self.account.own(self.directory / "tls")
        self.prepare()
        self._prepared = True

    def run_tool(self, command: list[str]) -> None:
        """Run a set-up program of the server to its end; its output goes to the server's log."""
        with self.log_path.open("ab") as log:
            process = self.account.popen(command, self.directory, log)
        try:
            returncode = process.wait(timeout=START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            returncode = process.wait()
        if returncode != 0:
            raise ServerFailedError(f"{command[0]} ended with {returncode}:\n{self.log_tail()}")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        reason: Exception | None = None
        while time.monotonic() < deadline and self.is_running:
            try:
                self.sql("SELECT 1")
            except Exception as error:  # noqa: BLE001  each driver has its own, and all mean: not yet
                reason = error
                time.sleep(POLL_S)
            else:
                return
        outcome = "does not answer" if self.is_running else "has ended"
        self.kill()
        raise ServerFailedError(f"{self.kind} on port {self.port} {outcome} ({reason}); its log:\n{self.log_tail()}")

    def stop(self) -> None:
        """Shut the server down in order; kill it if that takes longer than STOP_TIMEOUT_S."""
        if not self.is_running:
            return
        assert self._process is not None
        self.thaw()
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        reaper.forget(self._process.pid)

    def kill(self) -> None:
        """End the server at once, as a crash would (SIGKILL to it and its children)."""
        if self._process is None:
            return
        if self.is_running:
            kill_all(family(self.pid))
        self._process.wait(timeout=STOP_TIMEOUT_S)
        reaper.forget(self._process.pid)

    def restart(self) -> None:
        """Stop and start again, on the same port and the same data."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Halt the server without closing anything: it accepts (the kernel does) and says nothing."""
        # The parent first, and its children listed afterwards: it must not start one between the two steps.
        halt_all(family(self.pid)[:1])
        halt_all(family(self.pid)[1:])

    def thaw(self) -> None:
        """Let a frozen server go on; does nothing to one that is not frozen."""
        signal_all(family(self.pid)[::-1], signal.SIGCONT)

    def heal(self) -> None:
        """Undo what a test did to a shared server: let it go on, or start it again."""
        if self.is_running:
            self.thaw()
        else:
            self.start()

    def close(self) -> None:
        """Stop the server and remove its directory."""
        self.stop()
        remove_directory(self.directory)

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the server's log."""
        if not self.log_path.exists():
            return "(no log)"
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()


def missing(kind: str, package: str) -> MissingServerError:
    """The error for a server that is not installed, with the command that installs it."""
    return MissingServerError(
        f"{kind} is not installed, and these tests need it. Run:\n"
        f"    apt-get install --no-install-recommends {package}\n"
        f"or leave these tests out with SERVERS=0 (the summary says how many that were)."
    )
