"""Where values come from: defaults, the .env file with its lines, the environment, the program's own code."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.settings import DatabaseSettings
from plimsoll.settings.envfile import read_env_file
from tests.settings.reading import SQLITE, read, refused, refused_read


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a .env file that messages call ".env"."""
    monkeypatch.chdir(tmp_path)
    return Path(".env")


def test_the_names_and_defaults_of_the_operators_note_stand() -> None:
    """With nothing set, the pool's settings are the note's."""
    settings = read()
    assert settings.pool_size == 20
    assert settings.max_overflow == 20
    assert settings.pool_timeout_s == 30
    assert settings.pool_recycle_s == 280
    assert {row.source for row in settings.rows()} == {"default"}


def test_every_value_remembers_where_it_came_from(env_file: Path) -> None:
    """Default, line of the file, environment and argument are told apart, under both names of a setting."""
    env_file.write_text("\n# pool\n\nDB_POOL_SIZE=30\nexport DB_MAX_OVERFLOW='7' # peak\n")
    environ = {"DB_POOL_TIMEOUT": "5"}
    settings = DatabaseSettings.from_env(environ, ".env", pool_recycle_s=60)
    assert str(settings.source_of("pool_size")) == ".env:4"
    assert str(settings.source_of("DB_MAX_OVERFLOW")) == ".env:5"
    assert str(settings.source_of("pool_timeout_s")) == "environment"
    assert str(settings.source_of("DB_POOL_RECYCLE")) == "argument"
    assert str(settings.source_of("connect_timeout_s")) == "default"
    assert (settings.pool_size, settings.max_overflow, settings.pool_timeout_s) == (30, 7, 5)
    with pytest.raises(KeyError):
        settings.source_of("no_such_setting")


def test_the_environment_wins_over_the_file(env_file: Path) -> None:
    """A variable set in cPanel beats the line in .env."""
    env_file.write_text("DB_POOL_SIZE=30\n")
    settings = read(env_file, DB_POOL_SIZE="40")
    assert (settings.pool_size, str(settings.source_of("pool_size"))) == (40, "environment")


def test_a_wrong_value_in_the_file_that_the_environment_replaces_does_no_harm(env_file: Path) -> None:
    """Only the value that counts is checked."""
    env_file.write_text("DB_POOL_SIZE=abc\n")
    assert read(env_file, DB_POOL_SIZE="40").pool_size == 40


def test_an_empty_value_counts_as_not_set(env_file: Path) -> None:
    """An empty variable falls back to the file, and an empty line of the file to the default."""
    env_file.write_text("DB_POOL_SIZE=30\nDB_MAX_OVERFLOW=\nMYSQL_HOST=''\n")
    settings = read(env_file, DB_POOL_SIZE="", DB_POOL_TIMEOUT="")
    assert str(settings.source_of("pool_size")) == ".env:1"
    assert settings.pool_size == 30
    assert settings.mysql_host is None
    assert {str(settings.source_of(name)) for name in ("max_overflow", "pool_timeout_s", "mysql_host")} == {"default"}


def test_a_value_from_code_wins_and_an_ignored_variable_is_noted() -> None:
    """What the program passes is final; that a variable is set in vain is said."""
    environ = {"DB_POOL_SIZE": "9"}
    settings = DatabaseSettings.from_env(environ, None, DB_POOL_SIZE=8)
    assert settings.pool_size == 8
    assert "DB_POOL_SIZE (environment) is ignored, since the program itself sets it." in settings.notes


def test_plain_construction_reads_neither_environment_nor_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DatabaseSettings(...) is what its keywords say, whatever the machine says."""
    env_file.write_text("DB_POOL_SIZE=30\n")
    monkeypatch.setenv("DB_MAX_OVERFLOW", "1")
    settings = DatabaseSettings(DB_POOL_TIMEOUT=3)
    assert (settings.pool_size, settings.max_overflow, settings.pool_timeout_s) == (20, 20, 3)


def test_the_process_environment_and_the_file_in_the_working_directory_are_read_by_default(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """from_env() without arguments is what a service calls."""
    env_file.write_text("DB_POOL_SIZE=30\n")
    monkeypatch.setenv("DB_MAX_OVERFLOW", "1")
    settings = DatabaseSettings.from_env()
    assert (settings.pool_size, settings.max_overflow) == (30, 1)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(env_file: Path, ending: str) -> None:
    """A multi-line value, a byte order mark and foreign line ends leave the count right."""
    lines = ["OTHER='two", "lines'", "", "# comment", "DB_POOL_SIZE=30", "", "", "DB_MAX_OVERFLOW=x"]
    env_file.write_bytes(b"\xef\xbb\xbf" + ending.join(lines).encode())
    assert refused_read(env_file)["DB_MAX_OVERFLOW"].source == ".env:8"
    assert str(read(env_file, DB_MAX_OVERFLOW="1").source_of("pool_size")) == ".env:5"


def test_values_of_the_file_are_taken_literally(env_file: Path) -> None:
    """No ${NAME} is replaced: a password with a dollar sign stays what it is."""
    env_file.write_text("MYSQL_HOST=db\nMYSQL_USER=u\nMYSQL_DATABASE=d\nMYSQL_PASSWORD='a${MYSQL_USER}#b'\n")
    assert read(env_file).url.password == "a${MYSQL_USER}#b"


def test_lines_that_cannot_be_read_are_refused_with_their_numbers_and_without_their_text(env_file: Path) -> None:
    """Such a line may be a part of a password: the message has its number only, or a name of ours."""
    env_file.write_text("hunter2 hunter3\nDB_POOL_SIZE='30\nMYSQL_HOST\nFINE\n")
    problems = refused_read(env_file)
    assert {problem.source for problem in problems.values()} == {".env:1", ".env:2", ".env:3"}
    assert problems["DB_POOL_SIZE"].source == ".env:2"
    assert problems["MYSQL_HOST"].what == "this line has no = and no value"
    assert "hunter" not in "".join(map(str, problems.values()))


def test_a_file_that_is_a_directory_or_no_text_is_refused(env_file: Path, tmp_path: Path) -> None:
    """A .env that is there and cannot be read is an error and not an empty file."""
    assert "cannot be read" in refused_read(tmp_path)[str(tmp_path)].what
    env_file.write_bytes(b"DB_POOL_SIZE=\xff\n")
    assert refused_read(env_file)[".env"].what == "is not UTF-8 text"


def test_a_file_without_end_is_refused(env_file: Path) -> None:
    """A link to a device, or a log that was moved there, costs no memory and no time."""
    env_file.symlink_to("/dev/zero")
    assert refused_read(env_file)[".env"].what == "is longer than 1 MiB"


def test_line_breaks_of_windows_are_no_part_of_values(env_file: Path) -> None:
    """Also within quotes."""
    env_file.write_bytes(b'DB_POOL_SIZE=3\r\nOTHER="a\r\nb"\r\n')
    assert read_env_file(env_file, ("DB_POOL_SIZE",)).values["OTHER"][0] == "a\nb"
    assert read(env_file).pool_size == 3


def test_a_file_without_permission_is_refused(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The most usual mistake on shared hosting: the file belongs to someone else."""

    def deny(*_: object, **__: object) -> str:
        # Raised by hand, since root may read every file and tests may run as root.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", deny)
    assert refused_read(env_file)[".env"].what == "cannot be read: Permission denied"


