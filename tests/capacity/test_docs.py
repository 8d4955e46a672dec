"""The page about capacity says what the code does."""

import re
from pathlib import Path

import pytest

from plimsoll.capacity import Load, Loop, budget, costs_of, waits
from plimsoll.cli.capacity_text import text_of
from tests.capacity.cases import mariadb, question

PAGE = (Path(__file__).parents[2] / "docs" / "capacity.md").read_text()


def test_the_page_begins_with_the_question() -> None:
    """And the run that it shows is a real one, as far as it depends on no host."""
    assert PAGE.startswith("# How large may the pool be?\n")
    shown = PAGE.partition("```text\n")[2].partition("\n```")[0].splitlines()
    printed = list(text_of(budget(question(mariadb(151, account=10), load=Load(40, 0.05))), None, None))
    for line in shown[1:]:
        assert line == "..." or line in printed


@pytest.mark.parametrize("driver", ["aiomysql", "asyncmy", "asyncpg", "psycopg"])
def test_the_costs_on_the_page_are_those_of_the_code(driver: str) -> None:
    """KiB RSS without TLS, with it under asyncio, and under uvloop."""
    cases: list[tuple[bool, Loop]] = [(False, "asyncio"), (True, "asyncio"), (True, "uvloop")]
    costs = [costs_of(driver, tls=tls, loop=loop).rss_bytes / 1024 for tls, loop in cases]
    row = re.search(rf"^\| {driver} \| (\S+) \| (\S+) \| (\S+) \|$", PAGE, re.MULTILINE)
    assert row is not None
    assert [float(text) for text in row.groups()] == pytest.approx(costs, abs=0.05)


def test_the_waits_in_the_program_are_those_of_the_code() -> None:
    """To the digits that are shown."""
    found = waits(Load(arrivals_per_s=40, hold_s=0.05), connections=4)
    assert f"# {found.utilisation} {found.p99_s:.3f}..." in PAGE
