"""The page about settings says what the code does."""

import re
from pathlib import Path

import pytest

from plimsoll.settings import DatabaseSettings, SettingsError
from plimsoll.settings.drivers import DRIVERS

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
TABLE = PAGE.partition("## The settings of the database")[2].partition("\n## ")[0]


def test_the_table_has_every_setting_with_its_default_and_unit() -> None:
    """One row a setting, in the order of the code."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]*?) ?\| ([^|]*?) ?\|", TABLE, re.MULTILINE)
    assert rows == [(row.name, row.value, row.unit) for row in DatabaseSettings().rows()]


def test_the_bounds_in_the_table_are_those_of_the_code() -> None:
    """A row with 1 to 1000 on the page has "from 1 to 1000" in the message."""
    bounds = dict(
        re.findall(r"^\| `([A-Z_]+)` \|[^|]*\|[^|]*\| ([0-9.]+ to [0-9]+)(?:,[^|]*)? \|", TABLE, re.MULTILINE)
    )
    numbers = {row.name: row.allowed for row in DatabaseSettings().rows() if "number from" in row.allowed}
    assert {name: text.partition("from ")[2] for name, text in numbers.items()} == bounds


def test_every_driver_is_listed_with_what_installs_it() -> None:
    """The drivers and their extras."""
    for driver in DRIVERS.values():
        assert re.search(rf"\| `{re.escape(driver.scheme)}://` \| .* \| `{re.escape(driver.requirement)}` \|", PAGE)


def test_the_refusal_shown_is_a_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message on the page, word for word."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("\n\nDB_POOL_SIZE=abc\n")
    with pytest.raises(SettingsError) as caught:
        DatabaseSettings.from_env({"DATABASE_URL": "oracle://shop:hunter2@db/shop"})
    assert f"```text\n{caught.value}\n```" in PAGE
