"""`plimsoll report`: a black-box record as a page, or the records there are."""

import os
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.errors import CommandError
from plimsoll.reports import page
from plimsoll.reports.files import kept, read
from plimsoll.settings import ServiceSettings
from plimsoll.snapshot.amounts import size

STDOUT = "-"


def report(
    file: Annotated[
        Path | None, typer.Argument(help="A record, by its path or its name in REPORTS_DIR. Without one: a list.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page's file; - for standard output. Else NAME.html here.")
    ] = None,
) -> None:
    """Make a page of a black-box record, or list the records. Needs no application and no database."""
    if file is None:
        if output is not None:
            raise CommandError("--output is for a page: name the record that it is made of as well.")
        _list()
        return
    made = page(read(_found(file)))
    if str(output) == STDOUT:
        typer.echo(made, nl=False)
        return
    target = output or Path(file.name.removesuffix(".gz").removesuffix(".json") + ".html")
    _write(target, made)
    typer.echo(f"{target}: open it in a browser; it needs nothing else.")


def _list() -> None:
    directory = ServiceSettings.from_env().reports_dir
    if not directory:
        raise CommandError(
            "No records are kept, since REPORTS_DIR is not set. Set it to a directory of the service's user that no "
            "web server publishes, or name a record: 'plimsoll report FILE'."
        )
    try:
        found = kept(Path(directory))
    except FileNotFoundError:
        found = []
    except OSError as error:
        raise CommandError(f"REPORTS_DIR, {directory}, cannot be read: {error.strerror}.") from None
    if not found:
        typer.echo(f"There are no records in {directory}. 'kill -USR2' with a worker's process id asks for one.")
    for each in found:
        typer.echo(f"{each.at} UTC  {each.kind:<12}  process {each.pid:<7}  {size(each.size):>8}  {each.path.name}")


def _found(file: Path) -> Path:
    """The file itself, else one of this name in REPORTS_DIR."""
    if file.exists() or file.name != str(file):
        return file
    directory = ServiceSettings.from_env().reports_dir
    there = Path(directory, file.name) if directory else file
    return there if there.exists() else file


def _write(target: Path, text: str) -> None:
    """Readable by this user alone, as the record is."""
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"The page cannot be written to {target}: {error.strerror}.") from None
