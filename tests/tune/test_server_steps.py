"""Settings of real servers: changed, read back, taken back, and what happens where that cannot be."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.checks.applying import EnvSource, apply, undo_server
from plimsoll.checks.journal import EnvEntry, Journal, ServerEntry, read_journal
from plimsoll.checks.server_steps import ServerSteps
from plimsoll.checks.steps import Outcome, StepFailedError
from plimsoll.checks.tuning import Plan, Step
from plimsoll.server.changing import Standing, Wanted, same
from tests.servers import MariaDbServer, PostgresServer, TestDatabase, only_mariadb
from tests.tune.conftest import env_step, let, server_steps, sql_step

DATABASE = "mysql://shop@db.example/shop"
CHANGED = {
    "mariadb": (("long_query_time", "2"), ("slow_query_log", "ON"), ("max_connections", "60")),
    "postgres": (("log_min_duration_statement", "2000"), ("idle_in_transaction_session_timeout", "60s")),
}


def value_of(database: TestDatabase, name: str) -> str:
    """What the server itself says of a setting, asked by the administrator."""
    assert database.server is not None
    statement = f"SELECT @@GLOBAL.{name}" if database.kind == "mariadb" else f"SHOW {name}"
    return str(database.server.sql(statement)[0][0])


async def applied(database: TestDatabase, undo_file: Path, *steps: Step) -> Outcome:
    """The outcome of these steps on the server."""
    outcome = Outcome()
    async with server_steps(database) as server:
        plan = Plan(steps=steps)
        env = undo_file.with_name(".env")
        source = EnvSource(env, env.read_text() if env.exists() else "")
        await apply(plan, {}, source, Journal(undo_file, DATABASE), server, outcome)
    return outcome


async def taken_back(database: TestDatabase, undo_file: Path) -> Outcome:
    """The outcome of taking back what the undo file has."""
    outcome = Outcome()
    async with server_steps(database) as server:
        await undo_server(read_journal(undo_file), server, outcome)
    return outcome


async def test_settings_are_changed_read_back_and_taken_back(own_database: TestDatabase, tmp_path: Path) -> None:
    """The server's own words say so each time; the undo file is its owner's alone and has no password."""
    changed = CHANGED[own_database.kind]
    before = {name: value_of(own_database, name) for name, _ in changed}
    undo_file = tmp_path / "undo.json"
    outcome = await applied(own_database, undo_file, *(sql_step(*pair) for pair in changed))
    assert (outcome.failed, outcome.not_done) == ([], [])
    assert len(outcome.done) == len(changed)
    for name, value in changed:
        unit = "ms" if own_database.kind == "postgres" else ""
        assert same(value_of(own_database, name), value, unit)
    assert undo_file.stat().st_mode & 0o777 == 0o600
    assert str(own_database.password) not in undo_file.read_text()
    back = await taken_back(own_database, undo_file)
    assert back.complete, back
    assert {name: value_of(own_database, name) for name, _ in changed} == before
    again = await taken_back(own_database, undo_file)
    assert (again.done, again.complete) == ([], True), "nothing is left to take back"


async def test_what_the_server_kept_before_is_kept_again(own_postgres: TestDatabase, tmp_path: Path) -> None:
    """An ALTER SYSTEM that stood before is set again; where there was none, the line is taken out."""
    own_postgres.sql("ALTER SYSTEM SET log_min_duration_statement = '5000'")
    own_postgres.sql("SELECT pg_reload_conf()")
    undo_file = tmp_path / "undo.json"
    await applied(own_postgres, undo_file, sql_step("log_min_duration_statement", "2000"), sql_step("work_mem", "8MB"))
    assert (await taken_back(own_postgres, undo_file)).complete
    kept = own_postgres.sql("SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'")
    assert kept == [("log_min_duration_statement", "5000")]


async def test_a_setting_that_needs_a_restart_is_kept_for_it(own_postgres: TestDatabase, tmp_path: Path) -> None:
    """It is in force after the server's next start, and said so; it can be taken back before and after that."""
    undo_file = tmp_path / "undo.json"
    outcome = await applied(own_postgres, undo_file, sql_step("max_connections", "50"))
    assert outcome.done == ["server: max_connections = 50, was 100, in force after the server's next start"]
    assert value_of(own_postgres, "max_connections") == "100"
    assert own_postgres.server is not None
    own_postgres.server.restart()
    assert value_of(own_postgres, "max_connections") == "50"
    back = await taken_back(own_postgres, undo_file)
    own_postgres.server.restart()
    assert value_of(own_postgres, "max_connections") == "100", back


