"""What tests of the checklist share: the service of `backend/` on a real database, checked by the command."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plimsoll.checks.subjects import access, accounts, app, files, schema, settings, suppression, tls
from tests.cli.conftest import Ended, plimsoll, use
from tests.servers import TestDatabase
from tests.servers.environment import REPOSITORY

__all__ = ["Checked", "Deployment", "plimsoll", "use"]

BACKEND = ("--app", "app.main:app", "--app-dir", str(REPOSITORY / "backend"))
_SUBJECTS = (settings, files, access, tls, suppression, app, schema, accounts)
OURS = ("--only", ",".join(check.id for subject in _SUBJECTS for check in subject.CHECKS))
"""Options that ask the checks of these subjects: others find what they find on servers made for tests."""

GOOD = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "0123456789abcdef" * 4,
    "ADMIN_EMAIL": "boss@venues.example.in",
    "ADMIN_PASSWORD": "violet-harbour-crane-42",
}
"""A production deployment of the service in which nothing is wrong."""

BUT_THE_SERVER = ("--skip", "mysql", "--skip", "postgresql", "--skip", "sqlite")
"""The tests' own servers are set for speed, and have just been started; what is said of servers has its own tests."""


@dataclass(frozen=True)
class Checked:
    """What `plimsoll check --format json` said, by the checks' ids."""

    status: int
    report: dict[str, Any]
    err: str

    @property
    def found(self) -> set[str]:
        """Ids of what was found and counts."""
        return {
            id_ for id_, result in self.results.items() if result["verdict"] == "found" and not result["suppressed"]
        }

    @property
    def unknown(self) -> set[str]:
        """Ids of what could not be checked."""
        return {id_ for id_, result in self.results.items() if result["verdict"] == "could not"}

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """Each check's result."""
        return {result["id"]: result for result in self.report["results"]}

    def __getitem__(self, id_: str) -> dict[str, Any]:
        return self.results[id_]

    def fix(self, id_: str) -> list[str]:
        """The texts to paste of a finding."""
        return [change["text"] for change in self[id_]["changes"]]


@dataclass(frozen=True)
class Deployment:
    """The service on one database, whose environment the test changes."""

    run: Callable[..., Ended]
    monkeypatch: pytest.MonkeyPatch
    home: Path
    database: TestDatabase

    def set(self, **environ: str) -> None:
        """Set variables of the environment; an empty text counts as not set."""
        for name, value in environ.items():
            self.monkeypatch.setenv(name, value)

    def command(self, *arguments: str, app: tuple[str, ...] = BACKEND) -> Ended:
        """Run a command of `plimsoll` on the service, which is imported anew."""
        for name in [name for name in sys.modules if name == "app" or name.startswith("app.")]:
            self.monkeypatch.delitem(sys.modules, name)
        if arguments[:1] == ("check",):
            arguments = (*arguments, *BUT_THE_SERVER)
        ended = self.run(*app, *arguments)
        # Else the imported application would be left behind: only what was there before comes back.
        for name in [name for name in sys.modules if name == "app" or name.startswith("app.")]:
            del sys.modules[name]
        return ended

    def migrate(self) -> None:
        """Bring the schema to the newest revision."""
        ended = self.command("migrate")
        assert ended.status == 0, ended.printed

    def check(self, *arguments: str, app: tuple[str, ...] = BACKEND) -> Checked:
        """The report of `plimsoll check` on `OURS`, unless others are asked for.

        With time enough for a machine that is busy with other tests, unless the test says how much.
        """
        chosen = () if {"--only", "--skip"} & set(arguments) else OURS
        timeout = () if "--timeout" in arguments else ("--timeout", "60")
        ended = self.command("check", "--format", "json", *chosen, *timeout, *arguments, app=app)
        assert ended.out, ended.err
        return Checked(ended.status, json.loads(ended.out), ended.err)

    def least_powers(self) -> None:
        """Take from PostgreSQL's account the administrator's role that tests give it."""
        if self.database.kind == "postgres":
            self.database.sql(f"REVOKE harness FROM {self.database.user}")
            self.database.sql(f"ALTER DATABASE {self.database.name} OWNER TO {self.database.user}")


@pytest.fixture
def deploy(
    plimsoll: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[[TestDatabase], Deployment]:
    """Make a good production deployment on a database; its schema is not made yet."""

    def deploy(database: TestDatabase) -> Deployment:
        deployment = Deployment(plimsoll, monkeypatch, tmp_path, database)
        deployment.set(DATABASE_URL=database.url, **GOOD)
        return deployment

    return deploy


@pytest.fixture
def deployment(deploy: Callable[[TestDatabase], Deployment], any_database: TestDatabase) -> Deployment:
    """A good deployment, its schema made, on SQLite, MariaDB and PostgreSQL in turn."""
    found = deploy(any_database)
    found.least_powers()
    found.migrate()
    return found


@pytest.fixture
def on_mariadb(deploy: Callable[[TestDatabase], Deployment], mariadb_database: TestDatabase) -> Deployment:
    """A good deployment, its schema made, on MariaDB."""
    found = deploy(mariadb_database)
    found.migrate()
    return found


@pytest.fixture
def on_sqlite(deploy: Callable[[TestDatabase], Deployment], sqlite_database: TestDatabase) -> Deployment:
    """A good deployment, its schema made, on SQLite."""
    found = deploy(sqlite_database)
    found.migrate()
    return found
