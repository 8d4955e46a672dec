"""One check: its identity, what it means, and the pure function that looks at the facts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Level, Verdict

Stage = Literal["before", "after"]
BOTH: frozenset[Stage] = frozenset({"before", "after"})
BEFORE: frozenset[Stage] = frozenset({"before"})
AFTER: frozenset[Stage] = frozenset({"after"})


@dataclass(frozen=True, slots=True)
class Check:
    """A question about a deployment, and how it is answered.

    `id` is `PL` and three digits, and is never used again for another question. `title` states what is wrong where
    the check finds something. `meaning` says what that leads to. `about` is the page of `docs/checks/`: Markdown that
    tells what is looked at, why, where thresholds come from and when it is right to suppress it. `look` is pure: it
    gets the facts and asks nobody. It may raise `UnknownError` and `IrrelevantError`, which `Facts` do for it.
    """

    id: str
    title: str
    level: Level
    tags: frozenset[str]
    meaning: str
    about: str
    look: Callable[[Facts], Verdict]
    stages: frozenset[Stage] = BEFORE
