"""Two runs as a table of numbers, and the findings that are new, gone, or still there."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from plimsoll.checks.comparison import Comparison, Row

NOTHING = "-"
LEAST_SHARE = 0.005
"""A smaller share would be shown as 0 %."""


def _shown(found: Comparison) -> list[tuple[str, str, str, str]]:
    """The rows for people: what is 0 in both runs would only hide the others."""
    return [_cells(row) for row in found.rows if row.before or row.after]


def comparison_text(found: Comparison) -> str:
    """For people, with a line break at the end."""
    cells = _shown(found)
    head = ("", "before", "after", "change")
    widths = [max(len(row[column]) for row in (head, *cells)) for column in range(4)]
    lines = [_title(found), *_notes(found)]
    for row in (head, *cells):
        numbers = "  ".join(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append(f"  {row[0].ljust(widths[0])}  {numbers}".rstrip())
    lines += [f"  {line}" for line in _findings(found)]
    return "\n".join(lines) + "\n"


def comparison_markdown(found: Comparison) -> str:
    """For a page."""
    lines = [f"## {_title(found)}", "", *_notes(found), "| | before | after | change |", "|---|---:|---:|---:|"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in _shown(found)]
    lines += ["", *(f"- {line}" for line in _findings(found))]
    return "\n".join(lines) + "\n"


def comparison_json(found: Comparison) -> dict[str, Any]:
    """As plain values."""
    return {
        "before": {"at_s": found.before.at_s, "url": found.before.url, "release": found.before.release},
        "after": {"at_s": found.after.at_s, "url": found.after.url, "release": found.after.release},
        "numbers": [{**asdict(row), "change": row.change} for row in found.rows],
        "findings": {"new": dict(found.new), "gone": dict(found.gone), "stayed": dict(found.stayed)},
    }


def _title(found: Comparison) -> str:
    before, after = found.before, found.after
    return f"{before.when}{_release(before.release)} against {after.when}{_release(after.release)}"


def _release(name: str) -> str:
    return f" (release {name})" if name else ""


def _notes(found: Comparison) -> Iterator[str]:
    if found.before.url != found.after.url:
        yield f"Other addresses: {found.before.url or 'none'}, then {found.after.url or 'none'}."


def _cells(row: Row) -> tuple[str, str, str, str]:
    change = NOTHING if row.change is None else "0" if not row.change else f"{_number(row.change, sign=True)}"
    share = f" ({row.share:+.0%})" if row.share and abs(row.share) >= LEAST_SHARE else ""
    return row.name, _number(row.before), _number(row.after), f"{change}{share}"


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return NOTHING
    form = "+" if sign else ""
    if value == int(value):
        return f"{int(value):{form}d}"
    return f"{value:{form}.3f}" if abs(value) < 1 else f"{value:{form}.1f}"


def _findings(found: Comparison) -> Iterator[str]:
    for word, titles in (("new", found.new), ("gone", found.gone), ("still", found.stayed)):
        yield from (f"{word}: {id_} {title}" for id_, title in titles.items())
    if not (found.new or found.gone or found.stayed):
        yield "no findings in either run"
