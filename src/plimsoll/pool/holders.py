"""Who holds what: a record of each checkout, cheap to make, put into words only when somebody asks."""

import asyncio
import itertools
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType

import greenlet  # type: ignore[import-untyped]

from plimsoll.pool.context import OWNER, WORK, Account
from plimsoll.server.forms import form_of

STATEMENT_LIMIT = 300
"""Characters kept of the last statement; its parameters are never kept."""

STACK_LIMIT = 12
"""Frames kept of the code that took a connection."""

_LIBRARIES = ("sqlalchemy", "plimsoll", "greenlet", "asyncio", "contextlib")
_SERVERS = ("fastapi", "starlette", "uvicorn", "gunicorn", "hypercorn")
"""Below a handler's frame theirs tell nothing, and there are many of them: the walk ends here."""

_LIBRARY, _SERVER, _APPLICATION = 1, 2, 3
"""Whose code a frame runs. Numbers: members of an Enum take longer to look up, and there are many frames."""

_FILES: dict[str, int] = {}
"""Whose code is in a file: as many as there are files."""


@dataclass(slots=True)
class Checkout:
    """One connection in somebody's hands. `since_s` is the pool's clock."""

    owner: str
    since_s: float
    stack: tuple[tuple[CodeType, int], ...]
    statement: str = ""
    statements: int = 0
    reported: bool = False
    reported_idle: bool = False
    number: int = 0
    """Counts the pool's checkouts, from 1 on: the name of this one."""
    task: "weakref.ref[asyncio.Task[object]] | None" = None
    account: Account | None = None
    _frames: tuple[str, ...] | None = None

    def place(self) -> str:
        """The line of the application's code that took it, as `file.py:41 in name`."""
        return self.frames()[0] if self.stack else "an unknown line"

    def stack_text(self) -> str:
        """The frames that were kept, innermost first, one a line."""
        return "\n".join(f"  {frame}" for frame in self.frames())

    def frames(self) -> tuple[str, ...]:
        """The same, a frame each; put into words once."""
        if self._frames is None:
            self._frames = tuple(f"{code.co_filename}:{line} in {code.co_name}" for code, line in self.stack)
        return self._frames


@dataclass(frozen=True, slots=True)
class Holder:
    """A checkout as it is shown: ages in seconds, the statement without parameters."""

    owner: str
    age_s: float
    state: str
    place: str
    statement: str
    statements: int
    server_id: int | None
    number: int = 0
    """Names this checkout for as long as it lasts (`PlimsollPool.take_back`)."""
    stack: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = f", last statement: {self.statement}" if self.statement else ""
        return f"{self.owner}: {self.age_s:.1f} s, {self.state}, taken at {self.place}{what}"


@dataclass(slots=True)
class Holders:
    """The checkouts of one pool by record."""

    clock: Callable[[], float]
    _by_record: dict[int, Checkout] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, record: object, owner: str, account: Account | None = None) -> Checkout:
        """A checkout begins, in the task and at the line that runs now."""
        task = asyncio.current_task()
        checkout = Checkout(
            owner,
            self.clock(),
            calling_code(),
            number=next(self._numbers),
            task=weakref.ref(task) if task is not None else None,
            account=account,
        )
        self._by_record[id(record)] = checkout
        return checkout

    def get(self, record: object) -> Checkout | None:
        """The running checkout of a record."""
        return self._by_record.get(id(record))

    def end(self, record: object) -> Checkout | None:
        """A checkout ends."""
        return self._by_record.pop(id(record), None)

    def others_than(self, task: "asyncio.Task[object] | None") -> bool:
        """Whether anybody but `task` holds one."""
        return any(checkout.task is None or checkout.task() is not task for checkout in self._by_record.values())

    def __iter__(self) -> Iterator[tuple[int, Checkout]]:
        return iter(tuple(self._by_record.items()))


def calling_code() -> tuple[tuple[CodeType, int], ...]:
    """The application's frames, innermost first, up to the first of the web framework. SQLAlchemy runs in a greenlet of
    its own, whose parent was called by the application: its own frames are left out, and with them, what
    `run_sync` calls in there."""
    found: list[tuple[CodeType, int]] = []
    parent = greenlet.getcurrent().parent
    frame: FrameType | None = sys._getframe(1) if parent is None else parent.gr_frame
    while frame is not None and len(found) < STACK_LIMIT:
        code = frame.f_code
        whose = _FILES.get(code.co_filename) or _whose(frame)
        if whose == _SERVER and found:
            break
        if whose == _APPLICATION:
            found.append((code, frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


def _whose(frame: FrameType) -> int:
    """From the name of the frame's module. Remembered for files; made-up code (`<string>`) can be anybody's."""
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    whose = _SERVER if package in _SERVERS else _LIBRARY if package in _LIBRARIES else _APPLICATION
    file = frame.f_code.co_filename
    if not file.startswith("<"):
        _FILES[file] = whose
    return whose


def shortened(statement: str) -> str:
    """A statement on one line, at most `STATEMENT_LIMIT` characters."""
    return " ".join(statement[: 2 * STATEMENT_LIMIT].split())[:STATEMENT_LIMIT]


def last_words(checkout: Checkout, dialect: str) -> str:
    """How a report of a checkout ends: its last statement, without a value in it, and where it was taken."""
    form = form_of(checkout.statement[: 2 * STATEMENT_LIMIT], dialect)[:STATEMENT_LIMIT]
    return f"Last statement: {form or 'none'}. Taken at:\n{checkout.stack_text()}"


def who_asks() -> str:
    """What the current task works for, as far as it can be told."""
    work = WORK.get()
    owner = (work.name if work is not None else "") or OWNER.get()
    if owner:
        return owner
    task = asyncio.current_task()
    if task is None:
        return "no task"
    name = task.get_name()
    # A number that asyncio has given it tells nobody anything.
    return f"task {_function_of(task)}" if name.startswith("Task-") else name


def _function_of(task: "asyncio.Task[object]") -> str:
    return str(getattr(task.get_coro(), "__qualname__", task.get_name()))
