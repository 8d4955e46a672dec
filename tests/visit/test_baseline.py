"""Baselines: saved whole, read with care, compared as numbers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plimsoll.checks.baseline import FORMAT, KIND, Baseline, load, save
from plimsoll.checks.comparison import compare, fits
from plimsoll.checks.render_comparison import comparison_json, comparison_markdown, comparison_text
from plimsoll.errors import CommandError

BEFORE = Baseline(1.7e9, "after", "http://a", "1", {"pool timeouts": 4, "zero": 0, "old": 1.5}, {"questions": 10}, {})
AFTER = Baseline(
    1.7e9 + 60,
    "after",
    "http://b",
    "2",
    {"pool timeouts": 0, "zero": 0, "pool reuse ratio": 0.987},
    {"questions": 30},
    {"PL705": "A page | slow"},
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """Over an older file, for its owner's eyes only, and nothing else is left in the directory."""
    path = tmp_path / "run.json"
    path.write_text("older")
    save(path, AFTER)
    assert load(path) == AFTER
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    """A directory of the name, a directory that is not there."""
    (tmp_path / "run").mkdir()
    for path in (tmp_path / "run", tmp_path / "absent" / "run"):
        with pytest.raises(CommandError, match="cannot be written"):
            save(path, AFTER)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def document(**changes: Any) -> str:
    """A baseline as text."""
    whole = {"kind": KIND, "format": FORMAT, "at_s": 1.0, "stage": "after", "url": "", "release": ""}
    return json.dumps({**whole, "numbers": {}, "server": {}, "findings": {}, **changes})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "JSON and no baseline"),
        ('{"kind": "something"}', "JSON and no baseline"),
        (document(format=99), "a baseline of format '99', and this version of Plimsoll reads format 1"),
        (document(numbers={"a": "b"}), "a value is not what it should be"),
        (document(numbers={"a": True}), "a value is not what it should be"),
        (document(numbers=[1]), "a value is not what it should be"),
        (document(at_s=1e300), "a value is not what it should be"),
        (document(url="x" * 1000), "a value is not what it should be"),
        (document().replace('"url": "", ', ""), "it has no 'url'"),
        (document(numbers={"a": float("nan")}), "a value is not what it should be"),
    ],
)
def test_odd_old_and_foreign_files_are_refused(tmp_path: Path, text: str, says: str) -> None:
    """Each with what is wrong with it."""
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(CommandError) as refused:
        load(path)
    assert says in str(refused.value)


def test_bytes_a_huge_file_and_none_are_refused(tmp_path: Path) -> None:
    """Before they are read, where that would take memory."""
    path = tmp_path / "run.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError, match="not JSON"):
        load(path)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(CommandError, match="more than 4 MiB"):
        load(path)
    with pytest.raises(CommandError, match="cannot be read"):
        load(tmp_path / "absent")
    with pytest.raises(CommandError, match="is no file"):
        load(tmp_path)


def test_two_runs_become_a_table() -> None:
    """Numbers of either run, by how much they changed, and findings that are new; zeros are left out for people."""
    text = comparison_text(compare(BEFORE, AFTER))
    assert text.splitlines() == [
        "2023-11-14 22:13:20 UTC (release 1) against 2023-11-14 22:14:20 UTC (release 2)",
        "Other addresses: http://a, then http://b.",
        "                    before  after       change",
        "  pool timeouts          4      0   -4 (-100%)",
        "  pool reuse ratio       -  0.987            -",
        "  old                  1.5      -            -",
        "  server questions      10     30  +20 (+200%)",
        "  new: PL705 A page | slow",
    ]


def test_the_same_as_markdown_and_json() -> None:
    """JSON has the zeros too."""
    compared = compare(AFTER, replace(BEFORE, url="http://b"))
    assert "| pool timeouts | 0 | 4 | +4 |" in comparison_markdown(compared)
    assert "- gone: PL705 A page | slow" in comparison_markdown(compared)
    rows = {row["name"]: row["change"] for row in comparison_json(compared)["numbers"]}
    assert rows == {"pool timeouts": 4, "zero": 0, "old": None, "pool reuse ratio": None, "server questions": -20}


def test_runs_of_two_stages_are_not_compared() -> None:
    """They ask other questions."""
    fits(BEFORE, "after")
    with pytest.raises(CommandError, match=r"is of --stage after .* of --stage before"):
        fits(BEFORE, "before")
