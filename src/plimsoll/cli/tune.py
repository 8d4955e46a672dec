"""`plimsoll tune`: what the checklist found, as changes that can be applied after a yes, and taken back."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import SQLAlchemyError

from plimsoll.checks.applying import apply, undo_env, undo_server
from plimsoll.checks.env_file import may_rewrite, read_file
from plimsoll.checks.journal import Journal, alone, new_name, read_journal
from plimsoll.checks.registry import BY_ID, select
from plimsoll.checks.render_tuning import render_json, render_sql, render_text
from plimsoll.checks.runner import run_checks
from plimsoll.checks.server_steps import ServerSteps, one_connection
from plimsoll.checks.steps import Outcome
from plimsoll.checks.suppressions import read_suppressions
from plimsoll.checks.tuning import steps_in_words
from plimsoll.cli.gathering import gather
from plimsoll.cli.planning import Planned, plan_of
from plimsoll.cli.run import explained
from plimsoll.cli.target import Named
from plimsoll.engine import build_engine
from plimsoll.errors import CommandError
from plimsoll.server import read_facts
from plimsoll.server.changers import changer_of
from plimsoll.settings import DatabaseSettings

TIMEOUT_S = 5.0
FAILED = 1
INTERRUPTED = 130


class Format(StrEnum):
    """How the plan is printed."""

    TEXT = "text"
    JSON = "json"
    ENV = "env"
    SQL = "sql"


def tune(
    context: typer.Context,
    output_format: Annotated[
        Format, typer.Option("--format", help="text for people, json for programs, env for the diff, sql to paste.")
    ] = Format.TEXT,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|TAG", help="Look at these checks only; several times, or with commas."),
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option(metavar="ID|TAG", help="Leave these checks out; several times, or with commas.")
    ] = None,
    apply_it: Annotated[
        bool, typer.Option("--apply", help="Make the changes, after a yes, and keep an undo file.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="The yes, for scripts.")] = False,
    undo: Annotated[
        Path | None, typer.Option("--undo", metavar="FILE", help="Take back what the undo file of a run has.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=600, help="Seconds that any one source of facts may take.")
    ] = TIMEOUT_S,
) -> None:
    """Show what would mend the findings of 'plimsoll check': a .env diff, SQL, commands. Changes nothing by itself.

    Exit status: 0 fine, 1 something was not applied or not taken back, 2 it could not be done at all.
    """
    if (apply_it or undo) and not yes and not _asks():
        raise CommandError("There is no terminal to ask at, so nothing was changed. Give --yes where a script decides.")
    if undo is not None:
        if apply_it or only or skip or output_format is not Format.TEXT:
            raise CommandError("--undo takes back what its file has: it goes with --yes only.")
        _undo(context.obj, undo.absolute(), yes=yes)
        return
    if apply_it and output_format is not Format.TEXT:
        raise CommandError("--apply tells in words what it does: leave --format out.")
    planned = _planned(context.obj, _split(only), _split(skip), timeout)
    typer.echo(_rendered(planned, output_format, applying=apply_it), nl=False)
    if apply_it and planned.plan.steps:
        _apply(planned, yes=yes)


def _planned(named: Named, only: Sequence[str], skip: Sequence[str], timeout: float) -> Planned:
    checks = select("before", only, skip)
    target = named.find()
    suppressions = read_suppressions(target.home if target else Path.cwd(), BY_ID)
    facts = gather(named, limit_s=timeout)
    return plan_of(run_checks(checks, facts, suppressions), facts)


def _rendered(planned: Planned, output_format: Format, *, applying: bool) -> str:
    if output_format is Format.TEXT:
        return render_text(planned.view, applying=applying)
    if output_format is Format.ENV:
        return planned.view.env_diff
    return render_json(planned.view) if output_format is Format.JSON else render_sql(planned.view)


def _split(words: list[str] | None) -> list[str]:
    return [part for word in words or () for part in word.split(",") if part.strip()]


def _asks() -> bool:
    """Whether there is a person at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def _agreed(question: str, *, yes: bool) -> bool:
    if yes:
        return True
    try:
        agreed = typer.confirm(question)
    except typer.Abort as error:
        typer.echo("\nNothing was changed.")
        raise typer.Exit(INTERRUPTED) from error
    if not agreed:
        typer.echo("Nothing was changed.")
    return agreed


# Applying.


