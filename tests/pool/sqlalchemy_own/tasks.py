"""What tests import as `threading` and `time`, by tasks of one event loop: a pool of asyncio's knows no threads, and
what they ask of it by threads can be asked by tasks. Everything runs in SQLAlchemy's greenlet, where one may wait."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.util import await_only, greenlet_spawn


class Thread:
    """A task."""

    daemon = False

    def __init__(self, target: Callable[..., Any], args: Sequence[Any] = ()) -> None:
        self._work = (target, *args)
        self._task: asyncio.Task[Any] | None = None

    def start(self) -> None:
        """It begins when the one who starts it waits for something."""
        self._task = asyncio.get_running_loop().create_task(greenlet_spawn(*self._work))

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended; what it raised is raised here, where a thread's would only be printed."""
        assert self._task is not None
        done, _pending = await_only(asyncio.wait({self._task}, timeout=timeout))
        for task in done:
            task.result()


class Barrier:
    """`asyncio.Barrier`."""

    def __init__(self, parties: int) -> None:
        self._barrier = asyncio.Barrier(parties)

    def wait(self) -> None:
        """Until all have come."""
        await_only(self._barrier.wait())


class Lock:
    """`asyncio.Lock`."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    def __enter__(self) -> None:
        await_only(self._lock.acquire())

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


class Local:
    """Attributes of the current task."""

    def __init__(self) -> None:
        self.__dict__["_of"] = WeakKeyDictionary()

    def __setattr__(self, name: str, value: Any) -> None:
        self._of.setdefault(asyncio.current_task(), {})[name] = value

    def __getattr__(self, name: str) -> Any:
        return self._of[asyncio.current_task()][name]


class Threading:
    """The module `threading`, as far as the tests use it."""

    Thread, Barrier, Lock, local = Thread, Barrier, Lock, Local


class Time:
    """The module `time`: others run while one sleeps."""

    @staticmethod
    def time() -> float:
        """Some tests replace it."""
        return time.time()

    @staticmethod
    def sleep(seconds: float) -> None:
        """Let the loop run meanwhile."""
        await_only(asyncio.sleep(seconds))
