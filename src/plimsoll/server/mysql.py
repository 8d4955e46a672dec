"""MySQL and MariaDB. Error numbers: the servers' error reference; 2000 to 2999 are the client library's."""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server.faults import Fault
from plimsoll.settings import DatabaseSettings

# Not reachable, lost, going down; 1927, 3169 and 4031: killed or timed out by the server while idle;
# 1290, 1792, 1836: read-only, as a demoted primary is for the length of a failover.
_UNAVAILABLE = {1053, 1077, 1079, 1129, 1152, 1158, 1159, 1160, 1161, 1184, 1290, 1317, 1792, 1836, 1927}
_UNAVAILABLE |= {2002, 2003, 2004, 2005, 2006, 2012, 2013, 2014, 2026, 2055, 3169, 4031}
_REFUSED = {1044, 1045, 1049, 1130, 1251, 1524, 1698, 1862, 2054, 2059, 2061}
# Too many connections (of the server, of the account), lock wait timeout, deadlock, statement time limit.
_BUSY = {1040, 1203, 1205, 1213, 1226, 1969, 3024}
_CONFLICT = {1022, 1048, 1062, 1169, 1216, 1217, 1364, 1451, 1452, 1557, 1761, 1762, 3819, 4025}
_NO_TABLE = {1146}

_NEW_LIST_SINCE = (8, 0, 22)
"""MySQL's second list of connections; at each use of the old one later versions warn, and the drivers pass that on."""

LOCK_SLICE_S = 1.0
"""One GET_LOCK waits this long, then asks again: the connection is never silent for long, so a middlebox or a
cancelled task is noticed."""


def _lock_name(database: str, name: str) -> str:
    """GET_LOCK names belong to the whole server, so ours carry the database; they are cut at 64 characters."""
    full = f"plimsoll:{name}:{database}"
    return full if len(full) <= 64 else f"plimsoll:{hashlib.sha256(full.encode()).hexdigest()[:48]}"


class MySQL:
    """MySQL 5.7 and later, MariaDB 10.3 and later, through aiomysql or asyncmy."""

    name = "mysql"
    lock_outlives_commit = True
    # A connection outlives its database: it keeps the name, and SELECT 1 needs none. A proxy may answer USE by itself.
    presence = "SELECT 1 FROM information_schema.schemata WHERE schema_name = DATABASE()"

    def connect_arguments(self, settings: DatabaseSettings) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "connect_timeout": math.ceil(settings.connect_timeout_s),
            "program_name": settings.application_name,
        }
        if settings.tls is not None:
            arguments["ssl"] = settings.tls.context()
        password = settings.url.password or ""
        if not password.isascii():
            # The drivers send it in Latin-1, in which not every character can be; whoever made it did so in UTF-8.
            arguments["password"] = password.encode().decode("latin-1")
        return arguments

    def name_connection(self, arguments: dict[str, Any], name: str) -> None:
        arguments["program_name"] = name

    def prepare(self, connection: DBAPIConnection) -> None:
        """Nothing: the drivers set up a connection in their handshake."""

    def fault(self, error: BaseException) -> Fault:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else None
        for numbers, fault in (
            (_UNAVAILABLE, Fault.UNAVAILABLE),
            (_REFUSED, Fault.REFUSED),
            (_BUSY, Fault.BUSY),
            (_CONFLICT, Fault.CONFLICT),
            (_NO_TABLE, Fault.NO_TABLE),
        ):
            if number in numbers:
                return fault
        return Fault.OTHER

    async def acquire(self, connection: AsyncConnection, name: str, wait_s: float) -> bool:
        lock = _lock_name(connection.engine.url.database or "", name)
        ends = monotonic() + wait_s
        while True:
            slice_s = max(0.0, min(LOCK_SLICE_S, ends - monotonic()))
            got = await connection.scalar(text("SELECT GET_LOCK(:name, :s)"), {"name": lock, "s": slice_s})
            await connection.commit()
            if got == 1:
                return True
            if monotonic() >= ends:
                return False

    async def release(self, connection: AsyncConnection, name: str) -> None:
        lock = _lock_name(connection.engine.url.database or "", name)
        await connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": lock})
        await connection.commit()

    async def holder(self, connection: AsyncConnection, name: str) -> str:
        lock = _lock_name(connection.engine.url.database or "", name)
        number = await connection.scalar(text("SELECT IS_USED_LOCK(:name)"), {"name": lock})
        # Without the PROCESS privilege the server shows an account its own connections, which ours are.
        dialect: Any = connection.dialect
        old = dialect.is_mariadb or dialect.server_version_info < _NEW_LIST_SINCE
        schema = "information_schema" if old else "performance_schema"
        found = await connection.execute(
            text(f"SELECT host, time FROM {schema}.processlist WHERE id = :id"),  # noqa: S608 - one of two names
            {"id": number},
        )
        row = found.first()
        await connection.commit()
        return f"connection {number} from {row[0]}" if row else ""

    def ddl_settings(self, lock_wait_s: float) -> tuple[str, ...]:
        whole = max(1, math.ceil(lock_wait_s))
        return (f"SET SESSION lock_wait_timeout = {whole}, SESSION innodb_lock_wait_timeout = {whole}",)

    async def dangling_rows(self, connection: AsyncConnection) -> Counter[str]:
        return Counter()

    async def idle_bytes(self, observer: AsyncConnection, connections: Sequence[AsyncConnection]) -> list[int]:
        numbers = [await connection.scalar(text("SELECT CONNECTION_ID()")) for connection in connections]
        try:
            # Without the PROCESS privilege the server shows an account its own connections, which these are.
            rows = await observer.execute(text("SELECT id, memory_used FROM information_schema.processlist"))
        except DBAPIError:  # a column of MariaDB
            await observer.rollback()
            return []
        return [int(used) for number, used in rows.all() if number in numbers and used]

    async def idle_limit_s(self, connection: AsyncConnection) -> float | None:
        return float(await connection.scalar(text("SELECT @@SESSION.wait_timeout")))
