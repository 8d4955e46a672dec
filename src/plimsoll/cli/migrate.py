"""`plimsoll migrate`: brings the schema to the newest revision, shows what that would run, or checks it."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.capacity.wording import counted
from plimsoll.cli.run import database_of, run
from plimsoll.errors import CommandError, MigrationError
from plimsoll.migrations import Migrations
from plimsoll.migrations.state import FIRST_REVISION, NO_REVISIONS

FAILED = 1


def migrate(
    context: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="Print the SQL that would be run, and run none.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Exit 1 if revisions are missing or the schema differs from the models."),
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Take over tables made without migrations, if they equal the models."),
    ] = False,
) -> None:
    """Bring the database's schema to the newest revision.

    Any number of hosts may run this at once: one works, the others wait for it and find nothing left to do.
    """
    if plan + check + adopt > 1:
        raise CommandError("--plan, --check and --adopt are three different questions: give one of them.")
    database = database_of(context)
    migrations = database.migrations
    if migrations is None:
        raise CommandError(
            "This application has no migrations: make it with Database(settings, metadata=..., migrations=DIRECTORY)."
        )
    work = _plan if plan else _check if check else _adopt if adopt else _upgrade
    try:
        status = run(database, lambda engine: work(migrations, engine))
    except MigrationError as error:
        typer.echo(f"plimsoll: {error}", err=True)
        raise typer.Exit(FAILED) from error
    raise typer.Exit(status)


async def _upgrade(migrations: Migrations, engine: AsyncEngine) -> int:
    done = await migrations.upgrade(engine, typer.echo)
    heads = migrations.scripts.heads()
    stands = f"the database is at {', '.join(heads)}" if heads else f"{NO_REVISIONS}. {FIRST_REVISION}"
    typer.echo(
        f"Done: {counted(len(done), 'revision was', 'revisions were')} run; {stands}."
        if done
        else f"Nothing to do: {stands}."
    )
    return 0


async def _plan(migrations: Migrations, engine: AsyncEngine) -> int:
    plan = await migrations.plan(engine)
    stands = "the database is at the newest revision" if migrations.scripts.heads() else NO_REVISIONS
    typer.echo(plan or f"-- Nothing to do: {stands}.")
    return 0


async def _check(migrations: Migrations, engine: AsyncEngine) -> int:
    state = await migrations.state(engine)
    typer.echo(f"Revisions: {state.describe()}.")
    if state.unknown:
        typer.echo("Deploy the code that has this revision.")
        return FAILED
    if state.missing:
        by_hand = not state.current and await migrations.has_tables(engine)
        hint = " ('plimsoll migrate --adopt', if its tables were made without migrations)" if by_hand else ""
        typer.echo(f"Run 'plimsoll migrate'{hint}.")
        return FAILED
    differences = await migrations.differences(engine)
    for difference in differences:
        typer.echo(f"  {difference}")
    found = f"{counted(len(differences), 'difference')} from the models" if differences else "as the models"
    typer.echo(f"Schema: {found}.")
    return FAILED if differences else 0


async def _adopt(migrations: Migrations, engine: AsyncEngine) -> int:
    before = await migrations.state(engine)
    state = await migrations.adopt(engine, typer.echo)
    if before == state:
        typer.echo(f"Nothing to do: {state.describe()}.")
    else:
        typer.echo(f"Adopted: {state.describe()}. From now on 'plimsoll migrate' changes the schema.")
    return 0
