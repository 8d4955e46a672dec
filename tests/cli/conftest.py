"""What tests of the command share: running it in this process, and small applications written by the test."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from plimsoll.checks.loggers import WATCHED
from plimsoll.cli import main
from tests.servers import TestDatabase

APPLICATION = """\
from fastapi import FastAPI

from plimsoll import Database
from plimsoll.fastapi import install

database = Database.from_env()
app = FastAPI()
install(app, database)
bare = FastAPI()


class holder:
    inner = app
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def printed(self) -> str:
        """Both streams."""
        return self.out + self.err


@pytest.fixture
def plimsoll(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., Ended]]:
    """Run the command in this process: `plimsoll("--app", "shop:app", "migrate")`.

    No traceback and no password may be printed.
    """
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["plimsoll", *arguments])
        _forget(tmp_path)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        status = ended.value.code if isinstance(ended.value.code, int) else 0
        found = Ended(status, printed.out, printed.err)
        assert "Traceback" not in found.printed
        assert not any(secret in found.printed for secret in _secrets())
        return found

    levels = {name: logging.getLogger(name).level for name in WATCHED}
    yield run
    for name, level in levels.items():  # an application that a test has written may have set them
        logging.getLogger(name).setLevel(level)
    _forget(tmp_path)


def _secrets() -> list[str]:
    """The passwords that the command was given: whatever it prints, none of them is in it."""
    try:
        in_url = make_url(os.environ.get("DATABASE_URL", "")).password
    except ArgumentError:
        in_url = None
    given = [in_url, os.environ.get("PLIMSOLL_NEW_PASSWORD"), os.environ.get("ADMIN_PASSWORD")]
    # A refusal names the e-mail, which some give as their password.
    return [secret for secret in given if secret and "@" not in secret]


def _forget(directory: Path) -> None:
    """Modules that a test has written are imported anew by the next command, and by the next test."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(directory)) or name.startswith("chandlery"):
            del sys.modules[name]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An application `shop:app` in a directory of its own, which is the current one."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    return tmp_path


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[TestDatabase | str], None]:
    """Name a database by DATABASE_URL."""

    def use(database: TestDatabase | str) -> None:
        monkeypatch.setenv("DATABASE_URL", database if isinstance(database, str) else database.url)

    return use
