"""What the running task tells the pool, beside the call itself."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

DEADLINE: ContextVar[float | None] = ContextVar("plimsoll_deadline", default=None)
"""When the current task's time is up, on `time.monotonic`; None where it has no limit but its work's."""

READING: ContextVar[bool] = ContextVar("plimsoll_reading", default=False)
"""Whether the checkout that begins now is for reading only, so that its statements may commit by themselves."""

OWNER: ContextVar[str] = ContextVar("plimsoll_owner", default="")
"""What the current task works for: a job, a line of code. Asked for where it is no part of a `Work` that has a name;
else the task's own name is shown."""


class Account(Protocol):
    """What is told what one user of a pool does with its connections. Called in the event loop, and must return at
    once; an exception in it is logged and goes no further."""

    def waited(self, seconds: float) -> None:
        """A connection was asked for, and given after so long, or not at all."""

    def held(self, seconds: float) -> None:
        """One was given back."""

    def ran(self, statement: str, seconds: float, rows: int, failed: bool) -> None:
        """A statement has ended, by an error, a time limit or a cancellation where it `failed`. `statement` is its text
        as it was sent, `rows` those that came or were changed, as far as the driver tells."""

    def fetched(self, statement: str, seconds: float, rows: int) -> None:
        """More rows came of one that fetches them in pieces."""


Accounts = Callable[[str], Account]
"""The account of an owner (`OWNER`; empty where nobody said so): for what is done outside of any `Work`."""


class Work(Protocol):
    """A request, or another piece of work, that wants to know what it does with connections."""

    committing: int
    """How many commits of it are under way: to cut one short would leave its outcome unknown."""

    @property
    def deadline_s(self) -> float | None:
        """When its time is up, on `time.monotonic`; None where it has no limit."""

    @property
    def name(self) -> str:
        """What it is to who reads of it, such as a route; empty where that is not known."""

    def asks_for_connection(self) -> None:
        """A connection is about to be checked out for it."""

    def account(self) -> Account | None:
        """Who is told of what is done with that connection: no part of the work, which must be gone when it is over."""


WORK: ContextVar[Work | None] = ContextVar("plimsoll_work", default=None)
"""The work that the current task belongs to. Set by the web layer."""


def deadline_s() -> float | None:
    """When the current task's time is up: its own deadline, or that of its work."""
    deadline = DEADLINE.get()
    if deadline is not None:
        return deadline
    work = WORK.get()
    return None if work is None else work.deadline_s
