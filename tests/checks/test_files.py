"""Checks of the .env file: a real one, in a real git repository."""

import subprocess
from pathlib import Path

import pytest

from plimsoll.checks.facts import EnvFileFacts, Facts
from plimsoll.checks.registry import check_of
from plimsoll.checks.runner import run_checks
from plimsoll.checks.verdict import CouldNot, Found, Known, Passed, Verdict
from tests.checks.conftest import Deployment

FILES = ("PL004", "PL005", "PL006", "PL007")


@pytest.fixture
def env_file(on_sqlite: Deployment) -> Path:
    """A .env that is its owner's alone, beside the service."""
    path = on_sqlite.home / ".env"
    path.write_text("DB_POOL_SIZE=5\n")
    path.chmod(0o600)
    return path


def git(home: Path, *arguments: str) -> None:
    """Run git in the service's directory."""
    subprocess.run(["git", *arguments], cwd=home, check=True, capture_output=True)


def verdict(id_: str, file: EnvFileFacts) -> Verdict:
    """What a check makes of a file that the test makes up."""
    return run_checks([check_of(id_)], Facts(env_file=Known(file)))[0].verdict


def test_without_the_file_there_is_nothing_to_ask(on_sqlite: Deployment) -> None:
    """Settings may come from the environment alone."""
    checked = on_sqlite.check()
    assert {checked[id_]["verdict"] for id_ in FILES} == {"not applicable"}


def test_a_private_file_outside_of_any_repository_passes(on_sqlite: Deployment, env_file: Path) -> None:
    """Its mode is told; git is not even asked."""
    checked = on_sqlite.check()
    assert checked["PL004"]["evidence"] == f"{env_file} has the mode 0600: its owner's alone"
    assert [checked[id_]["verdict"] for id_ in FILES] == ["passed", "passed", "not applicable", "not applicable"]


@pytest.mark.parametrize(
    ("mode", "level", "words"),
    [
        (0o644, "error", "every account of this machine may read it"),
        (0o640, "warning", "its group may read it"),
        (0o664, "error", "every account of this machine may read it, its group may write it"),
        (0o666, "error", "every account of this machine may read and write it"),
    ],
)
def test_a_file_that_others_can_read_is_found(
    on_sqlite: Deployment, env_file: Path, mode: int, level: str, words: str
) -> None:
    """And the command that is given mends it."""
    env_file.chmod(mode)
    checked = on_sqlite.check()
    assert checked["PL004"]["level"] == level
    assert checked["PL004"]["evidence"].endswith(words)
    (command,) = checked.fix("PL004")
    subprocess.run(command, shell=True, check=True)
    assert on_sqlite.check()["PL004"]["verdict"] == "passed"


def test_a_file_in_version_control_is_found_and_nothing_else(on_sqlite: Deployment, env_file: Path) -> None:
    """The first mistake is told, not the one that led to it."""
    git(on_sqlite.home, "init", "-q")
    assert on_sqlite.check().found == {"PL007"}
    git(on_sqlite.home, "add", ".env")
    assert on_sqlite.check().found == {"PL006"}
    git(on_sqlite.home, "rm", "-q", "--cached", ".env")
    (command,) = on_sqlite.check().fix("PL007")
    subprocess.run(command, shell=True, check=True)
    checked = on_sqlite.check()
    assert [checked[id_]["verdict"] for id_ in FILES] == ["passed"] * 4


def test_nothing_of_the_repository_is_run(on_sqlite: Deployment, env_file: Path) -> None:
    """Its configuration names a program that git would start; it is not started."""
    git(on_sqlite.home, "init", "-q")
    marker = on_sqlite.home / "was-run"
    program = on_sqlite.home / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    git(on_sqlite.home, "config", "core.fsmonitor", str(program))
    assert on_sqlite.check()["PL006"]["verdict"] == "passed"
    assert not marker.exists()


def test_without_git_it_could_not_be_checked(
    on_sqlite: Deployment, env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository and no program to ask: not passed in silence, and the status says so."""
    git(on_sqlite.home, "init", "-q")
    monkeypatch.setenv("PATH", str(on_sqlite.home))
    checked = on_sqlite.check()
    assert checked["PL006"] == {
        **checked["PL006"],
        "verdict": "could not",
        "why": "git could not be asked: there is no git program here",
    }
    assert checked.status == 2


def test_a_repository_that_git_refuses_could_not_be_checked(on_sqlite: Deployment, env_file: Path) -> None:
    """Git's own words say why."""
    (on_sqlite.home / ".git").write_text("gitdir: nowhere\n")
    assert "not a git repository" in on_sqlite.check()["PL006"]["why"]


def test_somebody_elses_file_is_found() -> None:
    """Made up: a test cannot be two users. As root it is not known who the service is."""
    file = EnvFileFacts(Path("/srv/app/.env"), 0o600, owner=1000, user=1001)
    found = verdict("PL005", file)
    assert isinstance(found, Found)
    assert found.changes[0].text == "chown 1001 /srv/app/.env"
    assert isinstance(verdict("PL005", EnvFileFacts(file.path, 0o600, owner=1000, user=0)), CouldNot)
    assert isinstance(verdict("PL005", EnvFileFacts(file.path, 0o600, owner=0, user=0)), Passed)
