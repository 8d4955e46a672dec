"""A rule: what it is called, how it judges, and what it hides; and what it finds."""

from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.rows import Level


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is wrong. `hides` are the keys of its symptoms: they are not told beside it."""

    level: Level
    sentence: str
    action: str
    hides: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of problem. The texts are for its part of docs/problems.md; `levels` are those that it may have."""

    key: str
    levels: str
    means: str
    judged: str
    advice: str
    look: Callable[[Case], Found | None]
