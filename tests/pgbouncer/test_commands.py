"""What `plimsoll check`, `capacity`, `tune`, `migrate` and start-up say and do behind a real PgBouncer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from plimsoll import Database, DatabaseSettings
from plimsoll.checks.gather_database import Asked, read_server
from plimsoll.errors import DatabaseRefusedError
from tests.checks.conftest import Checked, Deployment, deploy
from tests.cli.conftest import plimsoll, use

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pgbouncer.conftest import Pooled
    from tests.servers import PgBouncer, TestDatabase

__all__ = ["deploy", "plimsoll", "use"]

LOST = "DB_PREPARED_STATEMENTS=off"


@pytest.fixture
def service(deploy: Callable[[TestDatabase], Deployment], in_any_mode: Pooled) -> Deployment:
    """The service of `backend/`, its schema made directly, then led through the pooler."""
    found = deploy(in_any_mode.database)
    found.least_powers()
    found.migrate()
    found.set(DATABASE_URL=in_any_mode.url)
    return found


def test_the_check_finds_the_pooler_and_whether_prepared_statements_break(
    service: Deployment, in_any_mode: Pooled
) -> None:
    """An error with the line that mends it where they were seen to; else a warning, since nothing was seen."""
    found = _checked(service, "--only", "PL405")
    broken = in_any_mode.pooler.pool_mode == "transaction"
    assert found["PL405"]["level"] == ("error" if broken else "warning")
    assert ("lends each transaction another connection" in found["PL405"]["evidence"]) is broken
    assert found.fix("PL405") == [LOST]
    service.set(DB_PREPARED_STATEMENTS="off")
    assert _checked(service, "--only", "PL405")["PL405"]["verdict"] == "passed"


def test_no_other_check_takes_the_pooler_for_the_server(service: Deployment) -> None:
    """What it hides could not be checked, and the rest is found as on the server itself."""
    through = _checked(service, "--skip", "mysql")
    service.set(DATABASE_URL=service.database.url)
    directly = _checked(service, "--skip", "mysql")
    differ = {id_ for id_ in directly.results if directly[id_]["verdict"] != through[id_]["verdict"]}
    assert {id_: through[id_]["verdict"] for id_ in differ} == {
        "PL206": "could not",  # PgBouncer's limit for idle clients
        "PL403": "could not",  # the RAM of a machine that may be another than the pooler's
        "PL405": "found",
        "PL451": "could not",  # our own encryption
    }
    assert "pooler" in through["PL451"]["why"]
    assert "PgBouncer" in str(through["PL415"])


def test_capacity_says_that_the_poolers_limits_are_not_in_it(service: Deployment) -> None:
    """It reckons with the server's own."""
    ended = service.command("capacity")
    assert ended.status == 0, ended.err
    assert "PgBouncer is between: its own limits are not in this reckoning." in ended.out
    assert "100" in ended.out


def test_tune_offers_the_line_for_env(service: Deployment) -> None:
    """`plimsoll tune` reads the facts on its own way."""
    ended = service.command("tune", "--format", "env", "--only", "PL405")
    assert f"+{LOST}" in ended.out, ended.printed


def test_migrate_refuses_the_mode_in_which_its_lock_would_stay_behind(service: Deployment, in_any_mode: Pooled) -> None:
    """Its lock is the session's. In session mode it runs."""
    ended = service.command("migrate")
    if in_any_mode.pooler.pool_mode == "session":
        assert ended.status == 0, ended.printed
    else:
        assert ended.status != 0
        assert "to a pool with pool_mode = session" in ended.err
    assert in_any_mode.database.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


async def test_start_up_warns_where_prepared_statements_break(
    in_any_mode: Pooled, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the first request meets it; asyncpg, whose names are taken already, does not even start."""
    settings = in_any_mode.settings(start_timeout_s=0)
    first, second = Database(settings), Database(settings)
    try:
        await first.start()
        await second.start()
    except DatabaseRefusedError as error:
        warnings = str(error)
    else:
        warnings = " ".join((*first.gate.report.warnings, *second.gate.report.warnings))
    finally:
        await first.close()
        await second.close()
    assert (LOST in warnings) is (in_any_mode.pooler.pool_mode == "transaction")
    if not warnings:
        assert "a pooler (PgBouncer or its like) is between" in capsys.readouterr().out


async def test_start_up_without_prepared_statements_only_mentions_the_pooler(in_any_mode: Pooled) -> None:
    """As it should be."""
    database = Database(in_any_mode.settings(prepared_statements=False))
    await database.start()
    assert database.gate.report.warnings == ()
    await database.close()


async def test_a_pooler_with_a_single_connection_is_not_waited_for(
    by_transaction: Pooled, new_pgbouncer: Callable[..., PgBouncer]
) -> None:
    """Looking at its mode takes two; what is known without it is told all the same."""
    pooler = new_pgbouncer(by_transaction.database.server, pool_mode="transaction", options=("default_pool_size=1",))
    url = by_transaction.database.url_for(by_transaction.driver, port=pooler.port)
    settings = DatabaseSettings(database_url=url)
    known = await read_server(Asked(settings, limit_s=10))
    assert known.value.in_between == "PgBouncer"
    assert known.value.lending in ("unseen", "breaks")


def _checked(service: Deployment, *arguments: str) -> Checked:
    ended = service.run("check", "--format", "json", "--timeout", "60", *arguments)
    assert ended.out, ended.err
    return Checked(ended.status, json.loads(ended.out), ended.err)
