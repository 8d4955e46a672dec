"""A `.env` file's text with some values changed: everything else stays byte for byte; pure, no file is touched."""

import difflib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dotenv.parser import Binding, parse_stream

from plimsoll.errors import PlimsollError
from plimsoll.settings.redaction import HIDDEN

_BOM = "\ufeff"
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/+@%*-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# How python-dotenv, which reads the file for us, takes a line apart: blank lines, `export`, a name that may be in
# single quotes, `=`, and a value in one kind of quotes or in none, which ends before a comment.
_HEAD = re.compile(r"\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=#\s]+)[^\S\r\n]*=[^\S\r\n]*")
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_BARE = re.compile(r"[^\r\n]*")
_COMMENT = re.compile(r"\s+#.*")


class EnvTextError(PlimsollError):
    """A value cannot be written as a line of `.env`, or the file is not what it was."""

    code = "PLE090"


@dataclass(frozen=True, slots=True)
class EnvEdit:
    """One setting, changed: the text of its value as it stood in the file (quotes included) and as it stands now.

    `old` is None where the setting had no line, and one was added. `newline` is of undo files of before: the line break
    that was added to the last line before it, which had none.
    """

    name: str
    old: str | None
    new: str
    newline: str = ""


def value_in(text: str, name: str) -> str | None:
    """What `name` is set to; the last line counts. None where no line sets it."""
    found = _last(_bindings(text), name)
    return None if found is None else found.value


def values_in(text: str) -> dict[str, str]:
    """All that is set, by name; the last line of a name counts."""
    return {item.key: item.value for item in _bindings(text) if item.key and item.value is not None}


def count_of(text: str, name: str) -> int:
    """How many lines set a name."""
    return sum(item.key == name for item in _bindings(text))


def change(text: str, wanted: Mapping[str, str]) -> tuple[str, tuple[EnvEdit, ...]]:
    """`text` with the settings `wanted`, and what was changed. One that is as wanted is left.

    Where a name has several lines the last is changed, since the last one counts. A new one goes to the end; before the
    last line where that has no line break.

    Raises:
        EnvTextError: a name or a value cannot be written as a line of `.env`.
    """
    edits: list[EnvEdit] = []
    for name, value in wanted.items():
        if not _NAME.fullmatch(name):
            raise EnvTextError(f"{name!r} is no name of a setting, so it was not written.")
        if value_in(text, name) == value:
            continue
        text, edit = _set(text, name, value)
        edits.append(edit)
    return text, tuple(edits)


def stands(text: str, edit: EnvEdit) -> Literal["changed", "back", "other"]:
    """Whether a setting stands as the edit made it, as it was before it, or at something else."""
    found = _last(_bindings(text), edit.name)
    if found is None:
        return "back" if edit.old is None else "other"
    value = _parts(found).value
    return "changed" if value == edit.new else "back" if value == edit.old else "other"


def take_back(text: str, edit: EnvEdit) -> str:
    """`text` as it was before `edit`, whatever else has been changed in it since.

    Raises:
        EnvTextError: the setting is not what the edit made it, or was not what the edit says.
    """
    back = _taken_back(text, edit)
    if _others(back, edit.name) != _others(text, edit.name):
        raise EnvTextError(f"{edit.name} cannot be taken back without changing what else the file says: do it by hand.")
    return back


def _taken_back(text: str, edit: EnvEdit) -> str:
    bindings = _bindings(text)
    found = _last(bindings, edit.name)
    if found is None or stands(text, edit) != "changed":
        raise EnvTextError(f"{edit.name} in it has been changed since.")
    parts = _parts(found)
    before, after = _place(text, bindings, found)
    if edit.old is not None:
        return f"{before}{parts.head}{edit.old}{parts.tail}{after}"
    original = found.original.string
    kept = before + original[: len(original) - len(original.lstrip())]
    if not after and edit.newline:
        kept = kept.removesuffix(edit.newline)
    return kept + after


def diff(before: str, after: str, name: str, shown: frozenset[str]) -> str:
    """A unified diff without context, so that no other line of the file is shown; `patch` takes it.

    A line that sets none of `shown` has its value hidden: no such line should be in it.
    """
    lines = difflib.unified_diff(_split(before), _split(after), name, name, n=0)
    return "".join(_diff_line(line, shown) for line in lines)