async def test_without_the_privilege_nothing_is_changed_on_the_server_and_env_is_mended(
    server_database: TestDatabase, tmp_path: Path
) -> None:
    """As on hosted servers. The server's words say what is missing; what the same check wants in `.env` is left, and
    the undo file has no step that was never done."""
    changed = CHANGED[server_database.kind]
    before = {name: value_of(server_database, name) for name, _ in changed}
    env = tmp_path / ".env"
    env.write_text("DB_POOL_SIZE=20\nDB_POOL_TIMEOUT=30\n")
    steps = [sql_step(*pair) for pair in changed]
    steps += [env_step("DB_POOL_SIZE", "5", "PL202"), env_step("DB_POOL_TIMEOUT", "2", *steps[0].checks)]
    outcome = await applied(server_database, tmp_path / "undo.json", *steps)
    words = "SUPER" if server_database.kind == "mariadb" else "permission denied"
    assert len(outcome.failed) == len(changed)
    assert all(words in line for line in outcome.failed)
    assert outcome.not_done == []
    assert {name: value_of(server_database, name) for name, _ in changed} == before
    assert env.read_text() == "DB_POOL_SIZE=5\nDB_POOL_TIMEOUT=30\n"
    (done,) = outcome.done
    assert done.endswith("left as they are, since they belong together with what was not permitted: DB_POOL_TIMEOUT")
    (entry,) = read_journal(tmp_path / "undo.json").entries
    assert isinstance(entry, EnvEntry)


@only_mariadb  # MySQL takes 3
async def test_a_value_that_the_server_bends_stops_the_rest(own_mariadb: TestDatabase, tmp_path: Path) -> None:
    """MariaDB takes a value out of bounds and makes it the nearest one. It is said, and can be taken back."""
    before = value_of(own_mariadb, "max_connections")
    undo_file = tmp_path / "undo.json"
    outcome = await applied(own_mariadb, undo_file, sql_step("max_connections", "3"), sql_step("long_query_time", "2"))
    assert outcome.failed == [
        "server: max_connections = 3: the server took the statement and made it 10; the undo file has it"
    ]
    assert outcome.not_done == ["server: long_query_time = 2"]
    assert (await taken_back(own_mariadb, undo_file)).complete
    assert value_of(own_mariadb, "max_connections") == before


async def test_what_somebody_else_has_changed_since_is_left(own_database: TestDatabase, tmp_path: Path) -> None:
    """Taking back refuses that setting with both values, and takes back the others."""
    changed = CHANGED[own_database.kind][:2]
    (first, _), (second, _) = changed
    before = value_of(own_database, first)
    undo_file = tmp_path / "undo.json"
    await applied(own_database, undo_file, *(sql_step(*pair) for pair in changed))
    if own_database.kind == "mariadb":
        own_database.sql(f"SET GLOBAL {second} = OFF")
        own_database.sql(f"SET GLOBAL {second} = ON")
        own_database.sql(f"SET GLOBAL {first} = 7")
    else:
        own_database.sql(f"ALTER SYSTEM SET {first} = '7000'")
        own_database.sql("SELECT pg_reload_conf()")
    back = await taken_back(own_database, undo_file)
    assert len(back.done) == 1
    assert len(back.failed) == 1
    assert "somebody else has changed it since: it was left" in back.failed[0]
    assert before != value_of(own_database, first)
    states = [entry.state for entry in read_journal(undo_file).entries]
    assert states == ["done", "taken back"]


async def test_a_plan_that_is_out_of_date_is_not_applied(own_database: TestDatabase, tmp_path: Path) -> None:
    """Between the plan and the yes somebody else was at it."""
    name, value = CHANGED[own_database.kind][0]
    async with server_steps(own_database) as server:
        looked = await server.changer.standing(server.connection, name)
        assert looked is not None
        stale = Standing(name, "12345", looked.effect, unit=looked.unit)
        with pytest.raises(StepFailedError, match="somebody else has changed it: run this again"):
            await server.do(sql_step(name, value), stale, Journal(tmp_path / "undo.json", DATABASE))
    assert not (tmp_path / "undo.json").exists()


