"""A .env file's text with values changed: what was asked for is what is read, and nothing else is another byte."""

import io
from collections.abc import Mapping

import pytest
from dotenv.parser import parse_stream
from hypothesis import assume, given, note
from hypothesis import strategies as st

from plimsoll.checks.env_edits import EnvEdit, EnvTextError, change, diff, take_back, value_in

NAMES = ("DB_POOL_SIZE", "DB_POOL_TIMEOUT", "ENVIRONMENT", "LOG_LEVEL")
ENDS = st.sampled_from(["\n", "\r\n"])
BARE = st.text("abcXYZ0189_-./:#' \"=$", max_size=12)
PRINTABLE = st.text("aZ09 éß…'\"\\#$={}", max_size=12)


@st.composite
def lines(draw: st.DrawFn) -> str:
    """One line as people write them: settings of every form, comments, blanks, and what is no setting at all."""
    name = draw(st.sampled_from([*NAMES, "MYSQL_PASSWORD", "OTHER"]))
    value = draw(BARE)
    form = draw(st.integers(0, 8))
    export = draw(st.sampled_from(["", "export ", "  "]))
    around = draw(st.sampled_from(["=", " = ", "= "]))
    comment = draw(st.sampled_from(["", "  # why", " # DB_POOL_SIZE=9"]))
    plain = value.replace("'", "").replace('"', "").replace("#", "").strip()
    return {
        0: f"# {value}",
        1: "",
        2: f"{export}{name}{around}{plain}{comment}",
        3: f"{export}{name}{around}'{plain}'{comment}",
        4: f'{export}{name}{around}"{plain}"{comment}',
        5: f"{name}={comment}",
        6: f"{name}='two\nlines {plain}'",
        7: f"{name}={value}",
        8: f"'{name}'={plain}",
    }[form]


@st.composite
def files(draw: st.DrawFn) -> str:
    """A whole file, with or without a byte order mark and a line break at its end."""
    end = draw(ENDS)
    text = end.join(draw(st.lists(lines(), max_size=8)))
    return draw(st.sampled_from(["", "\ufeff"])) + text + draw(st.sampled_from(["", end]))


WANTED = st.dictionaries(st.sampled_from(NAMES), st.one_of(st.integers(0, 999).map(str), PRINTABLE), max_size=4)


def read(text: str) -> dict[str, str | None]:
    """What python-dotenv reads, the last line of a name counting."""
    return {item.key: item.value for item in parse_stream(io.StringIO(text)) if item.key}


def others(text: str, wanted: Mapping[str, str]) -> list[str]:
    """The text of everything but the settings that are wanted: other settings, comments, what cannot be read."""
    return [item.original.string.strip() for item in parse_stream(io.StringIO(text)) if item.key not in wanted]


@given(text=files(), wanted=WANTED)
def test_what_is_wanted_is_read_and_everything_else_is_the_same(text: str, wanted: Mapping[str, str]) -> None:
    """Other names, comments, order and line breaks; what cannot be written without harm is refused in words."""
    try:
        after, edits = change(text, wanted)
    except EnvTextError:
        return
    assert read(after) == {**read(text), **wanted}
    rest = after
    for edit in reversed(edits):
        rest = take_back(rest, edit)
    assert rest == text, "taken back, it is the file of before, byte for byte"
    note(repr((text, after)))
    untouched, kept = others(text, wanted), iter(others(after, wanted))
    assert all(any(line == other for other in kept) for line in untouched if line), "in the same order"


@given(text=files(), wanted=WANTED, more=st.sampled_from(["# later\n", "OTHER=later\n", "\n"]))
def test_it_can_be_taken_back_after_the_file_was_changed_elsewhere(
    text: str, wanted: Mapping[str, str], more: str
) -> None:
    """What others added in the meantime stays."""
    try:
        after, edits = change(text, wanted)
    except EnvTextError:
        return
    note(repr((text, after)))
    assume(after.endswith(("\n", "\r")))
    rest = after + more
    for edit in reversed(edits):
        rest = take_back(rest, edit)
    assert rest.endswith(more)
    before = read(text)
    assert {name: read(rest).get(name) for name in wanted} == {name: before.get(name) for name in wanted}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "DB_POOL_SIZE=8\n"),
        ("A=1", "DB_POOL_SIZE=8\nA=1"),
        ("A=1\r\n", "A=1\r\nDB_POOL_SIZE=8\r\n"),
        ("DB_POOL_SIZE=20  # why\n", "DB_POOL_SIZE=8  # why\n"),
        ("export DB_POOL_SIZE = '20'\n", "export DB_POOL_SIZE = '8'\n"),
        ('DB_POOL_SIZE="20"', 'DB_POOL_SIZE="8"'),
        ("DB_POOL_SIZE=30\nA=1\nDB_POOL_SIZE=20\nB=2\n", "DB_POOL_SIZE=30\nA=1\nDB_POOL_SIZE=8\nB=2\n"),
        ("DB_POOL_SIZE=\n", "DB_POOL_SIZE=8\n"),
        ("DB_POOL_SIZE= # unset\n", "DB_POOL_SIZE=8 # unset\n"),
        ("# DB_POOL_SIZE=20\n", "# DB_POOL_SIZE=20\nDB_POOL_SIZE=8\n"),
        ("\ufeffDB_POOL_SIZE=20\n", "\ufeffDB_POOL_SIZE=8\n"),
        ("DB_POOL_SIZE=8\n", "DB_POOL_SIZE=8\n"),
    ],
)
def test_a_value_is_replaced_where_it_stands(before: str, after: str) -> None:
    """The last of several lines counts, so that one; quotes, blanks and comments stay; a new line goes to the end."""
    assert change(before, {"DB_POOL_SIZE": "8"})[0] == after