def test_a_missing_file_is_an_empty_one(env_file: Path) -> None:
    """A service configured by variables alone has no .env."""
    assert read(env_file).pool_size == 20


def test_a_name_given_twice_in_the_file_is_noted(env_file: Path) -> None:
    """The last line counts, as in a shell, and it is said."""
    env_file.write_text("DB_POOL_SIZE=1\nOTHER=1\nOTHER=2\nDB_POOL_SIZE=2\n")
    settings = read(env_file)
    assert settings.pool_size == 2
    assert "DB_POOL_SIZE is set twice, at .env:1 and at .env:4: the last one counts." in settings.notes
    assert "OTHER" not in "".join(settings.notes)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DB_POOL_SZIE", "DB_POOL_SIZE"),
        ("db_pool_size", "DB_POOL_SIZE"),
        ("MYSQL_HOTS", "MYSQL_HOST"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("ENVIROMENT", "ENVIRONMENT"),
    ],
)
def test_a_name_that_is_nearly_a_setting_is_noted_with_the_suggestion(name: str, meant: str, env_file: Path) -> None:
    """A slip in a name is no error, since other programs have names too, but it is said."""
    note = f"is not a setting and is ignored; did you mean {meant}?"
    assert f"{name} (environment) {note}" in read(**{name: "1"}).notes
    env_file.write_text(f"{name}=1\n")
    assert f"{name} (.env:1) {note}" in read(env_file).notes


@pytest.mark.parametrize(
    "name", ["MYSQL_ROOT_PASSWORD", "MYSQL_PASSWORD_FILE", "DB_HOST", "POOL_SIZE", "MYSQL_ALLOW_EMPTY_PASSWORD", "PATH"]
)
def test_names_of_other_programs_are_left_alone(name: str) -> None:
    """Variables that the MySQL image and others use give no note."""
    assert not [note for note in read(**{name: "1"}).notes if name in note]


def test_an_unknown_keyword_is_refused_with_the_suggestion_and_without_its_value() -> None:
    """A slip in code is an error, since nobody else's names are there."""
    problem = refused(lambda: DatabaseSettings(mysql_pasword="hunter2"))["mysql_pasword"]
    assert problem.what == "there is no such setting; did you mean mysql_password?"
    assert "hunter2" not in str(problem)


def test_a_setting_given_under_both_names_is_refused() -> None:
    """Two values for one setting cannot both be meant."""
    problems = refused(lambda: DatabaseSettings(pool_size=1, DB_POOL_SIZE=2))
    assert problems["DB_POOL_SIZE"].what == "is given twice, under both its names"


def test_a_copy_with_changes_is_checked_again_as_a_whole() -> None:
    """model_copy(update=...) computes the URL anew, keeps the other sources and refuses what is wrong."""
    settings = read(DB_POOL_SIZE="30", DB_POOL_SZIE="1")
    copied = settings.model_copy(update={"database_url": SQLITE})
    assert copied.url.database == "x.db"
    assert str(copied.source_of("pool_size")) == "environment"
    assert str(copied.source_of("database_url")) == "argument"
    assert any("DB_POOL_SZIE" in note for note in copied.notes)
    assert settings.model_copy() == settings
    assert "DB_POOL_SIZE" in refused(lambda: settings.model_copy(update={"pool_size": 0}))


def test_settings_cannot_be_changed() -> None:
    """A settings object is frozen."""
    with pytest.raises(ValueError, match="frozen"):
        read().pool_size = 3


def test_importing_the_package_reads_no_settings() -> None:
    """A wrong variable does no harm before settings are asked for."""
    environ = {**os.environ, "DB_POOL_SIZE": "abc", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", "import plimsoll.settings"], env=environ, check=True, timeout=60)
