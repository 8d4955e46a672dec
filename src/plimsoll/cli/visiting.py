"""The part of `plimsoll check` that visits a running service: what was asked for, the visit, and what is kept of it."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from plimsoll.checks.baseline import Baseline, save
from plimsoll.checks.check import Stage
from plimsoll.checks.comparison import log_begin
from plimsoll.checks.facts import Facts
from plimsoll.checks.gather_database import Asked, read_server
from plimsoll.checks.gather_machine import with_machine
from plimsoll.checks.verdict import Known
from plimsoll.cli.gathering import Answers, More
from plimsoll.errors import CommandError
from plimsoll.visit.logfile import read_log
from plimsoll.visit.service import Visit, Wish
from plimsoll.web.place import place_of

LONGEST_WATCH_S = 24 * 3600.0
UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
MOST_ENDPOINTS = 40

QUIET_S = 1.0
"""So long the pages are not asked while the database is still being read, which would show in their times. A database
that has not answered by then costs nothing."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks of a visit."""

    wish: Wish
    log: Path | None = None


def wishes_of(
    stage: Stage,
    url: str | None,
    release: str | None,
    endpoints: Sequence[str] | None,
    limit_ms: float,
    log: Path | None,
    watch: str | None,
) -> Wishes | None:
    """What is asked of a visit; None before a deployment, where there is none.

    Raises:
        CommandError: an option is wrong, or is for the other stage.
    """
    if stage == "before":
        given = {"--url": url, "--release": release, "--endpoint": endpoints, "--log": log, "--watch": watch}
        wrong = next((name for name, value in given.items() if value), None)
        if wrong is not None:
            raise CommandError(f"{wrong} is about a service that runs: give --stage after as well, or leave it out.")
        return None
    if not url:
        raise CommandError(
            "Which service? --stage after needs --url, such as --url http://127.0.0.1:8000 for 'plimsoll serve' here."
        )
    wish = Wish(
        place_of(url),
        endpoints=tuple(_path(text) for text in endpoints or ()),
        limit_s=limit_ms / 1000,
        expected_release=release,
        watch_s=_seconds(watch) if watch else 0.0,
    )
    if len(wish.endpoints) > MOST_ENDPOINTS:
        raise CommandError(f"--endpoint was given {len(wish.endpoints)} times; a visit asks {MOST_ENDPOINTS} at most.")
    return Wishes(wish, log.absolute() if log else None)


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or " " in text:
        raise CommandError(f"--endpoint {text!r} is no path of the service: write it as in --endpoint /items?limit=10")
    return text


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)(s|m|min|h)", text.strip())
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= LONGEST_WATCH_S:
        raise CommandError(f"--watch {text!r} is no time up to 24h: write it as 90s, 10m or 2h.")
    return seconds


def visiting(wishes: Wishes, limit_s: float) -> More:
    """Visit the running service while the database is read: where neither answers, one wait is enough. The database's
    server is read once more within the visit: then nobody of ours but one connection is in its process list."""

    async def visit(facts: Facts, reading: "asyncio.Future[Answers]") -> Answers:
        service = facts.service.value if facts.service.known else None
        token = service.ops_token.get_secret_value() if service is not None and service.ops_token is not None else None
        learned: dict[str, Any] = {}

        async def ask_server() -> None:
            if (await reading)["server"].known:
                asked = Asked(facts.settings.value, limit_s=limit_s)
                learned["server"] = with_machine(await read_server(asked), facts.host)

        async def quiet() -> None:
            await asyncio.wait({reading}, timeout=QUIET_S)

        visit = Visit(replace(wishes.wish, token=token, workers=_declared_workers(facts)))
        learned["running"] = Known(await visit.gather(ask_server, quiet))
        return learned

    return visit


def with_log(facts: Facts, wishes: Wishes, before: Baseline | None) -> Facts:
    """The facts of a visit with those of the service's log, and with the earlier run that says where it began."""
    running = facts.running.value
    if wishes.log is not None:
        begin = log_begin(before, wishes.log.name) if before is not None else 0
        running = replace(running, log=read_log(wishes.log, begin))
    baseline = facts.baseline if before is None else Known(before)
    return replace(facts, running=Known(running), baseline=baseline)


def _declared_workers(facts: Facts) -> int | None:
    """How many there should be; None where nobody said so. One is the default, which says nothing."""
    if not facts.topology.known:
        return None
    topology = facts.topology.value
    declared = any(topology.source_of(name).kind != "default" for name in ("workers", "hosts"))
    return topology.workers * topology.hosts if declared else None


def keep(path: Path, now: Baseline) -> None:
    """Save this run, unless nothing was learned that another could be compared with.

    Raises:
        CommandError: the file cannot be written.
    """
    if not now.numbers and not now.server:
        typer.echo(f"The baseline was not saved to {path}: nothing was learned that has a number.", err=True)
        return
    save(path, now)
    typer.echo(f"The baseline was saved to {path}; compare a later run with --against {path}", err=True)
