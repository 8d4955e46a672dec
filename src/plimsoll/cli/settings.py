"""`plimsoll settings`: every setting, its value, where that was read, its unit and what is allowed."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from plimsoll.cli.target import Named
from plimsoll.settings import DatabaseSettings, Settings


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
    groups = _groups(named)
    database_settings = groups[0]
    if output is Format.JSON:
        typer.echo(json.dumps(_as_json(groups), indent=2))
        return
    console = Console(soft_wrap=not Console().is_terminal)
    for group in groups:
        console.print(_table(group))
        for note in group.notes:
            console.print(f"note: {note}", markup=False)
    assert isinstance(database_settings, DatabaseSettings)
    production = database_settings.production
    console.print(f"database: {database_settings.safe_url}", markup=False, highlight=False)
    console.print(f"{_mode(database_settings)}: {production.reason}", markup=False, highlight=False)


def _groups(named: Named) -> list[Settings]:
    target = named.find()
    if target is None:
        return [DatabaseSettings.from_env()]
    database, more = target.load()
    admin = [database.admin.settings] if database.admin is not None else []
    return [database.settings, *admin, *(group for group in more if group not in admin)]


def _table(group: Settings) -> Table:
    table = Table(title=type(group).__name__, title_justify="left", box=None, pad_edge=False)
    for heading in ("name", "value", "source", "unit", "allowed", "what it is"):
        table.add_column(heading, overflow="fold")
    for row in group.rows():
        table.add_row(row.name, row.value, row.source, row.unit, row.allowed, row.help)
    return table


def _as_json(groups: list[Settings]) -> dict[str, object]:
    first = groups[0]
    assert isinstance(first, DatabaseSettings)
    return {
        "mode": _mode(first),
        "reason": first.production.reason,
        "database": first.safe_url,
        "notes": [note for group in groups for note in group.notes],
        "settings": [asdict(row) for group in groups for row in group.rows()],
    }


def _mode(settings: DatabaseSettings) -> str:
    return "production" if settings.production.active else "development"