def _apply(planned: Planned, *, yes: bool) -> None:
    typer.echo("")
    for line in steps_in_words(planned.plan.steps):
        typer.echo(f"  {line}")
    count = len(planned.plan.steps)
    if not _agreed("Make this change?" if count == 1 else f"Make these {count} changes, in this order?", yes=yes):
        return
    with alone(Path.cwd()):
        _make(planned)


def _make(planned: Planned) -> None:
    if planned.plan.wanted_in_env:
        may_rewrite(read_file(planned.env.path))
    journal = Journal(new_name(Path.cwd()), planned.settings.safe_url if planned.settings else "")
    outcome = Outcome()
    _run(_applied(planned, journal, outcome), outcome)
    _report(outcome, "done")
    if journal.entries:
        typer.echo(f"To take it back: plimsoll tune --undo {journal.path.name}")
    else:
        journal.path.unlink(missing_ok=True)
    if outcome.complete and planned.plan.wanted_in_env:
        typer.echo("The service reads .env at its start: start it again.")
    _end(outcome)


async def _applied(planned: Planned, journal: Journal, outcome: Outcome) -> None:
    if not planned.plan.on_server:
        await apply(planned.plan, planned.standing, planned.env, journal, None, outcome)
        return
    assert planned.settings is not None
    async with _server(planned.settings) as server:
        await apply(planned.plan, planned.standing, planned.env, journal, server, outcome)


# Taking back.


def _undo(named: Named, path: Path, *, yes: bool) -> None:
    journal = read_journal(path)
    for line in journal.left:
        typer.echo(f"  {line}")
    if journal.left and not _agreed(f"Take this back (done at {journal.made})?", yes=yes):
        return
    with alone(path.parent):
        # Read anew: somebody else may have taken it back while the question stood.
        _take_back(named, read_journal(path))


def _take_back(named: Named, journal: Journal) -> None:
    if not journal.left:
        typer.echo("Nothing is left to take back: all of it was.")
        return
    # Before anything is touched: what is taken back is recorded there.
    journal.save()
    in_file, on_server = Outcome(), Outcome()
    _run(undo_env(journal, in_file), in_file)
    # Said before the server is asked: that may fail, and the settings it needs are of the file that was just changed.
    _report(in_file, "taken back")
    if journal.has_server and not in_file.cancelled:
        settings = _settings_for(journal, named)
        _run(_undone(settings, journal, on_server), on_server)
        _report(on_server, "taken back")
    _end(on_server if on_server.cancelled or in_file.complete else in_file)


def _settings_for(journal: Journal, named: Named) -> DatabaseSettings:
    """The settings of the database that the undo file is about.

    Raises:
        CommandError: the settings name another one.
    """
    target = named.find()
    settings = DatabaseSettings.from_env() if target is None else target.load()[0].settings
    if settings.safe_url != journal.database:
        raise CommandError(
            f"{journal.path} is about {journal.database}, and the settings name {settings.safe_url}: nothing was taken "
            "back on a server."
        )
    return settings


async def _undone(settings: DatabaseSettings, journal: Journal, outcome: Outcome) -> None:
    async with _server(settings) as server:
        await undo_server(journal, server, outcome)


@asynccontextmanager
async def _server(settings: DatabaseSettings) -> AsyncGenerator[ServerSteps]:
    """Steps on the server, over one connection.

    Raises:
        DatabaseUnavailableError: there is no connection.
        CommandError: this kind of database has no server.
    """
    changer = changer_of(settings.dialect)
    if changer is None:
        raise CommandError(f"{settings.safe_url} has no server, so there are no settings of one.")
    engine = build_engine(settings, pooled=False)
    try:
        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(one_connection(engine))
                facts = await read_facts(connection)
            except SQLAlchemyError as error:
                raise explained(error, settings) from error
            yield ServerSteps(connection, changer, facts)
    finally:
        await engine.dispose()


def _run(work: Coroutine[Any, Any, None], outcome: Outcome) -> None:
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        outcome.cancelled = True


def _report(outcome: Outcome, word: str) -> None:
    for line in outcome.done:
        typer.echo(f"{word}: {line}")
    for line in outcome.failed:
        typer.echo(f"not {word}: {line}", err=True)
    for line in outcome.not_done:
        typer.echo(f"not begun: {line}", err=True)
    if outcome.cancelled:
        typer.echo("Stopped by Ctrl+C: the step that had begun was ended first.", err=True)


def _end(outcome: Outcome) -> None:
    if outcome.cancelled:
        raise typer.Exit(INTERRUPTED)
    if not outcome.complete:
        raise typer.Exit(FAILED)
