"""What a check answers: passed, found, not applicable, or not able to tell. It never passes in silence."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, Literal, TypeVar

from plimsoll.errors import PlimsollError

Value = TypeVar("Value")


class Level(IntEnum):
    """How bad a finding is. `--fail-level` compares them."""

    INFO = 10
    """Worth knowing; nothing is wrong."""
    WARNING = 20
    """Goes wrong in circumstances that come sooner or later."""
    ERROR = 30
    """Is wrong now, or goes wrong under load."""
    CRITICAL = 40
    """Do not deploy: data, secrets or the whole service are at stake."""


@dataclass(frozen=True, slots=True)
class Change:
    """What would mend a finding, as text to paste and for `plimsoll tune` to apply.

    `kind` says where: a line of `.env` ("env"), a statement for the server ("sql"), a line of its configuration file
    ("config"), or a command for a shell ("shell"). `undo` takes it back, `name` and `value` are the setting's own.
    `reads_back` is a statement whose single value is then `value`, for checking.
    """

    kind: Literal["env", "sql", "config", "shell"]
    text: str
    undo: str = ""
    name: str = ""
    value: str = ""
    old: str = ""
    reads_back: str = ""
    privilege: str = ""
    risk: str = ""
    memory: str = ""
    """The arithmetic of what it takes, in words with numbers; empty where it takes none."""


@dataclass(frozen=True, slots=True)
class Passed:
    """All is well; `evidence` says by which numbers."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Found:
    """Something is to be done. `level` overrides the check's own where it depends on what was found."""

    evidence: str
    """What was found, with numbers."""
    fix: str
    """What to do, as a person would be told; `changes` have the exact text."""
    changes: tuple[Change, ...] = ()
    level: Level | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    """For `--baseline`: figures of this finding by name."""
    same_as: str = ""
    """The id of a check that names this cause better: where that one finds it, and counts, this one does not apply."""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The question does not arise here, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class CouldNot:
    """The question arises and could not be answered: why, and what would let it be."""

    why: str
    fix: str = ""


Verdict = Passed | Found | NotApplicable | CouldNot


class UnknownError(PlimsollError):
    """Raised where a check asks for a fact that could not be learned; the runner makes it a `CouldNot`."""

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.fix = fix


class IrrelevantError(PlimsollError):
    """Raised where a check asks for what this deployment does not have; the runner makes it a `NotApplicable`."""


@dataclass(frozen=True, slots=True)
class Known(Generic[Value]):
    """A fact that was learned, or the reason why it was not."""

    _value: Value | None = None
    why: str = ""
    fix: str = ""
    irrelevant: bool = False

    @property
    def known(self) -> bool:
        """Whether it was learned."""
        return not self.why

    @property
    def value(self) -> Value:
        """The fact.

        Raises:
            UnknownError: it could not be learned.
            IrrelevantError: there is nothing to learn.
        """
        if self.irrelevant:
            raise IrrelevantError(self.why)
        if self.why or self._value is None:
            raise UnknownError(self.why or "it was not looked at", self.fix)
        return self._value
