"""A page of `docs/checks/` without a check: it warns of what nothing outside the code shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """`id` is of the same numbers as those of checks; `about` is Markdown."""

    id: str
    title: str
    about: str
