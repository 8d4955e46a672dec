"""The checks over what is really read here: limits of a process, logging, packages."""

import json
import logging
import os
import resource
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from plimsoll.checks.loggers import silenced_loggers
from plimsoll.checks.subjects.versions import WANTED
from tests.checks.made import MIB

LOOK = """
import json, sys
from plimsoll.host import arenas, survey
from tests.checks.made import facts, verdict
about = facts(host=survey(), arenas=arenas())
answer = verdict(sys.argv[1], about)
print(json.dumps({"answer": type(answer).__name__, "said": getattr(answer, "evidence", getattr(answer, "why", "")),
    "changes": [[change.kind, change.text] for change in getattr(answer, "changes", ())]}))
"""


def looked(check_id: str, *limits: tuple[int, int], **environ: str) -> dict[str, Any]:
    """What a check comes to in a process with limits (resource, soft limit) of its own."""

    def limit() -> None:
        for kind, value in limits:
            resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))

    ended = subprocess.run(
        [sys.executable, "-c", LOOK, check_id],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        preexec_fn=limit,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_a_limit_of_address_space_is_found_with_the_memory_that_it_is_not() -> None:
    """Under a real `ulimit -v`; without one it passes."""
    answer = looked("PL903", (resource.RLIMIT_AS, 600 * MIB))
    assert answer["answer"] == "Found"
    assert "RLIMIT_AS is 600.0 MiB" in answer["said"]
    assert looked("PL903")["answer"] == "Passed"


def test_the_variable_that_is_proposed_ends_the_arenas() -> None:
    """MALLOC_ARENA_MAX=1 in the environment of a process under the same limit."""
    limit = (resource.RLIMIT_AS, 600 * MIB)
    answer = looked("PL601", limit, MALLOC_ARENA_MAX="")
    assert answer["answer"] == "Found"
    name, _, value = answer["changes"][0][1].removeprefix("export ").partition("=")
    assert looked("PL601", limit, **{name: value})["answer"] == "Passed"


def test_the_limit_of_files_that_is_proposed_is_enough() -> None:
    """`ulimit -n` with the number of the finding."""
    answer = looked("PL602", (resource.RLIMIT_NOFILE, 128))
    assert answer["answer"] == "Found"
    proposed = int(answer["changes"][0][1].removeprefix("ulimit -n "))
    assert looked("PL602", (resource.RLIMIT_NOFILE, proposed))["answer"] == "Passed"


@pytest.fixture
def name() -> Iterator[str]:
    """A logger that nobody else has."""
    mine = "plimsoll.tests.silence"
    yield mine
    logger = logging.getLogger(mine)
    logger.setLevel(logging.NOTSET)
    logger.disabled, logger.propagate = False, True
    logger.handlers.clear()


def too_high(logger: logging.Logger) -> None:
    logger.setLevel(logging.ERROR)


def switched_off(logger: logging.Logger) -> None:
    logger.disabled = True


def nowhere(logger: logging.Logger) -> None:
    logger.propagate = False
    logger.addHandler(logging.NullHandler())


def errors_only(logger: logging.Logger) -> None:
    logger.propagate = False
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    logger.addHandler(handler)


@pytest.mark.parametrize("silence", [too_high, switched_off, nowhere, errors_only])
def test_a_logger_whose_warnings_go_nowhere_is_silenced(name: str, silence: Callable[[logging.Logger], None]) -> None:
    """By its level, switched off, without a handler, or with one for errors."""
    assert silenced_loggers([name]) == ()
    silence(logging.getLogger(name))
    assert silenced_loggers([name]) == (name,)


def test_a_logger_without_any_handler_writes_warnings(name: str) -> None:
    """To stderr: logging's last resort."""
    logging.getLogger(name).propagate = False
    assert silenced_loggers([name]) == ()


def test_the_packages_that_are_wanted_are_those_of_the_project() -> None:
    """As pyproject.toml asks for them."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(one for many in project["optional-dependencies"].values() for one in many)]
    requirements = {found.name: found.specifier for found in map(Requirement, asked)}
    assert {name: requirements[name] for name in WANTED} == dict(WANTED)
