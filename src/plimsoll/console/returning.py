"""All connections that a route holds for long, taken back at an operator's one word: the service sees it through, also
where the page that asked is closed."""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from plimsoll.console.forms import FormError, fields_of
from plimsoll.errors import ActionError, UnknownWorkerError
from plimsoll.snapshot.causes.wording import bounded, counted, plain
from plimsoll.snapshot.source import ALL, Overview

BEGUN_WITHIN_S = 30.0
"""None is begun after so long; those that are left are counted. A proxy waits for an answer for a minute, as a rule."""

EACH_S = 15.0
"""For one of them, as for any action of an operator."""

AT_ONCE = 4
"""Each asks the database's server, which has trouble enough; one that hangs must not keep the others for long."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Those that `route` has held for `held_s` or longer, in all workers or in the one that is named."""

    route: str
    held_s: float
    worker: str = ALL


@dataclass(slots=True)
class Outcome:
    """What became of them. `gone` had ended by the time they were asked for; `why` is the first reason of a refusal."""

    route: str
    found: int
    taken: int = 0
    gone: int = 0
    refused: int = 0
    why: str = ""
    failed: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """So many were not begun with."""
        return self.found - self.taken - self.gone - self.refused

    @property
    def words(self) -> str:
        """In a sentence."""
        route = plain(self.route)
        if not self.found:
            return f"{route} holds none for that long any more: nothing was done."
        parts = [
            f"{self.taken:,} of {counted(self.found, 'connection')} of {route} taken back",
            f"{self.gone:,} given back meanwhile" if self.gone else "",
            f"{self.refused:,} not" if self.refused else "",
            f"{self.left:,} left after {BEGUN_WITHIN_S:g} s" if self.left else "",
        ]
        return bounded(f"{', '.join(filter(None, parts))}. {self.why}".rstrip())

    @property
    def document(self) -> dict[str, Any]:
        """For the page, and for scripts."""
        counts = {name: getattr(self, name) for name in ("found", "taken", "gone", "refused", "left")}
        return {"result": self.words, **counts}


async def wanted_of(request: Request) -> Wanted:
    """What a form asks for.

    Raises:
        FormError: it cannot be read, or says too little.
    """
    fields = await fields_of(request)
    route, held = fields.get("route", ""), fields.get("held_s", "")
    if not route:
        raise FormError(400, "route is missing: whose connections are to be taken back, as the list of holders has it.")
    try:
        held_s = float(held)
    except ValueError:
        held_s = math.nan
    if not 0 <= held_s < math.inf:
        raise FormError(400, "held_s is no number of seconds: those held for as long or longer are taken back.")
    return Wanted(route, held_s, fields.get("worker") or ALL)


class Returning:
    """One at a time in this worker."""

    def __init__(self) -> None:
        self._work: asyncio.Task[Outcome] | None = None

    async def take_all(self, source: Overview, wanted: Wanted, who: str) -> Outcome:
        """Take them back, the oldest first. It goes on where whoever waits for it is cancelled.

        Raises:
            ActionError: another such is under way.
            UnknownWorkerError: there is no worker of this name.
        """
        if self._work is not None and not self._work.done():
            raise ActionError("Connections of a route are being taken back already; wait for that to end.")
        self._work = asyncio.create_task(_take_all(source, wanted, who), name="plimsoll takes back", context=Context())
        self._work.add_done_callback(lambda done: done.cancelled() or done.exception())  # read, if nobody waits
        return await asyncio.shield(self._work)


async def _take_all(source: Overview, wanted: Wanted, who: str) -> Outcome:
    ids = await _held(source, wanted)
    outcome, waiting = Outcome(wanted.route, len(ids)), deque(ids)
    until_s = asyncio.get_running_loop().time() + BEGUN_WITHIN_S

    async def work() -> None:
        while waiting and asyncio.get_running_loop().time() < until_s:
            await _take(source, waiting.popleft(), who, outcome)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(ids))):
            group.create_task(work())
    if outcome.failed:
        await _told_apart(source, wanted, outcome)
    return outcome


async def _held(source: Overview, wanted: Wanted) -> Sequence[str]:
    await source.look(wanted.worker)
    holders = [
        holder
        for holder in source.snapshot(wanted.worker).holders
        if holder.route == wanted.route and holder.age_s >= wanted.held_s
    ]
    return [holder.id for holder in sorted(holders, key=lambda holder: -holder.age_s)]


async def _take(source: Overview, holder: str, who: str, outcome: Outcome) -> None:
    try:
        async with asyncio.timeout(EACH_S):
            await source.give_back(holder, who)
    except ActionError as error:
        outcome.failed.append(holder)
        outcome.why = outcome.why or error.message
    except TimeoutError:
        outcome.failed.append(holder)
        outcome.why = outcome.why or f"It was not done within {EACH_S:g} s, and may be done yet."
    else:
        outcome.taken += 1


async def _told_apart(source: Overview, wanted: Wanted, outcome: Outcome) -> None:
    """Those that had ended before their turn came are no failures. Of a worker that does not answer it is not known."""
    try:
        await source.look(wanted.worker)
        seen = source.snapshot(wanted.worker)
    except UnknownWorkerError:  # the one that was named has ended, and all that it held with it
        outcome.gone, outcome.why = len(outcome.failed), ""
        return
    there = {holder.id for holder in seen.holders}
    heard = {row.name for row in seen.workers if not (row.stale or row.silent)}
    outcome.refused = sum(
        holder in there or bool(seen.workers and holder.rpartition("-")[0] not in heard) for holder in outcome.failed
    )
    outcome.gone = len(outcome.failed) - outcome.refused
    if not outcome.refused:
        outcome.why = ""
