"""Applies a plan, each step recorded before it begins, and takes back what an undo file has."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from plimsoll.checks.env_steps import rewrite, take_back_edits
from plimsoll.checks.journal import EnvEntry, Journal, ServerEntry
from plimsoll.checks.server_steps import ServerSteps, words_for
from plimsoll.checks.steps import Outcome, StepFailedError, Work, in_order
from plimsoll.checks.tuning import Plan, Step
from plimsoll.server.changing import Standing

NO_SERVER = "it is a setting of a server, and there is no connection to it"


@dataclass(frozen=True, slots=True)
class EnvSource:
    """The `.env` file and its text when the plan was made."""

    path: Path
    text: str


async def apply(
    plan: Plan,
    looked: Mapping[str, Standing | None],
    env: EnvSource,
    journal: Journal,
    server: ServerSteps | None,
    outcome: Outcome,
) -> None:
    """Apply the steps of a plan, in their order. What fails, or Ctrl+C, stops the rest; `outcome` has what was done.

    `looked` is what settings of the server stood at when the plan was made.
    """
    works = [
        Work(words_for(step), partial(_do, server, step, looked.get(step.name), journal)) for step in plan.on_server
    ]
    if wanted := plan.wanted_in_env:
        name = f"{env.path}: {', '.join(f'{name}={value}' for name, value in wanted.items())}"
        works.append(Work(name, _later(partial(rewrite, env.path, wanted, env.text, journal))))
    await in_order(works, outcome)


async def undo_env(journal: Journal, outcome: Outcome) -> None:
    """Take back what was changed in `.env`. It was the last step, so it is the first to go; it needs no server."""
    await in_order(_backwards(journal, None, EnvEntry), outcome, go_on=True)


async def undo_server(journal: Journal, server: ServerSteps, outcome: Outcome) -> None:
    """Take back what was changed on the server, in reverse order. What somebody else has changed since is left."""
    await in_order(_backwards(journal, server, ServerEntry), outcome, go_on=True)


def _backwards(journal: Journal, server: ServerSteps | None, kind: type[EnvEntry] | type[ServerEntry]) -> list[Work]:
    return [
        _back(index, journal, server)
        for index, entry in reversed(list(enumerate(journal.entries)))
        if isinstance(entry, kind) and entry.state != "taken back"
    ]


def _back(index: int, journal: Journal, server: ServerSteps | None) -> Work:
    entry = journal.entries[index]
    if isinstance(entry, EnvEntry):
        return Work(entry.path, _later(partial(take_back_edits, index, entry, journal)))

    async def take_back() -> str:
        if server is None:
            raise StepFailedError(NO_SERVER)
        return await server.take_back(index, entry, journal)

    return Work(f"server: {entry.name}", take_back)


async def _do(server: ServerSteps | None, step: Step, looked: Standing | None, journal: Journal) -> str:
    if server is None:
        raise StepFailedError(NO_SERVER)
    return await server.do(step, looked, journal)


def _later(work: Callable[[], str]) -> Callable[[], Awaitable[str]]:
    async def run() -> str:
        return work()

    return run
