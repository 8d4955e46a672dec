"""`plimsoll report`: pages of records, the list of them, and what it says of files that are none."""

import gzip
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plimsoll.reports import Record
from plimsoll.reports.files import LARGEST_FILE, write
from plimsoll.reports.record import to_document
from tests.cli.conftest import Ended
from tests.snapshot.samples import EXHAUSTED, NOW_S

Command = Callable[..., Ended]
DOCUMENT = to_document(Record("exhausted", "It was full.", EXHAUSTED))
TEXT = json.dumps(DOCUMENT).encode()


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of two records."""
    directory = tmp_path / "records"
    monkeypatch.setenv("REPORTS_DIR", str(directory))
    for number, kind in enumerate(("leak", "exhausted")):
        write(directory, kind, NOW_S + number, TEXT, files=9, size=1 << 20)
    return directory


def test_it_lists_the_records_the_newest_first(plimsoll: Command, records: Path) -> None:
    """With their names, which it takes."""
    ended = plimsoll("report")
    assert ended.status == 0
    assert [line.split()[3] for line in ended.out.splitlines()] == ["exhausted", "leak"]
    name = ended.out.split()[-1]
    assert plimsoll("report", name, "-o", "-").out.startswith("<!doctype html>")


def test_a_page_is_written_beside_and_is_readable_by_its_user_only(
    plimsoll: Command, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the record's name, or the one that was asked for."""
    monkeypatch.chdir(tmp_path)
    (path,) = records.glob("*exhausted*")
    ended = plimsoll("report", str(path))
    page = tmp_path / f"{path.name.removesuffix('.json')}.html"
    assert ended.out == f"{page.name}: open it in a browser; it needs nothing else.\n"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert plimsoll("report", str(path), "-o", str(tmp_path / "out.html")).status == 0
    assert (tmp_path / "out.html").read_text() == page.read_text()


def test_without_a_directory_or_records_it_says_what_to_do(
    plimsoll: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are no fault of the file's."""
    ended = plimsoll("report")
    assert ended.status == 2
    assert "REPORTS_DIR is not set" in ended.err
    monkeypatch.setenv("REPORTS_DIR", str(tmp_path / "none"))
    ended = plimsoll("report")
    assert (ended.status, ended.out[:24]) == (0, "There are no records in ")
    monkeypatch.setenv("REPORTS_DIR", "records")
    assert "is no absolute path" in plimsoll("report").err


def _without(*path: str) -> bytes:
    document: Any = json.loads(TEXT)
    at = document
    for name in path[:-1]:
        at = at[name]
    del at[path[-1]]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (TEXT[:-200], "only a part of one"),
        (gzip.compress(TEXT)[:-200], "its end is missing"),
        (b"\x1f\x8bnonsense", "it is no record"),
        (b"\xff\xfe\x00", "it is no record"),
        (b"[" * 200_000, "it is no record"),
        (b'{"a": 1}', "no record of Plimsoll's"),
        (json.dumps({**DOCUMENT, "format": 2}).encode(), "it is of format 2, and this version reads format 1"),
        (json.dumps({**DOCUMENT, "tasks": 7}).encode(), "a part of it is missing or is something else"),
        (json.dumps({**DOCUMENT, "history": {"step_s": 1, "times_s": [1], "values": {"pool_taken": []}}}).encode(), ""),
        (_without("kind"), "a part of it is missing"),
        (_without("snapshot", "pool", "size"), "snapshot.pool lacks something"),
        (b" " * (LARGEST_FILE + 1), "is larger than 8 MiB"),
        (gzip.compress(b" " * (65 << 20)), "it would be too large"),
    ],
)
def test_a_file_that_is_no_whole_record_is_refused_in_a_sentence(
    plimsoll: Command, tmp_path: Path, content: bytes, words: str
) -> None:
    """A truncated one, another file, one of another version, one that unpacks to a lot."""
    path = tmp_path / "given.json"
    path.write_bytes(content)
    ended = plimsoll("report", str(path), "-o", "-")
    assert words in ended.err
    if words:
        assert ended.status == 2
        assert str(path) in ended.err
        assert len(ended.err) < 400


def test_a_file_that_is_not_there_or_cannot_be_written_is_named(plimsoll: Command, tmp_path: Path) -> None:
    """With the system's reason."""
    assert "none.json cannot be read: No such file" in plimsoll("report", "none.json").err
    os.mkfifo(tmp_path / "pipe")
    assert "pipe cannot be read: it is no file" in plimsoll("report", str(tmp_path / "pipe")).err
    assert "cannot be read: " in plimsoll("report", str(tmp_path)).err
    path = tmp_path / "given.json"
    path.write_bytes(TEXT)
    assert "cannot be written to" in plimsoll("report", str(path), "-o", str(tmp_path / "no" / "x.html")).err
    assert "name the record" in plimsoll("report", "-o", "x.html").err
