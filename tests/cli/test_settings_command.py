"""`plimsoll settings`: all of them, for people and for programs, and never a secret."""

import json
import shutil
import sys
from collections.abc import Callable
from os import terminal_size
from pathlib import Path

import pytest

from tests.cli.conftest import Ended
from tests.migrations.project_files import PROJECT

Command = Callable[..., Ended]
APP = ("--app", "chandlery.main:app", "--app-dir", str(PROJECT))
SECRETS = {"DATABASE_URL": "mysql://u:hush-1@db.example/d", "ADMIN_PASSWORD": "hush-2", "SHOP_KEY": "hush-3"}


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("secrets")
def test_each_setting_has_a_line_with_its_value_and_source(
    plimsoll: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the library, of the application, and of the command itself; units, bounds and help in the line after it."""
    (tmp_path / ".env").write_text("\nDB_POOL_SIZE=7\nPORT=8100\n")
    monkeypatch.setenv("SHOP_GREETING", "Hello\nthere")
    ended = plimsoll(*APP, "settings")
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[lines.index("  DB_POOL_SIZE = 7 connections   (.env:2)") + 1] == (
        "      Connections that a process keeps; auto finds them and DB_MAX_OVERFLOW at start ('plimsoll capacity'). "
        "Allowed: auto, or a whole number from 1 to 1000."
    )
    assert "  DB_POOL_TIMEOUT = 30 s   (default)" in lines
    assert "  PORT = 8100   (.env:3)" in lines
    assert "  ENVIRONMENT = (empty)   (default)" in lines
    assert "  SHOP_GREETING = 'Hello\\nthere'   (environment)" in lines
    assert "  SHOP_KEY = ***   (environment)" in lines
    assert "  ADMIN_PASSWORD = ***   (environment)" in lines
    assert lines[-2] == "database: mysql+aiomysql://u:***@db.example/d?charset=utf8mb4"
    assert lines[-1].startswith("development: ")
    assert any(line.startswith("note: DATABASE_URL begins with mysql") for line in lines)
    assert "hush" not in ended.printed


@pytest.mark.usefixtures("secrets")
def test_json_has_the_same_for_programs(plimsoll: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, values, sources, units, bounds, notes, and whether this is production, with the reason."""
    monkeypatch.setenv("ENVIRONMENT", "production")
    ended = plimsoll(*APP, "settings", "--format", "json")
    assert ended.status == 0, ended.err
    found = json.loads(ended.out)
    assert (found["mode"], found["reason"]) == ("production", "ENVIRONMENT=production")
    rows = {row["name"]: row for row in found["settings"]}
    assert len(rows) == len(found["settings"]), "no setting twice"
    assert rows["DB_POOL_RECYCLE"] == {
        "name": "DB_POOL_RECYCLE",
        "value": "280",
        "source": "default",
        "unit": "s",
        "allowed": "a number from 1 to 86400",
        "help": "Age at which a connection is replaced; must be below the server's wait_timeout",
    }
    assert {"SHOP_KEY", "ADMIN_EMAIL", "HOST", "PORT", "WEB_CONCURRENCY", "SHUTDOWN_TIMEOUT"} <= rows.keys()
    assert "hush" not in ended.printed


@pytest.mark.parametrize("columns", [30, 80])
def test_a_terminal_is_not_written_beyond_its_edge(
    plimsoll: Command, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """What a setting is for is broken into lines that fit; a name is never broken. Below 40 columns it is left."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: terminal_size((columns, 24)))
    ended = plimsoll(*APP, "settings")
    details = [line for line in ended.out.splitlines() if line.startswith("      ")]
    assert max(map(len, details)) <= max(columns, 40)
    assert "DB_MIGRATION_LOCK_TIMEOUT" in ended.out


def test_without_an_application_the_library_s_own_are_shown(plimsoll: Command) -> None:
    """For a first look; what an application adds is not known."""
    ended = plimsoll("settings")
    assert ended.status == 0
    assert "DB_POOL_SIZE = 20 connections   (default)" in ended.out
    assert "REQUEST_TIMEOUT = 45 s   (default)" in ended.out
    assert "SHOP_GREETING" not in ended.out


@pytest.mark.parametrize("command", ["settings", "serve", "migrate"])
def test_wrong_settings_end_with_2_and_one_message_that_lists_them(
    plimsoll: Command, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """All that the command reads, each with its name, value, source and what is allowed."""
    monkeypatch.setenv("DB_POOL_SIZE", "abc")
    monkeypatch.setenv("DB_POOL_TIMEOUT", "-1")
    monkeypatch.setenv("PORT", "80 ")
    ended = plimsoll(*APP, command)
    assert ended.status == 2
    count = 2 if command == "migrate" else 3
    assert ended.err.startswith(f"plimsoll: {count} settings are wrong:\n")
    assert "DB_POOL_SIZE = 'abc'   (from: environment)" in ended.err
    assert ("PORT = '80 '" in ended.err) == (command != "migrate")
    assert ended.out == ""
