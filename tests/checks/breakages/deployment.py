"""A production-like deployment of `backend/`: a git repository with its .env, an account with its privileges, a schema
that migrations have made, an administrator; and the commands that its operator runs."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import argon2
import pymysql

from tests.checks.breakages.servers import PRIVILEGES
from tests.checks.conftest import Checked
from tests.cli.conftest import Ended
from tests.servers import REPOSITORY, MariaDbServer, RunningCommand, TestDatabase
from tests.servers.environment import clean_environ
from tests.servers.process import ADMIN

PASSWORD = "violet-harbour-crane-42"
TOKEN = "for-operators-only-0123456789ab"
SECRET_KEY = "0123456789abcdef" * 4
RELEASE = "2025.11.2"
REQUIRED = "items.performance_team_profile"

ENV = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": SECRET_KEY,
    "ADMIN_EMAIL": "boss@venues.example.in",
    "ADMIN_PASSWORD": PASSWORD,
    "OPS_TOKEN": TOKEN,
    "RELEASE": RELEASE,
    "DB_POOL_SIZE": "6",
    "DB_MAX_OVERFLOW": "4",
    "DB_POOL_TIMEOUT": "10",
    "DB_CONNECT_TIMEOUT": "5",
    "DB_STATEMENT_TIMEOUT": "20",
    "DB_CLEANUP_TIMEOUT": "2",
    "REQUEST_TIMEOUT": "30",
    "SHUTDOWN_TIMEOUT": "30",
}
"""Lines of .env beside the database's URL: limits that lie within each other, and a pool for a small server."""

CHEAP_HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The check tries well-known passwords on the administrator's account: a second of work with the service's own cost of
a hash, in each of these tests."""

PYPROJECT = """\
[tool.plimsoll]
app = "app.main:app"
app-dir = "backend"
"""

_GIT = {
    "GIT_AUTHOR_NAME": "Operator",
    "GIT_AUTHOR_EMAIL": "operator@venues.example.in",
    "GIT_COMMITTER_NAME": "Operator",
    "GIT_COMMITTER_EMAIL": "operator@venues.example.in",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def make_home(home: Path) -> Path:
    """The repository of the deployment, without its .env: the service as it is in `backend/`, committed."""
    shutil.copytree(REPOSITORY / "backend", home / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "pyproject.toml").write_text(PYPROJECT)
    (home / ".gitignore").write_text(".env\n__pycache__/\n")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "Release")):
        git(home, *words)
    return home


def git(home: Path, *words: str) -> None:
    """Run git there, without anybody's configuration."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _GIT
    subprocess.run(["git", *words], cwd=home, env=environ, check=True, capture_output=True, timeout=30)


class Closable(Protocol):
    """A connection that a step has opened."""

    def close(self) -> None:
        """Close it."""


