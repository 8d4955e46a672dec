"""The environment of tests: none of the machine's own configuration of a database reaches them."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_NAMES = {"DATABASE_URL", "ENVIRONMENT", "HOST", "PORT", "SECRET_KEY", "WEB_CONCURRENCY"}
_PREFIXES = ("MYSQL_", "PG", "DB_", "PRODUCTION", "ADMIN_", "PLIMSOLL_")


def is_configuration(name: str) -> bool:
    """Whether a variable could configure the application under test, or point it at someone's database."""
    return name in _NAMES or name.startswith(_PREFIXES)


def clean_environ() -> dict[str, str]:
    """The process environment without such variables, and with the checkout's packages importable."""
    environ = {name: value for name, value in os.environ.items() if not is_configuration(name)}
    environ["PYTHONPATH"] = os.pathsep.join(str(REPOSITORY / folder) for folder in ("src", "backend"))
    return environ
