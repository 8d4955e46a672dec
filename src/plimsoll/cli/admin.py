"""`plimsoll admin`: makes, mends and checks administrators' accounts."""

from typing import Annotated

import typer

from plimsoll.cli.run import database_of, run
from plimsoll.database import Database
from plimsoll.errors import CommandError
from plimsoll.seeding import AdminAccount, AdminError

FAILED = 1

admin = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, mend and check administrators' accounts.")

Email = Annotated[str, typer.Option(help="The account's e-mail address.")]
Password = Annotated[
    str,
    typer.Option(
        prompt="Password (at least 12 characters)",
        hide_input=True,
        confirmation_prompt=True,
        envvar="PLIMSOLL_NEW_PASSWORD",
        show_envvar=True,
        help="Asked for where it is not given; on a command line other users of the machine could read it.",
    ),
]


@admin.command("create")
def create(context: typer.Context, email: Email, password: Password, name: str = "Administrator") -> None:
    """Make a further administrator's account."""
    database, account = _account(context)
    try:
        run(database, lambda engine: account.create(engine, email=email, name=name, password=password))
    except AdminError as error:
        raise _failed(error) from error
    typer.echo(f"Made an administrator's account for {email}.")


@admin.command("reset-password")
def reset_password(context: typer.Context, email: Email, password: Password) -> None:
    """Give an administrator's account a new password."""
    database, account = _account(context)
    try:
        run(database, lambda engine: account.reset_password(engine, email=email, password=password))
    except AdminError as error:
        raise _failed(error) from error
    typer.echo(f"The password of {email} was changed.")


@admin.command("check")
def check(context: typer.Context) -> None:
    """Is there an administrator, and is the password one that can be guessed? Exit status 1 if something is wrong."""
    database, account = _account(context)
    production = database.settings.production.active
    try:
        report = run(database, lambda engine: account.check(engine, production=production))
    except AdminError as error:
        raise _failed(error) from error
    typer.echo(f"Administrators: {report.admins}")
    for finding in report.findings:
        typer.echo(f"wrong: {finding.message} {finding.fix}")
    for note in report.notes:
        typer.echo(f"note: {note}")
    typer.echo("Nothing is wrong." if report.ok else f"{len(report.findings)} thing(s) to mend.")
    raise typer.Exit(0 if report.ok else FAILED)


def _account(context: typer.Context) -> tuple[Database, AdminAccount]:
    database = database_of(context)
    if database.admin is None:
        raise CommandError(
            "This application keeps no administrator: make it with Database(settings, admin=AdminAccount(...))."
        )
    return database, database.admin


def _failed(error: AdminError) -> typer.Exit:
    typer.echo(f"plimsoll: {error}", err=True)
    return typer.Exit(FAILED)
