"""Start-up in production: what it asks the database, and what it does about a schema that is not the code's."""

import re
import time

import httpx
import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, event

from plimsoll import Database, DatabaseSettings
from plimsoll.errors import NotReadyError
from plimsoll.fastapi.runtime import GRACE_S
from plimsoll.startup import DEVELOPMENT_LINE, PRODUCTION_LINE, State
from tests.servers import MariaDbServer, TestDatabase
from tests.startup.project.models import MIGRATIONS
from tests.startup.project.service import make_database
from tests.startup.running import (
    Start,
    assert_refused_for_now,
    environ,
    plimsoll,
    ready_page,
    uvicorn,
    wait_until_ready,
)
from tests.startup.statements import recorded

CHANGES = re.compile(r"(?i)\b(create|alter|drop|truncate|insert|update|delete|rename|grant|get_lock|advisory)\b")
LOOKS = re.compile(
    r"(?i)\b(describe|show\s+(create|full|tables|columns|index)|information_schema|pg_class|pg_attribute)\b"
)
FEWEST_STATEMENTS = 3


def settings_of(database: TestDatabase, **extra: str) -> DatabaseSettings:
    """Production settings for a database."""
    return DatabaseSettings(database_url=database.url, environment="production", **extra)


def with_models(count: int) -> MetaData:
    """So many tables, as an application's models."""
    metadata = MetaData()
    for number in range(count):
        Table(f"model_{number}", metadata, Column("id", Integer, primary_key=True), Column("name", String(40)))
    return metadata


async def migrated(database: TestDatabase) -> None:
    """Bring a database to the newest revision, as development does with an empty one."""
    plain = make_database(DatabaseSettings(database_url=database.url))
    await plain.start()
    await plain.close()


async def statements_at_start(database: TestDatabase, models: int) -> list[str]:
    """What the server is asked when a production service with so many models starts."""
    with recorded(database) as statements:
        made = Database(settings_of(database), metadata=with_models(models), migrations=MIGRATIONS)
        await made.start()
        await made.close()
    return statements


async def test_no_statement_changes_or_scans_the_schema_whatever_the_number_of_models(
    server_database: TestDatabase,
) -> None:
    """By the server's own record: the same few SELECTs with 20 models and with 500, and no DDL."""
    await migrated(server_database)
    few = await statements_at_start(server_database, 20)
    many = await statements_at_start(server_database, 500)
    assert few == many
    assert len(few) >= FEWEST_STATEMENTS
    assert "SELECT 1" in few
    assert [statement for statement in few if CHANGES.search(statement) or LOOKS.search(statement)] == []


async def test_the_record_would_show_a_scan(server_database: TestDatabase) -> None:
    """Development on the same schema does look at each table, and the same record tells: the test above can fail."""
    await migrated(server_database)
    with recorded(server_database) as statements:
        await migrated(server_database)
    assert [statement for statement in statements if LOOKS.search(statement)] != []


async def test_mariadb_counts_no_schema_statement(mariadb_database: TestDatabase) -> None:
    """MariaDB's counters of DDL and of SHOW statements stand still, those of SELECT move a little."""
    await migrated(mariadb_database)
    server = mariadb_database.server
    assert isinstance(server, MariaDbServer)
    before = counters(server)
    made = Database(settings_of(mariadb_database), metadata=with_models(500), migrations=MIGRATIONS)
    await made.start()
    await made.close()
    moved = {name: count - before[name] for name, count in counters(server).items() if count != before[name]}
    own = {"Com_show_status", "Com_set_option"}  # the question itself, and each connection's character set
    assert moved.keys() <= own | {"Com_select", "Com_rollback", "Com_admin_commands", "Com_commit"}, moved
    assert moved["Com_select"] < 20


def counters(server: MariaDbServer) -> dict[str, int]:
    """How many statements of each kind the server has run."""
    return {name: int(count) for name, count in server.sql("SHOW GLOBAL STATUS LIKE 'Com\\_%%'")}


