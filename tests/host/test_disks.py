"""What is left on the file systems of some paths."""

import os
from pathlib import Path

import pytest

from plimsoll.host import disks_of


def test_paths_on_one_file_system_are_one_entry(tmp_path: Path) -> None:
    """With what lies there, also of a path that is not there yet; what the system says of it."""
    (disk,) = disks_of({"the application": str(tmp_path), "the database's file": str(tmp_path / "new" / "data.db")})
    assert (disk.what, disk.path) == ("the application, the database's file", str(tmp_path))
    figures = os.statvfs(tmp_path)
    assert disk.size_bytes == figures.f_blocks * figures.f_frsize
    assert 0 <= disk.free_bytes <= disk.size_bytes
    assert disk.files == figures.f_files


def test_what_cannot_be_looked_at_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without room of its own, a name that is none, one that does not answer."""
    assert disks_of({"odd": "/proc/self", "none": "\0"}) == ()

    def refuse(path: str) -> os.statvfs_result:
        raise PermissionError(path)

    monkeypatch.setattr(os, "statvfs", refuse)
    assert disks_of({"the application": str(tmp_path)}) == ()


def test_what_is_kept_for_root_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`f_bavail` and `f_favail`."""
    figures = os.statvfs_result((4096, 1024, 1000, 100, 40, 500, 50, 20, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: figures)
    (disk,) = disks_of({"the application": str(tmp_path)})
    assert (disk.free_bytes, disk.size_bytes) == (40 * 1024, 1000 * 1024)
    assert (disk.free_files, disk.files) == (20, 500)
