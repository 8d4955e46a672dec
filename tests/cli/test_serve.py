"""`plimsoll serve` as a real process: where it listens, with how many workers, and how it ends."""

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
import uvicorn

from plimsoll.cli.serve import ROLL_BACK_S, _has_console
from plimsoll.cli.target import Target
from plimsoll.database import Database
from plimsoll.settings import DatabaseSettings, ServiceSettings, Settings
from tests.cli.conftest import APPLICATION, Ended
from tests.migrations.project_files import PROJECT
from tests.servers import RunningCommand, TestDatabase
from tests.servers.places import free_port

Start = Callable[..., RunningCommand]
SERVE = (sys.executable, "-m", "plimsoll", "--app", "chandlery.main:app", "--app-dir", str(PROJECT), "serve")
SECONDS_TO_END = 20


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def wait_until(true: Callable[[], bool], timeout_s: float = 60) -> None:
    ends = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("signal", ["terminate", "interrupt"])
def test_it_serves_until_it_is_asked_to_end(
    sqlite_database: TestDatabase, start_command: Start, workers: str, signal: str
) -> None:
    """HOST, PORT and WEB_CONCURRENCY are heeded; a signal ends it and its workers, soon and with 0."""
    service = start_command(SERVE, env=sqlite_database.environ(WEB_CONCURRENCY=workers)).wait_ready("/health/ready")
    assert get(f"{service.url}/items/count") == "0"
    output = service.output()
    assert f"Serving chandlery.main:app at {service.url} (API: {service.url}/docs" in output
    assert f", console: {service.url}/ops/). Stop" in output
    assert "[DB] Development mode: Tables created/verified" in output
    if workers == "2":
        second = re.compile(r"(?s)Application startup complete.*Application startup complete")
        wait_until(lambda: second.search(service.output()) is not None)
    children = psutil.Process(service.pid).children()
    started = set(re.findall(r"Started server process \[(\d+)\]", service.output()))
    assert len(started) == int(workers)
    assert getattr(service, signal)(SECONDS_TO_END) == 0, service.output()
    assert psutil.wait_procs(children, timeout=20)[1] == []
    assert "Traceback" not in service.output()


def test_it_is_run_in_the_directory_of_pyproject(start_command: Start, tmp_path: Path) -> None:
    """From a directory below, and with workers: .env and the SQLite file are those of the project."""
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.plimsoll]\napp = "chandlery.main:app"\napp-dir = "{PROJECT}"\n', encoding="utf-8"
    )
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///here.db\nWEB_CONCURRENCY=2\n")
    below = tmp_path / "below"
    below.mkdir()
    service = start_command((sys.executable, "-m", "plimsoll", "serve"), cwd=below).wait_ready("/health/ready")
    assert get(f"{service.url}/items/count") == "0"
    assert (tmp_path / "here.db").is_file()
    assert list(below.iterdir()) == []
    assert service.terminate(SECONDS_TO_END) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_start_that_fails_ends_with_3(postgres_database: TestDatabase, start_command: Start, workers: str) -> None:
    """A wrong password: said in the log without it, and the command ends instead of trying for ever."""
    environ = postgres_database.environ(WEB_CONCURRENCY=workers)
    environ["DATABASE_URL"] = postgres_database.url.replace(str(postgres_database.password), "hush-hush")
    service = start_command(SERVE, env=environ)
    assert service.wait(60) == 3, service.output()
    assert "password authentication failed" in service.output()
    assert "hush-hush" not in service.output()
    assert "Traceback" not in service.output()


def test_an_error_in_the_application_s_own_start_keeps_its_traceback(start_command: Start, tmp_path: Path) -> None:
    """What is not explained in a sentence is shown in full."""
    (tmp_path / "broken.py").write_text(
        "from contextlib import asynccontextmanager\n"
        "from fastapi import FastAPI\n"
        "from plimsoll import Database\n"
        "from plimsoll.fastapi import install\n"
        "@asynccontextmanager\n"
        "async def lifespan(app):\n"
        "    raise ZeroDivisionError('of its own')\n"
        "    yield\n"
        "app = FastAPI(lifespan=lifespan)\n"
        "install(app, Database.from_env())\n"
    )
    service = start_command((sys.executable, "-m", "plimsoll", "--app", "broken:app", "serve"), cwd=tmp_path)
    assert service.wait(60) == 3
    assert "Traceback" in service.output()
    assert "ZeroDivisionError: of its own" in service.output()