async def test_sqlite_is_asked_no_schema_statement(sqlite_database: TestDatabase) -> None:
    """SQLite keeps no record, so the engine's is used: connection pragmas, and the same few SELECTs."""
    await migrated(sqlite_database)
    made = Database(settings_of(sqlite_database), metadata=with_models(500), migrations=MIGRATIONS)
    asked: list[str] = []

    @event.listens_for(made.engine.sync_engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    await made.start()
    await made.close()
    assert asked == ["SELECT 1", "SELECT version_num FROM alembic_version"]


async def test_the_operators_line_is_printed_once_with_the_reason_above_it(
    any_database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stdout, word for word; the line of development is not there."""
    await migrated(any_database)
    capsys.readouterr()
    made = make_database(settings_of(any_database))
    await made.start()
    await made.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["[DB] production: ENVIRONMENT=production", PRODUCTION_LINE]
    assert PRODUCTION_LINE == ("[DB] Production mode: Connectivity verified (skipping table creation - use migrations)")
    assert DEVELOPMENT_LINE not in lines


def test_a_service_without_its_schema_is_alive_and_says_what_to_run_and_serves_once_it_was_run(
    any_database: TestDatabase, start_command: Start
) -> None:
    """No restart: the ready page names the revisions and the command, and after that command it is ready."""
    service = start_command(uvicorn(), env=environ(any_database, ENVIRONMENT="production"))
    service.wait_ready()
    assert httpx.get(f"{service.url}/health/live").status_code == 200
    status, page = ready_page(service)
    assert status == 503
    for check in ("startup", "migrations"):
        assert not page["checks"][check]["ok"]
        assert "0001 (Boats), 0002 (Colours of boats)" in page["checks"][check]["detail"]
    assert "Run 'plimsoll migrate'" in page["checks"]["startup"]["detail"]
    took_s = []
    for _ in range(5):  # the quickest: a busy machine may hold some of them back, the service would hold back all
        began_s = time.monotonic()
        assert_refused_for_now(httpx.get(f"{service.url}/boats", timeout=20))
        took_s.append(time.monotonic() - began_s)
    assert min(took_s) < GRACE_S / 2, "nothing is gained by holding a request back for a person's work"
    command = start_command(plimsoll("migrate"), env=environ(any_database, ENVIRONMENT="production"))
    assert command.wait(60) == 0, command.output()
    wait_until_ready(service)
    assert httpx.get(f"{service.url}/boats").json() == 0
    service.terminate()
    assert service.output().count(PRODUCTION_LINE) == 1
    # Where it looks between two revisions, each of which is committed by itself, there is news to tell.
    told = [line for line in service.output().splitlines() if "Not ready: " in line]
    assert "0001 (Boats), 0002 (Colours of boats)" in told[0]
    assert [line for line in told[1:] if "0001 (Boats), 0002" in line] == []


async def test_a_missing_revision_is_a_warning_where_the_operator_says_so(any_database: TestDatabase) -> None:
    """DB_PENDING_MIGRATIONS=warn: it starts, and the warning names what is missing and the command."""
    await migrated(any_database)
    any_database.sql("UPDATE alembic_version SET version_num = '0001'")
    refusing = make_database(settings_of(any_database))
    with pytest.raises(NotReadyError, match=r"lacks 1 revision: 0002 \(Colours of boats\)\. Run 'plimsoll mig"):
        await refusing.start()
    assert refusing.gate.report.state is State.BLOCKED
    await refusing.close()
    warned = make_database(settings_of(any_database, pending_migrations="warn"))
    await warned.start()
    assert warned.gate.report.state is State.READY
    (warning,) = warned.gate.report.warnings
    assert "0002 (Colours of boats)" in warning
    assert "plimsoll migrate" in warning
    await warned.close()


async def test_a_schema_that_is_ahead_of_the_code_is_a_warning(any_database: TestDatabase) -> None:
    """After a rollback of the code the old code must start."""
    await migrated(any_database)
    any_database.sql("UPDATE alembic_version SET version_num = '0003'")
    made = make_database(settings_of(any_database))
    await made.start()
    assert made.gate.report.state is State.READY
    (warning,) = made.gate.report.warnings
    assert "at 0003, which this code does not know" in warning
    await made.close()
