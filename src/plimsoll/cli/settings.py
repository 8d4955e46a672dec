"""`plimsoll settings`: every setting, its value, where that was read, its unit and what is allowed."""

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from plimsoll.cli.serve import read_with_application
from plimsoll.cli.target import Named
from plimsoll.settings import (
    DatabaseSettings,
    ServiceSettings,
    SettingRow,
    Settings,
    TopologySettings,
    read_settings,
)
from plimsoll.settings.database import AUTO

INDENT = " " * 6
NARROWEST = 40
"""Columns below which lines are not broken up further: they would be one word each."""


class Format(StrEnum):
    """How settings are printed."""

    TEXT = "text"
    JSON = "json"


def show_settings(
    context: typer.Context,
    output: Annotated[Format, typer.Option("--format", help="text for people, json for programs.")] = Format.TEXT,
) -> None:
    """Show every setting with its value and where it was read. Secrets are hidden."""
    named: Named = context.obj
    database, more = _groups(named)
    if output is Format.JSON:
        typer.echo(json.dumps(_as_json(database, more), indent=2))
        return
    for line in _as_text(database, more):
        typer.echo(line)


def _groups(named: Named) -> tuple[DatabaseSettings, list[Settings]]:
    """The database's settings and all others, each group once."""
    target = named.find()
    if target is None:
        database_settings, service, topology = read_settings(DatabaseSettings, ServiceSettings, TopologySettings)
        return database_settings, [service, topology]
    serving = read_with_application(target)
    database, more = target.load()
    groups = [*([database.admin.settings] if database.admin else []), *more, serving]
    return database.settings, [group for index, group in enumerate(groups) if group not in groups[:index]]


def _as_text(database: DatabaseSettings, more: list[Settings]) -> Iterator[str]:
    # Broken up for a terminal; a line a setting where a program reads it, or grep.
    width = max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
    for group in (database, *more):
        yield typer.style(type(group).__name__, underline=True)
        for row in group.rows():
            yield from _lines(row, width)
        yield ""
    for group in (database, *more):
        yield from (f"note: {note}" for note in group.notes)
    yield f"database: {database.safe_url}"
    yield f"{_mode(database)}: {database.production.reason}"


def _lines(row: SettingRow, width: int | None) -> Iterator[str]:
    value = (row.value if row.value.isprintable() else repr(row.value)) or "(empty)"
    with_unit = f"{value} {row.unit}" if row.unit and row.value != AUTO else value
    yield f"  {typer.style(row.name, bold=True)} = {with_unit}   ({row.source})"
    details = f"{row.help.rstrip('.')}. Allowed: {row.allowed}." if row.allowed else f"{row.help.rstrip('.')}."
    if width is None:
        yield f"{INDENT}{details}"
    else:
        yield from textwrap.wrap(details, width, initial_indent=INDENT, subsequent_indent=INDENT)


def _as_json(database: DatabaseSettings, more: list[Settings]) -> dict[str, object]:
    groups = [database, *more]
    return {
        "mode": _mode(database),
        "reason": database.production.reason,
        "database": database.safe_url,
        "notes": [note for group in groups for note in group.notes],
        "settings": [asdict(row) for group in groups for row in group.rows()],
    }


def _mode(settings: DatabaseSettings) -> str:
    return "production" if settings.production.active else "development"
