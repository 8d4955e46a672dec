"""Checks of the schema and of administrators, on real databases."""

import re
from collections.abc import Callable

import argon2
import pytest

from plimsoll.checks.facts import AdminFacts, Facts
from plimsoll.checks.registry import check_of
from plimsoll.checks.runner import run_checks
from plimsoll.checks.verdict import Known
from plimsoll.seeding import PasswordHasher
from plimsoll.settings import DatabaseSettings
from tests.checks.conftest import GOOD, Deployment
from tests.servers import TestDatabase

PASSWORD = GOOD["ADMIN_PASSWORD"]
COSTLY_HASHER = argon2.PasswordHasher(time_cost=60)
"""Half a second and more for each password that is tried."""

PROFILE = ("--require", "items.performance_team_profile")


def test_pending_migrations_are_found_and_nothing_that_they_bring(
    deploy: Callable[[TestDatabase], Deployment], server_database: TestDatabase
) -> None:
    """The command that is given mends it."""
    found = deploy(server_database)
    found.least_powers()
    checked = found.check()
    assert (checked.status, checked.found) == (1, {"PL110"})
    assert (checked["PL111"]["verdict"], checked["PL120"]["verdict"]) == ("not applicable", "could not")
    (command,) = checked.fix("PL110")
    assert found.command(*command.split()[1:]).status == 0
    assert found.check(*PROFILE).found == set()


def test_a_database_that_is_one_revision_behind_lacks_its_column(deployment: Deployment) -> None:
    """The note's column is asked for by name, and missing is critical."""
    deployment.database.sql("UPDATE alembic_version SET version_num = '0005'")
    deployment.database.sql("ALTER TABLE items DROP COLUMN performance_team_profile")
    checked = deployment.check(*PROFILE)
    assert checked.found == {"PL112"}
    lacks = "the database is at 0005 and lacks 1 revision: 0006"
    assert f"not there: items.performance_team_profile; {lacks}" in checked["PL112"]["evidence"]
    assert checked.fix("PL112") == ["plimsoll migrate"]
    assert "PL112" in checked["PL110"]["why"]
    alone = deployment.check(*PROFILE, "--skip", "PL112")
    assert alone.found == {"PL110"}
    assert lacks in alone["PL110"]["evidence"]


def test_a_required_column_that_is_gone_is_named_once(on_sqlite: Deployment) -> None:
    """By PL112, with the command that writes its revision; PL111 speaks where more is wrong."""
    on_sqlite.database.sql("ALTER TABLE items DROP COLUMN performance_team_profile")
    checked = on_sqlite.check(*PROFILE)
    assert checked.found == {"PL112"}
    assert checked["PL112"]["evidence"] == "not there: items.performance_team_profile"
    (command,) = checked.fix("PL112")
    assert "--autogenerate" in command
    on_sqlite.database.sql("ALTER TABLE items DROP COLUMN description")
    assert on_sqlite.check(*PROFILE).found == {"PL111", "PL112"}


def test_columns_are_asked_for_with_commas_too_and_one_that_may_not_be_looked_for_is_one_question(
    on_mariadb: Deployment,
) -> None:
    """As --only takes several; a schema that is not ours leaves revisions and models to be judged."""
    both = on_mariadb.check("--require", "items.performance_team_profile, items.nope")
    assert both["PL112"]["evidence"] == "not there: items.nope"
    checked = on_mariadb.check("--require", "mysql.user.host")
    assert checked.unknown == {"PL112"}
    assert checked["PL112"]["why"].startswith("mysql.user.host could not be looked for: ")


def test_a_required_column_that_the_models_lack_too_may_be_a_wrong_name(on_sqlite: Deployment) -> None:
    """No revision would be written for it."""
    checked = on_sqlite.check("--require", "no_such_table.x")
    assert checked["PL112"]["evidence"] == "not there: no_such_table.x"
    assert "if the name is right" in checked["PL112"]["fix"]
    assert checked.fix("PL112") == []


def test_a_database_ahead_of_the_code_is_critical(on_sqlite: Deployment) -> None:
    """As after a roll-back of the code."""
    on_sqlite.database.sql("UPDATE alembic_version SET version_num = '0099'")
    checked = on_sqlite.check()
    assert (checked.found, checked["PL110"]["level"]) == ({"PL110"}, "critical")
    assert checked["PL111"]["verdict"] == "not applicable"


def test_tables_made_without_migrations_are_to_be_adopted(on_sqlite: Deployment) -> None:
    """As by create_all of long ago."""
    on_sqlite.database.sql("DROP TABLE alembic_version")
    checked = on_sqlite.check()
    assert (checked.found, checked.fix("PL110")) == ({"PL110"}, ["plimsoll migrate --adopt"])


def test_a_schema_that_differs_is_found_with_its_differences(deployment: Deployment) -> None:
    """A column that the models do not know, made by hand."""
    deployment.database.sql("ALTER TABLE items ADD COLUMN made_by_hand INTEGER")
    checked = deployment.check()
    assert (checked.status, checked.found) == (1, {"PL111"})
    assert "made_by_hand" in checked["PL111"]["evidence"]


