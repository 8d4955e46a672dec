"""`plimsoll capacity`: how many connections are wanted and allowed, what binds, and what to set."""

import json
import shutil
import sys
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine
from uvicorn.loops.auto import auto_loop_factory

from plimsoll.capacity import Load, Loop, budget
from plimsoll.cli.capacity_json import json_of
from plimsoll.cli.capacity_text import text_of
from plimsoll.cli.measure import DEFAULT_CONNECTIONS, MOST_CONNECTIONS, SHARE_OF_FREE, Measured, bounded, measure
from plimsoll.cli.run import run
from plimsoll.cli.serve import read_with_application
from plimsoll.cli.target import Named, service_of
from plimsoll.database import Database
from plimsoll.errors import CommandError
from plimsoll.server import read_facts
from plimsoll.server.facts import Account, ServerFacts
from plimsoll.settings import ServiceSettings, TopologySettings, read_settings
from plimsoll.startup.sizing import question_of, running_loop

DOES_NOT_FIT = 1
INTERRUPTED = 130


class Format(StrEnum):
    """How a budget is printed."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is declared: the database, the web side, and how many of them there are."""

    database: Database
    service: ServiceSettings
    topology: TopologySettings


@dataclass(frozen=True, slots=True)
class Found:
    """What the server was asked and what was measured, in the event loop that a service has here."""

    facts: ServerFacts
    measured: Measured | None
    loop: Loop


def show_capacity(
    context: typer.Context,
    arrival_rate: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Requests a second that use the database, in all; with --hold-ms."),
    ] = None,
    hold_ms: Annotated[
        float | None, typer.Option(metavar="MS", help="How long one holds its connection on average, in milliseconds.")
    ] = None,
    hosts: Annotated[int | None, typer.Option(metavar="NUMBER", help="Instead of DEPLOY_HOSTS.")] = None,
    workers: Annotated[int | None, typer.Option(metavar="NUMBER", help="Instead of WEB_CONCURRENCY.")] = None,
    engines: Annotated[int | None, typer.Option(metavar="NUMBER", help="Instead of DEPLOY_ENGINES.")] = None,
    overlap: Annotated[
        int | None,
        typer.Option(metavar="PERCENT", help="Instead of DEPLOY_OVERLAP: of the workers, how many run twice."),
    ] = None,
    others: Annotated[int | None, typer.Option(metavar="NUMBER", help="Instead of DEPLOY_OTHER_CONNECTIONS.")] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", min=0, max=10_000, help="Threads of a worker beside its first; 40 if not given."
        ),
    ] = None,
    max_connections: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="What the server would admit, instead of what it says.")
    ] = None,
    account_connections: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", min=1, help="What the account would be allowed, instead of what the server says."
        ),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no server; needs --max-connections.")] = False,
    measuring: Annotated[
        bool, typer.Option("--measure", help="Open some connections to learn what one costs here. Asks first.")
    ] = False,
    measure_connections: Annotated[
        int, typer.Option(metavar="NUMBER", min=2, max=MOST_CONNECTIONS, help="How many of them at most.")
    ] = DEFAULT_CONNECTIONS,
    yes: Annotated[bool, typer.Option("--yes", help="Measure without asking.")] = False,
    output: Annotated[Format, typer.Option("--format", help="text for people, json for programs.")] = Format.TEXT,
) -> None:
    """Reckon how many connections are wanted and allowed, which limit binds, and what to set.

    Nothing is changed. Needs no application: settings are then read here.

    Exit status: 0 it fits, 1 it does not, 2 there is no answer.
    """
    load = _load(arrival_rate, hold_ms)
    deployment = _deployment(context.obj)
    changes = {
        name: value
        for name, value in (
            ("hosts", hosts),
            ("workers", workers),
            ("engines", engines),
            ("overlap_percent", overlap),
            ("other_connections", others),
        )
        if value is not None
    }
    topology = deployment.topology.model_copy(update=changes)
    if offline:
        if measuring:
            raise CommandError("--measure opens connections to the server, and --offline asks none: leave one out.")
        found = _offline(deployment.database, max_connections)
    else:
        count = _agreed(deployment.database, measure_connections, yes=yes) if measuring else 0
        found = _ask(deployment.database, count)
    facts = _instead(found.facts, max_connections, account_connections)
    settings, service = deployment.database.settings, deployment.service
    question = question_of(settings, service, topology, facts, loop=found.loop, load=load)
    if found.measured is not None:
        question = replace(question, costs=found.measured.costs(question.costs))
    if threads is not None:
        question = replace(question, threads=threads)
    reckoned = budget(question)
    if output is Format.JSON:
        typer.echo(json.dumps(json_of(reckoned, found.measured), indent=2, allow_nan=False))
    else:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in text_of(reckoned, found.measured, columns):
            typer.echo(line)
    if not reckoned.fits:
        raise typer.Exit(DOES_NOT_FIT)


