"""Turns findings into a plan: what can be applied, in which order, and what a person must do. Pure: asks nobody."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from plimsoll.checks.check import Check
from plimsoll.checks.harmful import harm
from plimsoll.checks.runner import Result
from plimsoll.checks.verdict import Change, Found
from plimsoll.server.changing import Standing, StatementRefusedError, read_statement
from plimsoll.settings.declaration import Spec
from plimsoll.settings.text import RefusedError

APPLIED_KINDS = ("env", "sql")
_FIXED = ("command line", "environment", "ALTER DATABASE", "ALTER ROLE")
"""Words of `Standing.origin` for places that win over ALTER SYSTEM."""


@dataclass(frozen=True, slots=True)
class Step:
    """One setting to be changed, wanted by one check or by several. `change` is the first one's."""

    kind: str
    name: str
    value: str
    change: Change
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByHand:
    """A change that is shown and never made here, and why not."""

    check: str
    change: Change
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What `plimsoll tune` shows and `--apply` does: `steps` in their order, the server's before `.env`, which is read
    at the service's next start only. `withheld` are harmful changes, which are not even shown as text to paste."""

    findings: tuple[tuple[Check, Found], ...] = ()
    steps: tuple[Step, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    withheld: tuple[ByHand, ...] = ()

    @property
    def in_env(self) -> tuple[Step, ...]:
        """The steps in `.env`."""
        return tuple(step for step in self.steps if step.kind == "env")

    @property
    def wanted_in_env(self) -> dict[str, str]:
        """The settings of `.env` that are to be changed."""
        return {step.name: step.value for step in self.in_env}

    @property
    def on_server(self) -> tuple[Step, ...]:
        """The steps on the server."""
        return tuple(step for step in self.steps if step.kind == "sql")


@dataclass(frozen=True, slots=True)
class Ground:
    """What a plan is made against.

    `specs` are all settings of the application by environment name; `environ` the process environment, `in_file` what
    `.env` says, `standing` what settings of the server stand at (those that were asked for; None: it has none of that
    name).
    """

    specs: Mapping[str, Spec] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    in_file: Mapping[str, str] = field(default_factory=dict)
    standing: Mapping[str, Standing | None] = field(default_factory=dict)
    dialect: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Settings of `.env` that the application would refuse with their new values, and its words."""


def findings_of(results: Iterable[Result]) -> tuple[tuple[Check, Found], ...]:
    """The findings that count, in the order of their ids."""
    found = [(r.check, r.verdict) for r in results if isinstance(r.verdict, Found) and not r.suppressed]
    return tuple(sorted(found, key=lambda pair: pair[0].id))


def server_names(findings: Iterable[tuple[Check, Found]]) -> tuple[str, ...]:
    """The server's settings that findings would change, each once."""
    names: dict[str, None] = {}
    for _, found in findings:
        for change in found.changes:
            if change.kind == "sql" and not _refused_statement(change) and (name := _sql_name(change)):
                names[name] = None
    return tuple(names)


def make_plan(findings: Sequence[tuple[Check, Found]], ground: Ground) -> Plan:
    """The plan. A finding's changes go together: where one of them cannot be made here, none of them is."""
    standing = {name: given for name, given in ground.environ.items() if name in ground.specs}
    standing = {name: str(spec.default) for name, spec in ground.specs.items()} | dict(ground.in_file) | standing
    standing |= {c.name: c.value for _, found in findings for c in found.changes if c.kind == "env"}
    conflicts = _conflicts(findings)
    by_hand: list[ByHand] = []
    withheld: list[ByHand] = []
    steps: dict[tuple[str, str], Step] = {}
    for check, found in findings:
        harmful = [ByHand(check.id, change, why) for change in found.changes if (why := harm(change, standing))]
        withheld += harmful
        rest = [change for change in found.changes if change not in [item.change for item in harmful]]
        reasons = [(change, _why_by_hand(change, ground, conflicts)) for change in rest]
        together = next((f"belongs together with {_label(c)}" for c, why in reasons if why and _is_applied(c)), "")
        together = together or (f"belongs together with {_label(harmful[0].change)}" if harmful else "")
        for change, why in reasons:
            if not why and not together and _is_applied(change):
                if name := _name(change):
                    _add(steps, check, change, name)
            elif not _is_reload(change):
                by_hand.append(ByHand(check.id, change, why or together))
    ordered = sorted(steps.values(), key=lambda step: APPLIED_KINDS[::-1].index(step.kind))
    return Plan(tuple(findings), tuple(ordered), tuple(by_hand), tuple(withheld))


def _add(steps: dict[tuple[str, str], Step], check: Check, change: Change, name: str) -> None:
    key = (change.kind, name)
    known = steps.get(key)
    checks = (check.id,) if known is None else (*known.checks, check.id)
    steps[key] = Step(change.kind, name, _value(change), known.change if known else change, checks)


def _why_by_hand(change: Change, ground: Ground, conflicts: Mapping[tuple[str, str], str]) -> str:
    """Why a change is left to a person; empty where it need not be."""
    if change.kind == "config":
        return "a line of the server's own file"
    if change.kind == "shell":
        return "a command: it is never run here"
    if conflict := conflicts.get((change.kind, _name(change))):
        return conflict
    return _env_by_hand(change, ground) if change.kind == "env" else _sql_by_hand(change, ground)


def _env_by_hand(change: Change, ground: Ground) -> str:
    spec = ground.specs.get(change.name)
    if spec is None:
        return "not one of the settings that are known here"
    if spec.declared.secret:
        return "it is secret, and secrets are not written here"
    try:
        spec.read(change.value)
    except RefusedError as error:
        return f"the value {error}: put in your own"
    if ground.environ.get(change.name):
        return "the process environment sets it, which wins over .env: change it there"
    return ground.refused.get(change.name, "")


def _sql_by_hand(change: Change, ground: Ground) -> str:
    if refused := _refused_statement(change):
        return refused
    name = _sql_name(change)
    if not name:
        return ""
    standing = ground.standing.get(name)
    if standing is None:
        return "the server says nothing of this setting"
    if standing.effect == "never" or (standing.effect == "restart" and ground.dialect == "mysql"):
        return "the server takes it at its start only: put the line into its file and restart it"
    if ground.dialect == "postgresql" and any(words in standing.origin for words in _FIXED):
        return f"it is set by {standing.origin}: change it there"
    return ""


def _conflicts(findings: Iterable[tuple[Check, Found]]) -> dict[tuple[str, str], str]:
    """Settings that checks want at different values, with words about it."""
    wanted: dict[tuple[str, str], dict[str, list[str]]] = {}
    for check, found in findings:
        for change in found.changes:
            if _is_applied(change) and not _refused_statement(change) and (name := _name(change)):
                wanted.setdefault((change.kind, name), {}).setdefault(_value(change), []).append(check.id)
    return {key: _two_values(values) for key, values in wanted.items() if len(values) > 1}


def _two_values(values: Mapping[str, Sequence[str]]) -> str:
    named = " and ".join(
        f"{', '.join(ids)} want{'s' if len(ids) == 1 else ''} {value}" for value, ids in values.items()
    )
    return f"{named}: choose with --only or --skip"


def _is_applied(change: Change) -> bool:
    return change.kind in APPLIED_KINDS


def _is_reload(change: Change) -> bool:
    return change.kind == "sql" and not _refused_statement(change) and not _sql_name(change)


def _label(change: Change) -> str:
    return change.name or change.text.split("\n")[0][:60]


def _name(change: Change) -> str:
    return _sql_name(change) if change.kind == "sql" and not _refused_statement(change) else change.name


def _sql_name(change: Change) -> str:
    wanted = read_statement(change.text)
    return "" if wanted is None else wanted.name


def _value(change: Change) -> str:
    if change.kind != "sql":
        return change.value
    wanted = read_statement(change.text)
    return "" if wanted is None else wanted.value


def _refused_statement(change: Change) -> str:
    """Why a statement is not run here; empty for one of the known shapes, and for what is no statement."""
    if change.kind != "sql":
        return ""
    try:
        read_statement(change.text)
    except StatementRefusedError as error:
        return str(error.args[0])
    return ""


def steps_in_words(steps: Sequence[Step]) -> Iterator[str]:
    """A line a step, for a question and for a report."""
    for step in steps:
        where = ".env" if step.kind == "env" else "server"
        yield f"{where}: {step.name} = {step.value} ({', '.join(step.checks)})"
