"""The plain `alembic` command with `run_env` as the project's whole env.py."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.migrations import Migrations
from plimsoll.server import exclusive
from tests.migrations.project_files import PROJECT
from tests.migrations.test_plan import tables
from tests.servers import TestDatabase

OpenEngine = Callable[[TestDatabase | str], AsyncEngine]
INI = """\
[alembic]
script_location = migrations
prepend_sys_path = .
path_separator = os

[loggers]
keys = root, alembic
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = WARNING
handlers = console
[logger_alembic]
level = INFO
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(message)s
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the project with an alembic.ini."""
    place = tmp_path / "project"
    shutil.copytree(PROJECT, place, ignore=shutil.ignore_patterns("__pycache__"))
    (place / "alembic.ini").write_text(INI)
    return place


async def alembic(place: Path, environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the project and return how it ended."""
    command = [sys.executable, "-m", "alembic", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=place, env=environ, capture_output=True, text=True, timeout=60
    )


async def test_upgrade_and_downgrade(
    place: Path, any_database: TestDatabase, engine: AsyncEngine, project: Migrations
) -> None:
    """`alembic upgrade head` ends where `plimsoll migrate` does, its log is shown, and it can all be undone."""
    environ = any_database.environ()
    up = await alembic(place, environ, "upgrade", "head")
    assert up.returncode == 0, up.stderr
    assert "Running upgrade 0003 -> 0004, The profile of a performing team" in up.stderr
    assert (await project.state(engine)).missing == ()
    assert await project.differences(engine) == ()
    down = await alembic(place, environ, "downgrade", "base")
    assert down.returncode == 0, down.stderr
    assert await tables(engine) == {"alembic_version": ["version_num"]}


async def test_autogenerate_writes_what_the_models_have_more(place: Path, any_database: TestDatabase) -> None:
    """A new column and another default come out, and nothing else; run, they leave nothing to write."""
    environ = any_database.environ()
    assert (await alembic(place, environ, "upgrade", "head")).returncode == 0
    models = place / "chandlery" / "models.py"
    text = models.read_text().replace('server_default="new"', 'server_default="draft"')
    models.write_text(text.replace("is_active: Mapped[bool]", "is_active: Mapped[bool]\n    stock: Mapped[int | None]"))
    made = await alembic(place, environ, "revision", "--autogenerate", "-m", "stock")
    assert made.returncode == 0, made.stderr
    (written,) = (place / "migrations" / "versions").glob("*_stock.py")
    body = written.read_text().partition("def upgrade")[2].partition("def downgrade")[0]
    assert "batch_op.add_column(sa.Column('stock', sa.Integer(), nullable=True))" in body
    assert "server_default='draft'" in body
    assert body.count("batch_op.") == 2
    assert (await alembic(place, environ, "upgrade", "head")).returncode == 0
    checked = await alembic(place, environ, "check")
    assert checked.returncode == 0, checked.stderr


async def test_it_takes_the_same_lock(place: Path, mariadb_database: TestDatabase, open_engine: OpenEngine) -> None:
    """While another process migrates, `alembic upgrade` waits its turn, here in vain."""
    engine = open_engine(mariadb_database)
    async with exclusive(engine, "migrate", wait_s=5):
        waited = await alembic(place, mariadb_database.environ(DB_MIGRATION_LOCK_TIMEOUT="0.5"), "upgrade", "head")
    assert waited.returncode != 0
    assert "DB_MIGRATION_LOCK_TIMEOUT" in waited.stderr
    assert await tables(engine) == {}


async def test_it_prints_sql_for_the_database_of_the_environment(place: Path, postgres_database: TestDatabase) -> None:
    """`--sql` needs no connection: the dialect is that of DATABASE_URL, the server may be anywhere."""
    environ = postgres_database.environ() | {"DATABASE_URL": "postgresql://nobody@nowhere.invalid/nothing"}
    printed = await alembic(place, environ, "upgrade", "head", "--sql")
    assert printed.returncode == 0, printed.stderr
    assert "CREATE INDEX CONCURRENTLY ix_orders_status_id" in printed.stdout


async def test_an_application_may_say_where_its_settings_come_from(place: Path, sqlite_database: TestDatabase) -> None:
    """`run_env(metadata, settings=...)`: for a database that the environment does not name."""
    (place / "migrations" / "env.py").write_text(
        "from chandlery.models import Base\n"
        "from plimsoll import DatabaseSettings\n"
        "from plimsoll.migrations import run_env\n"
        f"run_env(Base.metadata, lambda: DatabaseSettings(database_url={sqlite_database.url!r}))\n"
    )
    environ = sqlite_database.environ()
    del environ["DATABASE_URL"]
    assert (await alembic(place, environ, "upgrade", "head")).returncode == 0
    assert sqlite_database.sql("SELECT version_num FROM alembic_version") == [("0006",)]
