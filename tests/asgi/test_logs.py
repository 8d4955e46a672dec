"""Lines of the log as JSON: the request's id is its header's or a made one, the same in all lines of it."""

import json
import logging
import re
from typing import Any

import pytest

from plimsoll.asgi.logs import JsonFormatter, request_id
from plimsoll.asgi.messages import Scope
from plimsoll.asgi.routes import Kind, Kinds
from plimsoll.asgi.slow import ReaderRules
from plimsoll.asgi.traffic import Traffic
from plimsoll.asgi.work import RequestWork
from plimsoll.limiter import AdmissionLine
from plimsoll.pool import WORK


def scope(given: bytes | None) -> Scope:
    """A request."""
    headers = [] if given is None else [(b"x-request-id", given)]
    return {"type": "http", "method": "GET", "path": "/items/7", "headers": headers}


async def send(message: Any) -> None:
    """Nowhere."""


async def within(request: Scope) -> tuple[str | None, dict[str, Any], dict[str, Any]]:
    """The id, and two lines of the log, as they are inside of a request."""
    line = AdmissionLine.__new__(AdmissionLine)
    rules = ReaderRules(min_rate_bytes=0, grace_s=0.0)
    work = RequestWork(request, send, rules, line, Kind.__new__(Kind), None, lambda *_: None, Traffic(Kinds()), 0.0)
    token = WORK.set(work)
    try:
        return request_id(), written("one"), written("two")
    finally:
        WORK.reset(token)


def written(message: str, *arguments: object, exc: BaseException | None = None) -> dict[str, Any]:
    """A line, read back."""
    info = None if exc is None else (type(exc), exc, exc.__traceback__)
    record = logging.LogRecord("plimsoll.pool", logging.WARNING, "here.py", 1, message, arguments, info)
    text = JsonFormatter().format(record)
    assert text.isascii()
    assert text.isprintable()
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize("given", [b"0f9c-1", b"Root=1-67891233-abcdef012345678912345678", b"a" * 128])
async def test_the_id_is_the_one_that_came_with_the_request(given: bytes) -> None:
    """As a proxy gave it."""
    found, *lines = await within(scope(given))
    assert found == given.decode()
    assert [line["request_id"] for line in lines] == [found] * 2
    assert lines[0]["method"] == "GET"


@pytest.mark.parametrize("given", [None, b"", b"a" * 129, b"two words", b"\xff", b'"}{"', b"a\x1b[2J", b"a\n"])
async def test_another_one_is_made_where_it_is_none_or_not_a_good_one(given: bytes | None) -> None:
    """The same in all lines of one request, and another in the next."""
    found, *lines = await within(scope(given))
    assert found is not None
    assert re.fullmatch(r"[0-9a-f]{32}", found)
    assert [line["request_id"] for line in lines] == [found] * 2
    assert (await within(scope(given)))[0] != found


def test_outside_of_requests_there_is_none() -> None:
    """Start-up, background tasks."""
    assert request_id() is None
    assert "request_id" not in written("Started")


def test_a_line_has_when_what_who_and_why() -> None:
    """Arguments within the message, an exception with its traceback; all in one line."""
    try:
        raise ValueError("first\nsecond \u202e")
    except ValueError as error:
        line = written("%s: a line\nbreak", "GET /items", exc=error)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "plimsoll.pool", "GET /items: a line\nbreak")
    assert line["exception"].endswith("ValueError: first\nsecond \u202e")