def _diff_line(line: str, shown: frozenset[str]) -> str:
    if line.startswith(("---", "+++", "@@")):
        return line if line.endswith("\n") else f"{line}\n"
    sign, rest = line[0], line[1:]
    end = rest[len(rest.rstrip("\r\n")) :]
    masked = _masked(rest.rstrip("\r\n"), shown)
    return f"{sign}{masked}{end}" if end else f"{sign}{masked}\n\\ No newline at end of file\n"


def _masked(line: str, shown: frozenset[str]) -> str:
    match = re.match(r"\s*(?:export\s+)?'?([A-Za-z_][A-Za-z0-9_]*)'?\s*(=|$)", line.removeprefix(_BOM))
    if match and match[1] in shown:
        return line
    return f"{match[1]}={HIDDEN}" if match else HIDDEN if line else line


def _split(text: str) -> list[str]:
    return [line for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", text) if line]


def _set(text: str, name: str, value: str) -> tuple[str, EnvEdit]:
    bindings = _bindings(text)
    found = _last(bindings, name)
    if found is None:
        changed, edit = _added(text, name, value)
    else:
        parts = _parts(found)
        edit = EnvEdit(name, parts.value, _written(value, parts.value))
        before, after = _place(text, bindings, found)
        changed = f"{before}{parts.head}{edit.new}{parts.tail}{after}"
    if value_in(changed, name) != value or _others(changed, name) != _others(text, name):
        raise EnvTextError(f"{name} cannot be written to this file without changing what else it says: do it by hand.")
    return changed, edit


def _added(text: str, name: str, value: str) -> tuple[str, EnvEdit]:
    """With a line more: the last, or the one before a last line that has no line break. That one stays as it is, so
    that a diff need not show it, which may be a password: hidden, `patch` would not find it."""
    end = "\r\n" if "\r\n" in text else "\n"
    written = _written(value, "")
    line, edit = f"{name}={written}{end}", EnvEdit(name, None, written)
    bindings = _bindings(text)
    if not bindings or text.endswith(("\n", "\r")):
        return f"{text}{line}", edit
    before, _ = _place(text, bindings, bindings[-1])
    return f"{before}{line}{text[len(before) :]}", edit


def _written(value: str, old: str) -> str:
    """The value as it is written: in the quotes that the old one had, in none, or in single ones where it needs them.

    Raises:
        EnvTextError: it has a character that no line may have.
    """
    if not value.isprintable():
        raise EnvTextError("A value with a line break or a control character cannot be written to a .env file.")
    if _PLAIN.fullmatch(value):
        quote = old[0] if old[:1] in ("'", '"') and len(old) > 1 else "" if value else "'"
        return f"{quote}{value}{quote}"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@dataclass(frozen=True, slots=True)
class _Parts:
    """The text of one setting: all before its value, the value with its quotes, and all after it."""

    head: str
    value: str
    tail: str


def _parts(binding: Binding) -> _Parts:
    original = binding.original.string
    head = _HEAD.match(original)
    if head is None:
        raise EnvTextError(f"The line of {binding.key} has no '=', so it was left as it is: correct it by hand.")
    at = head.end()
    if original[at : at + 1] in ("'", '"') and (quoted := _QUOTED.match(original, at)):
        value = quoted[0]
    elif original[at : at + 1] == "#" and original[at - 1] != "=":
        value = ""  # NAME= # a comment
    else:
        bare = _BARE.match(original, at)
        value = _COMMENT.sub("", bare[0] if bare else "").rstrip()
    if not value:
        # The blanks belong to what follows: a value between them and a comment would swallow the comment.
        at = original.index("=", original.index(binding.key or "")) + 1
    return _Parts(original[:at], value, original[at + len(value) :])


def _bindings(text: str) -> list[Binding]:
    return list(parse_stream(io.StringIO(text.removeprefix(_BOM))))


def _last(bindings: list[Binding], name: str) -> Binding | None:
    return next((item for item in reversed(bindings) if item.key == name and not item.error), None)


def _place(text: str, bindings: list[Binding], found: Binding) -> tuple[str, str]:
    """The text before a binding and the text after it."""
    index = next(index for index, item in enumerate(bindings) if item is found)
    before = sum(len(item.original.string) for item in bindings[:index])
    start = len(text) - len(text.removeprefix(_BOM)) + before
    return text[:start], text[start + len(found.original.string) :]


def _others(text: str, name: str) -> list[tuple[str | None, str | None]]:
    """What the file says of all other names; comments and blank lines say nothing."""
    return [(item.key, item.value) for item in _bindings(text) if item.key not in (None, name) or item.error]
