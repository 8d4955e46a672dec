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

    What the account may not do on the server stops only what the same checks want besides: on hosted servers it may
    change nothing there, and `.env` is what can be mended. `looked` is what settings of the server stood at when the
    plan was made.
    """
    denied: set[str] = set()
    works = [
        Work(words_for(step), partial(_do, server, step, looked.get(step.name), journal, denied))
        for step in plan.on_server
    ]
    if plan.in_env:
        name = f"{env.path}: {', '.join(f'{step.name}={step.value}' for step in plan.in_env)}"
        works.append(Work(name, _later(partial(_rewrite, plan, env, journal, denied))))
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


async def _do(
    server: ServerSteps | None, step: Step, looked: Standing | None, journal: Journal, denied: set[str]
) -> str:
    if server is None:
        raise StepFailedError(NO_SERVER)
    try:
        return await server.do(step, looked, journal)
    except StepFailedError as error:
        if error.denied:
            denied.update(step.checks)
        raise


def _rewrite(plan: Plan, env: EnvSource, journal: Journal, denied: set[str]) -> str:
    left = [step.name for step in plan.in_env if denied & set(step.checks)]
    wanted = {step.name: step.value for step in plan.in_env if step.name not in left}
    beside = f"left as they are, since they belong together with what was not permitted: {', '.join(left)}"
    if not wanted:
        raise StepFailedError(beside)
    done = rewrite(env.path, wanted, env.text, journal)
    return f"{done}; {beside}" if left else done


def _later(work: Callable[[], str]) -> Callable[[], Awaitable[str]]:
    async def run() -> str:
        return work()

    return run
