"""The memory of what is counted: bounded, and flat once it has all it may have."""

import asyncio
import tracemalloc
from types import SimpleNamespace
from typing import Any

import pytest

from plimsoll.asgi.admission import Admission, AdmissionLayer
from plimsoll.asgi.routes import Kinds
from plimsoll.asgi.statement_counts import KEPT_FORMS, MOST_FORMS, MOST_TEXTS, ROUTES, SHOWN, StatementTable
from plimsoll.asgi.traffic import MOST_ROUTES, Traffic
from plimsoll.pool import WORK
from plimsoll.settings import ServiceSettings

HOSTILE = 10_000
MIB = 1 << 20
SLACK_BYTES = 256 * 1024
"""What is remembered is forgotten all at once when there is too much of it, not all of it at the same time."""


def _statement(number: int) -> str:
    """Another form each, with a value in it, as long as one may be."""
    columns = ", ".join(f"column_{number}_{index}" for index in range(60))
    return f"SELECT {columns} FROM t WHERE a = '{number}'"


async def _application(scope: Any, _receive: Any, send: Any) -> None:
    number = int(scope["path"].rpartition("/")[2])
    if number < MOST_ROUTES * 2:
        scope["route"] = SimpleNamespace(path=f"/route{number}/{{number}}", methods=None)
    work = WORK.get()
    assert work is not None
    account = work.account()
    assert account is not None
    account.waited(0.001 * number)
    account.held(0.01 * number)
    account.ran("SELECT 1", 0.001, 1, False)
    await send({"type": "http.response.start", "status": 200 + number % 400, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _ask(layer: AdmissionLayer, number: int) -> None:
    async def send(_message: Any) -> None:
        return

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    served = number < MOST_ROUTES * 2
    method, path = ("GET", f"/route{number}/{number}") if served else (f"M{number}", f"/no/route/{number}")
    await layer({"type": "http", "method": method, "path": path, "headers": []}, receive, send)


def _most_bytes() -> int:
    """Since it was asked before."""
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    return found


async def test_hostile_requests_and_statements_leave_the_memory_flat() -> None:
    """Ten thousand paths, methods and forms of statements: after the first of them, the rest add nothing."""
    tracemalloc.start()
    try:
        before = _most_bytes()
        kinds = Kinds()
        traffic = Traffic(kinds, "mysql")
        layer = AdmissionLayer(_application, Admission(ServiceSettings(), kinds=kinds, traffic=traffic))
        account = traffic.of_owner("job")
        for number in range(MOST_TEXTS * 2):
            account.ran(_statement(number), 0.1, 1, True)
            account.ran(f"SELECT a FROM t WHERE b = {number}", 0.1, 1, False)
            await _ask(layer, number)
            traffic.of_owner(f"another {number} {'é' * 300}").waited(1.0)
        full = _most_bytes()
        assert full - before < 1.5 * MIB, "a third of it for the paths and patterns of `Kinds`"
        for number in range(MOST_TEXTS * 2, HOSTILE):
            account.ran(_statement(number), 0.1, 1, True)
            account.ran(f"SELECT a FROM t WHERE b = {number}", 0.1, 1, False)
            await _ask(layer, number)
        assert _most_bytes() - full < SLACK_BYTES
    finally:
        tracemalloc.stop()
    assert len(traffic.routes()) == MOST_ROUTES + 1
    assert len(traffic.statements()) <= MOST_FORMS
    await asyncio.sleep(0)


def test_the_statements_that_are_used_most_are_kept() -> None:
    """Whatever comes once; a form that was dropped and comes again begins anew."""
    table = StatementTable("sqlite")
    used = [f"SELECT {name} FROM often WHERE id = 5" for name in ("a", "b", "c")]
    for round_ in range(MOST_FORMS):
        for statement in used:
            table.of(statement).ran(0.5, 2, "GET /", round_ % 5 == 0)
        table.of(f"SELECT once_{round_} FROM t").ran(0.1, 1, f"GET /{round_}", False)
    table.of("SELECT one_more FROM t").ran(0.1, 1, "GET /", False)
    views = table.views()
    assert KEPT_FORMS < len(views) <= MOST_FORMS
    assert {view.text for view in views[:3]} == {f"SELECT {name} FROM often WHERE id = ?" for name in ("a", "b", "c")}
    assert [(view.count, view.rows, view.errors, view.most_s) for view in views[:3]] == [(250, 500, 50, 0.5)] * 3
    assert views[0].total_s == pytest.approx(125)


def test_a_statement_names_a_few_of_the_routes_that_sent_it() -> None:
    """Those that came to it last; its text is cut, and its fingerprint is that of all of it."""
    table = StatementTable("postgresql")
    for number in range(2):
        statement = _statement(1).replace("FROM t", f"FROM t_{number}")
        for route in range(5):
            table.of(statement).ran(0.1, 0, f"GET /{route}", False)
    one, other = table.views()
    assert one.routes == ("GET /4", "GET /3", "GET /2")
    assert len(one.routes) == ROUTES
    assert len(one.text) == SHOWN
    assert one.text == other.text
    assert one.fingerprint != other.fingerprint
