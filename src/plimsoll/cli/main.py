"""The command's options and subcommands, and how errors are shown."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.admin import admin
from plimsoll.cli.migrate import migrate
from plimsoll.cli.serve import serve
from plimsoll.cli.settings import show_settings
from plimsoll.cli.target import Named
from plimsoll.errors import PlimsollError

COULD_NOT_BEGIN = 2

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would print passwords.
    pretty_exceptions_enable=False,
    help="Keeps an async Python backend and its database above the load line.",
)
cli.command("migrate")(migrate)
cli.command("settings")(show_settings)
cli.command("serve")(serve)
cli.add_typer(admin, name="admin")


@cli.callback()
def _options(
    context: typer.Context,
    app: Annotated[
        str | None,
        typer.Option(help="The application, as module:attribute. Else [tool.plimsoll] in pyproject.toml."),
    ] = None,
    app_dir: Annotated[Path | None, typer.Option(help="The directory that its module is imported from.")] = None,
) -> None:
    context.obj = Named(app, app_dir)


def main() -> None:
    """Run the command; errors that Plimsoll explains are printed without a traceback."""
    try:
        cli()
    except PlimsollError as error:
        print(f"plimsoll: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(COULD_NOT_BEGIN)
