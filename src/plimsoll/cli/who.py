"""`plimsoll who`: who holds connections right now, from the workers and from the server's side."""

import asyncio
import json
import os
import shutil
import socket
import sys
import time
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.cli.run import run
from plimsoll.cli.target import Named, service_of
from plimsoll.cli.who_text import text_of
from plimsoll.database import Database
from plimsoll.errors import CommandError
from plimsoll.server import read_facts
from plimsoll.settings import ServiceSettings
from plimsoll.snapshot import ServerView
from plimsoll.snapshot.processes import IDLE_TRANSACTION_S, Ours, joined
from plimsoll.visit.snapshots import Everybody, ask_workers
from plimsoll.web.place import place_of


class Format(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"


def who(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(help="Where the service runs: its workers are asked, by OPS_READ_TOKEN or OPS_TOKEN."),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="text for people, json for programs.")] = Format.TEXT,
) -> None:
    """Show who holds database connections right now.

    With --url the workers tell routes, lines of code and statements, and it is joined with the server's process list.
    Without it the process list alone is read, by DATABASE_URL.
    """
    if url is not None:
        found = asyncio.run(ask_workers(place_of(url), _token(context.obj)))
    else:
        found = Everybody(server=_process_list(context.obj))
    if output is Format.JSON:
        typer.echo(json.dumps(_as_json(found), indent=2))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in text_of(found, time.time(), width):
        typer.echo(line)


def _token(named: Named) -> str | None:
    """That of the application as it is installed here, else of the environment and `.env`."""
    groups = target.load()[1] if (target := named.find()) is not None else ()
    settings = service_of(groups) or ServiceSettings.from_env()
    # The one that only sees comes first: nothing else is needed here.
    token = settings.ops_read_token or settings.ops_token
    return token.get_secret_value() if token is not None else None


def _process_list(named: Named) -> ServerView:
    target = named.find()
    database = target.load()[0] if target is not None else Database.from_env()
    settings = database.settings
    if settings.dialect == "sqlite":
        raise CommandError(
            "The database is SQLite, a file without a server that had a process list. Ask the service itself: "
            "plimsoll who --url http://127.0.0.1:8000"
        )

    async def ask(engine: AsyncEngine) -> ServerView:
        async with engine.connect() as connection:
            facts = await read_facts(connection)
        if "clients" in facts.unread:
            raise CommandError(f"The server's process list could not be read: {facts.unread['clients']}.")
        ours = Ours(
            application=settings.application_name,
            host=socket.gethostname(),
            pid=os.getpid(),
            user=facts.account.user if facts.account is not None else None,
            idle_limit_s=settings.idle_transaction_s or IDLE_TRANSACTION_S,
            tells_names="applications" not in facts.unread,
        )
        return ServerView(
            at_s=time.time(),
            dialect=facts.dialect,
            version=facts.version_text,
            max_connections=facts.max_connections,
            connections=facts.connections_now,
            processes=joined(facts.clients, ours),
            sees_all=facts.sees_all_clients,
        )

    return run(database, ask)


def _as_json(found: Everybody) -> dict[str, Any]:
    return {
        "workers": [
            {
                "host": each.name.rpartition(":")[0],
                "pid": int(each.name.rpartition(":")[2]),
                "release": each.release,
                "silent": each.silent,
                "limit": each.limit,
                "taken": each.taken,
                "idle": each.idle,
                "waiting": each.waiting,
                "holders": [asdict(holder) for holder in each.holders],
            }
            for each in found.workers
        ],
        "missing": list(found.missing),
        "server": None if found.server is None else asdict(found.server),
    }
