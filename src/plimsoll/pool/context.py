"""What the running task tells the pool, beside the call itself."""

from contextvars import ContextVar
from typing import Protocol

DEADLINE: ContextVar[float | None] = ContextVar("plimsoll_deadline", default=None)
"""When the current task's time is up, on `time.monotonic`; None where it has no limit but its work's."""

READING: ContextVar[bool] = ContextVar("plimsoll_reading", default=False)
"""Whether the checkout that begins now is for reading only, so that its statements may commit by themselves."""

OWNER: ContextVar[str] = ContextVar("plimsoll_owner", default="")
"""What the current task works for: a route, a job. Set by the web layer; else the task's own name is shown."""


class Work(Protocol):
    """A request, or another piece of work, that wants to know what it does with connections."""

    committing: int
    """How many commits of it are under way: to cut one short would leave its outcome unknown."""

    @property
    def deadline_s(self) -> float | None:
        """When its time is up, on `time.monotonic`; None where it has no limit."""

    def asks_for_connection(self) -> None:
        """A connection is about to be checked out for it."""


WORK: ContextVar[Work | None] = ContextVar("plimsoll_work", default=None)
"""The work that the current task belongs to. Set by the web layer."""


def deadline_s() -> float | None:
    """When the current task's time is up: its own deadline, or that of its work."""
    deadline = DEADLINE.get()
    if deadline is not None:
        return deadline
    work = WORK.get()
    return None if work is None else work.deadline_s
