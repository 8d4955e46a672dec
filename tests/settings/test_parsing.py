"""Numbers, words and flags are read strictly, from text and from code."""

import re
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from plimsoll.settings import DatabaseSettings, Settings, SettingsError, setting
from tests.settings.reading import SQLITE, attempt, read, refused, refused_read

NUMBER_LIKE = st.one_of(
    st.text(max_size=8),
    st.text(alphabet="0123456789+-_. \n\teE٣²½", max_size=8),
    st.integers(-2000, 2000).map(str),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.integers().map(lambda number: str(number) * 400),
)


@given(NUMBER_LIKE)
@example("9" * 5000)
@example("1_0")
@example("٣")
@example("-0")
@example("\udcff")
def test_a_text_accepted_as_a_whole_number_is_its_one_canonical_form_within_the_bounds(text: str) -> None:
    """Whatever is accepted prints back as the same text and lies within the bounds; the rest is a SettingsError."""
    result = attempt(lambda: DatabaseSettings(pool_size=text, database_url=SQLITE))
    if isinstance(result, SettingsError):
        assert [problem.name for problem in result.problems] == ["DB_POOL_SIZE"]
        assert not re.fullmatch(r"[1-9][0-9]{0,2}|1000", text)
    else:
        assert str(result.pool_size) == text
        assert result.pool_size == "auto" or 1 <= result.pool_size <= 1000


@given(NUMBER_LIKE)
@example("0.1")
@example("3600.0")
@example("inf")
@example("nan")
@example("1e3")
@example("-0.5")
@example(".5")
@example("5.")
def test_a_text_accepted_as_a_duration_is_plain_decimal_within_the_bounds(text: str) -> None:
    """Whatever is accepted is digits with an optional fraction, means what it says and lies within the bounds."""
    result = attempt(lambda: DatabaseSettings(pool_timeout_s=text, database_url=SQLITE))
    if isinstance(result, SettingsError):
        assert [problem.name for problem in result.problems] == ["DB_POOL_TIMEOUT"]
        assert not re.fullmatch(r"[1-9][0-9]{0,2}(\.[0-9]{1,9})?", text)
    else:
        assert re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]+)?", text, re.ASCII)
        assert result.pool_timeout_s == float(text)
        assert 0.1 <= result.pool_timeout_s <= 3600


@given(st.integers(1, 1000))
def test_every_whole_number_within_the_bounds_is_accepted(number: int) -> None:
    """The parser refuses no number that is allowed."""
    assert DatabaseSettings(pool_size=str(number), database_url=SQLITE).pool_size == number


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("abc", "is not a whole number in plain digits"),
        ("-1", "is below 1"),
        ("0", "is below 1"),
        ("1001", "is above 1000"),
        ("20 ", "has a space or line break around the number"),
        ("\t20", "has a space or line break around the number"),
        ("1e9", "is not a whole number in plain digits"),
        ("+20", "is not a whole number in plain digits"),
        ("2_0", "is not a whole number in plain digits"),
        ("020", "is not a whole number in plain digits"),
        ("20.0", "is not a whole number in plain digits"),
        ("0x14", "is not a whole number in plain digits"),
        ("２０", "is not a whole number in plain digits"),
        ("Auto", "is not a whole number in plain digits"),
        ("auto ", "is not a whole number in plain digits"),
        ("automatic", "is not a whole number in plain digits"),
        ("\udcff", "has bytes in it that are not UTF-8 text"),
    ],
)
def test_a_wrong_pool_size_is_refused_with_value_source_reason_and_bounds(text: str, what: str) -> None:
    """The operator's own mistakes are each refused with all that is needed to correct them."""
    problem = refused_read(DB_POOL_SIZE=text)["DB_POOL_SIZE"]
    assert problem.value == repr(text)
    assert problem.source == "environment"
    assert problem.what == what
    assert problem.allowed == "auto, or a whole number from 1 to 1000 (connections)"


def test_auto_is_the_one_word_that_a_pool_size_may_be() -> None:
    """Kept as the word; the overflow has none, and code passes it as text like the environment."""
    found = DatabaseSettings.from_env({"DB_POOL_SIZE": "auto"}, env_file=None)
    assert (found.pool_size, str(found.source_of("pool_size"))) == ("auto", "environment")
    assert found.model_copy(update={"max_overflow": 3}).pool_size == "auto"
    assert refused_read(DB_MAX_OVERFLOW="auto")["DB_MAX_OVERFLOW"].what == "is not a whole number in plain digits"


