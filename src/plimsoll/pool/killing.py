"""Ends on the server what was given up here: a query whose task was cancelled would otherwise run on, unseen.

Its place in the pool stays taken until the server has confirmed that the connection is gone, so the server never has
more of them than the limit; the one beside them is the side connection that this uses, while it has work."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.util import await_only, greenlet_spawn

from plimsoll.pool import drivers

logger = logging.getLogger("plimsoll.pool")

POOLED = (
    "A pooler (PgBouncer or its like) is between this process and PostgreSQL and numbers connections by itself, so a "
    "statement that is given up here cannot be ended on the server: it runs to its end there, on a connection that the "
    "pooler has closed. client_connection_check_interval on the server (PostgreSQL 14, on Linux) ends it soon."
)

LONGEST_S = 30.0
"""After this a place is given free although the server confirmed nothing: it cannot be reached, or has no more
connections to give, and a pool that stays smaller for ever would be the worse fault."""

POLL_S = 0.02

RETRY_S = 0.2
"""So long after an attempt that failed (no connection to be had, or it broke) comes the next."""


class Killing:
    """The connections of one pool that are being ended. `connect` opens a connection like the pool's own."""

    def __init__(self, driver: str, connect: Callable[[], Any]) -> None:
        self._driver = driver
        self._mysql = driver in drivers.MYSQL
        self._connect = connect
        self._told = False
        self._pending: dict[int, Callable[[], None]] = {}
        self._task: asyncio.Task[None] | None = None
        self.killed = 0

    @property
    def pending(self) -> int:
        """How many places wait for the server's word."""
        return len(self._pending)

    @property
    def is_pooled(self) -> bool:
        """Whether a pooler was met, behind which nothing can be ended."""
        return self._told

    def add(self, server_id: int, free: Callable[[], None]) -> None:
        """End the connection `server_id`; `free` is called once it is gone."""
        before = self._pending.get(server_id)
        self._pending[server_id] = free if before is None else _both(before, free)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._work(), name="plimsoll pool: ending queries", context=Context()
            )

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            batch = dict(self._pending)
            ends = loop.time() + LONGEST_S
            try:
                async with asyncio.timeout_at(ends):
                    await self._until_gone(batch)
            except Exception as error:  # noqa: BLE001 - whatever failed, the places must come back
                logger.error("could not end %d queries on the server: %s", len(batch), error)
            finally:
                for server_id in batch:
                    self._free(server_id)

    async def _until_gone(self, batch: Iterable[int]) -> None:
        began_s = time.monotonic()
        while left := tuple(server_id for server_id in batch if server_id in self._pending):
            try:
                await greenlet_spawn(self._end_all, left, time.monotonic() - began_s)
            except Exception as error:  # noqa: BLE001 - it may be heard the next time
                logger.info("could not end %d queries on the server yet: %s", len(left), error)
                await asyncio.sleep(RETRY_S)

    def _end_all(self, batch: tuple[int, ...], age_s: float) -> None:
        """Runs in SQLAlchemy's greenlet, where its adapted connections may be used. It is `age_s` since the first
        attempt: a server that was started since has ended them, and may have given their numbers to others."""
        connection = self._connect()
        try:
            left = set(batch)
            if self._is_pooled(connection):
                self._give_up(batch)
                return
            if age_s >= RETRY_S and self._uptime_s(connection) < age_s:
                for server_id in batch:
                    self._free(server_id)
                return
            for server_id in batch:
                self.killed += 1  # before it is gone: who sees that it has gone sees why
                self._command(connection, server_id)
            while left:
                gone = left - self._alive(connection, left)
                for server_id in gone:
                    self._free(server_id)
                left -= gone
                if left:
                    await_only(asyncio.sleep(POLL_S))
        finally:
            drivers.cut(connection, self._driver)

    def _is_pooled(self, connection: DBAPIConnection) -> bool:
        """Whether the number that PostgreSQL gives a connection is another than the one that we were given."""
        if self._mysql:
            return False
        number = drivers.server_id(connection, self._driver)
        return number is not None and int(_rows(connection, "SELECT pg_backend_pid()")[0][0]) != number

    def _give_up(self, batch: tuple[int, ...]) -> None:
        """On the server their numbers may be those of other people's connections. The pooler has taken its connection
        out of its own pool, which is what bounds the server's."""
        for server_id in batch:
            self._free(server_id)
        if not self._told:
            self._told = True
            logger.warning("%s", POOLED)

    def _uptime_s(self, connection: DBAPIConnection) -> float:
        """MySQL tells whole seconds: too few, so that nobody else's connection is ended."""
        if self._mysql:
            return float(_rows(connection, "SHOW GLOBAL STATUS LIKE 'Uptime'")[0][1])
        return float(_rows(connection, "SELECT extract(epoch FROM now() - pg_postmaster_start_time())")[0][0])

    def _command(self, connection: DBAPIConnection, server_id: int) -> None:
        statement = f"KILL CONNECTION {server_id}" if self._mysql else f"SELECT pg_terminate_backend({server_id})"
        # "Unknown thread id" is what we want: it is gone already.
        with contextlib.suppress(Exception):
            _rows(connection, statement)

    def _alive(self, connection: DBAPIConnection, wanted: set[int]) -> set[int]:
        numbers = ", ".join(map(str, sorted(wanted)))
        if self._mysql:
            return self._alive_in_mysql(connection, numbers)
        statement = f"SELECT pid FROM pg_stat_activity WHERE pid IN ({numbers})"  # noqa: S608 - whole numbers
        return {int(row[0]) for row in _rows(connection, statement)}

    def _alive_in_mysql(self, connection: DBAPIConnection, numbers: str) -> set[int]:
        """MySQL 8.4 and later warn at each use of the old list, which the drivers pass on. The new one is without a row
        where performance_schema is off, so our own must be in it."""
        own = drivers.server_id(connection, self._driver)
        if not drivers.is_mariadb(connection):
            with contextlib.suppress(Exception):  # 8.0.21 and earlier have no such table
                statement = f"SELECT id FROM performance_schema.processlist WHERE id IN ({numbers}, {own})"  # noqa: S608
                found = {int(row[0]) for row in _rows(connection, statement)}
                if own in found:
                    return found - {own}
        statement = f"SELECT id FROM information_schema.processlist WHERE id IN ({numbers})"  # noqa: S608 - whole numbers
        return {int(row[0]) for row in _rows(connection, statement)}

    def _free(self, server_id: int) -> None:
        free = self._pending.pop(server_id, None)
        if free is not None:
            free()


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        first()
        second()

    return both


def _rows(connection: DBAPIConnection, statement: str) -> list[Any]:
    cursor: Any = connection.cursor()
    try:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()
        connection.rollback()
