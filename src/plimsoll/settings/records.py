"""What the settings tell a person: where a value came from, one row for display, one thing that is wrong,
and the error that lists everything wrong at once. Nothing here ever holds a secret in clear."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from plimsoll.errors import PlimsollError

NOT_SET = "(not set)"

AS_ASKED = ("the async driver", "certificate is checked", "require is used instead")
"""Parts of notes that only tell how a URL was read, to the reader's good; everything else may be a slip."""


def is_as_asked(note: str) -> bool:
    """Whether nothing is to be done about what the note tells."""
    return any(words in note for words in AS_ASKED)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from. `str()` gives "default", ".env:3", "environment" or "argument"."""

    kind: Literal["default", "file", "environment", "argument"]
    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        if self.kind != "file":
            return self.kind
        return f"{self.path}:{self.line}" if self.line else self.path


DEFAULT = Source("default")
ENVIRONMENT = Source("environment")
ARGUMENT = Source("argument")


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as a person sees it. A secret's `value` is "***"; a URL's password is replaced by it."""

    name: str
    value: str
    source: str
    unit: str
    allowed: str
    help: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that is wrong. `value` is quoted as Python would, so that a stray space is seen."""

    name: str
    value: str
    source: str
    what: str
    allowed: str

    def __str__(self) -> str:
        lines = [f"  {self.name} = {self.value}   (from: {self.source})", f"      wrong:   {self.what}"]
        if self.allowed:
            lines.append(f"      allowed: {self.allowed}")
        return "\n".join(lines)


class SettingsError(PlimsollError):
    """Settings are wrong. `problems` has every one of them; the text lists them all."""

    code = "PLE001"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 setting is wrong" if count == 1 else f"{count} settings are wrong"
        listed = "\n".join(str(problem) for problem in self.problems)
        them = "it" if count == 1 else "them"
        super().__init__(
            f"{head}:\n{listed}\nNothing was started. Correct {them} where the value came from, then start again."
        )

    def __reduce__(self) -> tuple[type["SettingsError"], tuple[tuple[Problem, ...]]]:
        return (type(self), (self.problems,))
