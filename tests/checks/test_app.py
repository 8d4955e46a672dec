"""Checks of settings and of the application: what does not import, and how many engines it makes."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from plimsoll.cli.importing import import_application
from plimsoll.cli.target import Target
from tests.checks.conftest import OURS, Deployment
from tests.servers import REPOSITORY

APPLICATION = """\
from plimsoll import Database

database = Database.from_env()
"""
SHOP = ("--app", "shop:database")
IMPATIENT = """\
from pathlib import Path
from plimsoll.cli import importing
from plimsoll.cli.target import Target

importing.GRACE_S = 0.3
importing.import_application(Target("shop:database", Path(), Path()), limit_s=0.3)
print("it ended")
"""


@pytest.fixture
def write(on_sqlite: Deployment) -> Callable[[str], None]:
    """Write the application `shop:database`, with further lines."""

    def write(more: str = "", before: str = "") -> None:
        (on_sqlite.home / "shop.py").write_text(before + APPLICATION + more)

    return write


@pytest.fixture
def quoting_server() -> Iterator[int]:
    """The port of something that greets each client of MySQL with an error which quotes a password."""
    words = b"\xff\x15\x04#28000no entry for shop with hard-coded-1"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    client.sendall(len(words).to_bytes(3, "little") + b"\0" + words)
                    client.close()

        threading.Thread(target=refuse, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def test_every_wrong_setting_is_named_and_what_needs_them_is_open(on_sqlite: Deployment) -> None:
    """One finding in the words of the settings, with where each came from; nothing else passes for checked."""
    (on_sqlite.home / ".env").write_text("DB_POOL_SIZE=many\n")
    (on_sqlite.home / ".env").chmod(0o600)
    on_sqlite.set(DEPLOY_HOSTS="0", REQUEST_TIMEOUT="soon")
    checked = on_sqlite.check()
    assert (checked.status, checked.found) == (1, {"PL001"})
    for words in ("DB_POOL_SIZE = 'many'   (from: .env:1)", "REQUEST_TIMEOUT = 'soon'", "DEPLOY_HOSTS = '0'"):
        assert words in checked["PL001"]["evidence"]
    assert {"PL003", "PL010", "PL100", "PL101", "PL110", "PL120"} <= checked.unknown


def test_a_setting_that_is_nearly_one_is_found(on_sqlite: Deployment) -> None:
    """Also one of the declared topology."""
    on_sqlite.set(DB_POOL_SZIE="3", DEPLOY_HOST="2")
    checked = on_sqlite.check()
    assert checked.found == {"PL002"}
    assert "did you mean DB_POOL_SIZE?" in checked["PL002"]["evidence"]
    assert "did you mean DEPLOY_HOSTS?" in checked["PL002"]["evidence"]


def test_how_a_url_was_read_is_no_finding(on_sqlite: Deployment) -> None:
    """The short form of a URL is what the pages recommend."""
    on_sqlite.set(DATABASE_URL=on_sqlite.database.url_for(""))
    assert on_sqlite.check().found == set()


def test_a_key_that_each_process_makes_up_is_found_and_made_once(on_sqlite: Deployment) -> None:
    """An error where several processes are declared, after a deployment too. The command that mends it shows no key."""
    on_sqlite.set(ENVIRONMENT="", SECRET_KEY="")
    checked = on_sqlite.check("--only", "PL008,PL002")
    assert (checked["PL008"]["level"], checked.found) == ("warning", {"PL008"})
    assert checked["PL008"]["evidence"].startswith("SECRET_KEY is not set: access tokens are good until")
    on_sqlite.set(WEB_CONCURRENCY="4")
    checked = on_sqlite.check("--only", "PL008", "--stage", "after", "--url", "http://127.0.0.1:9")
    assert (checked["PL008"]["level"], checked.status) == ("error", 1)
    assert "4 processes are declared: each has its own" in checked["PL008"]["evidence"]
    (command,) = checked.fix("PL008")
    (on_sqlite.home / ".env").write_text("OF_OTHERS=kept")  # without a line's end
    (on_sqlite.home / ".env").chmod(0o600)
    done = subprocess.run(command, shell=True, cwd=on_sqlite.home, check=True, capture_output=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert (on_sqlite.home / ".env").stat().st_mode & 0o777 == 0o600
    on_sqlite.monkeypatch.delenv("SECRET_KEY")
    assert on_sqlite.check("--only", "PL008")["PL008"]["verdict"] == "passed"
    assert (on_sqlite.home / ".env").read_text().splitlines()[0] == "OF_OTHERS=kept"


def test_production_is_told_by_its_rule(on_sqlite: Deployment) -> None:
    """Or it is a warning that there is none, and an error where one was meant."""
    assert on_sqlite.check()["PL003"]["evidence"] == "production: ENVIRONMENT=production"
    on_sqlite.set(ENVIRONMENT="", PRODUCTION="yes")
    assert on_sqlite.check()["PL003"]["evidence"] == "production: PRODUCTION=yes"
    on_sqlite.set(PRODUCTION="")
    checked = on_sqlite.check()
    assert (checked["PL003"]["level"], checked.found) == ("warning", {"PL003"})
    on_sqlite.set(ENVIRONMENT="Production ")
    checked = on_sqlite.check()
    assert (checked["PL003"]["level"], checked.found) == ("error", {"PL003"})
    assert checked.fix("PL003") == ["ENVIRONMENT=production"]


def test_a_release_that_does_not_parse_is_caught(on_sqlite: Deployment, write: Callable[..., None]) -> None:
    """The line is named; what can be checked without the application still is."""
    write("def broken(:\n")
    checked = on_sqlite.check(app=SHOP)
    assert (checked.status, checked.found) == (1, {"PL100"})
    assert "shop.py, line 4" in checked["PL100"]["evidence"]
    assert checked["PL010"]["verdict"] == "passed"
    assert {"PL101", "PL110", "PL120"} <= checked.unknown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import no_such_package\n", "shop.py, line 4"),
        ("raise SystemExit(3)\n", "ended the process while it was imported (3)"),
        ("import os\nos._exit(0)\n", "ended the process while it was imported (0)"),
        (
            (
                "import os\nchild = os.fork()\nif not child:\n    os._exit(7)\n"
                "raise RuntimeError(f'the child: {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}')\n"
            ),
            "RuntimeError: the child: 7",
        ),
        ("import asyncio\nraise asyncio.CancelledError\n", "cannot be imported: CancelledError"),
        ("raise ValueError('key is 0123456789abcdef' + '0123456789abcdef' * 3)\n", "ValueError: key is ***"),
    ],
)
def test_any_failure_of_the_import_is_one_finding(
    on_sqlite: Deployment, write: Callable[..., None], line: str, words: str
) -> None:
    """In its own words, without secrets."""
    write(line)
    checked = on_sqlite.check(app=SHOP)
    assert checked.found == {"PL100"}
    assert words in checked["PL100"]["evidence"]


@pytest.mark.parametrize("words", ["p%40ss:word-1", "p@ss:word-1"])
@pytest.mark.parametrize("name", ["CACHE_URL", "REPORTS_DATABASE_URI", "SENTRY_DSN"])
def test_a_password_within_any_url_is_hidden(
    on_sqlite: Deployment, write: Callable[..., None], name: str, words: str
) -> None:
    """As it is, and as the URL has it."""
    on_sqlite.set(**{name: "redis://user:p%40ss:word-1@cache/0"})
    write(f"raise ValueError('no answer from user:{words}@cache')\n")
    assert "no answer from user:***@cache" in on_sqlite.check(app=SHOP)["PL100"]["evidence"]


def test_a_password_of_the_code_is_hidden(on_sqlite: Deployment, quoting_server: int) -> None:
    """What the server says may quote it."""
    (on_sqlite.home / "shop.py").write_text(
        "from plimsoll import Database, DatabaseSettings\n"
        f"url = 'mysql://shop:hard-coded-1@127.0.0.1:{quoting_server}/shop'\n"
        "database = Database(DatabaseSettings(database_url=url))\n"
    )
    checked = on_sqlite.check("--only", "PL010,PL011", app=SHOP)
    assert "hard-coded-1" not in str(checked.report)
    assert "no entry for shop with ***" in str(checked.report)


def test_an_import_that_hangs_is_given_up(
    on_sqlite: Deployment, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application cannot catch what ends it."""
    write("import time\ntry:\n    time.sleep(60)\nexcept Exception:\n    pass\n")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    target = Target("shop:database", on_sqlite.home, on_sqlite.home)
    assert import_application(target, limit_s=0.3).error == (
        "The import of the application 'shop:database' did not end within 0.3 s."
    )


