"""What a visit reads is not believed to be as it should: figures, OpenAPI documents, logs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.visit.figures import FORMAT, PATH, read_figures
from plimsoll.visit.logfile import MOST_BYTES, read_log
from plimsoll.visit.pages import ask_pages, pages_of, percentile
from plimsoll.web.line import Answer, Line

GOOD: dict[str, Any] = {
    "format": FORMAT,
    "host": "h",
    "pid": 7,
    "started": 1.0,
    "release": "",
    "production": {"active": True, "rule": "PRODUCTION=1"},
    "pool": {"size": 5, "max_overflow": 1},
    "memory": {"rss_bytes": 1, "limit": None},
    "connections": [1, 2, "x"],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def answer(document: object) -> Answer:
    """200 with JSON."""
    return Answer(200, body=json.dumps(document).encode())


def test_good_figures_are_flat_numbers() -> None:
    """By dotted names; what is no id of a connection is left out."""
    worker = read_figures(answer(GOOD), with_token=True).value
    assert (worker.number("pool.size"), worker.places, worker.connections) == (5, 6, frozenset({1, 2}))
    assert worker.number("nothing") == 0


@given(st.sampled_from(sorted(GOOD)), JSON)
def test_figures_with_anything_in_any_place_never_fail(name: str, value: object) -> None:
    """They are read, or refused with a sentence."""
    found = read_figures(answer({**GOOD, name: value}), with_token=True)
    assert found.known or found.why.startswith(PATH)


@pytest.mark.parametrize(
    ("status", "with_token", "says"),
    [
        (404, True, "its OPS_TOKEN is not set"),
        (401, True, "does not accept our OPS_TOKEN"),
        (401, False, "asks for a token"),
        (429, True, "lets nobody from here in for 30 s"),
        (302, True, "answers 302 and points to https://x/login"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, with_token: bool, says: str) -> None:
    """Each in its own way."""
    found = read_figures(Answer(status, location="https://x/login", retry_after="30"), with_token=with_token)
    assert says in found.why


@given(JSON)
def test_any_document_for_an_openapi_one_is_read_or_refused(document: object) -> None:
    """In a sentence."""
    found = pages_of(answer({"paths": document}))
    assert found.known or found.why.startswith("/openapi.json")


def test_pages_are_the_get_routes_that_need_nothing() -> None:
    """No parameter that is required, not deprecated, no other method."""
    required = {"get": {"parameters": [{"name": "q", "in": "query", "required": True}]}}
    optional = {"get": {"parameters": [{"name": "q", "in": "query", "required": False}]}}
    paths = {
        "/a": {"get": {}},
        "/b": optional,
        "/c": required,
        "/d/{id}": {"get": {}},
        "/e": {"post": {}},
        "/f": {"get": {"deprecated": True}},
    }
    assert pages_of(answer({"paths": paths})).value == ("/a", "/b")


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """By nearest rank."""
    assert [percentile([1, 2, 3, 4], share) for share in (0.5, 0.99)] == [2, 4]
    assert percentile([], 0.5) is None


def test_lines_of_trouble_are_counted(tmp_path: Path) -> None:
    """Each line once for each kind."""
    log = tmp_path / "log"
    log.write_text(
        "INFO fine\nMemoryError: MemoryError\nQueuePool limit of size 5\nOut of memory: Killed process 7\n"
        "Child process [12] died\nnumpy._core._exceptions._ArrayMemoryError: Unable\nMemoryErrors are words\n"
    )
    counts = read_log(log).value.counts
    assert counts == {"memory_errors": 2, "pool_timeouts": 1, "leaks": 0, "oom_kills": 1, "lost_workers": 1}


def test_reading_goes_on_where_an_earlier_run_ended(tmp_path: Path) -> None:
    """And begins anew where the file was replaced by a shorter one."""
    log = tmp_path / "log"
    log.write_text("MemoryError\n")
    first = read_log(log).value
    with log.open("a") as file:
        file.write("MemoryError\n")
    assert (first.counts["memory_errors"], read_log(log, first.size).value.counts["memory_errors"]) == (1, 1)
    log.write_text("MemoryError")
    assert read_log(log, 1000).value.counts["memory_errors"] == 1


def test_of_a_long_log_the_end_is_read(tmp_path: Path) -> None:
    """As much as is allowed."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.write(b"MemoryError\n")
        file.truncate(3 * MOST_BYTES)
        file.seek(0, os.SEEK_END)
        file.write(b"\nMemoryError\n")
    found = read_log(log).value
    assert (found.counts["memory_errors"], found.bytes_read) == (1, MOST_BYTES)


def test_what_is_no_readable_file_is_said(tmp_path: Path) -> None:
    """A directory, a pipe nobody writes to, nothing at all."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "absent"):
        found = read_log(tmp_path / name)
        assert not found.known
        assert found.why


class Prepared(Line):
    """Gives the same answer to each request."""

    def __init__(self, given: Answer) -> None:
        self.given = given
        self.asked = 0

    async def get(self, path: str, token: str | None = None) -> Answer:
        self.asked += 1
        return self.given


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (Answer(503, seconds=2.0), 2),
        (Answer(503, seconds=0.01), 8),
        (Answer(200, seconds=2.0), 8),
        (Answer(None, error="no answer"), 2),
    ],
)
async def test_a_page_that_fails_slowly_is_not_asked_on_and_on(given: Answer, asked: int) -> None:
    """While the database is frozen each answer costs seconds, and two of them tell as much as eight."""
    line = Prepared(given)
    await ask_pages(line, ["/items"])
    assert line.asked == asked
