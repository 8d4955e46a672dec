"""`plimsoll migrate` as a person or a script sees it: what it prints, and its exit status."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ended
from tests.migrations.project_files import PROJECT
from tests.servers import TestDatabase

Command = Callable[..., Ended]
Use = Callable[[TestDatabase | str], None]
APP = ("--app", "chandlery.main:app", "--app-dir", str(PROJECT))
AT_HEAD = "the database is at 0006"


def test_a_database_from_nothing_to_the_newest_revision(
    plimsoll: Command, use: Use, any_database: TestDatabase
) -> None:
    """Behind: 1. The plan: 0, and nothing changed. The upgrade: 0. As the models: 0. A difference: 1."""
    use(any_database)
    behind = plimsoll(*APP, "migrate", "--check")
    assert (behind.status, behind.err) == (1, "")
    assert behind.out.startswith("Revisions: the database has no alembic_version table and lacks 6 revisions: 0001")
    assert behind.out.endswith("Run 'plimsoll migrate'.\n")

    plan = plimsoll(*APP, "migrate", "--plan")
    assert (plan.status, plan.err) == (0, "")
    assert "CREATE TABLE items" in plan.out
    assert plimsoll(*APP, "migrate", "--check").out == behind.out

    upgraded = plimsoll(*APP, "migrate")
    assert (upgraded.status, upgraded.err) == (0, "")
    lines = upgraded.out.splitlines()
    assert (lines[0], lines[-1]) == ("[1/6] 0001 (Items)", f"Done: 6 revisions were run; {AT_HEAD}.")
    assert plimsoll(*APP, "migrate").out == f"Nothing to do: {AT_HEAD}.\n"
    assert plimsoll(*APP, "migrate", "--plan").out.startswith("-- Nothing to do: ")

    equal = plimsoll(*APP, "migrate", "--check")
    assert (equal.status, equal.out) == (0, f"Revisions: {AT_HEAD}, the newest revision.\nSchema: as the models.\n")

    any_database.sql("ALTER TABLE orders ADD COLUMN by_hand INTEGER")
    differs = plimsoll(*APP, "migrate", "--check")
    assert differs.status == 1
    assert differs.out.splitlines()[1:] == [
        "  column orders.by_hand is not in the models",
        "Schema: 1 difference from the models.",
    ]


def test_tables_made_by_hand_are_adopted(plimsoll: Command, use: Use, any_database: TestDatabase) -> None:
    """Checked, it says that they can be; unequal: the differences and 1; equal: 0; once more: nothing to do."""
    use(any_database)
    plimsoll(*APP, "migrate")
    any_database.sql("DROP TABLE alembic_version")
    checked = plimsoll(*APP, "migrate", "--check")
    assert checked.status == 1
    assert "plimsoll migrate --adopt" in checked.out
    any_database.sql("ALTER TABLE orders ADD COLUMN by_hand INTEGER")
    unequal = plimsoll(*APP, "migrate", "--adopt")
    assert (unequal.status, unequal.out) == (1, "")
    assert "\n  column orders.by_hand is not in the models\n" in unequal.err
    any_database.sql("ALTER TABLE orders DROP COLUMN by_hand")
    adopted = plimsoll(*APP, "migrate", "--adopt")
    assert adopted.status == 0
    assert adopted.out.startswith(f"Adopted: {AT_HEAD}, the newest revision.")
    assert plimsoll(*APP, "migrate", "--adopt").out == f"Nothing to do: {AT_HEAD}, the newest revision.\n"


@pytest.mark.parametrize(
    ("option", "words"), [("--check", ""), ("--plan", "no plan"), ("--adopt", ""), ("", "Nothing")]
)
def test_a_database_ahead_of_the_code_ends_with_1(
    plimsoll: Command, use: Use, sqlite_database: TestDatabase, option: str, words: str
) -> None:
    """Every question about it is answered with its revision, and nothing is changed."""
    use(sqlite_database)
    plimsoll(*APP, "migrate")
    sqlite_database.sql("UPDATE alembic_version SET version_num = '0099'")
    ended = plimsoll(*APP, "migrate", *filter(None, [option]))
    assert ended.status == 1
    assert "the database is at 0099, which this code does not know" in ended.printed
    assert words in ended.printed
    assert sqlite_database.sql("SELECT version_num FROM alembic_version") == [("0099",)]


def test_two_questions_at_once_are_refused(plimsoll: Command) -> None:
    """--plan, --check and --adopt exclude each other."""
    ended = plimsoll(*APP, "migrate", "--plan", "--check")
    assert ended.status == 2
    assert "give one of them" in ended.err


def test_an_application_without_migrations_is_told_how_to_have_them(plimsoll: Command, shop: Path) -> None:
    """`Database(..., migrations=DIRECTORY)`."""
    ended = plimsoll("--app", "shop:app", "migrate")
    assert ended.status == 2
    assert "migrations=DIRECTORY" in ended.err
