"""`plimsoll tune` as a person or a script sees it, on real servers: what it prints, changes, and takes back."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.checks.journal import alone
from plimsoll.cli import tune as command
from tests.cli.conftest import Ended
from tests.servers import MYSQLD, RunningCommand, TestDatabase
from tests.tune.checks_for_tests import CHECKS
from tests.tune.test_server_steps import value_of

Command = Callable[..., Ended]
SECRET = "hush-hush"
ENV = f"# shop\nMYSQL_PASSWORD={SECRET}\nDB_POOL_SIZE=20  # as the note says\nSTRIPE_KEY={SECRET}\n"
SLOW = {"mariadb": ("slow_query_log", "1"), "postgres": ("log_min_duration_statement", "2s")}


@pytest.fixture
def env_file(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop's .env, and the checks of these tests instead of all others."""
    monkeypatch.setattr(command, "select", lambda stage, only, skip: chosen(only, skip))
    path = shop / ".env"
    path.write_text(ENV)
    path.chmod(0o640)
    return path


def chosen(only: list[str], skip: list[str]) -> tuple[object, ...]:
    """Those of the tests' checks that the options name."""
    return tuple(check for check in CHECKS if (not only or check.id in only) and check.id not in skip)


@pytest.fixture
def tune(plimsoll: Command, env_file: Path) -> Command:
    """Run the command on the shop; no secret of .env is ever printed or written elsewhere."""

    def run(*arguments: str) -> Ended:
        ended = plimsoll("--app", "shop:app", "tune", *arguments)
        assert SECRET not in ended.printed
        for path in env_file.parent.iterdir():
            if path.is_file() and not path.name.startswith(".env"):
                assert SECRET not in path.read_text(), path
        return ended

    return run


def undo_files(env_file: Path) -> list[Path]:
    """Those that were written so far."""
    return sorted(env_file.parent.glob("plimsoll-undo-*.json"))


def test_nothing_is_changed_without_apply(
    tune: Command, use: Callable[[TestDatabase], None], own_database: TestDatabase, env_file: Path
) -> None:
    """The plan has the statement, what keeps it, what takes it back, the diff, and what is left to a person."""
    use(own_database)
    name, _ = SLOW[own_database.kind]
    before = value_of(own_database, name)
    ended = tune()
    assert ended.status == 0, ended.printed
    mysql = own_database.kind == "mariadb"
    set_on = "SET PERSIST slow_query_log = 'ON';" if MYSQLD else "SET GLOBAL slow_query_log = 'ON';"
    statement = set_on if mysql else "ALTER SYSTEM SET log_min_duration_statement = '2000ms';"
    assert f"  server:    {statement}\n" in ended.out
    assert ("under [mysqld] in a file that it reads" in ended.out) is (mysql and not MYSQLD)
    assert ("SELECT pg_reload_conf();" in ended.out) is not mysql
    assert "-DB_POOL_SIZE=20  # as the note says\n+DB_POOL_SIZE=8  # as the note says\n" in ended.out
    assert "memory:    4 workers x 12 connections x 0.1 MiB = 5 MiB less in the server" in ended.out
    assert "by hand:   a command: it is never run here\n               chmod 600 .env\n" in ended.out
    assert "withheld:  shell: ulimit -v limits address space" in ended.out
    assert "ulimit -v 2000000" not in ended.out
    assert "docs/checks/PL903.md" in ended.out
    assert "could not be checked: PL399" in ended.out
    assert value_of(own_database, name) == before
    assert (env_file.read_text(), undo_files(env_file)) == (ENV, [])


