"""`plimsoll check` as a whole: its answer, its forms, its exit status, its time, and that it changes nothing."""

import asyncio
import errno
import gc
import json
import os
import signal
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.cli.gathering import run_bounded
from tests.checks.conftest import BACKEND, OURS, Deployment
from tests.servers import FaultProxy, TestDatabase
from tests.servers.places import free_port

WITHIN_S = 20.0
"""All of the command save the import of the application, whose time is its own and longer while other tests run."""


def test_a_good_deployment_is_safe(deployment: Deployment) -> None:
    """On each database: nothing is found, nothing is left open, and the last line says so."""
    ended = deployment.command("check", *OURS)
    assert ended.status == 0, ended.printed
    assert ended.out.splitlines()[-1] == "safe: no finding at or above 'error'."
    assert "found" not in ended.out.replace("0 found", "").splitlines()[0], ended.out
    began = time.monotonic()
    deployment.command("check", app=())
    assert time.monotonic() - began < WITHIN_S
    checked = deployment.check("--require", "items.performance_team_profile")
    assert (checked.found, checked.unknown) == (set(), set())
    assert checked.report["safe"] is True


def test_nothing_is_written(deploy: Callable[[TestDatabase], Deployment], any_database: TestDatabase) -> None:
    """An empty database stays empty, though development would make its tables: start-up is not run. A file that is
    not there is not made."""
    found = deploy(any_database)
    found.set(ENVIRONMENT="")
    checked = found.check()
    assert checked.status == 1
    if any_database.path is not None:
        assert not any_database.path.exists()
        return
    schema = "DATABASE()" if any_database.kind == "mariadb" else "'public'"
    assert any_database.sql(f"SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}") == []


def test_text_says_what_is_wrong_and_how_to_mend_it(on_sqlite: Deployment) -> None:
    """Findings, the worst first, with the exact text to paste; then the counts; then the answer."""
    on_sqlite.set(ENVIRONMENT="prodution")
    on_sqlite.database.sql(
        "DROP INDEX " + on_sqlite.database.sql("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'")[0][0]
    )
    on_sqlite.set(DB_POOL_SZIE="3")
    lines = on_sqlite.command("check", *OURS).out.splitlines()
    heads = [line.split("  ")[:2] for line in lines if line[:1].isupper()]
    assert heads == [["ERROR", "PL003"], ["ERROR", "PL111"], ["WARNING", "PL002"]]
    assert "             ENVIRONMENT=production" in lines
    assert "  see:   plimsoll check --explain PL111, or docs/checks/PL111.md" in lines
    assert lines[-1].startswith("not safe: 2 findings at or above 'error' (PL003, PL111: ")


@pytest.mark.parametrize("form", ["json", "junit", "markdown", "text"])
def test_each_form_holds_the_finding_and_no_secret(on_sqlite: Deployment, form: str) -> None:
    """Programs can read it, and neither password nor key is in it."""
    on_sqlite.set(ENVIRONMENT="prodution", DB_SSL_MODE="off")
    ended = on_sqlite.command("check", *OURS, "--format", form)
    assert ended.status == 1
    assert "PL003" in ended.out
    assert "0123456789abcdef" not in ended.printed
    if form == "json":
        assert json.loads(ended.out)["status"] == 1
    if form == "junit":
        suite = ET.fromstring(ended.out)[0]
        assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
        assert len(suite.findall("testcase")) == int(suite.get("tests", "0"))


def test_the_level_that_fails_is_chosen(on_sqlite: Deployment) -> None:
    """A warning is no failure unless it is asked to be one."""
    on_sqlite.set(ENVIRONMENT="")
    assert on_sqlite.command("check", *OURS).status == 0
    assert on_sqlite.command("check", *OURS, "--fail-level", "warning").status == 1
    assert on_sqlite.command("check", *OURS, "--fail-level", "critical").status == 0


