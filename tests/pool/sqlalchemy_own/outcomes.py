"""How SQLAlchemy's tests ended, as the pytest that runs them tells the one that asked for it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

OUTCOMES_PATH = "OUTCOMES_OF_SQLALCHEMY"
"""The environment variable with the path of the file between them."""

_DATABASE = re.compile(r"_(?:sqlite|mysql|mariadb|postgresql)\+\w+?_[^:]*(?=::)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test: `passed`, `skipped`, `failed` or `left out`; `used` where our pool took part."""

    outcome: str
    used: bool
    report: str


def plain_name(node: str) -> str:
    """A test's name without the database that SQLAlchemy adds to its class."""
    return _DATABASE.sub("", node)


def read_outcomes(path: Path) -> dict[str, Outcome]:
    """What was written, by plain name."""
    return {name: Outcome(**found) for name, found in json.loads(path.read_text()).items()}