def test_applied_verified_and_taken_back(
    tune: Command, use: Callable[[TestDatabase], None], own_database: TestDatabase, env_file: Path
) -> None:
    """After a yes; a second run finds nothing to do; the undo file gives all of it back, byte for byte."""
    use(own_database)
    name, value = SLOW[own_database.kind]
    before = value_of(own_database, name)
    ended = tune("--apply", "--yes")
    assert ended.status == 0, ended.printed
    assert value_of(own_database, name) == value
    assert env_file.read_text() == ENV.replace("DB_POOL_SIZE=20", "DB_POOL_SIZE=8")
    assert env_file.stat().st_mode & 0o777 == 0o640
    (undo_file,) = undo_files(env_file)
    assert undo_file.stat().st_mode & 0o777 == 0o600
    (backup,) = env_file.parent.glob(".env.*.bak")
    assert (backup.read_text(), backup.stat().st_mode & 0o777) == (ENV, 0o600)
    assert f"To take it back: plimsoll tune --undo {undo_file.name}" in ended.out

    again = tune("--apply", "--yes")
    assert again.out.endswith("Nothing that could be changed from here.\n")
    assert undo_files(env_file) == [undo_file]

    back = tune("--undo", str(undo_file), "--yes")
    assert back.status == 0, back.printed
    assert value_of(own_database, name) == before
    assert env_file.read_text() == ENV
    assert tune("--undo", str(undo_file), "--yes").out == "Nothing is left to take back: all of it was.\n"


def test_parts_can_be_piped(
    tune: Command, use: Callable[[TestDatabase], None], own_database: TestDatabase, env_file: Path
) -> None:
    """The diff for patch, the SQL for the server's client, JSON for programs; chosen by --only and --skip."""
    use(own_database)
    assert tune("--format", "env").out.splitlines()[3:] == [
        "-DB_POOL_SIZE=20  # as the note says",
        "+DB_POOL_SIZE=8  # as the note says",
    ]
    assert tune("--format", "env", "--skip", "PL202").out == ""
    for line in tune("--format", "sql").out.splitlines():
        if not line.startswith("--"):
            own_database.sql(line)
    name, value = SLOW[own_database.kind]
    ends_s = time.monotonic() + 20  # PostgreSQL reads its file when it comes to it
    while value_of(own_database, name) != value and time.monotonic() < ends_s:
        time.sleep(0.05)
    assert value_of(own_database, name) == value
    found = json.loads(tune("--format", "json", "--only", "PL202,PL903").out)
    assert [(item["name"], item["value"], item["old"]) for item in found["changes"]] == [("DB_POOL_SIZE", "8", "20")]
    assert [item["check"] for item in found["withheld"]] == ["PL903"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--apply",), "There is no terminal to ask at"),
        (("--undo", "x.json"), "There is no terminal to ask at"),
        (("--apply", "--yes", "--format", "json"), "leave --format out"),
        (("--undo", "x.json", "--yes", "--apply"), "it goes with --yes only"),
        (("--undo", "x.json", "--yes"), "cannot be read"),
    ],
)
def test_without_a_yes_or_with_options_that_do_not_fit_it_ends_with_2(
    tune: Command, env_file: Path, options: tuple[str, ...], words: str
) -> None:
    """Before anything is looked at."""
    ended = tune(*options)
    assert ended.status == 2
    assert words in ended.err
    assert env_file.read_text() == ENV


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 0), ("\n", 0), ("\x04", 130), (signal.SIGINT, 130)])
def test_a_person_at_a_terminal_is_asked(
    own_mariadb: TestDatabase, env_file: Path, answer: object, status: int
) -> None:
    """After the list of all steps in their order; no is the default, and so is leaving."""
    (env_file.parent / "go on").touch()
    terminal, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-c", SLOWED, "--apply"],
        env=environ_of(own_mariadb, env_file),
        cwd=env_file.parent,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    try:
        os.close(theirs)
        printed = read_until(terminal, "in this order? [y/N]: ")
        order = [printed.index(f"  {step}\r\n") for step in STEPS]
        assert order == sorted(order)
        if isinstance(answer, str):
            os.write(terminal, answer.encode())
        else:
            interrupt(started)
        printed += read_until(terminal, None)
        assert started.wait(20) == status, printed
    finally:
        started.kill()
        started.wait()
        os.close(terminal)
    changed = answer == "y\n"
    assert ("Nothing was changed." in printed) is not changed
    assert (value_of(own_mariadb, "slow_query_log") == "1") is changed
    assert (env_file.read_text() != ENV) is changed
    assert SECRET not in printed


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ctrl+C, as often as a person would: Python may miss the one that comes just before it waits for a line."""
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return


def read_until(terminal: int, text: str | None) -> str:
    """What a terminal shows, up to a text or (None) to the end."""
    shown = b""
    while text is None or text.encode() not in shown:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break  # how Linux says that the other end is closed
    return shown.decode()


def environ_of(database: TestDatabase, env_file: Path) -> dict[str, str]:
    """The environment of the command in a process of its own."""
    return database.environ() | {"PYTHONPATH": os.pathsep.join([str(env_file.parent), *sys.path])}


STEPS = (
    "server: slow_query_log = ON (PL301)",
    "server: long_query_time = 2 (PL301)",
    ".env: DB_POOL_SIZE = 8 (PL202)",
)


def test_without_the_privilege_the_env_file_is_mended_all_the_same(
    tune: Command, use: Callable[[TestDatabase], None], server_database: TestDatabase, env_file: Path
) -> None:
    """1, with what was and what was not done; the undo file takes back what was."""
    use(server_database)
    ended = tune("--apply", "--yes")
    assert ended.status == 1
    assert "the server says: " in ended.err
    assert "done: .env: DB_POOL_SIZE=8" in ended.out
    assert env_file.read_text() != ENV
    (undo_file,) = undo_files(env_file)
    assert tune("--undo", str(undo_file), "--yes").status == 0
    assert env_file.read_text() == ENV


def test_the_environment_wins_and_is_said(
    tune: Command,
    use: Callable[[TestDatabase], None],
    mariadb_database: TestDatabase,
    env_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line in .env would have no effect, so none is written."""
    use(mariadb_database)
    monkeypatch.setenv("DB_POOL_SIZE", "30")
    ended = tune("--only", "PL202")
    assert "the process environment sets it, which wins over .env: change it there" in ended.out
    assert "@@" not in ended.out