def test_a_finding_below_the_level_is_an_answer(on_sqlite: Deployment) -> None:
    """Also where nothing else was asked: something was checked, and it is safe at that level."""
    on_sqlite.set(ENVIRONMENT="")
    ended = on_sqlite.command("check", "--only", "PL003")
    assert ended.status == 0
    assert ended.out.splitlines()[-1] == "safe: no finding at or above 'error'; 1 finding below it (PL003)."


def test_checks_are_chosen_by_id_and_tag(on_sqlite: Deployment) -> None:
    """Several times or with commas, in small letters too."""
    assert set(on_sqlite.check("--only", "pl001,PL010", "--only", "schema").results) >= {"PL001", "PL010", "PL110"}
    assert "PL003" not in on_sqlite.check("--skip", "settings").results


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only", "setings"), "did you mean settings?"),
        (("--skip", "secretz"), "did you mean secrets?"),
        (("--only", "PL001", "--skip", "settings"), "No check of the stage 'before' is left"),
        (("--explain", "PL-012"), "did you mean PL012?"),
        (("--require", "items"), "write TABLE.COLUMN"),
        (("--output", "no/such/directory/x"), "cannot be written into"),
    ],
)
def test_what_is_not_there_is_said(on_sqlite: Deployment, arguments: tuple[str, ...], words: str) -> None:
    """With what was probably meant, and status 2: nothing was checked."""
    ended = on_sqlite.command("check", *arguments)
    assert ended.status == 2
    assert words in ended.err


def test_a_check_explains_itself(on_sqlite: Deployment) -> None:
    """The page that docs/checks has, without asking anything."""
    ended = on_sqlite.command("check", "--explain", "PL012")
    assert ended.out == (Path(__file__).parents[2] / "docs" / "checks" / "PL012.md").read_text()
    listed = on_sqlite.command("check", "--list").out
    assert "PL012  warning   The account has more privileges than a service needs  (access, secrets)" in listed


def test_the_report_goes_into_a_file(on_sqlite: Deployment) -> None:
    """The last line is still printed."""
    ended = on_sqlite.command("check", *OURS, "--format", "json", "--output", "report.json")
    assert ended.out == "safe: no finding at or above 'error'.\n"
    assert json.loads((on_sqlite.home / "report.json").read_text())["safe"] is True


def test_a_report_that_cannot_be_written_is_shown(on_sqlite: Deployment) -> None:
    """What took minutes to find out is not lost with a full disk."""
    ended = on_sqlite.command("check", *OURS, "--output", "/dev/full")
    assert ended.status == 2
    assert ended.out.splitlines()[-1] == "safe: no finding at or above 'error'."
    assert "cannot be written into /dev/full: No space left on device" in ended.err