def test_what_the_application_prints_is_no_part_of_the_report(
    on_sqlite: Deployment, write: Callable[..., None]
) -> None:
    """JSON stays JSON."""
    write("print('hello from the import')\n")
    checked = on_sqlite.check(app=SHOP)
    assert checked["PL100"]["verdict"] == "passed"
    assert "hello from the import" in checked.err


def test_what_programs_print_during_the_import_is_no_part_of_the_report(
    on_sqlite: Deployment, write: Callable[..., None]
) -> None:
    """Nor what C code writes past Python's own streams."""
    write("import os\nos.system('echo hello from a program')\nos.write(1, b'hello from C\\n')\n")
    ended = _process(on_sqlite, "-m", "plimsoll", *SHOP, "check", "--format", "json", *OURS)
    assert json.loads(ended.stdout)["stage"] == "before"
    assert "hello from a program\nhello from C\n" in ended.stderr


def _process(deployment: Deployment, *words: str) -> "subprocess.CompletedProcess[str]":
    """Python in a process of its own, on this library."""
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    return subprocess.run(
        [sys.executable, *words],
        cwd=deployment.home,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_thread_of_the_application_does_not_keep_the_command(
    on_sqlite: Deployment, write: Callable[..., None]
) -> None:
    """It is started by the import and never ends."""
    write("import threading, time\nthreading.Thread(target=time.sleep, args=(300,)).start()\n")
    ended = _process(on_sqlite, "-m", "plimsoll", *SHOP, "check", *OURS)
    assert ended.stdout.splitlines()[-1] == "safe: no finding at or above 'error'."


def test_an_import_that_cannot_be_stopped_ends_the_command(on_sqlite: Deployment, write: Callable[..., None]) -> None:
    """A loop that catches everything and tries again would go on for ever."""
    write("import time\nwhile True:\n    try:\n        time.sleep(60)\n    except:\n        pass\n")
    ended = _process(on_sqlite, "-c", IMPATIENT)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "plimsoll: The import of the application 'shop:database' did not end within 0.3 s. It could not be stopped.\n"
    )