def test_a_missing_env_file_is_made_for_its_owner_alone(
    tune: Command, use: Callable[[TestDatabase], None], mariadb_database: TestDatabase, env_file: Path
) -> None:
    """And is gone again when that is taken back."""
    use(mariadb_database)
    env_file.unlink()
    ended = tune("--only", "PL202", "--apply", "--yes")
    assert ended.status == 0, ended.printed
    assert "note: .env does not exist: it is made, readable by its owner alone" in ended.out
    assert (env_file.read_text(), env_file.stat().st_mode & 0o777) == ("DB_POOL_SIZE=8\n", 0o600)
    assert tune("--undo", str(undo_files(env_file)[0]), "--yes").status == 0
    assert not env_file.exists()


def test_a_link_stays_one_and_a_name_given_twice_is_said(
    tune: Command, use: Callable[[TestDatabase], None], mariadb_database: TestDatabase, env_file: Path
) -> None:
    """The file behind the link is rewritten; the last of two lines counts."""
    use(mariadb_database)
    real = env_file.parent / "shared"
    real.mkdir()
    env_file.rename(real / ".env")
    (real / ".env").write_text("DB_POOL_SIZE=40\nDB_POOL_SIZE=20")
    env_file.symlink_to(real / ".env")
    ended = tune("--only", "PL202", "--apply", "--yes")
    assert "DB_POOL_SIZE stands 2 times in .env; the last one counts" in ended.out
    assert env_file.is_symlink()
    assert (real / ".env").read_text() == "DB_POOL_SIZE=40\nDB_POOL_SIZE=8"


