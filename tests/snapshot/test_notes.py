"""What one worker notes holds for all of its host."""

from pathlib import Path

import pytest

from plimsoll.snapshot import notes
from plimsoll.snapshot.notes import Notes


def test_what_one_adds_all_have(tmp_path: Path) -> None:
    """Also who begins later; nobody else can read it."""
    one, other = Notes(tmp_path / "n"), Notes(tmp_path / "n")
    assert "a" not in other
    one.add("a")
    assert "a" in other
    other.add("b")
    assert "a" in one
    assert "b" in one
    assert "b" in Notes(tmp_path / "n")
    assert "" not in one
    assert not (tmp_path / "n").stat().st_mode & 0o077


def test_the_first_are_forgotten(tmp_path: Path) -> None:
    """So that the file does not grow."""
    one = Notes(tmp_path / "n")
    lines = [f"{number:064}" for number in range(2 * notes.MOST)]
    for line in lines:
        one.add(line)
    assert (tmp_path / "n").stat().st_size < 110_000
    assert lines[-1] in one
    assert lines[0] not in one
    assert [path.name for path in tmp_path.iterdir()] == ["n"]


def test_what_is_no_file_of_ours_holds_nothing(tmp_path: Path) -> None:
    """A link is not followed, a directory is none, bytes are no lines."""
    (tmp_path / "secret").write_text("a\n")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    assert "a" not in Notes(tmp_path / "link")
    with pytest.raises(OSError, match="link"):
        Notes(tmp_path / "link").add("b")
    assert "a" not in Notes(tmp_path)
    (tmp_path / "n").write_bytes(b"\xff\xfe\na\n" + b"x" * 500 + b"\n")
    assert "a" in Notes(tmp_path / "n")
    for odd in ("a\nb", "x" * 101):
        with pytest.raises(ValueError, match="no line"):
            Notes(tmp_path / "n").add(odd)
