"""PostgreSQL. SQLSTATE codes: appendix A of its manual."""

import asyncio
import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server.faults import Fault
from plimsoll.settings import DatabaseSettings

# Class 08: connection exceptions; 57P01..57P05: shutting down, starting, database dropped, idle too long;
# 25P03: idle in transaction too long; 25006: read-only, as a demoted primary is; 58: system errors.
_UNAVAILABLE = ("08", "57P", "25P03", "25006", "58")
_REFUSED = ("28", "3D000", "3F000")
# Too many connections; serialization failure, deadlock; lock not available; statement cancelled by its limit.
_BUSY = ("53", "40", "55P03", "57014")
_CONFLICT = ("23",)
_NO_TABLE = ("42P01",)

LOCK_POLL_S = 0.2
"""The advisory lock is asked for again after this: a waiting statement would hold a snapshot all the while."""


def lock_key(name: str) -> int:
    """The number of the lock `name`: advisory locks are numbers of 64 bits and belong to one database."""
    return int.from_bytes(hashlib.sha256(f"plimsoll:{name}".encode()).digest()[:8], "big", signed=True)


class PostgreSQL:
    """PostgreSQL 13 and later, through asyncpg or psycopg."""

    name = "postgresql"
    lock_outlives_commit = True
    # Dropping a database ends its connections, or fails.
    presence = "SELECT 1"

    def connect_arguments(self, settings: DatabaseSettings) -> dict[str, Any]:
        if settings.url.get_driver_name() == "psycopg":
            return self._psycopg_arguments(settings)
        arguments: dict[str, Any] = {
            "timeout": settings.connect_timeout_s,
            "server_settings": {"application_name": settings.application_name},
            "ssl": settings.tls.context() if settings.tls is not None else False,
        }
        if not settings.prepared_statements:
            # Statements without a name, which asyncpg then sends along with each use.
            arguments |= {
                "statement_cache_size": 0,
                "prepared_statement_cache_size": 0,
                "prepared_statement_name_func": str,
            }
        return arguments

    def _psycopg_arguments(self, settings: DatabaseSettings) -> dict[str, Any]:
        """libpq makes its own TLS context, from file names."""
        arguments: dict[str, Any] = {
            # libpq takes whole seconds and treats 1 as 2.
            "connect_timeout": max(2, math.ceil(settings.connect_timeout_s)),
            "application_name": settings.application_name,
            "sslmode": "disable",
        }
        if not settings.prepared_statements:
            arguments["prepare_threshold"] = None
        if settings.tls is not None:
            arguments["sslmode"] = settings.tls.mode
            files = {"sslcert": settings.tls.cert, "sslkey": settings.tls.key}
            if settings.tls.mode != "require":  # with a root certificate libpq would verify for "require" too
                files["sslrootcert"] = settings.tls.ca
            arguments |= {key: str(path) for key, path in files.items() if path}
            if settings.tls.mode == "verify-full":
                # Without a file of ours, the authorities that this machine trusts, as Python's context does.
                arguments.setdefault("sslrootcert", "system")
        return arguments

    def name_connection(self, arguments: dict[str, Any], name: str) -> None:
        if "application_name" in arguments:  # libpq's
            arguments["application_name"] = name
        else:
            arguments["server_settings"] = {**arguments.get("server_settings", {}), "application_name": name}

    def prepare(self, connection: DBAPIConnection) -> None:
        """Nothing: the drivers send settings with the start-up packet."""

    def fault(self, error: BaseException) -> Fault:
        state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
        if state is None:
            return self._fault_without_state(error)
        for prefixes, fault in (
            (_BUSY, Fault.BUSY),
            (_UNAVAILABLE, Fault.UNAVAILABLE),
            (_REFUSED, Fault.REFUSED),
            (_CONFLICT, Fault.CONFLICT),
            (_NO_TABLE, Fault.NO_TABLE),
        ):
            if str(state).startswith(prefixes):
                return fault
        return Fault.OTHER

    def _fault_without_state(self, error: BaseException) -> Fault:
        """psycopg's connect knows only libpq's words: the server's own, where it said any, begin with FATAL."""
        words = str(error)
        if "FATAL" in words:
            if "authentication failed" in words or "does not exist" in words or "pg_hba.conf" in words:
                return Fault.REFUSED
            return Fault.BUSY if "too many" in words or "remaining connection" in words else Fault.UNAVAILABLE
        return Fault.UNAVAILABLE if type(error).__name__ == "OperationalError" else Fault.OTHER

    async def acquire(self, connection: AsyncConnection, name: str, wait_s: float) -> bool:
        ends = monotonic() + wait_s
        while True:
            got = await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": lock_key(name)})
            await connection.commit()
            if got:
                return True
            if monotonic() >= ends:
                return False
            await asyncio.sleep(LOCK_POLL_S)

    async def release(self, connection: AsyncConnection, name: str) -> None:
        await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": lock_key(name)})
        await connection.commit()

    async def holder(self, connection: AsyncConnection, name: str) -> str:
        # How pg_locks shows a key of 64 bits: the halves in classid and objid, 1 in objsubid.
        key = lock_key(name) % 2**64
        found = await connection.execute(
            text(
                "SELECT a.pid, host(a.client_addr), a.application_name FROM pg_locks l JOIN pg_stat_activity a USING"
                " (pid) WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname ="
                " current_database() AND l.classid::bigint = :high AND l.objid::bigint = :low"
            ),
            {"high": key >> 32, "low": key % 2**32},
        )
        row = found.first()
        await connection.commit()
        return f"process {row[0]} of the server, from {row[1] or 'its socket'}, named {row[2]}" if row else ""

    def ddl_settings(self, lock_wait_s: float) -> tuple[str, ...]:
        return (f"SET lock_timeout = '{math.ceil(lock_wait_s * 1000)}ms'",)

    async def dangling_rows(self, connection: AsyncConnection) -> Counter[str]:
        return Counter()

    async def idle_bytes(self, observer: AsyncConnection, connections: Sequence[AsyncConnection]) -> list[int]:
        return []

    async def idle_limit_s(self, connection: AsyncConnection) -> float | None:
        # Known since PostgreSQL 14; before it there is no row.
        limit = await connection.scalar(text("SELECT setting FROM pg_settings WHERE name = 'idle_session_timeout'"))
        return int(limit) / 1000 if limit and int(limit) > 0 else None


def is_invalid_index(connection: Connection, name: str) -> bool:
    """Whether there is an index `name` that is not used, as CREATE INDEX CONCURRENTLY leaves it where it breaks off."""
    found = connection.execute(
        text(
            "SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE NOT i.indisvalid AND pg_table_is_visible(c.oid) AND c.relname = :name"
        ),
        {"name": name},
    )
    return found.first() is not None
