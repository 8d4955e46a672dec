"""The undo file: what was there before each step, on disk before the step begins. No secret is ever in it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from plimsoll.checks.env_edits import EnvEdit
from plimsoll.checks.env_file import NEW_MODE, EnvFileError, put
from plimsoll.errors import CommandError
from plimsoll.server.changing import NAME, VALUE, Standing

FORMAT = 1
STATES = ("begun", "done", "taken back")

State = Literal["begun", "done", "taken back"]
"""`begun` may or may not have taken effect: the process ended in the middle, or an answer did not come."""


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One setting of the server: how it stood, what it was to be, and how it stood after."""

    name: str
    wanted: str
    before: Standing
    after: Standing | None = None
    state: State = "begun"


@dataclass(frozen=True, slots=True)
class EnvEntry:
    """The `.env` file: its settings as they were changed. `made`: there was none before."""

    path: str
    edits: tuple[EnvEdit, ...]
    made: bool = False
    backup: str = ""
    state: State = "begun"


Entry = ServerEntry | EnvEntry


@dataclass(slots=True)
class Journal:
    """An undo file. `database` is its URL without the password, so that it is not used on another one."""

    path: Path
    database: str
    entries: list[Entry] = field(default_factory=list)
    made: str = ""

    @property
    def has_server(self) -> bool:
        """Whether anything is left to be taken back on a server."""
        return any(isinstance(entry, ServerEntry) and entry.state != "taken back" for entry in self.entries)

    @property
    def left(self) -> tuple[str, ...]:
        """What is left to be taken back, in words, in the order in which that is done."""
        return tuple(_words(entry) for entry in reversed(self.entries) if entry.state != "taken back")

    def begin(self, entry: Entry) -> int:
        """Record a step that is about to begin; its number.

        Raises:
            EnvFileError: it cannot be recorded, so the step must not begin.
        """
        self.entries.append(entry)
        try:
            self.save()
        except EnvFileError:
            self.entries.pop()
            raise
        return len(self.entries) - 1

    def mark(self, index: int, state: State, after: Standing | None = None) -> None:
        """Record what became of a step."""
        entry = self.entries[index]
        if isinstance(entry, ServerEntry):
            self.entries[index] = replace(entry, state=state, after=after or entry.after)
        else:
            self.entries[index] = replace(entry, state=state)
        self.save()

    def narrow(self, index: int, edits: tuple[EnvEdit, ...]) -> None:
        """Record that of a `.env` step only these are left to be taken back."""
        entry = self.entries[index]
        if isinstance(entry, EnvEntry):
            self.entries[index] = replace(entry, edits=edits)
        self.save()

    def drop(self, index: int) -> None:
        """Forget the last step: it is certain that nothing of it was done."""
        del self.entries[index]
        self.save()

    def save(self) -> None:
        """Write all of it, in one piece, onto the disk.

        Raises:
            EnvFileError: it cannot be written.
        """
        self.made = self.made or datetime.now(UTC).isoformat(timespec="seconds")
        content = {
            "format": FORMAT,
            "made": self.made,
            "database": self.database,
            "steps": [{"kind": _kind(entry), **asdict(entry)} for entry in self.entries],
        }
        put(self.path, json.dumps(content, indent=2) + "\n", NEW_MODE)


def _words(entry: Entry) -> str:
    if isinstance(entry, ServerEntry):
        return f"server: {entry.name} = {entry.wanted} back to {entry.before.value or 'empty'}"
    edits = ", ".join(f"{edit.name} back to {edit.old or 'nothing'}" for edit in reversed(entry.edits))
    return f"{entry.path}: {edits}"


def _kind(entry: Entry) -> str:
    return "sql" if isinstance(entry, ServerEntry) else "env"


def new_name(directory: Path, now: datetime | None = None) -> Path:
    """The name of a new undo file: the time in UTC, so that the newest is the last in a listing."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    names = (directory / f"plimsoll-undo-{stamp}{'' if n == 1 else f'-{n}'}.json" for n in range(1, 1000))
    return next(path for path in names if not path.exists())


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """While nobody else changes or takes back in this directory: two at once would write one undo file, and each a
    `.env` without what the other has changed. The lock is the directory's own, and ends with the process.

    Raises:
        CommandError: somebody else is at it.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise CommandError(f"{directory} cannot be read: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"Another 'plimsoll tune' is at work in {directory} now, so nothing was done. Run this again when it "
                "has ended."
            ) from error
        except OSError:
            # Some network file systems lock no directory: values are compared before each step all the same.
            pass
        yield
    finally:
        os.close(descriptor)


def read_journal(path: Path) -> Journal:
    """An undo file, every part of it checked: statements are made from it.

    Raises:
        CommandError: it cannot be read, or is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"{path} is not an undo file of 'plimsoll tune': it is not JSON.") from error
    try:
        if content["format"] != FORMAT:
            raise CommandError(f"{path} was written by another version of Plimsoll (format {content['format']!r}).")
        entries = [_entry(step) for step in content["steps"]]
        return Journal(path, _text(content["database"]), entries, _text(content["made"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CommandError(f"{path} is not an undo file of 'plimsoll tune', or it was changed by hand.") from error


def _entry(step: dict[str, Any]) -> Entry:
    state: State = step["state"]
    if state not in STATES:
        raise ValueError("state")
    if step["kind"] == "env":
        edits = tuple(_edit(item) for item in step["edits"])
        return EnvEntry(_text(step["path"]), edits, step["made"] is True, _text(step["backup"]), state)
    after = None if step["after"] is None else _standing(step["after"])
    return ServerEntry(
        _checked(step["name"], NAME), _checked(step["wanted"], VALUE), _standing(step["before"]), after, state
    )


def _edit(item: dict[str, Any]) -> EnvEdit:
    old = None if item["old"] is None else _text(item["old"])
    return EnvEdit(_text(item["name"]), old, _text(item["new"]), _text(item["newline"]))


def _standing(item: dict[str, Any]) -> Standing:
    standing = Standing(**item)
    _checked(standing.name, NAME)
    for value in (standing.value, standing.kept):
        if value is not None:
            _text(value)
    return standing


def _checked(value: object, shape: Any) -> str:
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise ValueError("shape")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value
