"""The page about settings says what the code does."""

import re
from pathlib import Path

import pytest

from plimsoll.settings import DatabaseSettings, ServiceSettings, Settings, SettingsError, TopologySettings
from plimsoll.settings.drivers import DRIVERS

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
EACH_GROUP = pytest.mark.parametrize(
    ("heading", "group"),
    [
        ("The settings of the database", DatabaseSettings),
        ("The settings of the deployment", TopologySettings),
        ("The settings of the service", ServiceSettings),
    ],
)


def table_under(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@EACH_GROUP
def test_the_table_has_every_setting_with_its_default_and_unit(heading: str, group: type[Settings]) -> None:
    """One row a setting, in the order of the code."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]*?) ?\| ([^|]*?) ?\|", table_under(heading), re.MULTILINE)
    assert rows == [(row.name, row.value, row.unit) for row in group().rows()]


@EACH_GROUP
def test_the_bounds_in_the_table_are_those_of_the_code(heading: str, group: type[Settings]) -> None:
    """A row with 1 to 1000 on the page has "from 1 to 1000" in the message."""
    row_with_bounds = r"^\| `([A-Z_]+)` \|[^|]*\|[^|]*\| ([0-9.]+ to [0-9]+)(?:,[^|]*)? \|"
    bounds = dict(re.findall(row_with_bounds, table_under(heading), re.MULTILINE))
    numbers = {row.name: row.allowed for row in group().rows() if "number from" in row.allowed}
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
