"""Makes the plan of `plimsoll tune`: asks the server what its settings stand at, reads `.env`, and shows both."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from plimsoll.checks.applying import EnvSource
from plimsoll.checks.env_edits import EnvTextError, change, count_of, diff, values_in
from plimsoll.checks.env_file import EnvContent, read_file
from plimsoll.checks.facts import Facts
from plimsoll.checks.runner import Result
from plimsoll.checks.server_steps import one_connection
from plimsoll.checks.tuning import Ground, Plan, findings_of, make_plan, server_names
from plimsoll.checks.tuning_view import PlanView, StepView, step_views
from plimsoll.checks.verdict import CouldNot
from plimsoll.cli.gathering import ENV_FILE
from plimsoll.engine import build_engine
from plimsoll.server.changers import changer_of
from plimsoll.server.changing import Standing
from plimsoll.settings import DatabaseSettings, ServiceSettings, Settings, SettingsError
from plimsoll.settings.declaration import Spec, specs_of
from plimsoll.settings.topology import TopologySettings

LOOK_S = 5.0
"""Seconds for asking what the server's settings stand at: a few short questions over one connection."""

Standings = Mapping[str, Standing | None]


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, how it is shown, and what it was made from."""

    plan: Plan
    view: PlanView
    standing: Standings
    env: EnvSource
    settings: DatabaseSettings | None


def plan_of(results: Sequence[Result], facts: Facts) -> Planned:
    """The plan for what checks have found. The process is in the application's home, where `.env` is.

    Raises:
        EnvFileError: `.env` cannot be read.
    """
    findings = findings_of(results)
    settings = facts.settings.value if facts.settings.known else None
    content = read_file(Path(ENV_FILE))
    env = EnvSource(Path(ENV_FILE), content.text)
    standing = _standing(settings, server_names(findings)) if settings is not None and facts.server.known else {}
    ground = Ground(
        specs=_specs(facts),
        environ=os.environ,
        in_file={name: value for name, value in values_in(content.text).items() if value},
        standing=standing,
        dialect=settings.dialect if settings is not None else "",
    )
    plan = make_plan(findings, ground)
    if refused := _refused(plan, facts, ground, content.text):
        ground = replace(ground, refused=refused)
        plan = make_plan(findings, ground)
    view = PlanView(
        plan,
        database=settings.safe_url if settings is not None else "",
        server=facts.server.value.version_text if facts.server.known else "",
        env_path=ENV_FILE,
        env_diff=_diff(plan, content.text),
        env_notes=_notes(plan, content),
        steps=tuple(_views(plan, ground, facts, settings)),
        unknown=tuple(r.check.id for r in results if isinstance(r.verdict, CouldNot) and not r.suppressed),
    )
    return Planned(plan, view, standing, env, settings)


def _specs(facts: Facts) -> dict[str, Spec]:
    return {spec.name: spec for group in _groups(facts) for spec in specs_of(group).values()}


def _groups(facts: Facts) -> tuple[type[Settings], ...]:
    found = tuple(dict.fromkeys(type(group) for group in facts.groups))
    return found or (DatabaseSettings, ServiceSettings, TopologySettings)


def _standing(settings: DatabaseSettings, names: Sequence[str]) -> Standings:
    """What the server says of these settings; nothing where it does not answer, and they are then left to a person."""
    changer = changer_of(settings.dialect)
    if changer is None or not names:
        return {}

    async def ask() -> Standings:
        engine = build_engine(settings, pooled=False)
        found: dict[str, Standing | None] = {}
        try:
            async with asyncio.timeout(LOOK_S), one_connection(engine) as connection:
                for name in names:
                    found[name] = await changer.standing(connection, name)
        except (SQLAlchemyError, OSError, TimeoutError):
            return found
        finally:
            await engine.dispose()
        return found

    return asyncio.run(ask())


def _refused(plan: Plan, facts: Facts, ground: Ground, text: str) -> dict[str, str]:
    """Changes of `.env` that the application's own settings would not start with, and why."""
    wanted = plan.wanted_in_env
    try:
        change(text, wanted)
    except EnvTextError as error:
        return dict.fromkeys(wanted, str(error.args[0]))
    environ = {name: value for name, value in ground.environ.items() if value}
    now = _problems(facts, {**ground.in_file, **environ})
    then = _problems(facts, {**ground.in_file, **wanted, **environ})
    found: dict[str, str] = {}
    for name, what in then.items():
        if now.get(name) == what:
            continue
        if name in wanted:
            found[name] = f"the value {what}: put in your own"
        else:
            found |= dict.fromkeys(wanted, f"with it, {name} {what}")
    return found


def _problems(facts: Facts, values: Mapping[str, str]) -> dict[str, str]:
    """What the settings would be refused for, by name, in words without values."""
    problems: dict[str, str] = {}
    for group in _groups(facts):
        try:
            group.from_env(environ=values, env_file=None)
        except SettingsError as error:
            problems |= {problem.name: problem.what for problem in error.problems}
    return problems


def _diff(plan: Plan, text: str) -> str:
    wanted = plan.wanted_in_env
    after, _ = change(text, wanted)
    return diff(text, after, ENV_FILE, frozenset(wanted))


def _notes(plan: Plan, content: EnvContent) -> tuple[str, ...]:
    wanted = plan.wanted_in_env
    notes = (
        [f"{ENV_FILE} does not exist: it is made, readable by its owner alone"] if wanted and not content.stat else []
    )
    notes += [
        f"{name} stands {count} times in {ENV_FILE}; the last one counts, so that one is changed"
        for name in wanted
        if (count := count_of(content.text, name)) > 1
    ]
    return tuple(notes)


def _views(plan: Plan, ground: Ground, facts: Facts, settings: DatabaseSettings | None) -> Iterator[StepView]:
    in_force = {row.name: row.value for group in facts.groups for row in group.rows()}
    changer = changer_of(settings.dialect) if settings is not None else None
    server = facts.server.value if facts.server.known else None
    yield from step_views(plan, ground.standing, in_force, ground.in_file, changer, server)