def test_a_report_is_shown_though_its_numbers_cannot_be_kept(
    on_sqlite: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full at the end only."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    ended = on_sqlite.command("check", *OURS, "--baseline", "kept.json")
    assert ended.status == 2
    assert ended.out.splitlines()[-1] == "safe: no finding at or above 'error'."
    assert "kept.json: No space left on device" in ended.err
    assert not list(on_sqlite.home.glob("*kept*"))


@pytest.mark.parametrize("place", ["no/such/directory/x", ".", "device"])
def test_a_place_for_no_baseline_is_refused_before_anything_is_asked(on_sqlite: Deployment, place: str) -> None:
    """With `--watch 10m` it would be known ten minutes later; and root would replace /dev/null by a file."""
    os.mkfifo(on_sqlite.home / "device")
    ended = on_sqlite.command("check", "--baseline", place)
    assert (ended.status, ended.out) == (2, "")
    assert "The baseline cannot be written to" in ended.err
    assert not (on_sqlite.home / "device").is_file()


def test_nobody_listens(deploy: Callable[[TestDatabase], Deployment], server_database: TestDatabase) -> None:
    """At once: one finding, and everything that needs the database could not be checked."""
    found = deploy(server_database)
    found.set(DATABASE_URL=server_database.url_for(port=free_port()))
    began = time.monotonic()
    found.check(app=())
    assert time.monotonic() - began < WITHIN_S
    checked = found.check()
    assert (checked.status, checked.found) == (1, {"PL010"})
    assert {"PL011", "PL012", "PL110", "PL120"} <= checked.unknown


def test_a_server_that_says_nothing_is_given_up_in_time(
    deploy: Callable[[TestDatabase], Deployment],
    server_database: TestDatabase,
    fault_proxy: Callable[[int], FaultProxy],
) -> None:
    """After DB_CONNECT_TIMEOUT or --timeout, whichever is shorter."""
    assert server_database.port is not None
    proxy = fault_proxy(server_database.port)
    proxy.deaf()
    found = deploy(server_database)
    found.set(DATABASE_URL=server_database.url_for(port=proxy.port))
    for environ, arguments in (
        ({"DB_CONNECT_TIMEOUT": "0.5"}, ()),
        ({"DB_CONNECT_TIMEOUT": "60"}, ("--timeout", "0.5")),
    ):
        found.set(**environ)
        began = time.monotonic()
        checked = found.check(*arguments, app=())
        assert time.monotonic() - began < WITHIN_S
        assert checked.found == {"PL010"}
        assert "0.5 s" in checked["PL010"]["evidence"]


def test_a_server_that_falls_silent_in_the_middle_is_given_up(
    deploy: Callable[[TestDatabase], Deployment],
    server_database: TestDatabase,
    fault_proxy: Callable[[int], FaultProxy],
) -> None:
    """It let us in and then froze: what was not answered could not be checked, and nothing waits for ever."""
    assert server_database.port is not None
    proxy = fault_proxy(server_database.port)
    found = deploy(server_database)
    found.migrate()
    found.set(DATABASE_URL=server_database.url_for(port=proxy.port))
    proxy.on_client_bytes(b"information_schema" if server_database.kind == "mariadb" else b"pg_settings", "freeze")
    began = time.monotonic()
    checked = found.check("--timeout", "1", app=())
    assert time.monotonic() - began < 1 + 1 + WITHIN_S
    assert "PL010" not in checked.found
    assert "PL012" in checked.unknown


def test_without_an_application_the_rest_is_still_checked(on_sqlite: Deployment) -> None:
    """What needs one says so; the database is looked at all the same."""
    checked = on_sqlite.check("--require", "items.performance_team_profile", app=())
    assert {"PL100", "PL110", "PL120"} <= checked.unknown
    assert checked["PL010"]["verdict"] == checked["PL112"]["verdict"] == "passed"
    assert checked.status == 2
    assert checked.report["summary"].startswith("not safe: ")


def test_an_application_in_a_project_of_its_own(on_sqlite: Deployment) -> None:
    """Named by pyproject.toml, with what it accepts of the checklist beside it."""
    (on_sqlite.home / "pyproject.toml").write_text(
        f'[tool.plimsoll]\napp = "app.main:app"\napp-dir = "{BACKEND[3]}"\n'
        '[tool.plimsoll.checks.PL003]\nreason = "staging"\nuntil = 2999-01-01\n'
    )
    on_sqlite.set(ENVIRONMENT="")
    checked = on_sqlite.check("--fail-level", "warning", app=())
    assert checked.status == 0
    assert checked["PL003"]["suppressed"] == {"reason": "staging", "until": "2999-01-01"}


def test_an_interrupt_ends_everything_quietly(caplog: pytest.LogCaptureFixture) -> None:
    """Ctrl-C may come at any step of any task; none is left with an error that the loop would show later."""
    ended = []

    async def step() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def work() -> None:
        await asyncio.gather(asyncio.create_task(step()), asyncio.sleep(60))

    with pytest.raises(KeyboardInterrupt):
        run_bounded(work())
    gc.collect()
    assert ended == [True]
    assert caplog.text == ""