def test_a_second_engine_is_counted(on_sqlite: Deployment, write: Callable[..., None]) -> None:
    """Whoever makes it, for the same database; declaring both is the way to keep them."""
    made = f"second = create_async_engine({on_sqlite.database.url!r}, pool_size=3, max_overflow=1)"
    write(f"from sqlalchemy.ext.asyncio import create_async_engine\n{made}\n")
    checked = on_sqlite.check(app=SHOP)
    assert checked.found == {"PL101"}
    assert checked["PL101"]["evidence"] == "2 made while importing (at most 40, at most 4); DEPLOY_ENGINES is 1"
    (line,) = checked.fix("PL101")
    on_sqlite.set(**dict([line.split("=")]))
    assert on_sqlite.check(app=SHOP)["PL101"]["verdict"] == "passed"


def test_an_engine_without_a_limit_is_found(on_sqlite: Deployment, write: Callable[..., None]) -> None:
    """Also where as many are declared."""
    url = on_sqlite.database.url_for("")
    write(f"import sqlalchemy as sa\nsecond = sa.create_engine({url!r}, poolclass=sa.NullPool)\n")
    on_sqlite.set(DEPLOY_ENGINES="2")
    checked = on_sqlite.check(app=SHOP)
    assert checked.found == {"PL101"}
    assert "no limit" in checked["PL101"]["evidence"]


def test_engines_of_other_databases_and_those_that_are_gone_do_not_count(
    on_sqlite: Deployment, write: Callable[..., None]
) -> None:
    """One for another file is named beside; one that was dropped is not there. Fewer than declared is no error."""
    write("import sqlalchemy as sa\nother = sa.create_engine('sqlite:///other.db')\nsa.create_engine('sqlite://')\n")
    on_sqlite.set(DEPLOY_ENGINES="2")
    checked = on_sqlite.check(app=SHOP)
    assert checked["PL101"]["level"] == "info"
    assert checked["PL101"]["evidence"] == (
        "1 made while importing (at most 40); 1 more for other servers; DEPLOY_ENGINES is 2"
    )


def test_an_application_without_migrations_and_administrators_is_not_asked_about_them(
    on_sqlite: Deployment, write: Callable[..., None]
) -> None:
    """Not applicable, with the reason."""
    write()
    checked = on_sqlite.check(app=SHOP)
    assert checked.status == 0
    assert {checked[id_]["verdict"] for id_ in ("PL110", "PL111", "PL120", "PL121", "PL122")} == {"not applicable"}


def test_the_directory_of_the_import_is_not_needed_twice(on_sqlite: Deployment, write: Callable[..., None]) -> None:
    """An application in a directory of its own, whose .env is the one of the current directory."""
    write()
    other = on_sqlite.home / "code"
    other.mkdir()
    Path("shop.py").rename(other / "shop.py")
    assert on_sqlite.check(app=(*SHOP, "--app-dir", str(other)))["PL100"]["verdict"] == "passed"
