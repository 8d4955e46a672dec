"""The files of the console: scripts and styles as they are, documents with their blanks filled in."""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served by itself, and as what. Documents are not among them: they have blanks."""


class File(NamedTuple):
    """One of them. `tag` changes with its content."""

    content: bytes
    kind: str
    tag: str


@cache
def served() -> dict[str, File]:
    """All of them by their path below `static/`, read when the first is asked for, some hundred KB: later they are
    there too where the process may open no file any more. What is not in here cannot be asked for, whatever a path
    looks like."""
    return {path: _file(entry, path) for path, entry in _walk(_folder(), "") if _kind(path) is not None}


@cache
def _document(name: str) -> str:
    return (_folder() / name).read_text("utf-8")


def document(name: str, **blanks: str) -> str:
    """`console.html` or `login.html`. A blank is written `{name}`; what it is filled with is escaped."""
    text = _document(name)
    for blank, value in blanks.items():
        text = text.replace(f"{{{blank}}}", escape(value, quote=True))
    return text


def _folder() -> Traversable:
    return files("plimsoll.console") / "static"


def _walk(folder: Traversable, before: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{before}{entry.name}/")
        else:
            yield f"{before}{entry.name}", entry


def _kind(path: str) -> str | None:
    return KINDS.get(path[path.rfind(".") :]) if "." in path else None


def _file(entry: Traversable, path: str) -> File:
    content = entry.read_bytes()
    return File(content, _kind(path) or "", f'"{sha256(content).hexdigest()[:20]}"')