@pytest.mark.parametrize(
    ("text", "what"),
    [("-1", "is below zero"), ("0.05", "is below 0.1"), ("30s", "is not a number in plain digits")],
)
def test_a_wrong_duration_is_refused(text: str, what: str) -> None:
    """A duration below zero, below its bound or with a unit in it is refused in words."""
    problem = refused_read(DB_POOL_TIMEOUT=text)["DB_POOL_TIMEOUT"]
    assert (problem.what, problem.allowed) == (what, "a number from 0.1 to 3600 (s)")


def test_a_duration_may_have_a_fraction() -> None:
    """2.5 is two and a half seconds, and is shown as that."""
    settings = read(DB_POOL_TIMEOUT="2.5")
    assert settings.pool_timeout_s == 2.5
    assert [row.value for row in settings.rows() if row.name == "DB_POOL_TIMEOUT"] == ["2.5"]


def test_a_word_that_is_no_choice_is_refused_with_the_choices() -> None:
    """DB_PENDING_MIGRATIONS takes its two words and no other spelling of them."""
    assert read(DB_PENDING_MIGRATIONS="warn").pending_migrations == "warn"
    assert refused_read(DB_PENDING_MIGRATIONS="Warn")["DB_PENDING_MIGRATIONS"].allowed == "refuse or warn"


@pytest.mark.parametrize("value", [True, 2.0, None, [20], b"20", float("nan")])
def test_code_may_not_pass_what_only_resembles_a_whole_number(value: object) -> None:
    """True, 2.0 and None are refused as a number of connections, with the source "argument"."""
    problem = refused(lambda: DatabaseSettings(pool_size=value))["DB_POOL_SIZE"]
    assert problem.source == "argument"


@pytest.mark.parametrize("value", [True, float("nan"), float("inf"), -1, None, "", "2 "])
def test_code_may_not_pass_what_only_resembles_a_duration(value: object) -> None:
    """Neither nan nor infinity passes the bounds, and an empty text from code is not "not set"."""
    assert "DB_POOL_TIMEOUT" in refused(lambda: DatabaseSettings(pool_timeout_s=value))


class Kinds(Settings):
    """One setting of every kind beside the numbers."""

    flag: bool = setting("FLAG", default=False)
    level: Literal["low", "high"] = setting("LEVEL", default="low")
    ratio: float | None = setting("RATIO", default=None, ge=0)
    names: tuple[str, ...] = setting("NAMES", default=())
    secret: SecretStr | None = setting("SECRET", default=None, secret=True)
    most: int = setting("MOST", default=0, le=9)
    size: int = setting("SIZE", default=1_000_000, ge=1, le=104_857_600)


@pytest.mark.parametrize(
    ("text", "flag"),
    [("true", True), ("1", True), ("YES", True), ("on", True), ("False", False), ("0", False), ("off", False)],
)
def test_a_flag_takes_the_usual_words(text: str, flag: bool) -> None:
    """The words for yes and no are read in any case."""
    settings = Kinds.from_env(environ={"FLAG": text}, env_file=None)
    assert settings.flag is flag
    assert settings.rows()[0].value == ("true" if flag else "false")


def test_names_are_split_at_commas_and_empty_ones_are_dropped() -> None:
    """Spaces around a name and commas too many do no harm: an empty marker would match every host."""
    assert Kinds.from_env(environ={"NAMES": " a, b,,"}, env_file=None).names == ("a", "b")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flag", "y"),
        ("flag", 1),
        ("level", "mid"),
        ("level", None),
        ("ratio", "x"),
        ("ratio", -0.1),
        ("names", ("a", "")),
        ("names", "a\0"),
        ("names", 5),
        ("secret", 5),
        ("secret", SecretStr("a\0")),
        ("most", 10),
    ],
)
def test_every_kind_refuses_what_is_not_of_it(name: str, value: object) -> None:
    """A wrong value of any kind is a SettingsError that names its setting."""
    assert list(refused(lambda: Kinds(**{name: value}))) == [name.upper()]  # type: ignore[arg-type]


def test_bounds_on_one_side_are_described() -> None:
    """A single bound is shown as such."""
    allowed = {row.name: row.allowed for row in Kinds().rows()}
    assert allowed["RATIO"] == "a number, 0 or more"
    assert allowed["MOST"] == "a whole number, 9 or less"


def test_large_bounds_are_shown_in_full() -> None:
    """A bound of a hundred million is no power of ten with its digits rounded."""
    assert {row.name: row.allowed for row in Kinds().rows()}["SIZE"] == "a whole number from 1 to 104857600"
    assert refused(lambda: Kinds(size=104_857_601))["SIZE"].what == "is above 104857600"