@dataclass
class Deployment:
    """The service in `home` on one database. `run` is the command in this process, `start` starts one of its own."""

    home: Path
    database: TestDatabase
    run: Callable[..., Ended]
    start: Callable[..., RunningCommand]
    env: dict[str, str] = field(default_factory=dict)
    apart: bool = False
    """Whether the check runs in a process of its own, as it does where it has variables or limits of its own."""
    limits: str = ""
    """A command of the shell, such as `ulimit -n 64`: the check then runs in a process that has these limits."""
    environ: dict[str, str] = field(default_factory=dict)
    """Variables of the check's own process, beside .env."""
    group: Path | None = None
    """The directory of a control group in which the service is started."""
    options: tuple[str, ...] = ()
    """Further options of the check."""
    service: RunningCommand | None = None
    kept: list[Closable] = field(default_factory=list)
    """What a step has opened, closed at the end."""

    def set(self, **changes: str) -> None:
        """Change lines of .env; an empty text takes the line out."""
        self.env = {name: value for name, value in {**self.env, **changes}.items() if value}
        path = self.home / ".env"
        path.write_text("".join(f"{name}={value}\n" for name, value in self.env.items()))
        path.chmod(0o600)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change the code; `name` is a file below `backend/`."""
        path = self.home / "backend" / name
        text = path.read_text()
        assert old in text, f"{name} no longer has {old!r}: this breakage needs another place"
        path.write_text(text.replace(old, new, 1))

    def append(self, name: str, text: str) -> None:
        """Write more code at the end of a file, which is made where it does not exist."""
        with (self.home / "backend" / name).open("a") as file:
            file.write(text)

    def command(self, *arguments: str, stdin: str = "", **environ: str) -> str:
        """Run another command of `plimsoll` as the operator does, in a process of its own; it must succeed."""
        ended = self._process(arguments, environ, "")
        assert ended.status == 0, ended.printed
        return ended.out

    def prepare(self) -> None:
        """Make the schema and the administrator, with the account as it is."""
        for words in (("migrate",), ("admin", "create", "--email", self.env["ADMIN_EMAIL"])):
            given = {"PLIMSOLL_NEW_PASSWORD": PASSWORD}
            ended = self._process(words, given, "") if self.apart else self._here(words)
            assert ended.status == 0, ended.printed

        self.database.sql("UPDATE accounts SET password_hash = %s", CHEAP_HASHER.hash(PASSWORD))

    def serve(self, **environ: str) -> None:
        """Start the service, and wait until it is ready."""
        words = [sys.executable, "-m", "plimsoll", "serve"]
        if self.group is not None:
            words = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.group / "cgroup.procs"), *words]
        self.service = self.start(words, env=self._environ(environ), cwd=self.home).wait_ready("/health/ready")

    def wait(self, seconds: float) -> None:
        """Let the service run on for a while: what it notices by time takes its time."""
        time.sleep(seconds)

    def close(self) -> None:
        """End what the steps have opened."""
        for each in self.kept:
            each.close()

    def check(self, *arguments: str) -> Checked:
        """The report of `plimsoll check` from the deployment's home; no secret is in it."""
        # Passwords that are tried take seconds of a busy machine; how long the command takes is another test.
        words = ("check", "--format", "json", "--timeout", "30", *arguments, *self.options)
        if self.apart or self.limits or self.environ:
            ended = self._process(words, self.environ, self.limits)
        else:
            ended = self._here(words)
        assert ended.out, ended.err
        secrets = (PASSWORD, TOKEN, SECRET_KEY, self.database.password)
        assert not any(secret and secret in ended.printed for secret in secrets), ended.printed
        return Checked(ended.status, json.loads(ended.out), ended.err)

    def before(self) -> Checked:
        """What is said before the deployment."""
        return self.check("--stage", "before", "--require", REQUIRED)

    def after(self, url: str = "") -> Checked:
        """What is said of the running service."""
        url = url or (self.service.url if self.service is not None else "http://127.0.0.1:9")
        return self.check("--stage", "after", "--url", url)

    def _here(self, words: tuple[str, ...]) -> Ended:
        _forget_application()
        os.chdir(self.home)
        try:
            return self.run(*words)
        finally:
            _forget_application()

    def _environ(self, more: Mapping[str, str]) -> dict[str, str]:
        return clean_environ() | {"PYTHONPATH": str(REPOSITORY / "src"), "PYTHONDONTWRITEBYTECODE": "1"} | dict(more)

    def _process(self, words: tuple[str, ...], environ: Mapping[str, str], limits: str) -> Ended:
        command = [sys.executable, "-m", "plimsoll", *words]
        if limits:
            command = ["sh", "-c", f'{limits} && exec "$@"', "sh", *command]
        ended = subprocess.run(
            command,
            cwd=self.home,
            env=self._environ(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)


def _forget_application() -> None:
    for name in [name for name in sys.modules if name == "app" or name.startswith("app.")]:
        del sys.modules[name]


def copy_schema(template: TestDatabase, database: TestDatabase) -> None:
    """Fill an empty database with the tables and rows of another on the same MariaDB: what migrations made once."""
    server = database.server
    assert isinstance(server, MariaDbServer)
    names = [row[0] for row in template.sql("SHOW TABLES")]
    tables = [template.sql(f"SHOW CREATE TABLE `{name}`")[0][1] for name in names]
    rows = [f"INSERT INTO `{name}` SELECT * FROM `{template.name}`.`{name}`" for name in names]
    with (
        pymysql.connect(
            unix_socket=str(server.socket), user=ADMIN, password=server.admin_password, database=database.name
        ) as connection,
        connection.cursor() as cursor,
    ):
        # Tables that refer to each other come in any order.
        for statement in ("SET SESSION foreign_key_checks = 0", *tables, *rows):
            cursor.execute(statement)
        connection.commit()


def narrow(database: TestDatabase) -> None:
    """Give the account exactly what the service and its migrations need."""
    if database.kind == "mariadb":
        database.sql(f"REVOKE ALL PRIVILEGES ON `{database.name}`.* FROM '{database.user}'@'%'")
        database.sql(f"GRANT {PRIVILEGES['mariadb']} ON `{database.name}`.* TO '{database.user}'@'%'")
    if database.kind == "postgres":
        database.sql(f"REVOKE harness FROM {database.user}")
