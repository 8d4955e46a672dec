"""Connects of drivers that leave something open to the garbage collector when they are cancelled: here it is closed at
once, so that the server does not have it any more when its place in the pool is given to somebody else."""

import asyncio
import contextlib
import importlib
import sqlite3
from collections.abc import Callable, Generator
from contextvars import ContextVar
from functools import cache
from typing import Any
from weakref import WeakSet

Connect = Callable[..., Any]

THREAD_ENDS_S = 5.0
"""So long the end of a thread that could not open its file is waited for: it has nothing left to do."""

_HALF_MADE: ContextVar[list[Generator[Any, Any, Any]] | None] = ContextVar("plimsoll_half_made", default=None)


def connect_of(driver: str) -> Connect:
    """The function with which a driver connects, as SQLAlchemy's `async_creator_fn` wants it."""
    if driver == "psycopg":
        return _connect_psycopg
    if driver == "aiosqlite":
        return _connect_aiosqlite
    connect: Connect = importlib.import_module(driver).connect
    return connect


async def _connect_psycopg(*args: Any, **named: Any) -> Any:
    half_made: list[Generator[Any, Any, Any]] = []
    token = _HALF_MADE.set(half_made)
    try:
        return await _psycopg_class().connect(*args, **named)
    except BaseException:
        for generator in half_made:
            generator.close()  # frees libpq's connection, which nothing else refers to
        raise
    finally:
        _HALF_MADE.reset(token)


@cache
def _psycopg_class() -> Any:
    """`psycopg.AsyncConnection`, which tells of what it has begun to connect."""
    base: Any = importlib.import_module("psycopg").AsyncConnection

    def connect_gen(cls: Any, conninfo: str = "") -> Generator[Any, Any, Any]:
        generator: Generator[Any, Any, Any] = base._connect_gen.__func__(cls, conninfo)
        half_made = _HALF_MADE.get()
        if half_made is not None:
            half_made.append(generator)
        return generator

    return type("AsyncConnection", (base,), {"_connect_gen": classmethod(connect_gen)})


class TidyConnection(sqlite3.Connection):
    """Closes its cursors with it. Else one whose statement was given up, and which an error's traceback refers to,
    keeps the file open and locked against writers until it is collected."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def cursor(self, *args: Any, **named: Any) -> Any:
        """As sqlite3's."""
        cursor = super().cursor(*args, **named)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        """As sqlite3's."""
        for cursor in tuple(self._cursors):
            with contextlib.suppress(sqlite3.ProgrammingError):  # closed before: an error would keep its thread alive
                cursor.close()
        super().close()


async def _connect_aiosqlite(*args: Any, **named: Any) -> Any:
    named.setdefault("factory", TidyConnection)
    connection = importlib.import_module("aiosqlite").connect(*args, **named)
    connection.__class__ = _aiosqlite_class()
    connection._thread.daemon = True  # as SQLAlchemy does: no thread keeps the process from ending
    opening = asyncio.ensure_future(connection)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_aiosqlite)
        raise
    except Exception:
        # Its thread ends by itself a moment later, which an event loop that ended meanwhile turns into a traceback.
        await asyncio.to_thread(connection._thread.join, THREAD_ENDS_S)
        raise


@cache
def _aiosqlite_class() -> Any:
    """`aiosqlite.Connection`, whose thread is told to stop once: it answers no other, and whoever is cancelled while it
    closes a connection tells it again."""
    base: Any = importlib.import_module("aiosqlite").Connection

    def stop(self: Any) -> "asyncio.Future[Any] | None":
        ending: asyncio.Future[Any] | None = self.__dict__.get("_ending")
        if ending is None:
            ending = self._ending = base.stop(self)
        return ending if ending is None else asyncio.shield(ending)

    return type("Connection", (base,), {"stop": stop})


def _close_aiosqlite(opening: "asyncio.Future[Any]") -> None:
    """Its thread was opening the file when the task was cancelled, and is asked to close it again."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().stop()