def run(environ: dict[str, str], **more: str) -> subprocess.CompletedProcess[str]:
    """The command, which is expected to end by itself."""
    return subprocess.run(SERVE, env=environ | more, capture_output=True, text=True, timeout=90)


def test_a_port_that_is_taken_is_said_at_once(sqlite_database: TestDatabase) -> None:
    """Before start-up does anything: which address, and what to do; exit status 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(sqlite_database.environ(), PORT=str(port))
    assert ended.returncode == 2
    assert f"Cannot listen on 127.0.0.1, port {port}: another program does." in ended.stderr
    assert "set PORT" in ended.stderr
    assert sqlite_database.path is not None
    assert not sqlite_database.path.exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "http", "PORT = 'http'"),
        ("PORT", "70000", "a whole number from 1 to 65535"),
        ("WEB_CONCURRENCY", "0", "WEB_CONCURRENCY = '0'"),
        ("HOST", "192.0.2.1", "Set HOST to an address of this machine"),
        ("HOST", "nowhere.invalid", "Cannot listen on nowhere.invalid"),
    ],
)
def test_a_place_that_is_none_ends_with_2(sqlite_database: TestDatabase, name: str, value: str, words: str) -> None:
    """The setting, what is wrong with it, and what is allowed."""
    ended = run(sqlite_database.environ(PORT=str(free_port())), **{name: value})
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_is_installed_and_knows_its_version() -> None:
    """`plimsoll --version` and `python -m plimsoll --version` are the same command."""
    from importlib.metadata import version

    installed = Path(sys.executable).with_name("plimsoll")
    for command in ([str(installed)], [sys.executable, "-m", "plimsoll"]):
        ended = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=90)
        assert (ended.returncode, ended.stdout) == (0, f"plimsoll {version('plimsoll')}\n")


def test_help_and_wrong_options_are_plain_text() -> None:
    """Help names [tool.plimsoll] and the exit statuses; an option that does not exist ends with 2."""
    command = [sys.executable, "-m", "plimsoll"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=90)
    assert shown.returncode == 0
    assert "[tool.plimsoll]" in shown.stdout
    assert "Exit status: 0 fine" in shown.stdout
    wrong = subprocess.run([*command, "migrate", "--plann"], capture_output=True, text=True, timeout=90)
    assert wrong.returncode == 2
    assert "No such option" in wrong.stderr


@pytest.mark.parametrize(("code", "seconds"), [("", 7), ("service=ServiceSettings(shutdown_timeout_s=90)", 90)])
def test_requests_in_flight_have_as_long_as_the_application_says(
    plimsoll: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, seconds: int
) -> None:
    """SHUTDOWN_TIMEOUT, or what the application's own code sets in its place: the server cuts off later than that, so
    that the application's own end of them comes first."""
    given: list[int] = []
    monkeypatch.setattr(uvicorn, "run", lambda _name, **options: given.append(options["timeout_graceful_shutdown"]))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("SHUTDOWN_TIMEOUT", "7")
    monkeypatch.setenv("PORT", str(free_port()))
    text = APPLICATION.replace("install(app, database)", f"install(app, database, {code})")
    (tmp_path / "shop.py").write_text("from plimsoll.settings import ServiceSettings\n" + text)
    ended = plimsoll("--app", "shop:app", "--app-dir", str(tmp_path), "serve")
    assert ended.status == 0, ended.err
    assert given == [seconds + ROLL_BACK_S]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, True),
        ({"ENVIRONMENT": "production"}, False),
        ({"ENVIRONMENT": "production", "OPS_TOKEN": "operator-token-0001"}, True),
        ({"ENVIRONMENT": "production", "OPS_READ_TOKEN": "reader-token-00001"}, True),
    ],
    ids=["development", "no-token", "operator", "reader"],
)
def test_the_console_is_named_where_there_is_one(environment: dict[str, str], told: bool) -> None:
    """In production without a token its address is answered 404."""
    database = Database(DatabaseSettings.from_env({"DATABASE_URL": "sqlite:///shop.db", **environment}))

    class Installed(Target):
        def load(self) -> tuple[Database, Sequence[Settings]]:
            return database, (ServiceSettings.from_env(environment),)

    assert _has_console(Installed("shop:app", Path(), Path())) is told
