"""What every task of the event loop is doing: the chain of coroutines that each waits in, tasks alike counted once."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

MOST_TASKS = 2_000
"""That are looked at: about 10 microseconds each."""

MOST_GROUPS = 60
MOST_FRAMES = 25


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Tasks that wait at the same place: `count` of them, the `name` of one, the `stack` innermost first."""

    count: int
    name: str
    stack: tuple[str, ...]


def task_groups() -> tuple[TaskGroup, ...]:
    """The tasks of the running loop, the largest groups first."""
    counts: Counter[tuple[tuple[CodeType, int], ...]] = Counter()
    names: dict[tuple[tuple[CodeType, int], ...], str] = {}
    for _, task in zip(range(MOST_TASKS), asyncio.all_tasks(), strict=False):
        stack = tuple(_waits_in(task.get_coro()))[-MOST_FRAMES:]
        counts[stack] += 1
        names.setdefault(stack, task.get_name())
    return tuple(
        TaskGroup(count, names[stack], tuple(words(code, line) for code, line in reversed(stack)))
        for stack, count in counts.most_common(MOST_GROUPS)
    )


def frames_of(frame: FrameType | None) -> tuple[str, ...]:
    """The stack that runs in `frame`, innermost first."""
    found: list[str] = []
    while frame is not None and len(found) < MOST_FRAMES:
        found.append(words(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


def words(code: CodeType, line: int) -> str:
    """A line of code, as the pool's holders have it."""
    return f"{code.co_filename}:{line} in {code.co_name}"


def _waits_in(waiting: Any) -> Iterator[tuple[CodeType, int]]:
    """`Task.get_stack` has only the outermost coroutine of a task that waits; what it awaits tells more."""
    depth = 0
    while waiting is not None and depth < 10 * MOST_FRAMES:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None:
            yield frame.f_code, frame.f_lineno
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
        depth += 1
