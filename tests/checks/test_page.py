"""The page about `plimsoll check` shows what it prints."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.checks.registry import BY_ID
from tests.checks.conftest import BACKEND, GOOD, Deployment
from tests.cli.conftest import Ended
from tests.servers import MariaDbServer
from tests.servers.database import ServerDatabase

PAGE = (Path(__file__).parents[2] / "docs" / "check.md").read_text()
HOME = "/srv/venues"


@pytest.fixture
def venues(
    new_mariadb: Callable[..., MariaDbServer],
    plimsoll: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Deployment:
    """The page's deployment: its mistakes made one by one on a server of its own."""
    server = new_mariadb()
    database = ServerDatabase(server, "venues")
    server.sql("CREATE DATABASE venues")
    server.sql("CREATE USER 'venues'@'%%' IDENTIFIED BY %s", database.password)
    server.sql("GRANT ALL ON venues.* TO 'venues'@'%'")
    server.sql("GRANT FILE ON *.* TO 'venues'@'%'")
    settings = {**GOOD, "DATABASE_URL": database.url, "ENVIRONMENT": "prodution"}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    (tmp_path / ".env").chmod(0o644)
    (tmp_path / "pyproject.toml").write_text(f'[tool.plimsoll]\napp = "app.main:app"\napp-dir = "{BACKEND[3]}"\n')
    deployment = Deployment(plimsoll, monkeypatch, tmp_path, database)
    assert deployment.command("migrate", app=()).status == 0
    database.sql("UPDATE alembic_version SET version_num = '0005'")
    database.sql("ALTER TABLE items DROP COLUMN performance_team_profile")
    return deployment


def test_the_run_on_the_page_is_a_real_one(venues: Deployment) -> None:
    """Word for word, save for the directory."""
    command = ("check", "--require", "items.performance_team_profile")
    printed = _joined(venues.command(*command, app=()).out.replace(str(venues.home), HOME))
    # Checks of further subjects find what they find on a server made for tests.
    shown, _, rest = PAGE.partition("```text\n$ plimsoll check")[2].partition("\n```")
    for block in shown.partition("\n")[2].split("\n\n"):
        if not block[:1].isdigit() and not block.startswith(("not safe", "...")):
            assert _joined(block) in printed, printed
    assert rest


def _joined(text: str) -> str:
    """Without line breaks, which come elsewhere where the directory's name is longer."""
    return " ".join(text.split())


def test_every_check_that_is_named_is_there() -> None:
    """With the title that it has."""
    for line in PAGE.splitlines():
        words = line.split("  ")
        if len(words) == 3 and words[1] in BY_ID:
            assert BY_ID[words[1]].title == words[2]