def test_the_undo_file_is_not_used_on_another_database(
    tune: Command, use: Callable[[TestDatabase | str], None], own_mariadb: TestDatabase, env_file: Path
) -> None:
    """.env is taken back, which needs no server; the server that the settings name now is left."""
    use(own_mariadb)
    assert tune("--apply", "--yes").status == 0
    other = own_mariadb.server.create_database() if own_mariadb.server else own_mariadb
    use(other)
    ended = tune("--undo", str(undo_files(env_file)[0]), "--yes")
    assert ended.status == 2
    assert "nothing was taken back on a server" in ended.err
    assert env_file.read_text() == ENV
    assert value_of(own_mariadb, "slow_query_log") == "1"


def test_two_at_once_do_not_change_or_take_back_the_same(
    tune: Command, use: Callable[[TestDatabase], None], own_mariadb: TestDatabase, env_file: Path
) -> None:
    """Both would name their undo file by the same second. The one that comes second is told to wait."""
    use(own_mariadb)
    with alone(env_file.parent):
        ended = tune("--apply", "--yes")
    assert ended.status == 2
    assert "Another 'plimsoll tune' is at work" in ended.err
    assert (env_file.read_text(), undo_files(env_file)) == (ENV, [])
    assert value_of(own_mariadb, "slow_query_log") == "0"

    assert tune("--apply", "--yes").status == 0
    (undo_file,) = undo_files(env_file)
    with alone(env_file.parent):
        assert tune("--undo", str(undo_file), "--yes").status == 2
    assert value_of(own_mariadb, "slow_query_log") == "1"
    assert tune("--undo", str(undo_file), "--yes").status == 0


def test_nothing_is_taken_back_where_that_cannot_be_recorded(
    tune: Command, use: Callable[[TestDatabase], None], own_mariadb: TestDatabase, env_file: Path
) -> None:
    """Else it would be said that it was not taken back when it was."""
    use(own_mariadb)
    assert tune("--apply", "--yes").status == 0
    (undo_file,) = undo_files(env_file)
    # What writes the undo file anew makes this one first, and never takes one that is there.
    draft = undo_file.with_name(f".{undo_file.name}.{os.getpid()}.new")
    draft.touch()
    ended = tune("--undo", str(undo_file), "--yes")
    assert ended.status == 2
    assert f"{undo_file} cannot be written" in ended.err
    assert value_of(own_mariadb, "slow_query_log") == "1"
    assert "DB_POOL_SIZE=8" in env_file.read_text()
    draft.unlink()
    assert tune("--undo", str(undo_file), "--yes").status == 0