@pytest.mark.parametrize("value", ["a b", "it's", 'say "so"', "back\\slash", "#hash", "a #b", "", "$HOME", "é"])
def test_values_are_quoted_where_they_need_it(value: str) -> None:
    """What is read is what was wanted, whatever characters it has."""
    after, _ = change("ENVIRONMENT=x # why\n", {"ENVIRONMENT": value})
    assert value_in(after, "ENVIRONMENT") == value
    assert after.endswith(" # why\n")


@pytest.mark.parametrize("value", ["a\nMYSQL_HOST=evil", "a\r", "\x00", "\u2028"])
def test_a_value_that_would_be_another_line_is_refused(value: str) -> None:
    """A line break would set a second setting."""
    with pytest.raises(EnvTextError, match="line break or a control character"):
        change("", {"ENVIRONMENT": value})


def test_a_line_without_a_value_is_left() -> None:
    """The words say what to do; nothing is written."""
    with pytest.raises(EnvTextError, match="by hand"):
        change("DB_POOL_SIZE\n", {"DB_POOL_SIZE": "8"})


def test_a_quote_that_is_open_does_not_swallow_the_new_line() -> None:
    """It is on its own line, also where the last one had no line break."""
    after, _ = change("A='open\nDB_POOL_TIMEOUT=3", {"DB_POOL_SIZE": "8"})
    assert after == "A='open\nDB_POOL_SIZE=8\nDB_POOL_TIMEOUT=3"


def test_a_setting_that_was_changed_since_is_not_taken_back() -> None:
    """Also where it is gone."""
    after, (edit,) = change("DB_POOL_SIZE=20\n", {"DB_POOL_SIZE": "8"})
    for text in (after.replace("8", "9"), ""):
        with pytest.raises(EnvTextError, match="DB_POOL_SIZE in it has been changed since"):
            take_back(text, edit)


@given(text=files(), wanted=WANTED)
def test_the_diff_shows_no_other_setting(text: str, wanted: Mapping[str, str]) -> None:
    """Only lines of what is changed, and where a last line gets a line break, its value is hidden."""
    hidden = text.replace("OTHER=", "OTHER=hush").replace("# ", "# hush")
    try:
        after, _ = change(hidden, wanted)
    except EnvTextError:
        return
    shown = diff(hidden, after, ".env", frozenset(wanted))
    assert "OTHER=hush" not in shown
    assert not any(line[1:].startswith("# hush") for line in shown.splitlines())


def test_the_diff_is_one_that_patch_would_take() -> None:
    """Line numbers and all, without a line of context."""
    before = "# shop\nMYSQL_PASSWORD=hush\nDB_POOL_SIZE=20\nA=1\n"
    after, _ = change(before, {"DB_POOL_SIZE": "8", "DB_POOL_TIMEOUT": "10"})
    assert diff(before, after, ".env", frozenset({"DB_POOL_SIZE", "DB_POOL_TIMEOUT"})) == (
        "--- .env\n+++ .env\n@@ -3 +3 @@\n-DB_POOL_SIZE=20\n+DB_POOL_SIZE=8\n@@ -4,0 +5 @@\n+DB_POOL_TIMEOUT=10\n"
    )


def test_a_last_line_without_a_line_break_is_not_in_the_diff() -> None:
    """It may be a password, and `patch` would not find a line whose value is hidden: what is new goes before it."""
    before = "# shop\nMYSQL_PASSWORD=hush"
    after, _ = change(before, {"DB_POOL_SIZE": "8", "DB_POOL_TIMEOUT": "10"})
    assert after == "# shop\nDB_POOL_SIZE=8\nDB_POOL_TIMEOUT=10\nMYSQL_PASSWORD=hush"
    assert diff(before, after, ".env", frozenset({"DB_POOL_SIZE", "DB_POOL_TIMEOUT"})) == (
        "--- .env\n+++ .env\n@@ -1,0 +2,2 @@\n+DB_POOL_SIZE=8\n+DB_POOL_TIMEOUT=10\n"
    )


def test_an_edit_that_ended_a_last_line_is_taken_back_too() -> None:
    """Undo files of before have such ones."""
    edit = EnvEdit("DB_POOL_SIZE", None, "8", newline="\n")
    assert take_back("MYSQL_PASSWORD=hush\nDB_POOL_SIZE=8\n", edit) == "MYSQL_PASSWORD=hush"


@pytest.mark.parametrize("old", ["20\nPRODUCTION=0", "20\rPRODUCTION=0", "'20", '"20\n'])
def test_an_undo_file_that_was_edited_brings_no_other_line_in(old: str) -> None:
    """The value of before is text of the file, and would be written as it is."""
    with pytest.raises(EnvTextError, match="without changing what else the file says"):
        take_back("DB_POOL_SIZE=8\nPRODUCTION=1\nA='b'\nC=\"d\"\n", EnvEdit("DB_POOL_SIZE", old, "8"))
