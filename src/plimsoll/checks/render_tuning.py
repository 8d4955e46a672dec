"""A plan as text for people, as JSON, and as SQL to paste."""

import json
import textwrap
from collections.abc import Iterator

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import Check
from plimsoll.checks.pages import page_path
from plimsoll.checks.tuning import ByHand
from plimsoll.checks.tuning_view import PlanView, StepView
from plimsoll.checks.verdict import Change, Found

WIDTH = 110
LABEL = 11
"""Columns that a label takes."""


def render_text(view: PlanView, *, applying: bool = False) -> str:
    """The plan as lines, with a line break at the end. `applying`: what comes next is the question."""
    return "\n".join(_lines(view, applying=applying)) + "\n"


def _lines(view: PlanView, *, applying: bool) -> Iterator[str]:
    if view.server:
        yield f"{view.database} ({view.server})"
        yield ""
    for check, found in view.plan.findings:
        yield from _finding(check, found, view)
        yield ""
    yield from _kept(view)
    if view.env_diff:
        yield from view.env_diff.rstrip("\n").split("\n")
        yield ""
    for note in view.env_notes:
        yield f"note: {note}"
    if view.unknown:
        yield f"could not be checked: {', '.join(view.unknown)} ('plimsoll check' says why)"
    if not (applying and view.plan.steps):
        yield _last_line(view)


def _finding(check: Check, found: Found, view: PlanView) -> Iterator[str]:
    yield f"{check.id}  {check.title}"
    yield from _labelled("why", found.evidence)
    yield from _labelled("means", check.meaning)
    steps = [step for step in view.steps if check.id in step.step.checks]
    for step in steps:
        first = step.step.checks[0]
        if first == check.id:
            yield from _step(step)
        else:
            yield from _labelled("mended by", f"{step.step.name} = {step.step.value}, as for {first}")
    mine = [item for item in view.plan.by_hand if item.check == check.id]
    shown = {step.step.name for step in steps if step.keep}
    for item in mine:
        if not (item.change.kind == "config" and item.change.name in shown):
            yield from _by_hand(item)
    for item in view.plan.withheld:
        if item.check == check.id:
            yield from _labelled("withheld", f"{item.change.name or item.change.kind}: {item.why}.")
    if not steps:
        yield from _labelled("do", found.fix)
    yield from _labelled("see", f"plimsoll check --explain {check.id}, or {page_path(check)}")


def _step(view: StepView) -> Iterator[str]:
    where = ".env" if view.step.kind == "env" else "server"
    for index, statement in enumerate(view.statements):
        end = "" if view.step.kind == "env" else ";"
        yield f"  {where + ':' if not index else '':<{LABEL}}{statement}{end}"
    origin = f", from {view.origin}" if view.origin else ""
    yield from _labelled("now", f"{view.old or 'not set'}{origin}")
    yield from _labelled("in force", view.effect)
    if view.keep:
        yield from _labelled("until", "the server's next start, unless its file has it too (below)")
    change = view.step.change
    yield from _labelled("memory", change.memory or "none")
    for label, text in (("risk", change.risk), ("needs", view.privilege)):
        if text:
            yield from _labelled(label, text)
    yield from _labelled("undo", "; ".join(view.undo) or "not possible from here")
    if view.reads:
        yield from _labelled("read", view.reads)


def _kept(view: PlanView) -> Iterator[str]:
    """The lines of the server's own files, each file once."""
    places = dict.fromkeys(step.keep_where for step in view.steps if step.keep)
    for place in places:
        yield from textwrap.wrap(
            f"To outlive the server's next start, {place}:", WIDTH, break_long_words=False, break_on_hyphens=False
        )
        yield from (f"  {step.keep}" for step in view.steps if step.keep_where == place)
        yield ""


def _by_hand(item: ByHand) -> Iterator[str]:
    yield from _labelled("by hand", item.why)
    # Never broken: it is there to be copied.
    yield from (f"  {'':<{LABEL}}  {line}" for line in item.change.text.splitlines())
    for label, text in (
        ("memory", item.change.memory),
        ("risk", item.change.risk),
        ("needs", item.change.privilege),
    ):
        if text:
            yield from _labelled(label, text)
    if item.change.undo:
        yield from _labelled("undo", item.change.undo)


def _labelled(label: str, text: str) -> Iterator[str]:
    first, rest = f"  {label + ':' if label else '':<{LABEL}}", " " * (LABEL + 2)
    for line in text.splitlines() or [""]:
        yield from textwrap.wrap(
            line, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
        ) or [first.rstrip()]
        first = rest


def _last_line(view: PlanView) -> str:
    count = len(view.plan.steps)
    if not count:
        return "Nothing that could be changed from here." if view.plan.findings else "Nothing to change."
    changes = counted(count, "change")
    return f"{changes} can be made from here; nothing was changed. 'plimsoll tune --apply' makes them, after a yes."


def render_sql(view: PlanView) -> str:
    """The statements, each with its reason in a comment; what must be done by hand is a comment as a whole."""
    lines: list[str] = []
    titles = {check.id: check.title for check, _ in view.plan.findings}
    for step in view.steps:
        if step.step.kind != "sql":
            continue
        lines += [f"-- {id_}: {titles.get(id_, '')}" for id_ in step.step.checks]
        lines.append(f"-- was {step.old}; in force {step.effect}; undo: {'; '.join(step.undo) or 'not possible'}")
        if step.keep:
            lines.append(f"-- to keep it: {step.keep}  ({step.keep_where})")
        lines += [f"{statement};" for statement in step.statements]
    for item in view.plan.by_hand:
        if item.change.kind == "sql":
            lines += [
                f"-- {item.check}, by hand: {item.why}",
                *(f"-- {line}" for line in item.change.text.splitlines()),
            ]
    return "".join(f"{line}\n" for line in lines)


def render_json(view: PlanView) -> str:
    """All of it for programs."""
    content = {
        "database": view.database,
        "server": view.server,
        "changes": [_step_as_json(step) for step in view.steps],
        "by_hand": [_by_hand_as_json(item) for item in view.plan.by_hand],
        "withheld": [{"check": item.check, "name": item.change.name, "why": item.why} for item in view.plan.withheld],
        "findings": [
            {"check": check.id, "title": check.title, "why": found.evidence, "do": found.fix, "page": page_path(check)}
            for check, found in view.plan.findings
        ],
        "env": {"path": view.env_path, "diff": view.env_diff, "notes": list(view.env_notes)},
        "could_not_be_checked": list(view.unknown),
    }
    return json.dumps(content, indent=2) + "\n"


def _step_as_json(view: StepView) -> dict[str, object]:
    change = view.step.change
    return {
        "kind": view.step.kind,
        "name": view.step.name,
        "value": view.step.value,
        "old": view.old,
        "origin": view.origin,
        "checks": list(view.step.checks),
        "statements": list(view.statements),
        "in_force": view.effect,
        "keep": view.keep,
        "keep_where": view.keep_where,
        "memory": change.memory,
        "risk": change.risk,
        "privilege": view.privilege,
        "undo": list(view.undo),
        "read": view.reads,
    }


def _by_hand_as_json(item: ByHand) -> dict[str, object]:
    change: Change = item.change
    return {
        "check": item.check,
        "kind": change.kind,
        "text": change.text,
        "why": item.why,
        "undo": change.undo,
        "memory": change.memory,
        "risk": change.risk,
        "privilege": change.privilege,
    }
