"""The command's options and subcommands, and how errors are shown."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.admin import admin
from plimsoll.cli.capacity import show_capacity
from plimsoll.cli.check import check
from plimsoll.cli.limits import show_limits
from plimsoll.cli.migrate import migrate
from plimsoll.cli.report import report
from plimsoll.cli.serve import serve
from plimsoll.cli.settings import show_settings
from plimsoll.cli.target import Named
from plimsoll.cli.tune import tune
from plimsoll.cli.watch import watch
from plimsoll.cli.who import who
from plimsoll.errors import PlimsollError

COULD_NOT = 2
"""Exit status where there is no answer; click's own for a wrong command line. 1 is the answer "no"."""

TRACEBACK = "PLIMSOLL_TRACEBACK"
"""Environment variable that, set to anything, has errors shown with the whole traceback."""

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    # A traceback with local variables would print passwords.
    pretty_exceptions_enable=False,
    help="Keeps an async Python backend and its database above the load line.",
    epilog="Exit status: 0 fine, 1 it failed or a check found something, 2 it could not be done at all.",
)
cli.command("migrate")(migrate)
cli.command("settings")(show_settings)
cli.command("capacity")(show_capacity)
cli.command("limits")(show_limits)
cli.command("check")(check)
cli.command("tune")(tune)
cli.command("serve")(serve)
cli.command("who")(who)
cli.command("watch")(watch)
cli.command("report")(report)
cli.add_typer(admin, name="admin")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plimsoll {version('plimsoll')}")
        raise typer.Exit


@cli.callback()
def _options(
    context: typer.Context,
    app: Annotated[
        str | None,
        typer.Option(help="The application, as module:attribute. Else [tool.plimsoll] in pyproject.toml."),
    ] = None,
    app_dir: Annotated[Path | None, typer.Option(help="The directory that its module is imported from.")] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = Named(app, app_dir)


def main() -> None:
    """Run the command; an error is a few lines on standard error, without a traceback."""
    try:
        cli(args=_options_first(sys.argv[1:]))
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        print(f"plimsoll: {words_of(error)}", file=sys.stderr)  # noqa: T201
        sys.exit(COULD_NOT)


def _options_first(arguments: list[str]) -> list[str]:
    """The options that say which application, moved before the command: many write them behind it."""
    first: list[str] = []
    rest: list[str] = []
    left = iter(arguments)
    for argument in left:
        name, _, value = argument.partition("=")
        if name in ("--app", "--app-dir"):
            first += [argument] if value else [argument, *([following] if (following := next(left, None)) else [])]
        else:
            rest.append(argument)
    return first + rest


def words_of(error: Exception) -> str:
    """What a command that failed says."""
    if isinstance(error, PlimsollError):
        return str(error)
    return f"This should not happen: {type(error).__name__}: {error}. {TRACEBACK}=1 shows where it did."
