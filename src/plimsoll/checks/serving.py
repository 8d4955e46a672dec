"""How the ASGI server is told to serve, as far as it shows without looking at its command line."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from plimsoll.checks.facts import Facts

PREFIXES = ("UVICORN_", "GRANIAN_")
"""Servers that take each of their options from a variable (click's auto_envvar_prefix); hypercorn has none."""

GUNICORN = "GUNICORN_CMD_ARGS"
_OFF = ("", "0", "false", "no", "off", "f", "n", "none")

NOT_SEEN = "options on the server's own command line are not seen from here"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name as a Python identifier, and where it was set. Its value is not kept: it may be secret."""

    name: str
    where: str


def options(facts: Facts) -> tuple[Option, ...]:
    """Options that are set and not switched off: the application's own, and those of the environment."""
    return (*_of_application(facts), *_of_variables(facts), *_of_gunicorn(facts))


def can_tell(facts: Facts) -> bool:
    """Whether anything was looked at."""
    return bool(facts.environ) or facts.app.known


def _of_application(facts: Facts) -> Iterator[Option]:
    given = facts.app.value.server_options if facts.app.known else {}
    yield from (Option(_plain(name), "the application's options") for name, value in given.items() if _on(value))


def _of_variables(facts: Facts) -> Iterator[Option]:
    for name, value in facts.environ.items():
        for prefix in PREFIXES:
            if name.startswith(prefix) and _on(value):
                yield Option(_plain(name.removeprefix(prefix)), name)


def _of_gunicorn(facts: Facts) -> Iterator[Option]:
    text = facts.environ.get(GUNICORN, "")
    try:
        words = shlex.split(text)
    except ValueError:
        # An unclosed quote: gunicorn would refuse it too.
        words = text.split()
    yield from (Option(_plain(word.partition("=")[0]), GUNICORN) for word in words if word.startswith("--"))


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()


def _on(value: str) -> bool:
    return value.strip().lower() not in _OFF
