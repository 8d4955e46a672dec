"""The .env file itself: rewritten as a whole with its owner and mode, taken back byte for byte, or left alone."""

import os
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from plimsoll.checks.env_edits import EnvTextError, change
from plimsoll.checks.env_file import EnvFileError, put, read_file
from plimsoll.checks.env_steps import rewrite, take_back_edits
from plimsoll.checks.journal import EnvEntry, Journal, new_name, read_journal
from plimsoll.checks.steps import StepFailedError
from tests.tune.test_env_edits import WANTED, files

SECRET = "hush-hush"
TEXT = f"# shop\nMYSQL_PASSWORD={SECRET}\nDB_POOL_SIZE=20\n"
WANT = {"DB_POOL_SIZE": "8", "DB_POOL_TIMEOUT": "10"}
NOBODY = 65534


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """A .env with a password and a mode of its own."""
    path = tmp_path / ".env"
    path.write_text(TEXT)
    path.chmod(0o640)
    return path


def journal_for(path: Path) -> Journal:
    """A new undo file beside it."""
    return Journal(new_name(path.parent), "mysql://shop@db.example/shop")


def entry_of(path: Path) -> EnvEntry:
    """The step that an undo file has."""
    (entry,) = read_journal(path).entries
    assert isinstance(entry, EnvEntry)
    return entry


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=files(), wanted=WANTED)
def test_rewritten_and_taken_back_the_bytes_are_those_of_before(
    tmp_path: Path, text: str, wanted: dict[str, str]
) -> None:
    """Through the files: what is written, recorded, read again and taken back."""
    path = tmp_path / ".env"
    path.write_bytes(text.encode())
    journal = journal_for(path)
    try:
        rewrite(path, wanted, text, journal)
    except EnvTextError:
        assert path.read_bytes() == text.encode()
        return
    assert path.read_bytes() == change(text, wanted)[0].encode()
    if journal.entries:
        read = read_journal(journal.path)
        take_back_edits(0, entry_of(journal.path), read)
        journal.path.unlink()
    assert path.read_bytes() == text.encode()


def test_owner_and_mode_stay_and_no_secret_leaves_the_file(env_file: Path) -> None:
    """The copy of the old file is its owner's alone; the undo file has what was changed and nothing else."""
    if os.geteuid() == 0:
        os.chown(env_file, NOBODY, NOBODY)
    before = env_file.stat()
    journal = journal_for(env_file)
    words = rewrite(env_file, WANT, TEXT, journal)
    after = env_file.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert after.st_ino != before.st_ino, "replaced as a whole"
    (backup,) = env_file.parent.glob(".env.*.bak")
    assert (backup.read_text(), backup.stat().st_mode & 0o777, backup.stat().st_uid) == (TEXT, 0o600, before.st_uid)
    assert SECRET not in journal.path.read_text() + words
    assert sorted(path.name for path in env_file.parent.iterdir()) == sorted(
        [".env", backup.name, journal.path.name]
    ), "no draft is left"


def test_a_copy_that_git_would_take_is_said(env_file: Path) -> None:
    """It has the passwords, and a .gitignore with .env alone does not know its name."""
    subprocess.run(["git", "init", "--quiet"], cwd=env_file.parent, check=True, timeout=30)
    (env_file.parent / ".gitignore").write_text(".env\n")
    assert "git would take it" in rewrite(env_file, WANT, TEXT, journal_for(env_file))
    (env_file.parent / ".gitignore").write_text(".env\n.env.*\n")
    (env_file.parent / "later").mkdir()
    (env_file.parent / "later/.env").write_text(TEXT)
    words = rewrite(env_file.parent / "later/.env", WANT, TEXT, journal_for(env_file.parent / "later/.env"))
    assert "kept as" in words
    assert "git would" not in words


def test_an_access_list_stays_too(env_file: Path) -> None:
    """By one, the web server's user may read a file that is its group's and others' not; mode bits do not show it."""
    entries = ((1, 6, -1), (2, 4, NOBODY), (4, 0, -1), (16, 4, -1), (32, 0, -1))  # user::rw-, user:nobody:r--, ...
    listed = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr(env_file, "system.posix_acl_access", listed)
    except OSError:
        pytest.skip("this file system keeps no access lists")
    mode = env_file.stat().st_mode
    rewrite(env_file, WANT, TEXT, journal_for(env_file))
    assert "DB_POOL_SIZE=8" in env_file.read_text()
    assert os.getxattr(env_file, "system.posix_acl_access") == listed
    assert env_file.stat().st_mode == mode
    (backup,) = env_file.parent.glob("*.bak")
    assert os.listxattr(backup) == [], "it is its owner's alone"


def test_a_file_that_was_changed_since_the_plan_is_left(env_file: Path) -> None:
    """Whatever was changed in it; nothing is recorded."""
    env_file.write_text(TEXT + "# more\n")
    journal = journal_for(env_file)
    with pytest.raises(StepFailedError, match="somebody else has changed it"):
        rewrite(env_file, WANT, TEXT, journal)
    assert env_file.read_text() == TEXT + "# more\n"
    assert not journal.path.exists()


def test_a_crash_between_the_record_and_the_write_leaves_nothing_to_take_back(env_file: Path) -> None:
    """The record says that the step had begun; the file says that it did not happen."""
    journal = journal_for(env_file)
    _, edits = change(TEXT, WANT)
    journal.begin(EnvEntry(str(env_file), edits))
    assert take_back_edits(0, entry_of(journal.path), journal) == (
        f"{env_file}: DB_POOL_SIZE, DB_POOL_TIMEOUT (it was so already)"
    )
    assert env_file.read_text() == TEXT


def test_what_was_changed_since_is_left_and_the_rest_taken_back(env_file: Path) -> None:
    """A second try takes only what was left; once that is as the step made it, it goes too."""
    journal = journal_for(env_file)
    rewrite(env_file, WANT, TEXT, journal)
    env_file.write_text(env_file.read_text().replace("DB_POOL_TIMEOUT=10", "DB_POOL_TIMEOUT=99"))
    with pytest.raises(
        StepFailedError, match=r"changed DB_POOL_TIMEOUT since, so that was left; taken back: DB_POOL_SIZE"
    ):
        take_back_edits(0, entry_of(journal.path), journal)
    assert env_file.read_text() == TEXT + "DB_POOL_TIMEOUT=99\n"
    env_file.write_text(TEXT + "DB_POOL_TIMEOUT=10\n")
    take_back_edits(0, entry_of(journal.path), journal)
    assert env_file.read_text() == TEXT


def test_a_write_that_fails_leaves_the_old_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, with no draft beside it, and nothing recorded as done."""

    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    journal = journal_for(env_file)
    journal.save()
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(EnvFileError, match="No space left on device"):
        rewrite(env_file, WANT, TEXT, journal)
    monkeypatch.undo()
    assert env_file.read_text() == TEXT
    assert not list(env_file.parent.glob("*.new"))
    assert read_journal(journal.path).entries == []


@pytest.mark.parametrize("kind", ["directory", "latin"])
def test_what_is_no_text_file_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    """A directory, or bytes that are no UTF-8."""
    path = tmp_path / ".env"
    if kind == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"A=\xe9\n")
    with pytest.raises(EnvFileError, match=r"cannot be read|is not"):
        read_file(path)


def test_a_draft_of_somebody_else_is_not_followed(tmp_path: Path) -> None:
    """A link in the draft's place is not written through."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / f".target.{os.getpid()}.new").symlink_to(victim)
    with pytest.raises(EnvFileError):
        put(tmp_path / "target", "text", 0o600)
    assert victim.read_text() == "mine"
