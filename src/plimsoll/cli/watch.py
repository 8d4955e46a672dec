"""`plimsoll watch`: a running service in the terminal, live or once."""

import asyncio
import json
import sys
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated

import typer

from plimsoll.cli.serve import ServeSettings
from plimsoll.errors import CommandError
from plimsoll.settings import ServiceSettings
from plimsoll.snapshot.codec import to_json
from plimsoll.snapshot.source import ALL
from plimsoll.watch.feed import Feed
from plimsoll.watch.once import is_fine
from plimsoll.watch.once import once as lines_of
from plimsoll.web.place import Place, place_of

NEEDS_ATTENTION = 1
INTERRUPTED = 130
"""As a shell has it for SIGINT."""


class Format(StrEnum):
    """How `--once` is written."""

    TEXT = "text"
    JSON = "json"


def watch(
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The service's address; else where HOST and PORT have it here.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print what is known now and end: 0 fine, 1 needs attention, 2 no answer.")
    ] = False,
    worker: Annotated[
        str, typer.Option(metavar="HOST:PID", help="One worker; else all as one. 'self' is whichever answers.")
    ] = ALL,
    output: Annotated[Format | None, typer.Option("--format", help="With --once: for people or programs.")] = None,
) -> None:
    """Watch a running service: what is wrong, its workers, who holds connections, its routes and statements."""
    if output is not None and not once:
        raise CommandError("--format is for --once, which prints and ends; without it the terminal shows it live.")
    feed = Feed(place_of(url) if url else _here(), _token(), worker=worker)
    try:
        if once:
            _print_once(feed, output or Format.TEXT)
        else:
            _watch(feed)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _here() -> Place:
    settings = ServeSettings.from_env()
    host = settings.host
    try:
        if ip_address(host).is_unspecified:
            host = "127.0.0.1"
    except ValueError:
        pass
    return place_of(f"http://{f'[{host}]' if ':' in host else host}:{settings.port}")


def _token() -> str | None:
    """The one that only sees comes first: nothing else is needed here."""
    settings = ServiceSettings.from_env()
    token = settings.ops_read_token or settings.ops_token
    return token.get_secret_value() if token is not None else None


def _print_once(feed: Feed, output: Format) -> None:
    async def look() -> None:
        try:
            await feed.look()
        finally:
            feed.close()

    asyncio.run(look())
    sight = feed.sight
    if sight.snapshot is None:
        raise CommandError(f"{feed.place.url}: {sight.words}")
    if output is Format.JSON:
        typer.echo(json.dumps(to_json(sight.snapshot), indent=2))
    else:
        for line in lines_of(sight, sight.snapshot, feed.place.url):
            typer.echo(line)
    if not is_fine(sight.snapshot):
        raise typer.Exit(NEEDS_ATTENTION)


def is_terminal() -> bool:
    """Whether keys can be read and pictures shown."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _watch(feed: Feed) -> None:
    if not is_terminal():
        raise CommandError("This is no terminal. 'plimsoll watch --once' prints what is known now.")
    try:
        from plimsoll.watch.app import WatchApp
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "textual":
            raise
        raise CommandError(
            "The live view needs the package 'textual', which is not installed: pip install 'plimsoll[watch]'. "
            "'plimsoll watch --once' works without it."
        ) from None
    failed = WatchApp(feed).run()
    if failed is not None:
        raise failed
