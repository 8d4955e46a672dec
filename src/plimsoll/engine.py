"""Makes the SQLAlchemy engine from the settings: driver, pool, TLS, time limits, set-up of a new connection."""

import asyncio
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from plimsoll.pool import PlimsollPool, PoolOptions
from plimsoll.pool.connecting import connect_of
from plimsoll.pool.drivers import cut, is_plain
from plimsoll.pool.limits import GRACE_S
from plimsoll.server import server_of
from plimsoll.server.tls_faults import NO_TLS
from plimsoll.settings import DatabaseSettings
from plimsoll.settings.database import AUTO

AUTO_START = 2
"""Connections of a pool with `DB_POOL_SIZE=auto` until start-up has found its size, and where it could not."""

MYSQL_CANNOT_CONNECT = 2003
"""The MySQL client library's number for it; SQLAlchemy and we classify errors by number."""


def build_engine(settings: DatabaseSettings, *, pooled: bool = True, prepared: bool | None = None) -> AsyncEngine:
    """An engine for `settings.url`; it connects when first used, not here.

    `pooled=False` closes each connection at its return: for commands that run once, and for work that changes
    a connection's session variables. `prepared` says whether statements are prepared for a next time; without it
    DB_PREPARED_STATEMENTS does, for connections that are kept.
    """
    prepared = pooled and settings.prepared_statements if prepared is None else prepared
    settings = settings.model_copy(update={"prepared_statements": prepared})
    connect = _Connect(settings.connect_timeout_s, needs_tls=settings.tls is not None)
    arguments = server_of(settings.dialect).connect_arguments(settings)
    arguments["async_creator_fn"] = connect_of("aiosqlite") if settings.dialect == "sqlite" else connect
    engine = create_async_engine(
        settings.url,
        connect_args=arguments,
        # Statements in logs and errors carry no values: they hold passwords' hashes and people's data.
        hide_parameters=True,
        **_pool_arguments(settings, pooled=pooled),
    )
    connect.dialect = engine.dialect
    server = server_of(settings.dialect)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(dbapi_connection: Any, _record: object) -> None:
        server.prepare(dbapi_connection)

    return engine


def _pool_arguments(settings: DatabaseSettings, *, pooled: bool) -> dict[str, Any]:
    if is_in_memory(settings):
        # The database lives in its one connection: a second would see another, empty one, and so would
        # whoever comes after the first is replaced.
        alone = PoolOptions(idle_timeout_s=float("inf"), max_waiting=settings.pool_max_waiting)
        return {"poolclass": PlimsollPool, "pool_size": 1, "max_overflow": 0, "pool_options": alone}
    if not pooled:
        return {"poolclass": NullPool}
    return {
        "poolclass": PlimsollPool,
        "pool_size": AUTO_START if settings.pool_size == AUTO else settings.pool_size,
        "max_overflow": 0 if settings.pool_size == AUTO else settings.max_overflow,
        "pool_timeout": settings.pool_timeout_s,
        "pool_recycle": settings.pool_recycle_s,
        "pool_options": PoolOptions(
            max_waiting=settings.pool_max_waiting,
            min_idle=settings.pool_min_idle,
            idle_timeout_s=settings.pool_idle_timeout_s,
            connect_timeout_s=settings.connect_timeout_s,
            statement_timeout_s=settings.statement_timeout_s,
            idle_transaction_s=settings.idle_transaction_s,
            end_idle_transaction_s=settings.end_idle_transaction_s,
            dispose_timeout_s=settings.cleanup_timeout_s,
            cleanup_timeout_s=settings.cleanup_timeout_s,
            leak_threshold_s=settings.leak_threshold_s,
        ),
    }


def is_in_memory(settings: DatabaseSettings) -> bool:
    """Whether the settings name a SQLite database that lives in one connection and no file."""
    return settings.dialect == "sqlite" and settings.url.database in (None, "", ":memory:")


class _Connect:
    """Calls the driver's connect under one time limit for all of it, and makes every failure a driver's error.

    The drivers' own limits end with the TCP connection: a server that accepts and then says nothing would
    be waited for without end. asyncpg lets an `OSError` through that no handler for database errors knows.
    """

    def __init__(self, limit_s: float, *, needs_tls: bool) -> None:
        self._limit_s = limit_s
        self._needs_tls = needs_tls
        self.dialect: Any = None

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        connect = connect_of(self.dialect.driver)
        try:
            # The second is for a driver that loses the first cancellation, as Python 3.11's `wait_for` may.
            async with asyncio.timeout(self._limit_s), asyncio.timeout(self._limit_s + GRACE_S):
                made = await connect(*args, **kwargs)
        except TimeoutError as error:
            words = f"no connection within {self._limit_s:g} s: the server did not answer in time"
            raise self._error(words, error) from error
        except OSError as error:
            raise self._error(f"cannot connect: {error}", error) from error
        if self._needs_tls and is_plain(made, self.dialect.driver):
            cut(made, self.dialect.driver)
            raise self._error(NO_TLS, ConnectionError(NO_TLS))
        return made

    def _error(self, words: str, cause: BaseException) -> Exception:
        kind: Any = self.dialect.loaded_dbapi.OperationalError
        if self.dialect.driver == "asyncpg":
            error: Exception = kind(words, cause)
        elif self.dialect.driver == "psycopg":
            error = kind(words)
        else:
            error = kind(MYSQL_CANNOT_CONNECT, words)
        return error
