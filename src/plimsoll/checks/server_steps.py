"""One setting of the server: given its new value or taken back, each read back before it counts as done."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.checks.journal import Journal, ServerEntry
from plimsoll.checks.steps import StepFailedError
from plimsoll.checks.tuning import Step
from plimsoll.errors import PlimsollError
from plimsoll.server.changing import Changer, Standing, Wanted, same
from plimsoll.server.facts import ServerFacts
from plimsoll.server.words import is_not_permitted, words_of

STEP_S = 15.0
"""Longest time for one question to the server. Statements of these shapes take milliseconds."""

FOLLOWS_S = 5.0
"""Longest wait until a value is read back: PostgreSQL's processes read their files again one after the other, and
MariaDB resizes its buffer pool in the background."""

POLL_S = 0.05

Answer = TypeVar("Answer")


@asynccontextmanager
async def one_connection(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """One connection without transactions: ALTER SYSTEM cannot be in one."""
    connection = await engine.connect()
    try:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")
    finally:
        await _close(connection)


async def _close(connection: AsyncConnection) -> None:
    """A connection that is lost says so once more when it is closed: that is no news."""
    try:
        async with asyncio.timeout(STEP_S):
            await connection.close()
    except (SQLAlchemyError, OSError, TimeoutError):
        await connection.invalidate()


@dataclass(frozen=True, slots=True)
class ServerSteps:
    """Steps on one server, over one connection."""

    connection: AsyncConnection
    changer: Changer
    facts: ServerFacts

    async def do(self, step: Step, looked: Standing | None, journal: Journal) -> str:
        """Give a setting its value, where it still stands at what it was `looked` at; words for what was done.

        Raises:
            StepFailedError: it did not come about.
        """
        before = await self._standing(step.name)
        if looked is not None and not _alike(before, looked):
            raise StepFailedError(
                f"it was {_shown(looked)} when the plan was made and is {_shown(before)} now, so somebody else has "
                "changed it: run this again"
            )
        wanted = Wanted(step.name, step.value)
        if _stands(before, wanted):
            return f"{words_for(step)} (it was so already)"
        try:
            self.changer.takes_back(before, self.facts)
        except PlimsollError as error:
            raise StepFailedError(f"what it is now could not be set again afterwards: {error.args[0]}") from error
        index = journal.begin(ServerEntry(step.name, step.value, before))
        after = await self._change(index, before, wanted, journal)
        return f"{words_for(step)}, was {_shown(before)}{_when(after)}"

    async def _change(self, index: int, before: Standing, wanted: Wanted, journal: Journal) -> Standing:
        try:
            await self._run(self.changer.statements(wanted, self.facts))
            after = await self._followed(wanted.name, lambda standing: _stands(standing, wanted))
        except StepFailedError as error:
            if not error.unknown and await self._is_still(before):
                journal.drop(index)
            raise
        journal.mark(index, "done", after)
        if not _stands(after, wanted):
            raise StepFailedError(f"the server took the statement and made it {_shown(after)}; the undo file has it")
        return after

    async def take_back(self, index: int, entry: ServerEntry, journal: Journal) -> str:
        """Give a setting the standing it had before a step; words for what was done.

        Raises:
            StepFailedError: somebody else has changed it since, or it did not come about.
        """
        now = await self._standing(entry.name)
        if _alike(now, entry.before):
            journal.mark(index, "taken back")
            return f"server: {entry.name} = {_shown(now)} (it was so already)"
        made = _alike(now, entry.after) if entry.after else _stands(now, Wanted(entry.name, entry.wanted))
        if not made:
            was = _shown(entry.after) if entry.after else entry.wanted
            raise StepFailedError(
                f"it was made {was} and is {_shown(now)} now, so somebody else has changed it since: it was left"
            )
        await self._run(self.changer.takes_back(entry.before, self.facts))
        found = await self._followed(entry.name, lambda standing: _alike(standing, entry.before))
        if not _alike(found, entry.before):
            raise StepFailedError(f"the server took the statement and made it {_shown(found)}")
        journal.mark(index, "taken back")
        return f"server: {entry.name} = {_shown(entry.before)}{_when(found)}"

    async def _standing(self, name: str) -> Standing:
        found = await _answered(self.changer.standing(self.connection, name))
        if found is None:
            raise StepFailedError("the server has no such setting")
        return found

    async def _run(self, statements: tuple[str, ...]) -> None:
        for statement in statements:
            await _answered(self.connection.exec_driver_sql(statement))

    async def _followed(self, name: str, arrived: Callable[[Standing], bool]) -> Standing:
        """What the setting stands at once it has arrived, or after FOLLOWS_S."""
        clock = asyncio.get_running_loop().time
        ends = clock() + FOLLOWS_S
        while True:
            found = await self._standing(name)
            if arrived(found) or clock() >= ends:
                return found
            await asyncio.sleep(POLL_S)

    async def _is_still(self, before: Standing) -> bool:
        """Whether nothing was changed, for certain."""
        try:
            return _alike(await self._standing(before.name), before)
        except StepFailedError:
            return False


def words_for(step: Step) -> str:
    """A step in a few words."""
    return f"server: {step.name} = {step.value}"


async def _answered(work: Awaitable[Answer]) -> Answer:
    """The answer of the server within STEP_S.

    Raises:
        StepFailedError: it refused, in its words; or no answer came, so that nobody knows.
    """
    unknown = "so it may have taken effect or not"
    try:
        async with asyncio.timeout(STEP_S):
            return await work
    except TimeoutError as error:
        raise StepFailedError(f"no answer within {STEP_S:g} s, {unknown}", unknown=True) from error
    except SQLAlchemyError as error:
        lost = bool(getattr(error, "connection_invalidated", False))
        after = f"; the connection is lost, {unknown}" if lost else ""
        denied = is_not_permitted(error)
        raise StepFailedError(f"the server says: {words_of(error)}{after}", unknown=lost, denied=denied) from error
    except OSError as error:
        raise StepFailedError(f"the connection is lost ({error}), {unknown}", unknown=True) from error


def _stands(standing: Standing, wanted: Wanted) -> bool:
    """Whether a setting is as wanted, for the server's next start too where the server keeps it."""
    running = same(standing.value, wanted.value, standing.unit)
    kept = standing.kept is not None and same(standing.kept, wanted.value, standing.unit)
    if standing.effect == "restart":
        return kept or (running and not standing.pending) or (not standing.kept_known and standing.pending)
    return running and (standing.kept is None or kept)


def _alike(one: Standing, other: Standing) -> bool:
    """Whether a setting stands at the same. Where it takes a restart and the server keeps it, what is kept counts:
    the restart may have come in between."""
    if (one.kept is None) != (other.kept is None):
        return False
    if one.kept is not None and other.kept is not None and not same(one.kept, other.kept, one.unit):
        return False
    if one.effect == "restart" and one.kept_known and other.kept_known:
        return True
    return same(one.value, other.value, one.unit) and one.pending == other.pending


def _when(standing: Standing) -> str:
    return ", in force after the server's next start" if standing.effect == "restart" else ""


def _shown(standing: Standing) -> str:
    kept = standing.kept
    if kept is not None and not same(kept, standing.value, standing.unit):
        return f"{standing.value or 'empty'} ({kept} after the next start)"
    return standing.value or "empty"
