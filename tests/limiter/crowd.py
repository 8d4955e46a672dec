"""Tasks that enter an admission line, and what became of each."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plimsoll.limiter import AdmissionLine, RefusedError
from tests.limiter.virtual_time import now_s, turns

TARGET_S = 0.1
LONGEST_S = 1.0


def a_line(limit: int = 1, used: Callable[[], int] = lambda: 0) -> AdmissionLine:
    """A line on the running loop's time."""
    return AdmissionLine(limit, TARGET_S, LONGEST_S, asyncio.get_running_loop().time, used)


@dataclass
class Outcome:
    """What became of one that entered. `reason` is empty where it was let in."""

    name: str
    reason: str
    waited_s: float


class Crowd:
    """Tasks that enter a line; `seen` has them in the order in which they were let in or refused."""

    def __init__(self, line: AdmissionLine) -> None:
        self.line = line
        self.seen: list[Outcome] = []
        self.tasks: list[asyncio.Task[None]] = []

    def arrives(self, name: str, client: str = "", holds_s: float | None = None, **how: Any) -> "asyncio.Task[None]":
        """One arrives, and leaves after `holds_s`; not at all by default."""
        task = asyncio.get_running_loop().create_task(self._come(name, client or name, holds_s, how))
        self.tasks.append(task)
        return task

    async def _come(self, name: str, client: str, holds_s: float | None, how: dict[str, Any]) -> None:
        began_s = now_s()
        try:
            await self.line.enter(client, **how)
        except RefusedError as refused:
            self.seen.append(Outcome(name, refused.reason, now_s() - began_s))
            return
        self.seen.append(Outcome(name, "", now_s() - began_s))
        if holds_s is not None:
            await asyncio.sleep(holds_s)
            self.line.leave(client)

    @property
    def let_in(self) -> list[str]:
        """Names, in order."""
        return [outcome.name for outcome in self.seen if not outcome.reason]

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Names and reasons, in order."""
        return [(outcome.name, outcome.reason) for outcome in self.seen if outcome.reason]

    async def all_done(self) -> None:
        """Wait for everybody."""
        await asyncio.gather(*self.tasks)


def is_as_new(line: AdmissionLine) -> bool:
    """Whether nothing is left of anybody."""
    return (line.fresh, line.inside, line.waiting) == (0, {}, 0) and not any(line._waiting.values())


def is_overloaded(line: AdmissionLine) -> bool:
    """At this moment: the type checker does not know that it changes."""
    return line.overloaded


async def overload(line: AdmissionLine, crowd: Crowd) -> None:
    """Somebody is inside and stays, two wait, the line has stood for long: it is overloaded, nobody is refused yet."""
    crowd.arrives("inside")
    await turns()
    crowd.arrives("first")
    await asyncio.sleep(0.11)
    crowd.arrives("second")
    await asyncio.sleep(0.001)
    assert line.overloaded
    assert (crowd.let_in, crowd.refused) == (["inside"], [])
