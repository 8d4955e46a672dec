"""Tests on a server are never left out in silence."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.servers import REPOSITORY, MissingServerError, PgBouncer, PostgresServer, clean_environ

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers import MariaDbServer

PROXY_TESTS = "tests/servers/test_proxy.py"
"""A module with one test on each server, and many that need none."""


def run_pytest(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A test run of its own."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=clean_environ() | environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_servers_0_says_at_the_end_what_was_not_tested(workers: str) -> None:
    """SERVERS=0 skips the tests on both servers, and the closing lines count them, each once."""
    run = run_pytest(PROXY_TESTS, "-n", workers, "-k", "real_server or delay", SERVERS="0")
    assert run.returncode == 0, run.stdout
    assert "SERVERS=0: NOT TESTED" in run.stdout
    assert "1 tests against a real mariadb were LEFT OUT" in run.stdout
    assert "1 tests against a real postgres were LEFT OUT" in run.stdout
    assert "1 passed, 2 skipped" in run.stdout


def test_a_run_that_leaves_nothing_out_does_not_say_so() -> None:
    """Without a test on a server the summary is as usual."""
    run = run_pytest(PROXY_TESTS, "-k", "delay", SERVERS="0")
    assert run.returncode == 0, run.stdout
    assert "NOT TESTED" not in run.stdout


def test_tests_on_a_server_are_marked_and_can_be_deselected() -> None:
    """`-m` selects by the server a test uses, though no test names the marker itself."""
    run = run_pytest(PROXY_TESTS, "--collect-only", "-q", "-m", "mariadb or postgres")
    assert "test_a_real_server_is_reached_through_it[mariadb]" in run.stdout
    assert "test_a_real_server_is_reached_through_it[postgres]" in run.stdout
    assert "delay" not in run.stdout


def test_a_missing_mariadb_fails_the_test_and_names_the_command(
    monkeypatch: pytest.MonkeyPatch, new_mariadb: Callable[..., MariaDbServer]
) -> None:
    """Where the program is not installed, a test that needs it fails and is not skipped."""
    monkeypatch.setattr("tests.servers.mariadb.shutil.which", lambda *_, **__: None)
    with pytest.raises(pytest.fail.Exception, match=r"apt-get install .*mariadb-server"):
        new_mariadb()


def test_a_missing_pgbouncer_names_the_command(monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer) -> None:
    """The error for a PgBouncer that is not installed has the command that installs it."""
    monkeypatch.setattr("tests.servers.pgbouncer.shutil.which", lambda *_, **__: None)
    with pytest.raises(MissingServerError, match=r"apt-get install .*pgbouncer"):
        PgBouncer(postgres)


def test_a_missing_postgres_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error for a PostgreSQL that is not installed has the command that installs it."""
    monkeypatch.setattr("tests.servers.postgres.PACKAGED", tmp_path)
    monkeypatch.setattr("tests.servers.postgres.shutil.which", lambda *_, **__: None)
    with pytest.raises(MissingServerError, match=r"apt-get install .*postgresql"):
        PostgresServer()
