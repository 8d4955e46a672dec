"""What Plimsoll needs to know of a database server: one small class a dialect implements this."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server.faults import Fault
from plimsoll.settings import DatabaseSettings


class Server(Protocol):
    """One kind of database server. Stateless: everything about one server is asked over a connection."""

    name: str
    lock_outlives_commit: bool
    """Whether the holder of a lock may commit and still hold it."""
    presence: str
    """A statement for probes: it has one row where the database that the connection uses is there, none where it is
    gone while the server still answers."""

    def connect_arguments(self, settings: DatabaseSettings) -> dict[str, Any]:
        """Keyword arguments for the driver's connect: time limit, TLS, application name."""

    def name_connection(self, arguments: dict[str, Any], name: str) -> None:
        """Have a connection called `name` on the server: changes the driver's keyword arguments."""

    def prepare(self, connection: DBAPIConnection) -> None:
        """Set up a new connection; called once for each, where the driver's connect cannot do it itself."""

    def fault(self, error: BaseException) -> Fault:
        """What an error of the driver means."""

    async def acquire(self, connection: AsyncConnection, name: str, wait_s: float) -> bool:
        """Take the lock `name` of this database for `connection`; False where it was not free in `wait_s`.

        On return no snapshot of before the lock is held, so the holder sees what earlier holders committed.
        """

    async def release(self, connection: AsyncConnection, name: str) -> None:
        """Give back what `acquire` took; the transaction has ended before."""

    async def holder(self, connection: AsyncConnection, name: str) -> str:
        """Which connection holds the lock `name`, in words for an operator; empty where the server cannot tell."""

    def ddl_settings(self, lock_wait_s: float) -> tuple[str, ...]:
        """Statements that set a connection up for schema changes: at most `lock_wait_s` for a lock of a table or row.

        An ALTER that waits for a lock makes every later query on that table wait behind it.
        The settings stay with the connection, which should not go back to a pool.
        """

    async def dangling_rows(self, connection: AsyncConnection) -> Counter[str]:
        """Rows that refer to what is not there, by the words `table -> table`; none where keys are never off."""

    async def idle_bytes(self, observer: AsyncConnection, connections: Sequence[AsyncConnection]) -> list[int]:
        """Bytes of memory that the server has for each of `connections`, which idle; empty where it does not tell.

        The `observer` asks: a connection that asks for itself is not idle.
        """

    async def idle_limit_s(self, connection: AsyncConnection) -> float | None:
        """Seconds after which the server closes an idle connection; None where it never does."""
