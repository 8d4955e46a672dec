"""Reads a .env file: each value with the line it stands on, and each line that is wrong."""

import io
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from plimsoll.settings.records import Problem, Source

MOST_BYTES = 1 << 20
"""Of a .env file: what is longer is something else, and would take memory and time."""

_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_NAME = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)")
_LINE_SYNTAX = "NAME=value, a comment that begins with #, or nothing; a quote that is opened must be closed"


@dataclass(slots=True)
class EnvFile:
    """What a .env file says. `values` are text; `repeats` has a note for each known name given twice."""

    path: str
    values: dict[str, tuple[str, Source]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    repeats: dict[str, str] = field(default_factory=dict)


def read_env_file(path: str | PathLike[str] | None, known: Collection[str]) -> EnvFile:
    """Read the file; a missing one (or None) is an empty one. `known` are the names of settings."""
    found = EnvFile("" if path is None else fspath(path))
    if path is None:
        return found
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return found
    except OSError as error:
        _unreadable(found, f"cannot be read: {error.strerror or error}")
        return found
    if len(content) > MOST_BYTES:
        _unreadable(found, f"is longer than {MOST_BYTES >> 20} MiB")
        return found
    try:
        # utf-8-sig: editors on Windows put a byte order mark before the first name.
        text = content.decode("utf-8-sig")
    except ValueError:
        _unreadable(found, "is not UTF-8 text")
        return found
    for binding in parse_stream(io.StringIO(text, newline=None)):
        _take(found, binding, _line_of(binding), known)
    return found


def _line_of(binding: Binding) -> int:
    # The parser counts from the blank lines before the setting, not from the setting itself.
    original = binding.original.string
    blank = original[: len(original) - len(original.lstrip())]
    return binding.original.line + len(_LINE_BREAK.findall(blank))


def _take(found: EnvFile, binding: Binding, line: int, known: Collection[str]) -> None:
    source = Source("file", found.path, line)
    if binding.error or (binding.value is None and binding.key in known):
        found.problems.append(_bad_line(binding, source, known))
    elif binding.key is not None and binding.value is not None:
        earlier = found.values.get(binding.key)
        if earlier and binding.key in known:
            found.repeats[binding.key] = (
                f"{binding.key} is set twice, at {earlier[1]} and at {source}: the last one counts."
            )
        found.values[binding.key] = (binding.value, source)


def _bad_line(binding: Binding, source: Source, known: Collection[str]) -> Problem:
    # The line itself is never shown: it may be a part of a password. A name of ours is safe to show.
    match = _NAME.match(binding.original.string)
    name = match[1] if match and match[1] in known else "(a line that cannot be read)"
    what = "this line is not of the form NAME=value" if binding.error else "this line has no = and no value"
    return Problem(name, "(not shown)", str(source), what, _LINE_SYNTAX)


def _unreadable(found: EnvFile, what: str) -> None:
    source = Source("file", found.path)
    found.problems.append(
        Problem(found.path, "(file)", str(source), what, "a readable text file in UTF-8, or no such file")
    )