def test_no_undo_file_is_named_where_none_could_be_written(
    tune: Command,
    use: Callable[[TestDatabase], None],
    own_mariadb: TestDatabase,
    env_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nothing is changed then."""
    use(own_mariadb)
    nowhere = env_file.parent / "missing" / "undo.json"
    monkeypatch.setattr(command, "new_name", lambda _: nowhere)
    ended = tune("--apply", "--yes")
    assert ended.status == 1
    assert f"{nowhere} cannot be written" in ended.err
    assert "To take it back" not in ended.out
    assert value_of(own_mariadb, "slow_query_log") == "0"
    assert env_file.read_text() == ENV


def test_somebody_else_s_changes_are_left(
    tune: Command, use: Callable[[TestDatabase], None], own_mariadb: TestDatabase, env_file: Path
) -> None:
    """1, with what was left and what was taken back."""
    use(own_mariadb)
    assert tune("--apply", "--yes").status == 0
    env_file.write_text(env_file.read_text().replace("DB_POOL_SIZE=8", "DB_POOL_SIZE=9"))
    own_mariadb.sql("SET GLOBAL long_query_time = 5")
    ended = tune("--undo", str(undo_files(env_file)[0]), "--yes")
    assert ended.status == 1
    assert "somebody else has changed DB_POOL_SIZE since, so that was left" in ended.err
    assert "it was made 2.000000 and is 5.000000 " in ended.err  # MySQL has 2 for after its next start
    assert "now, so somebody else has changed it since: it was left" in ended.err
    assert value_of(own_mariadb, "slow_query_log") == "0"
    assert "DB_POOL_SIZE=9" in env_file.read_text()


SLOWED = """
import asyncio, pathlib, sys
from plimsoll.checks.server_steps import ServerSteps
from plimsoll.cli import main, tune as command
from tests.tune.checks_for_tests import CHECKS

original = ServerSteps._run

async def slow(self, statements):
    print("IN A STEP", flush=True)
    while not pathlib.Path("go on").exists():
        await asyncio.sleep(0.02)
    await original(self, statements)

ServerSteps._run = slow
command.select = lambda stage, only, skip: CHECKS
sys.argv = ["plimsoll", "--app", "shop:app", "tune", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("how", ["once", "killed"])
def test_ctrl_c_in_the_middle_leaves_what_can_be_taken_back(
    start_command: Callable[..., RunningCommand],
    tune: Command,
    use: Callable[[TestDatabase], None],
    own_mariadb: TestDatabase,
    env_file: Path,
    how: str,
) -> None:
    """130: the step that had begun was ended, no other was. Killed outright, its record says that it had begun."""
    use(own_mariadb)
    running = start_command(
        [sys.executable, "-c", SLOWED, "--apply", "--yes"],
        env=environ_of(own_mariadb, env_file),
        cwd=env_file.parent,
    )
    running.wait_output("IN A STEP")
    if how == "once":
        os.kill(running.pid, signal.SIGINT)
        (env_file.parent / "go on").touch()
        assert running.wait() == 130
        output = running.output()
        assert "done: server: slow_query_log = ON, was OFF" in output
        assert "not begun: server: long_query_time = 2" in output
        assert "not begun: .env: DB_POOL_SIZE=8" in output
        assert "Stopped by Ctrl+C" in output
        assert value_of(own_mariadb, "slow_query_log") == "1"
    else:
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    assert env_file.read_text() == ENV
    (undo_file,) = undo_files(env_file)
    (step,) = json.loads(undo_file.read_text())["steps"]
    assert step["state"] == ("done" if how == "once" else "begun")
    ended = tune("--undo", str(undo_file), "--yes")
    assert ended.status == 0, ended.printed
    assert value_of(own_mariadb, "slow_query_log") == "0"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://shop:hush-hush@127.0.0.1:9/shop", "could not be checked: PL202, PL301"),
        ("mysql://shop:hush-hush@", "could not be checked: PL202, PL301"),
    ],
)
def test_without_an_answer_the_rest_is_still_planned(
    tune: Command, use: Callable[[str], None], env_file: Path, url: str, words: str
) -> None:
    """A server that is down, or settings that are wrong: what needs them is named, and nothing of it is offered."""
    use(url)
    ended = tune("--skip", "PL399", "--apply", "--yes")
    assert ended.status == 0, ended.printed
    assert words in ended.out
    assert "chmod 600 .env" in ended.out
    assert ended.out.endswith("Nothing that could be changed from here.\n")
    assert undo_files(env_file) == []


def test_a_server_that_dies_before_the_undo_says_so(
    tune: Command, use: Callable[[TestDatabase], None], own_mariadb: TestDatabase, env_file: Path
) -> None:
    """.env is taken back; the rest can be, once the server is there again."""
    use(own_mariadb)
    assert tune("--apply", "--yes").status == 0
    assert own_mariadb.server is not None
    own_mariadb.server.stop()
    (undo_file,) = undo_files(env_file)
    ended = tune("--undo", str(undo_file), "--yes")
    assert ended.status == 2
    assert "taken back: " in ended.out
    assert "could not be used" in ended.err
    assert env_file.read_text() == ENV
    own_mariadb.server.start()
    again = tune("--undo", str(undo_file), "--yes")
    assert (again.status, value_of(own_mariadb, "slow_query_log")) == (0, "0")