def test_an_account_that_may_not_see_the_revisions_does_not_pass(on_mariadb: Deployment) -> None:
    """What the server says of it is the reason."""
    database = on_mariadb.database
    who = f"'{database.user}'@'%'"
    database.sql(f"REVOKE ALL ON `{database.name}`.* FROM {who}")
    database.sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{database.name}`.items TO {who}")
    checked = on_mariadb.check()
    assert {"PL110", "PL111", "PL120"} <= checked.unknown
    assert "denied" in checked["PL110"]["why"]
    assert checked.status == 2


def test_an_administrator_with_a_good_password_passes(on_sqlite: Deployment) -> None:
    """Tried against the well-known ones only."""
    made = on_sqlite.command("admin", "create", "--email", "a@b.in", "--password", PASSWORD)
    assert made.status == 0
    checked = on_sqlite.check()
    assert checked["PL120"]["evidence"] == "administrators: 1"
    assert checked["PL121"]["verdict"] == "passed"


def test_passwords_that_there_was_no_time_to_try_do_not_pass(on_sqlite: Deployment) -> None:
    """A hash that takes long stands for a host that is busy: that there is an administrator is known all the same, and
    how many passwords were tried."""
    good = "violet-harbour-crane-42"
    assert on_sqlite.command("admin", "create", "--email", "a@b.in", "--password", good).status == 0
    on_sqlite.database.sql("UPDATE accounts SET password_hash = ?", COSTLY_HASHER.hash(good))
    checked = on_sqlite.check("--timeout", "6")
    assert checked["PL120"]["evidence"] == "administrators: 1"
    assert checked["PL121"]["verdict"] == "could not"
    tries = re.match(r"there was time for (\d+) of 10 tries of likely passwords", checked["PL121"]["why"])
    assert tries is not None
    assert int(tries[1]) < 10
    assert checked.status == 2


def test_a_password_that_anyone_guesses_is_critical_in_production(deployment: Deployment) -> None:
    """A warning in development; the hash is never shown."""
    email = "boss@venues.example.in"
    hashed = argon2.PasswordHasher().hash("admin123")
    columns = "email, name, password_hash, role, is_active, created_at"
    values = f"'{email}', 'B', '{hashed}', 'admin', {_true(deployment)}, '2026-01-01 00:00:00'"
    deployment.database.sql(f"INSERT INTO accounts ({columns}) VALUES ({values})")
    checked = deployment.check()
    assert (checked.found, checked["PL121"]["level"]) == ({"PL121"}, "critical")
    assert email in checked["PL121"]["evidence"]
    assert "argon2" not in str(checked.report)


def _true(deployment: Deployment) -> str:
    return "true" if deployment.database.kind == "postgres" else "1"


def test_no_memory_for_a_hash_is_one_open_question(on_sqlite: Deployment) -> None:
    """Under a limit of address space argon2 gets none: the rest, which finds that limit, is told all the same."""
    assert on_sqlite.command("admin", "create", "--email", "a@b.in", "--password", PASSWORD).status == 0

    def starve(*_: object) -> bool:
        raise MemoryError("no memory for a hash")

    on_sqlite.monkeypatch.setattr(PasswordHasher, "_verify", starve)
    checked = on_sqlite.check()
    assert checked.unknown == {"PL120", "PL121", "PL122"}
    assert checked["PL121"]["why"] == "the administrators could not be checked: no memory for a hash"


def test_no_administrator_and_no_way_to_make_one(on_sqlite: Deployment) -> None:
    """In production only; a weak ADMIN_PASSWORD is two findings: that one, and its own."""
    on_sqlite.set(ADMIN_PASSWORD="")
    assert on_sqlite.check().found == {"PL120"}
    on_sqlite.set(ADMIN_PASSWORD="admin123")
    assert on_sqlite.check().found == {"PL120", "PL122"}
    on_sqlite.set(ADMIN_PASSWORD="", ENVIRONMENT="")
    assert on_sqlite.check().found == {"PL003"}


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (AdminFacts(1), set()),
        (AdminFacts(1, ("guessed",)), {"PL121"}),
        (AdminFacts(1, ("guessed",), tries=3, tries_meant=10), {"PL121"}),
        (AdminFacts(1, tries=3, tries_meant=10), set()),
        (AdminFacts(0), {"PL120"}),
        (AdminFacts(0, has_password=True, email="a@b.in"), set()),
        (AdminFacts(0, has_password=True, email="admin@example.com"), {"PL122"}),
        (AdminFacts(2, has_password=True, password_problem="too short."), {"PL122"}),
    ],
)
def test_facts_of_administrators(facts: AdminFacts, found: set[str]) -> None:
    """What each state comes to in production."""
    settings = DatabaseSettings(database_url="sqlite+aiosqlite:///x.db", environment="production")
    results = run_checks(
        [check_of(id_) for id_ in ("PL120", "PL121", "PL122")], Facts(settings=Known(settings), admin=Known(facts))
    )
    assert {result.check.id for result in results if type(result.verdict).__name__ == "Found"} == found
