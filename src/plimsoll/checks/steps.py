"""Steps one after the other: what fails or Ctrl+C stops the rest, and a step that has begun is ended first."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from plimsoll.errors import PlimsollError


class StepFailedError(PlimsollError):
    """One step did not come about. `unknown`: nobody can tell whether it took effect; `denied`: the account may not do
    it, and nothing was changed."""

    code = "PLE094"

    def __init__(self, words: str, *, unknown: bool = False, denied: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.unknown = unknown
        self.denied = denied


@dataclass(frozen=True, slots=True)
class Work:
    """A step: its name, and what does it and returns words for what was done, or raises PlimsollError."""

    name: str
    do: Callable[[], Awaitable[str]]


@dataclass(slots=True)
class Outcome:
    """What became of each step, in words. `failed` did not come about, `not_done` were never begun."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    not_done: list[str] = field(default_factory=list)
    cancelled: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing is left undone."""
        return not (self.failed or self.not_done or self.cancelled)


async def in_order(works: Sequence[Work], outcome: Outcome, *, go_on: bool = False) -> None:
    """Do each work in turn, and keep in `outcome` what became of it; raises nothing of its own.

    A failure stops the rest, unless `go_on` or the account may not do it; one after which nobody knows stops it always,
    and so does Ctrl+C.
    """
    for index, work in enumerate(works):
        outcome.not_done = [later.name for later in works[index:]]
        if _is_cancelled():
            outcome.cancelled = True
            return
        ended, cancelled = await _to_its_end(work)
        outcome.not_done = outcome.not_done[1:]
        stop = cancelled
        if isinstance(ended, PlimsollError):
            outcome.failed.append(f"{work.name}: {ended.args[0]}")
            goes_on = go_on or getattr(ended, "denied", False)
            stop = stop or not goes_on or getattr(ended, "unknown", False)
        else:
            outcome.done.append(ended)
        outcome.cancelled = cancelled
        if stop:
            return


async def _to_its_end(work: Work) -> tuple[str | PlimsollError, bool]:
    """How a step ended, and whether it was cancelled meanwhile: even then it is not left half done."""
    task = asyncio.ensure_future(_ended(work))
    try:
        return await asyncio.shield(task), False
    except asyncio.CancelledError:
        await asyncio.wait({task})
        return task.result(), True


async def _ended(work: Work) -> str | PlimsollError:
    try:
        return await work.do()
    except PlimsollError as error:
        return error


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
