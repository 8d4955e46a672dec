"""One error lists everything that is wrong, in words for someone who is woken at night."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll import PlimsollError
from plimsoll.settings import DatabaseSettings, SettingsError, read_settings
from tests.settings.reading import attempt, refused_read

RIGHT_AND_WRONG = {
    "DB_POOL_SIZE": ("20", "abc"),
    "DB_MAX_OVERFLOW": ("0", "-1"),
    "DB_POOL_TIMEOUT": ("30", "20 "),
    "DB_POOL_RECYCLE": ("280", "1e9"),
    "DB_CONNECT_TIMEOUT": ("1.5", "soon"),
    "DB_CLEANUP_TIMEOUT": ("5", "0"),
    "DB_START_TIMEOUT": ("0", "99999"),
    "DB_PENDING_MIGRATIONS": ("warn", "ignore"),
    "DB_MIGRATION_LOCK_TIMEOUT": ("1", "1h"),
    "DB_LOCK_WAIT_TIMEOUT": ("1", "1.5"),
    "DB_SSL_MODE": ("off", "maybe"),
    "DB_SSL_CA": ("", "/no/such/file"),
    "DB_APPLICATION_NAME": ("shop", "x" * 64),
    "DATABASE_URL": ("sqlite:///x.db", "oracle://u:p@h/d"),
    "MYSQL_PORT": ("3306", "70000"),
    "MYSQL_HOST": ("db", "db:3306"),
}


@given(st.sets(st.sampled_from(sorted(RIGHT_AND_WRONG))))
def test_every_subset_of_wrong_settings_is_listed_completely(wrong: set[str]) -> None:
    """No mistake hides another: the error names exactly the settings that are wrong, and shows each."""
    environ = {name: values[name in wrong] for name, values in RIGHT_AND_WRONG.items()}
    result = attempt(lambda: DatabaseSettings.from_env(environ, None))
    problems = result.problems if isinstance(result, SettingsError) else ()
    assert {problem.name for problem in problems} == wrong
    assert len(problems) == len(wrong)
    assert all(f"  {name} = " in str(result) for name in wrong)


def test_the_message_has_name_value_source_reason_and_what_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text, word for word, in the order in which settings are declared, whichever came first."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("# ours\nDB_POOL_SIZE=abc\n")
    with pytest.raises(SettingsError) as caught:
        DatabaseSettings.from_env({"DB_MAX_OVERFLOW": "20 ", "DATABASE_URL": "mysql://u:hunter2@h:1/"})
    assert str(caught.value) == (
        "3 settings are wrong:\n"
        "  DATABASE_URL = 'mysql://u:***@h:1/'   (from: environment)\n"
        "      wrong:   names no database: it should end in /NAME\n"
        "      allowed: a URL of the form driver://user:password@host:port/database\n"
        "  DB_POOL_SIZE = 'abc'   (from: .env:2)\n"
        "      wrong:   is not a whole number in plain digits\n"
        "      allowed: auto, or a whole number from 1 to 1000 (connections)\n"
        "  DB_MAX_OVERFLOW = '20 '   (from: environment)\n"
        "      wrong:   has a space or line break around the number\n"
        "      allowed: a whole number from 0 to 1000 (connections)\n"
        "Nothing was started. Correct them where the value came from, then start again. [PLE001]"
    )


def test_one_mistake_is_spoken_of_in_the_singular() -> None:
    """The error has its code, and counts."""
    with pytest.raises(PlimsollError, match=r"(?s)^1 setting is wrong:.*Correct it where.*\[PLE001\]$"):
        DatabaseSettings(pool_size=0)


def test_a_long_wrong_value_is_cut() -> None:
    """A file pasted into a number does not flood the log."""
    problem = refused_read(DB_POOL_SIZE="9" * 10_000)["DB_POOL_SIZE"]
    assert len(problem.value) < 200
    assert "characters" in problem.value


def test_an_error_survives_the_way_between_processes() -> None:
    """A worker's error can be pickled, problems and all."""
    with pytest.raises(SettingsError) as caught:
        DatabaseSettings(pool_size=0)
    copied = pickle.loads(pickle.dumps(caught.value))
    assert copied.problems == caught.value.problems
    assert str(copied) == str(caught.value)


def test_problems_of_the_file_and_of_values_come_in_one_error(tmp_path: Path) -> None:
    """A line that cannot be read does not hide the wrong values of other lines."""
    file = tmp_path / ".env"
    file.write_text("what is this\nDB_POOL_SIZE=abc\n")
    assert set(refused_read(file, DB_MAX_OVERFLOW="x")) == {
        "(a line that cannot be read)",
        "DB_POOL_SIZE",
        "DB_MAX_OVERFLOW",
    }


def test_a_setting_that_two_groups_share_is_wrong_once() -> None:
    """The same mistake is not listed for each group that reads it."""
    with pytest.raises(SettingsError) as caught:
        read_settings(DatabaseSettings, DatabaseSettings, environ={"DB_POOL_SIZE": "x"}, env_file=None)
    assert [problem.name for problem in caught.value.problems] == ["DB_POOL_SIZE"]
