"""What a plan's steps come to in statements and words; the same for a text, for JSON and for SQL to paste."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from plimsoll.checks.tuning import Plan, Step
from plimsoll.errors import PlimsollError
from plimsoll.server.changing import Changer, Standing, Wanted
from plimsoll.server.facts import ServerFacts

EFFECTS = {
    "now": "at once",
    "reload": "at once: the server reads its files again",
    "restart": "after the server's next start",
    "never": "never",
}


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as it is shown. `keep` is the line for the server's own file and `keep_where` which file."""

    step: Step
    statements: tuple[str, ...]
    undo: tuple[str, ...]
    old: str = ""
    origin: str = ""
    effect: str = ""
    keep: str = ""
    keep_where: str = ""
    privilege: str = ""
    reads: str = ""


@dataclass(frozen=True, slots=True)
class PlanView:
    """All that is shown of a plan. `unknown` are ids of checks without an answer; `database` its URL without the
    password; `env_diff` has no secret."""

    plan: Plan
    database: str = ""
    server: str = ""
    env_path: str = ".env"
    env_diff: str = ""
    env_notes: tuple[str, ...] = ()
    steps: tuple[StepView, ...] = ()
    unknown: tuple[str, ...] = ()


def step_views(
    plan: Plan,
    standing: Mapping[str, Standing | None],
    in_force: Mapping[str, str],
    in_file: Container[str],
    changer: Changer | None,
    facts: ServerFacts | None,
) -> Iterator[StepView]:
    """The steps of a plan, in their order. `in_force` are the settings of the application as they are now,
    `in_file` the names that `.env` sets."""
    for step in plan.steps:
        stood = standing.get(step.name)
        if step.kind == "env":
            old = in_force.get(step.name, step.change.old)
            undo = (f"{step.name}={old}",) if step.name in in_file else (f"take the line {step.name} out",)
            yield StepView(step, (f"{step.name}={step.value}",), undo, old, effect="at the service's next start")
        elif changer is not None and facts is not None and stood is not None:
            yield _on_server(step, stood, changer, facts, _own_line(plan, step))


def _own_line(plan: Plan, step: Step) -> str:
    """The line for the server's file as a check wants it: some settings have another name there."""
    texts = (
        item.change.text for item in plan.by_hand if item.change.kind == "config" and item.change.name == step.name
    )
    lines = next(texts, "").splitlines()
    return "\n".join(line for line in lines if not line.startswith("["))


def _on_server(step: Step, stood: Standing, changer: Changer, facts: ServerFacts, own_line: str) -> StepView:
    wanted = Wanted(step.name, step.value)
    try:
        undo = changer.takes_back(stood, facts)
    except PlimsollError:
        undo = ()
    keep, where = changer.file_line(wanted, stood, facts)
    unit = f" {stood.unit}" if stood.unit else ""
    return StepView(
        step,
        changer.statements(wanted, facts),
        undo,
        f"{stood.value}{unit}",
        stood.origin,
        EFFECTS[stood.effect],
        (own_line or keep) if keep else "",
        where,
        step.change.privilege or changer.privilege(facts),
        changer.reads(step.name),
    )
