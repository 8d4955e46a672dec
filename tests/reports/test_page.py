"""A record as a page: everything in it, nothing from elsewhere, nothing taken for markup."""

import json
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.errors import SnapshotError
from plimsoll.reports import Record, page
from plimsoll.reports.record import from_document, to_document
from plimsoll.reports.tasks import TaskGroup
from plimsoll.snapshot import SettingView, Snapshot
from tests.reports.worker import Worker
from tests.snapshot.samples import ALL, EXHAUSTED, HEALTHY, HOSTILE, HOSTILE_NAMES

VOID = {"meta"}
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "div", "strong", "dl", "dt", "dd"),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre", "ul", "li"),
    *("figure", "figcaption", "svg", "path", "polyline", "text"),
}


class Reader(HTMLParser):
    """Notes elements, attributes and texts, and that each element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Noted."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of SVG that is closed at once."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Closes what was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Noted."""
        self.texts.append(data)


def record_of(snapshot: Snapshot, **more: object) -> Record:
    """With three minutes of history."""
    worker = Worker()
    for _ in range(180):
        worker.second(snapshot)
    made = Record("exhausted", "It was full.", snapshot, (snapshot,), worker.history.series("10m"))
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ALL)
def test_every_state_makes_a_whole_page_that_needs_nothing_else(name: str) -> None:
    """No script, no link, no picture, no style from elsewhere."""
    text = page(record_of(ALL[name]))
    read = Reader(text)
    assert set(read.tags) <= ALLOWED
    names = {attribute for attribute, _ in read.attributes}
    assert not names & {"href", "src", "style", "srcset", "action"}
    assert not any(attribute.startswith("on") for attribute in names)
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text


def test_the_first_words_say_what_happened_and_what_to_do() -> None:
    """Then the holders with their stacks, then the rest."""
    waits = ("/usr/lib/python3.11/asyncio/tasks.py:1 in sleep", "/srv/app/x.py:3 in wait")
    record = record_of(EXHAUSTED, tasks=(TaskGroup(7, "Task-1", waits),), left_out={"routes": 3})
    texts = Reader(page(record)).texts
    words = " ".join(texts)
    order = [
        words.index(each)
        for each in ("The pool was exhausted", "It was full.", EXHAUSTED.problems[0].action, "Holders of connections")
    ]
    assert order == sorted(order)
    assert EXHAUSTED.holders[0].stack[1] in words
    assert "7 × Task-1: /srv/app/x.py:3 in wait" in words
    assert "left out: 3 routes" in words
    assert "RLIMIT_AS" in words
    assert "********" in words


def test_names_of_others_are_text_wherever_they_stand() -> None:
    """Markup is not taken for markup, and what turns the direction of writing is shown as an escape."""
    evil = (f"\x1b[31m{HOSTILE}\n",)
    record = record_of(HOSTILE_NAMES, kind=HOSTILE, why=HOSTILE, tasks=(TaskGroup(1, HOSTILE, evil),), interrupted=evil)
    text = page(record)
    read = Reader(text)
    assert "script" not in read.tags
    assert set(read.tags) <= ALLOWED
    assert "<script>alert('x')</script>\"'&\\u202e" in " ".join(read.texts)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_plot_tells_its_numbers_in_words_and_has_gaps_where_nothing_was_known() -> None:
    """For those who cannot see it."""
    record = record_of(HEALTHY)
    assert record.history is not None
    values = dict(record.history.values)
    values["pool_taken"] = tuple(None if 60 <= place < 120 else 2.0 for place in range(len(values["pool_taken"])))
    gap = replace(record, history=replace(record.history, values=values))
    labels = [value for name, value in Reader(page(gap)).attributes if name == "aria-label" and value]
    (connections,) = [label for label in labels if label.startswith("Connections.")]
    assert "taken: last 2, lowest 2, highest 2" in connections
    assert page(gap).count("<polyline") == page(record).count("<polyline") + 1


def test_a_record_as_json_and_back_makes_the_same_page() -> None:
    """Nothing that a page shows is lost in a file."""
    record = record_of(EXHAUSTED, tasks=(TaskGroup(7, "Task-1", ("a", "b")),), interrupted=("c",))
    assert page(from_document(to_document(record))) == page(record)


def test_a_time_that_no_calendar_has_is_shown_as_a_number() -> None:
    """A file may hold anything."""
    assert f"{1e24:,.0f}" in page(record_of(replace(HEALTHY, at_s=1e24)))


def test_the_process_is_seen_to_grow_beside_gigabytes_that_are_left() -> None:
    """What it takes and what is left are plots of their own; so is nothing said twice of the load line."""
    text = page(record_of(EXHAUSTED))
    assert EXHAUSTED.load_line is not None
    for title in ("Memory of the process", "Memory that is left"):
        assert f"<figcaption>{title}</figcaption>" in text
    assert f"<dt>Load line</dt><dd>{EXHAUSTED.load_line.why}</dd>" in text


def test_long_statements_and_settings_by_default_are_unfolded() -> None:
    """So that the page can be looked over on a phone; nothing is left out."""
    long = f"SELECT {', '.join(f'items.column_{n}' for n in range(40))} FROM items"
    statement = replace(EXHAUSTED.statements[0], text=long)
    given = SettingView("DB_POOL_SIZE", "20", "environment", "size")
    text = page(
        record_of(replace(EXHAUSTED, statements=(statement,), settings=(given, replace(given, source="default"))))
    )
    assert f"<summary>SELECT items.column_0, … FROM items</summary><p>{long}</p></details>" in text
    assert text.count("DB_POOL_SIZE") == 2
    assert "<summary>1 that have their default</summary>" in text


def places(document: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Each value in it, by the way to it."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, value in inside:
        yield (*above, name)
        yield from places(value, (*above, name))


SOME = json.dumps(
    to_document(record_of(EXHAUSTED, tasks=(TaskGroup(7, "Task-1", ("a",)),), interrupted=("c",), history=None))
)
ODD: tuple[object, ...] = (
    None,
    -1,
    1e308,
    float("inf"),
    float("nan"),
    2**70,
    10**400,
    "",
    "x" * 9_000,
    "\ud800",
    "<b>\u202e\0",
    [],
    {},
    True,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(places(json.loads(SOME)))), st.sampled_from(ODD))
def test_whatever_a_file_holds_it_is_a_page_or_a_sentence(place: tuple[Any, ...], value: object) -> None:
    """One value of a good one is another."""
    document = at = json.loads(SOME)
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    try:
        record = from_document(document)
    except SnapshotError:
        return
    assert page(record).encode()
