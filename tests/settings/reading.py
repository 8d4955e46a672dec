"""What the tests of settings share: reading without the machine's own environment, and the problems of a refusal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.settings import DatabaseSettings, Problem, SettingsError

SQLITE = "sqlite+aiosqlite:///x.db"


def read(env_file: Path | None = None, /, **environ: str) -> DatabaseSettings:
    """Database settings from these variables and this file, and nothing else."""
    return DatabaseSettings.from_env(environ=environ, env_file=env_file)


def attempt(action: Callable[[], DatabaseSettings]) -> DatabaseSettings | SettingsError:
    """The settings, or the error with which they are refused; any other exception fails the test."""
    try:
        return action()
    except SettingsError as error:
        return error


def refused(action: Callable[[], object]) -> dict[str, Problem]:
    """The problems, by setting, with which `action` is refused."""
    with pytest.raises(SettingsError) as caught:
        action()
    found = {problem.name: problem for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems), caught.value.problems
    return found


def refused_read(env_file: Path | None = None, /, **environ: str) -> dict[str, Problem]:
    """The problems with which these variables and this file are refused."""
    return refused(lambda: read(env_file, **environ))