def _load(arrival_rate: float | None, hold_ms: float | None) -> Load | None:
    if arrival_rate is None and hold_ms is None:
        return None
    if arrival_rate is None or hold_ms is None:
        raise CommandError("--arrival-rate and --hold-ms go together: how often a connection is asked for, and kept.")
    try:
        return Load(arrival_rate, hold_ms / 1000)
    except ValueError as error:
        raise CommandError(f"--arrival-rate={arrival_rate:g} and --hold-ms={hold_ms:g}: {error}.") from error


def _deployment(named: Named) -> Deployment:
    target = named.find()
    if target is None:
        database = Database.from_env()
        service, topology = read_settings(ServiceSettings, TopologySettings)
        return Deployment(database, service, topology)
    topology = read_with_application(target)
    database, more = target.load()
    return Deployment(database, service_of(more) or ServiceSettings.from_env(), topology)


def _offline(database: Database, max_connections: int | None) -> Found:
    dialect = database.settings.dialect
    if max_connections is None and dialect != "sqlite":
        raise CommandError(
            "--offline needs --max-connections: what the server admits "
            "(SHOW VARIABLES LIKE 'max_connections', or SHOW max_connections)."
        )
    return Found(ServerFacts(dialect, "sqlite" if dialect == "sqlite" else "other", (), ""), None, _loop_here())


def _instead(facts: ServerFacts, max_connections: int | None, account_connections: int | None) -> ServerFacts:
    """The facts, with what the command line puts in their place.

    Raises:
        CommandError: there is no server that could admit connections.
    """
    if facts.dialect == "sqlite" and (max_connections is not None or account_connections is not None):
        raise CommandError(
            "The database is SQLite, a file without a server: --max-connections and --account-connections say nothing "
            "of it. Name the server's database in DATABASE_URL, or leave these options out."
        )
    if max_connections is not None:
        facts = replace(facts, max_connections=max_connections)
    if account_connections is not None:
        account = facts.account or Account("")
        source = "the account's limit"
        account = replace(account, max_connections=account_connections, max_connections_source=source)
        facts = replace(facts, account=account)
    return facts


def _agreed(database: Database, most: int, *, yes: bool) -> int:
    """How many connections may be opened, once whoever asked has said yes to it.

    Raises:
        CommandError: the answer was no, or there was nobody to ask.
    """
    if database.settings.dialect == "sqlite":
        raise CommandError("--measure is for a database server; a connection to SQLite is an open file and a thread.")
    question = (
        f"Open up to {most} connections to {database.settings.safe_url}, one by one, at most one in {SHARE_OF_FREE} of "
        "those that are free now, and close them again?"
    )
    if not yes and not sys.stdin.isatty():
        raise CommandError(f"{question} There is nobody to ask: --yes says so.")
    if not yes and not _confirmed(question):
        raise CommandError("Nothing was measured. Without --measure the costs of a connection are assumed.")
    return most


def _confirmed(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as error:
        # Not click's own 1: that is the answer "it does not fit".
        typer.echo("\nNothing was measured.", err=True)
        raise typer.Exit(INTERRUPTED) from error


def _ask(database: Database, measured: int) -> Found:
    """The server's facts, and what `measured` connections cost, if it is not 0."""

    async def ask(engine: AsyncEngine) -> Found:
        async with engine.connect() as connection:
            facts = await read_facts(connection)
        found = await measure(engine, bounded(measured, facts)) if measured else None
        return Found(facts, found, running_loop())

    return run(database, ask, new_loop=auto_loop_factory())


def _loop_here() -> Loop:
    """The event loop that uvicorn chooses here."""
    return "uvloop" if "uvloop" in str(auto_loop_factory().__module__) else "asyncio"
