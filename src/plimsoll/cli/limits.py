"""`plimsoll limits`: which limit of this host will strike first, and all others."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from plimsoll.errors import CommandError
from plimsoll.host import Arenas, Limit, Survey, arenas, survey

MIB = 1 << 20
INDENT = " " * 6


class Format(StrEnum):
    """How limits are printed."""

    TEXT = "text"
    JSON = "json"


def show_limits(
    output: Annotated[Format, typer.Option("--format", help="text for people, json for programs.")] = Format.TEXT,
    pid: Annotated[
        int | None, typer.Option(min=1, help="A running process; else what this command itself has.")
    ] = None,
) -> None:
    """Show which limit of memory, files, threads or processes will strike first. Needs no application."""
    process = "self" if pid is None else str(pid)
    if pid is not None and not os.path.exists(f"/proc/{pid}"):
        raise CommandError(f"There is no process {pid} here. 'pgrep -af plimsoll' lists those of the service.")
    found = survey(process=process)
    threads = arenas(process=process, environ=_environment(pid))
    if output is Format.JSON:
        typer.echo(json.dumps(_as_json(found, threads, process), indent=2))
        return
    for line in _as_text(found, threads, process):
        typer.echo(line)


def _environment(pid: int | None) -> dict[str, str]:
    """The environment that a process was started with; empty where another user's may not be read."""
    if pid is None:
        return dict(os.environ)
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = file.read().decode("utf-8", "replace").split("\0")
    except OSError:
        return {}
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _as_text(found: Survey, threads: Arenas, process: str) -> Iterator[str]:
    first = found.binding
    if first is None:
        yield "No limit of memory was found."
    else:
        yield f"First: {first.name} ({first.source}), {_amount(first, first.left)} left. {first.note}"
    for title, limits in (("Memory", found.memory), ("Numbers", found.counts)):
        if limits:
            yield ""
            yield from _table(title, limits)
    yield ""
    if found.address_space_bytes:
        yield f"rss: {found.rss_bytes / MIB:.1f} MiB, address space: {found.address_space_bytes / MIB:.1f} MiB"
        yield _arena_line(threads)
    if found.unlimited:
        yield f"no limit: {', '.join(found.unlimited)}"
    if found.unreadable:
        yield f"could not be read: {', '.join(found.unreadable)}"
    for note in (*found.notes, *_about(process)):
        yield f"note: {note}"


def _table(title: str, limits: tuple[Limit, ...]) -> Iterator[str]:
    """A line a limit, in columns, the one with the least left first; below it what happens when it strikes."""
    ordered = _ordered(limits)
    width = max(len(limit.name) for limit in ordered)
    yield f"{title.ljust(width + 2)}  {'limit':>14}  {'used':>14}  {'left':>14}  source"
    for limit in ordered:
        amounts = "  ".join(f"{_amount(limit, value):>14}" for value in (limit.limit, limit.used, limit.left))
        yield f"  {limit.name.ljust(width)}  {amounts}  {limit.source}"
        swap = f" {_amount(limit, limit.swap_left)} of what is left are swap." if limit.swap_left else ""
        struck = f" Struck so far: {limit.struck}." if limit.struck else ""
        yield f"{INDENT}{limit.note}{swap}{struck}"


def _ordered(limits: tuple[Limit, ...]) -> list[Limit]:
    return sorted(limits, key=lambda limit: limit.left)


def _amount(limit: Limit, value: int) -> str:
    return f"{value / MIB:.1f} MiB" if limit.unit == "bytes" else str(value)


def _arena_line(threads: Arenas) -> str:
    line = f"threads: {threads.threads}"
    if not threads.most:
        return f"{line}; their allocations reserve no address space of their own ({threads.source})"
    each = threads.bytes_for(threads.most) // MIB
    return (
        f"{line}; more threads can reserve {each} MiB of address space for their arenas "
        f"({threads.most} of 64 MiB by {threads.source}); MALLOC_ARENA_MAX=1 saves that"
    )


def _about(process: str) -> Iterator[str]:
    if process == "self":
        yield "these are the limits of this command; --pid shows those of a running service, which may differ."


def _as_json(found: Survey, threads: Arenas, process: str) -> dict[str, object]:
    first = found.binding
    return {
        "first": None if first is None else _row(first),
        "memory": [_row(limit) for limit in _ordered(found.memory)],
        "counts": [_row(limit) for limit in _ordered(found.counts)],
        "rss_bytes": found.rss_bytes,
        "address_space_bytes": found.address_space_bytes,
        "arenas": {**asdict(threads), "reserved_bytes": threads.reserved_bytes},
        "unlimited": found.unlimited,
        "unreadable": found.unreadable,
        "notes": [*found.notes, *_about(process)],
    }


def _row(limit: Limit) -> dict[str, object]:
    return {**asdict(limit), "left": limit.left, "share": round(limit.share, 4)}