async def test_a_server_that_dies_in_the_middle_leaves_a_usable_undo_file(
    own_database: TestDatabase, tmp_path: Path
) -> None:
    """The step is recorded before it; after a restart the undo file takes back what stayed, and says what did not."""
    server, undo_file = own_database.server, tmp_path / "undo.json"
    assert server is not None
    changed = CHANGED[own_database.kind]
    before = {name: value_of(own_database, name) for name, _ in changed}
    outcome, journal = Outcome(), Journal(undo_file, DATABASE)
    async with server_steps(own_database) as steps:
        await steps.do(sql_step(*changed[0]), None, journal)
        server.kill()
        plan = Plan(steps=tuple(sql_step(*pair) for pair in changed[1:]))
        await apply(plan, {}, EnvSource(tmp_path / ".env", ""), journal, steps, outcome)
    assert len(outcome.failed) == 1, outcome
    assert "may have taken effect or not" in outcome.failed[0]
    server.start()
    back = await taken_back(own_database, undo_file)
    assert back.complete, back
    assert {name: value_of(own_database, name) for name, _ in changed} == before


@pytest.mark.parametrize("reached", [True, False])
async def test_a_step_that_was_begun_is_taken_back_if_it_took_effect(
    own_database: TestDatabase, tmp_path: Path, reached: bool
) -> None:
    """As after a crash between the record and the end: what the setting stands at tells."""
    name, value = CHANGED[own_database.kind][0]
    before = value_of(own_database, name)
    undo_file = tmp_path / "undo.json"
    async with server_steps(own_database) as steps:
        standing = await steps.changer.standing(steps.connection, name)
        assert standing is not None
        Journal(undo_file, DATABASE).begin(ServerEntry(name, value, standing))
        if reached:
            await steps._run(steps.changer.statements(Wanted(name, value), steps.facts))
    back = await taken_back(own_database, undo_file)
    assert back.complete
    assert ("it was so already" in back.done[0]) is not reached
    assert value_of(own_database, name) == before


async def test_cancelled_in_a_step_it_is_ended_and_the_next_is_not_begun(
    own_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The undo file, the server and the words agree."""
    changed = CHANGED[own_database.kind]
    in_step = asyncio.Event()
    original = ServerSteps._run

    async def slow(self: ServerSteps, statements: tuple[str, ...]) -> None:
        in_step.set()
        await asyncio.sleep(0.2)
        await original(self, statements)

    monkeypatch.setattr(ServerSteps, "_run", slow)
    outcome, undo_file = Outcome(), tmp_path / "undo.json"
    journal = Journal(undo_file, DATABASE)
    async with server_steps(own_database) as steps:
        plan = Plan(steps=tuple(sql_step(*pair) for pair in changed))
        work = asyncio.ensure_future(apply(plan, {}, EnvSource(tmp_path / ".env", ""), journal, steps, outcome))
        await in_step.wait()
        work.cancel()
        await work
    assert outcome.cancelled
    assert len(outcome.done) == 1
    assert outcome.not_done == [f"server: {name} = {value}" for name, value in changed[1:]]
    assert [entry.state for entry in read_journal(undo_file).entries] == ["done"]
    monkeypatch.undo()
    assert (await taken_back(own_database, undo_file)).complete


async def test_a_setting_of_the_command_line_says_that_it_wins(
    new_postgres: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    """So the plan does not offer what would have no effect."""
    database = new_postgres(options=("work_mem=5MB",)).create_database()
    let(database)
    async with server_steps(database) as steps:
        standing = await steps.changer.standing(steps.connection, "work_mem")
    assert standing is not None
    assert standing.origin == "its command line, which wins over ALTER SYSTEM"


@only_mariadb  # MySQL does not tell what needs a restart
async def test_where_a_value_came_from_is_told(new_mariadb: Callable[..., MariaDbServer], tmp_path: Path) -> None:
    """By the server's own account, with whether it can be changed while the server runs."""
    database = new_mariadb(options=("--max-connections=40",)).create_database()
    async with server_steps(database) as steps:
        look = steps.changer.standing
        found = [await look(steps.connection, name) for name in ("max_connections", "wait_timeout", "port", "no_such")]
    shown = [(item.value, item.effect, item.origin) for item in found[:2] if item is not None]
    assert shown == [("40", "now", "its command line"), ("28800", "now", "the server's own default")]
    assert found[2] is not None
    assert found[2].effect == "restart"
    assert found[3] is None


def test_an_undo_file_that_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    """Statements are made from it: a name or a value of another shape never becomes one."""
    path = tmp_path / "undo.json"
    journal = Journal(path, DATABASE)
    journal.begin(ServerEntry("long_query_time", "2", Standing("long_query_time", "10", "now")))
    content = json.loads(path.read_text())
    content["steps"][0]["name"] = "x = 1; DROP TABLE users"
    path.write_text(json.dumps(content))
    with pytest.raises(Exception, match="was changed by hand"):
        read_journal(path)
