"""Imports an application for a look at it: within a time, what it prints kept apart, its engines counted."""

import gc
import os
import signal
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn

from sqlalchemy import Engine
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.pool import NullPool, Pool, QueuePool

from plimsoll.cli.target import Target
from plimsoll.database import Database
from plimsoll.errors import PlimsollError
from plimsoll.pool import PlimsollPool
from plimsoll.settings import Settings, SettingsError

IMPORT_S = 30.0
"""Seconds for the import: a large application on a slow disk takes some, one that takes more hangs."""

GRACE_S = 5.0
"""Seconds more for an import that is to end: one that catches even that, or waits within C, ends the command."""

STDOUT, STDERR = 1, 2
"""File descriptors."""

COULD_NOT = 2
"""Exit status of a command that has no answer."""

_EXIT = os._exit


@dataclass(slots=True)
class Imported:
    """What came of it: the database, or `error` in words, or `settings_error`. `engines` are those that exist after."""

    database: Database | None = None
    settings: Sequence[Settings] = ()
    error: str = ""
    settings_error: SettingsError | None = None
    engines: list[Engine] = field(default_factory=list)
    app: Any = None


class _TooLongError(BaseException):
    """The time for the import is over. No `Exception`, which the application could catch."""


def import_application(target: Target, limit_s: float = IMPORT_S) -> Imported:
    """Import it as a command does, without running its lifespan; raises nothing that it raises."""
    found = Imported()
    # Our standard output may be JSON; what the application says while it is imported is no part of it.
    with _stdout_kept(), redirect_stdout(sys.stderr), _only_daemons(), _no_sudden_end(), _counting() as engines:
        try:
            with _time_limit(limit_s, target.name):
                found.database, found.settings = target.load()
                found.app = _attribute(target)
        except SettingsError as error:
            found.settings_error = error
        except PlimsollError as error:
            found.error = _without_code(error)
        except SystemExit as error:
            found.error = f"The application '{target.name}' ended the process while it was imported ({error.code})."
        except _TooLongError:
            found.error = _too_long(target.name, limit_s)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - such as asyncio's CancelledError, which is no Exception
            words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            found.error = f"The application '{target.name}' cannot be imported: {words}."
        gc.collect()
        found.engines = [engine for made in engines if (engine := made()) is not None]
    if found.database is not None and found.database.engine.sync_engine not in found.engines:
        # Made before this began, as where the module was imported already.
        found.engines.append(found.database.engine.sync_engine)
    return found


def _too_long(name: str, limit_s: float) -> str:
    return f"The import of the application '{name}' did not end within {limit_s:g} s."


def _attribute(target: Target) -> Any:
    module, _, attribute = target.name.partition(":")
    found: Any = sys.modules.get(module)
    for name in attribute.split("."):
        found = getattr(found, name, None)
    return found


def _without_code(error: PlimsollError) -> str:
    return str(error).removesuffix(f" [{error.code}]")


def most_connections(engine: Engine) -> int | None:
    """The most connections of an engine's pool; None for no limit."""
    pool: Pool = engine.pool
    if isinstance(pool, NullPool):
        return None
    if isinstance(pool, QueuePool):
        overflow = pool._max_overflow
        return None if overflow < 0 or pool.size() == 0 else pool.size() + overflow
    if isinstance(pool, PlimsollPool):
        return pool.size_limit + pool.overflow_limit
    return 1


def same_server(first: URL, second: URL) -> bool:
    """Whether two URLs name one server (for SQLite: one file), whatever driver, account and database."""
    if first.get_backend_name() != second.get_backend_name():
        return False
    if first.get_backend_name() == "sqlite":
        return first.database == second.database
    return (first.host, first.port) == (second.host, second.port)


@contextmanager
def _counting() -> Iterator[list["weakref.ref[Engine]"]]:
    """The engines that are made while the block runs, whoever makes them: `create_engine` tells each one's dialect."""
    made: list[weakref.ref[Engine]] = []
    original = Dialect.__dict__["engine_created"]

    def counted(_dialect: type[Dialect], engine: Engine) -> None:
        # Told twice where the dialect is found by an entry point.
        if not any(earlier() is engine for earlier in made):
            made.append(weakref.ref(engine))

    Dialect.engine_created = classmethod(counted)  # type: ignore[method-assign, assignment]
    try:
        yield made
    finally:
        Dialect.engine_created = original  # type: ignore[method-assign]


@contextmanager
def _stdout_kept() -> Iterator[None]:
    """What programs and C code write while the block runs goes to standard error too, as prints do."""
    sys.stdout.flush()
    try:
        kept = os.dup(STDOUT)
    except OSError:  # it is closed
        yield
        return
    try:
        with suppress(OSError):
            os.dup2(STDERR, STDOUT)
        yield
    finally:
        os.dup2(kept, STDOUT)
        os.close(kept)


@contextmanager
def _only_daemons() -> Iterator[None]:
    """Threads that are started while the block runs do not keep the command from ending."""
    original = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        with suppress(RuntimeError):  # it runs already, which the original says
            thread.daemon = True
        original(thread)

    threading.Thread.start = start  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        threading.Thread.start = original  # type: ignore[method-assign]


@contextmanager
def _no_sudden_end() -> Iterator[None]:
    """An `os._exit` in the block is an exit like any other: it would end the command without a word, perhaps with 0."""
    ours = os.getpid()

    def leave(status: int) -> NoReturn:
        if os.getpid() != ours:  # a child that was forked ends as it is
            _EXIT(status)
        raise SystemExit(status)

    os._exit = leave
    try:
        yield
    finally:
        os._exit = _EXIT


@contextmanager
def _time_limit(limit_s: float, name: str) -> Iterator[None]:
    """Raise in the block when the time is over, and end the process where even that does not end it; without a limit
    outside of the main thread and where there is no such signal."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def over(_number: int, _frame: FrameType | None) -> None:
        raise _TooLongError

    def end() -> None:
        os.write(STDERR, f"plimsoll: {_too_long(name, limit_s)} It could not be stopped.\n".encode())
        _EXIT(COULD_NOT)

    last = threading.Timer(limit_s + GRACE_S, end)
    last.daemon = True
    last.start()
    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        last.cancel()
