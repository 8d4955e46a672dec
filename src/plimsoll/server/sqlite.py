"""SQLite, the embedded default: one writer at a time, many readers beside it (write-ahead log)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from sqlite3 import OperationalError
from time import monotonic
from typing import Any

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import await_only

from plimsoll.server.faults import Fault
from plimsoll.settings import DatabaseSettings

BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for the one writer. SQLite's own default is not to wait at all."""

LOCK_POLL_S = 0.1


class SQLite:
    """SQLite 3.31 and later, through aiosqlite."""

    name = "sqlite"
    lock_outlives_commit = False
    presence = "SELECT 1"

    def connect_arguments(self, settings: DatabaseSettings) -> dict[str, Any]:
        # IMMEDIATE takes the write lock with a transaction's first write, so that it waits for its turn
        # (busy timeout) instead of failing half-way, where a reader that turns into a writer must.
        return {"timeout": BUSY_TIMEOUT_S, "isolation_level": "IMMEDIATE"}

    def name_connection(self, arguments: dict[str, Any], name: str) -> None:
        """A connection to a file has no name."""

    def prepare(self, connection: DBAPIConnection) -> None:
        try:
            cursor = connection.cursor()
            try:
                cursor.execute("PRAGMA foreign_keys = ON")
                cursor.execute("PRAGMA synchronous = NORMAL")
                _use_write_ahead_log(cursor)
            finally:
                cursor.close()
        except BaseException:
            # The pool never sees this connection, and its thread would go on after the event loop has ended.
            connection.close()
            raise

    def fault(self, error: BaseException) -> Fault:
        words = str(error)
        if "locked" in words or "busy" in words:
            return Fault.BUSY
        if "unable to open" in words or "disk I/O error" in words or "readonly" in words:
            return Fault.UNAVAILABLE
        if "no such table" in words:
            return Fault.NO_TABLE
        return Fault.CONFLICT if "constraint failed" in words else Fault.OTHER

    async def acquire(self, connection: AsyncConnection, name: str, wait_s: float) -> bool:
        """SQLite has no named locks: the write lock of the file stands for all of them."""
        ends = monotonic() + wait_s
        while True:
            try:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            except Exception as error:
                await connection.rollback()
                if self.fault(error) is not Fault.BUSY:
                    raise
            else:
                return True
            if monotonic() >= ends:
                return False
            await asyncio.sleep(LOCK_POLL_S)

    async def release(self, connection: AsyncConnection, name: str) -> None:
        """The end of the transaction was the release."""

    async def holder(self, connection: AsyncConnection, name: str) -> str:
        return ""

    def ddl_settings(self, lock_wait_s: float) -> tuple[str, ...]:
        # Altering a table copies it, and dropping the original would delete or refuse what refers to it.
        # Neither pragma works inside a transaction; SQLAlchemy's own has not reached SQLite yet.
        return ("PRAGMA foreign_keys = OFF", f"PRAGMA busy_timeout = {round(lock_wait_s * 1000)}")

    async def dangling_rows(self, connection: AsyncConnection) -> Counter[str]:
        try:
            found = await connection.exec_driver_sql("PRAGMA foreign_key_check")
        except DBAPIError:
            return Counter()  # a key that SQLite cannot make sense of: there is nothing to count by it
        rows: Any = found.all()  # its table, its number, the table it refers to, and by which key
        return Counter(f"{row[0]} -> {row[2]}" for row in rows)

    async def idle_bytes(self, observer: AsyncConnection, connections: Sequence[AsyncConnection]) -> list[int]:
        return []

    async def idle_limit_s(self, connection: AsyncConnection) -> float | None:
        return None


def _use_write_ahead_log(cursor: Any) -> None:
    """Readers do not wait for the writer then. The switch needs the file for itself for a moment and SQLite
    does not wait for that, so several processes on a new file try again; a read-only file stays as it is."""
    ends = monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except OperationalError as error:
            if "readonly" in str(error):
                return
            if "locked" not in str(error) or monotonic() >= ends:
                raise
            await_only(asyncio.sleep(LOCK_POLL_S))
        else:
            cursor.fetchall()
            return
