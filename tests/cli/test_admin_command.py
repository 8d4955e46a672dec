"""`plimsoll admin`: an account made, its password changed, what is wrong found; and no password ever printed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import argon2
import pytest

from tests.cli.conftest import Ended
from tests.migrations.project_files import PROJECT
from tests.servers import TestDatabase

Command = Callable[..., Ended]
Use = Callable[[TestDatabase | str], None]
APP = ("--app", "chandlery.main:app", "--app-dir", str(PROJECT))
EMAIL = "mate@harbour.example"
PASSWORD, OTHER = "corvid-Lantern-77-harbour", "plum_Ferry_under_9_bridges"


def may_log_in(database: TestDatabase, password: str) -> bool:
    """Whether the account's stored hash is of this password."""
    ((stored,),) = database.sql(f"SELECT password_hash FROM admins WHERE email = '{EMAIL}'")
    try:
        return argon2.PasswordHasher().verify(stored, password)
    except argon2.exceptions.VerifyMismatchError:
        return False


def test_an_account_is_made_mended_and_checked(
    plimsoll: Command, use: Use, any_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No administrator: 1. One made: 0. A new password counts from then on, and the old one no more."""
    use(any_database)
    plimsoll(*APP, "migrate")
    nobody = plimsoll(*APP, "admin", "check")
    assert nobody.status == 1
    assert nobody.out.startswith("Administrators: 0\nwrong: ")

    monkeypatch.setenv("PLIMSOLL_NEW_PASSWORD", PASSWORD)
    made = plimsoll(*APP, "admin", "create", "--email", EMAIL, "--name", "Mate")
    assert (made.status, made.out) == (0, f"Made an administrator's account for {EMAIL}.\n")
    assert may_log_in(any_database, PASSWORD)
    fine = plimsoll(*APP, "admin", "check")
    assert (fine.status, fine.out) == (0, "Administrators: 1\nNothing is wrong.\n")

    monkeypatch.setenv("PLIMSOLL_NEW_PASSWORD", OTHER)
    reset = plimsoll(*APP, "admin", "reset-password", "--email", EMAIL)
    assert (reset.status, reset.out) == (0, f"The password of {EMAIL} was changed.\n")
    assert may_log_in(any_database, OTHER)
    assert not may_log_in(any_database, PASSWORD)
    for ended in (nobody, made, fine, reset):
        assert PASSWORD not in ended.printed
        assert OTHER not in ended.printed


@pytest.mark.parametrize("password", ["admin123", "short", EMAIL])
def test_a_weak_password_is_refused_with_1(
    plimsoll: Command, use: Use, sqlite_database: TestDatabase, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """Why, and what to do; nobody is made."""
    use(sqlite_database)
    plimsoll(*APP, "migrate")
    monkeypatch.setenv("PLIMSOLL_NEW_PASSWORD", password)
    ended = plimsoll(*APP, "admin", "create", "--email", EMAIL)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("plimsoll: ")
    assert password == EMAIL or password not in ended.err
    assert sqlite_database.sql("SELECT * FROM admins") == []


def test_a_taken_email_and_an_unknown_one_end_with_1(
    plimsoll: Command, use: Use, sqlite_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account is neither made twice, nor reset where there is none."""
    use(sqlite_database)
    plimsoll(*APP, "migrate")
    monkeypatch.setenv("PLIMSOLL_NEW_PASSWORD", PASSWORD)
    unknown = plimsoll(*APP, "admin", "reset-password", "--email", EMAIL)
    assert unknown.status == 1
    assert "plimsoll admin create" in unknown.err
    assert plimsoll(*APP, "admin", "create", "--email", EMAIL).status == 0
    taken = plimsoll(*APP, "admin", "create", "--email", EMAIL)
    assert taken.status == 1
    assert f"{EMAIL} exists already" in taken.err


@pytest.mark.parametrize("command", ["create", "reset-password"])
def test_without_its_table_it_says_to_migrate(
    plimsoll: Command, use: Use, any_database: TestDatabase, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The statement and the hash in it are not shown."""
    use(any_database)
    monkeypatch.setenv("PLIMSOLL_NEW_PASSWORD", PASSWORD)
    ended = plimsoll(*APP, "admin", command, "--email", EMAIL)
    assert ended.status == 1
    assert "plimsoll migrate" in ended.err
    assert "argon2" not in ended.err
    checked = plimsoll(*APP, "admin", "check")
    assert checked.status == 1
    assert "plimsoll migrate" in checked.out


def test_an_unreachable_database_is_said(plimsoll: Command, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands fail with what the server, or nobody, said."""
    use("mysql+aiomysql://u:hush-1@127.0.0.1:1/d")
    monkeypatch.setenv("PLIMSOLL_NEW_PASSWORD", PASSWORD)
    for arguments in (("check",), ("create", "--email", EMAIL)):
        ended = plimsoll(*APP, "admin", *arguments)
        assert ended.status != 0
        assert "cannot be reached" in ended.printed
        assert "hush" not in ended.printed


def test_an_application_without_an_administrator_is_told_how_to_have_one(plimsoll: Command, shop: Path) -> None:
    """`Database(settings, admin=AdminAccount(...))`."""
    ended = plimsoll("--app", "shop:app", "admin", "check")
    assert ended.status == 2
    assert "admin=AdminAccount(...)" in ended.err


@pytest.mark.parametrize(
    ("typed", "status"), [(f"{PASSWORD}\n{PASSWORD}\n", 0), ("", 1)], ids=["twice", "nobody to ask"]
)
def test_the_password_is_asked_for_and_not_shown(
    plimsoll: Command, use: Use, sqlite_database: TestDatabase, typed: str, status: int
) -> None:
    """Typed twice, it is taken; with nobody to type it, the command ends."""
    use(sqlite_database)
    plimsoll(*APP, "migrate")
    command = [sys.executable, "-m", "plimsoll", *APP, "admin", "create", "--email", EMAIL]
    ended = subprocess.run(
        command,
        env=sqlite_database.environ(),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    assert ended.returncode == status, ended.stderr
    assert "Password (at least 12 characters)" in ended.stdout + ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(sqlite_database.sql("SELECT * FROM admins")) == (1 if status == 0 else 0)
