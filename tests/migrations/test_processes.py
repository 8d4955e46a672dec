"""`plimsoll migrate` as real processes: many at once, killed half-way, waiting for one another."""

import asyncio
import contextlib
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.migrations import Migrations
from plimsoll.server import exclusive
from tests.migrations.project_files import PROJECT, write_migrations
from tests.servers import RunningCommand, TestDatabase

Start = Callable[..., RunningCommand]
OpenEngine = Callable[[TestDatabase], AsyncEngine]
PROCESSES = 10
HOLD = "if os.environ.get('HOLD'): time.sleep(60)"
TABLE = "create_table_if_missing('{}', sa.Column('id', sa.Integer, primary_key=True))"
TWO_TABLES = "\n".join([TABLE.format("first"), HOLD, TABLE.format("second")])


def command(app: str, directory: Path) -> list[str]:
    return [sys.executable, "-m", "plimsoll", "--app", app, "--app-dir", str(directory), "migrate"]


async def appears(look: Callable[[], object], timeout_s: float = 60) -> None:
    """Wait until `look` gives something that is true and raises nothing."""
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        with contextlib.suppress(Exception):
            if await asyncio.to_thread(look):
                return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not appear")


async def test_ten_processes_at_once_run_each_revision_once(
    any_database: TestDatabase, start_command: Start, tmp_path: Path, project: Migrations, engine: AsyncEngine
) -> None:
    """All begin at the same moment on an empty database; all end with 0, and no revision is run by two."""
    environ = any_database.environ(CHANDLERY_START=str(tmp_path))
    running = [start_command(command("chandlery.together:app", PROJECT), env=environ) for _ in range(PROCESSES)]
    await appears(lambda: len(list(tmp_path.glob("ready-*"))) == PROCESSES, timeout_s=60)
    (tmp_path / "go").touch()
    statuses = [await asyncio.to_thread(process.wait, 60) for process in running]
    outputs = [process.output() for process in running]
    assert statuses == [0] * PROCESSES, outputs
    ran = Counter(revision for output in outputs for revision in re.findall(r"^\[\d/\d\] (\d+)", output, re.MULTILINE))
    assert ran == {f"000{number}": 1 for number in range(1, 7)}
    workers = sum("Done: " in output for output in outputs)
    assert sum("Nothing to do" in output for output in outputs) == PROCESSES - workers
    # SQLite's lock is free for a moment after each revision, so there the work may be shared.
    assert workers == 1 or any_database.kind == "sqlite"
    assert await project.differences(engine) == ()


async def test_a_migration_killed_half_way_is_finished_by_the_one_that_waits(
    any_database: TestDatabase, start_command: Start, tmp_path: Path
) -> None:
    """kill -9 between two tables of a revision: the server frees the lock, and who waited makes the rest."""
    write_migrations(tmp_path, {"one": TWO_TABLES, "two": TABLE.format("third")})
    environ = any_database.environ(DB_LOCK_WAIT_TIMEOUT="1")
    killed = start_command(command("written:database", tmp_path), env=environ | {"HOLD": "1"})
    await asyncio.to_thread(killed.wait_output, "[1/2] one (One)")
    if any_database.kind == "mariadb":
        await appears(lambda: any_database.sql("SHOW TABLES LIKE 'first'"))
    else:
        await asyncio.sleep(0.3)
    waiting = start_command(command("written:database", tmp_path), env=environ)
    await asyncio.to_thread(waiting.wait_output, "waiting up to 300 s")
    killed.kill()
    # Not the 300 s for which it would have waited for a living one.
    assert await asyncio.to_thread(waiting.wait, 60) == 0, waiting.output()
    assert "Done: 2 revisions were run; the database is at two." in waiting.output()
    for table in ("first", "second", "third"):
        assert any_database.sql(f"SELECT * FROM {table}") == []


async def test_waiting_in_vain_ends_with_2_and_the_setting_to_change(
    postgres_database: TestDatabase, start_command: Start, tmp_path: Path, open_engine: OpenEngine
) -> None:
    """Another process migrates for too long: one error, no traceback, nothing run."""
    write_migrations(tmp_path, {"one": TWO_TABLES})
    environ = postgres_database.environ(DB_MIGRATION_LOCK_TIMEOUT="0.5")
    async with exclusive(open_engine(postgres_database), "migrate", wait_s=5):
        process = start_command(command("written:database", tmp_path), env=environ)
        assert await asyncio.to_thread(process.wait) == 2, process.output()
    assert "After 0.5 s another process still holds the lock 'migrate' (process " in process.output()
    assert "DB_MIGRATION_LOCK_TIMEOUT" in process.output()
    assert "Traceback" not in process.output()


async def test_a_failure_ends_with_1_and_names_the_revision(
    mariadb_database: TestDatabase, start_command: Start, tmp_path: Path
) -> None:
    """What was done stays and is said; the next run goes on with the one that failed, and ends with 0."""
    write_migrations(tmp_path, {"one": TABLE.format("first"), "two": "op.execute('INSERT INTO nowhere VALUES (1)')"})
    process = start_command(command("written:database", tmp_path), env=mariadb_database.environ())
    assert await asyncio.to_thread(process.wait) == 1, process.output()
    assert "[2/2] two (Two)\n" in process.output()
    assert "plimsoll: Revision two (Two) failed: " in process.output()
    assert "Traceback" not in process.output()
    assert str(mariadb_database.password) not in process.output()

    write_migrations(tmp_path, {"one": TABLE.format("first"), "two": TABLE.format("second")})
    again = start_command(command("written:database", tmp_path), env=mariadb_database.environ())
    assert await asyncio.to_thread(again.wait) == 0, again.output()
    assert again.output().splitlines() == [
        "[1/1] two (Two)",
        "Done: 1 revision was run; the database is at two.",
    ]


@pytest.mark.parametrize(("signal", "status"), [("interrupt", 130), ("terminate", -15)])
async def test_a_migration_that_is_asked_to_end_does_so_and_the_next_one_waits_for_its_statement(
    server_database: TestDatabase, start_command: Start, tmp_path: Path, signal: str, status: int
) -> None:
    """Ctrl+C, or SIGTERM by a service manager, in a long statement. Servers run it to its end, under the lock."""
    sleep = "SLEEP(10)" if server_database.kind == "mariadb" else "pg_sleep(10)"
    body = f"if os.environ.get('HOLD'): op.execute('SELECT {sleep}')"
    write_migrations(tmp_path, {"one": f"{body}\n{TABLE.format('first')}"})
    stopped = start_command(command("written:database", tmp_path), env=server_database.environ(HOLD="1"))
    await appears(lambda: sleep in str(server_database.connections()))
    assert await asyncio.to_thread(getattr(stopped, signal), 8) == status, stopped.output()
    assert "Traceback" not in stopped.output()
    again = start_command(command("written:database", tmp_path), env=server_database.environ())
    assert await asyncio.to_thread(again.wait, 60) == 0, again.output()
    assert server_database.sql("SELECT * FROM first") == []
