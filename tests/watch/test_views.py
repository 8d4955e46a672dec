"""The lines and tables: what they say, how they are sorted, and that names of others are text."""

from dataclasses import replace

import pytest

from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.amounts import amount, seconds, size
from plimsoll.snapshot.shown import shown
from plimsoll.watch import summary
from plimsoll.watch.feed import Sight
from plimsoll.watch.once import once
from plimsoll.watch.tables import EVENTS, HOLDERS, PROCESSES, ROUTES, STATEMENTS, TABLES, WORKERS
from tests.snapshot.samples import (
    ALL,
    DATABASE_DOWN,
    EXHAUSTED,
    FOUR_AS_ONE,
    HEALTHY,
    HOSTILE,
    HOSTILE_NAMES,
    POOL,
    durations,
)

EVIL = "\x1b]0;x\x07[bold red]" + HOSTILE + "\r\n"


def printed(snapshot: Snapshot) -> list[str]:
    """The lines of `--once`."""
    return list(once(Sight("live", "", snapshot), snapshot, "http://shop.example"))


def test_the_problem_and_its_remedy_come_first() -> None:
    """Then the worker, the load line, the pool and memory."""
    lines = printed(EXHAUSTED)
    assert lines[0] == f"CRITICAL: {EXHAUSTED.problems[0].sentence}"
    assert lines[1] == f"  -> {EXHAUSTED.problems[0].action}"
    assert lines[3] == "web-1:4711 2026.11.28 production up 2.0 h  live"
    assert lines[4].startswith("Load    DOES NOT FIT: 80 wanted, 160 while deploying, 146 allowed")
    assert lines[5] == f"Pool    [{'#' * 30}] 40 of 40 taken, 0 idle, 25 waiting"
    assert lines[6] == "Memory  120 MiB resident, 500 MiB left of 800 MiB address space"
    assert printed(HEALTHY)[0] == "Nothing is wrong."
    assert "4 workers on 2 hosts, 3 ready, 1 SILENT  2026.11.28 production  live" in printed(FOUR_AS_ONE)


def test_a_server_that_does_not_answer_is_told_with_its_error() -> None:
    """And the list of its processes is empty."""
    lines = printed(DATABASE_DOWN)
    assert "Can't connect to MySQL server on '127.0.0.1'" in next(line for line in lines if line.startswith("Server"))
    assert "  The server has listed nothing yet." in lines


@pytest.mark.parametrize(
    ("dialect", "version", "expected"),
    [
        ("mysql", "10.11.19-MariaDB-0+deb12u1 Debian 12", "Server  mysql 10.11.19-MariaDB, 9 of"),
        ("mysql", "8.4.3", "Server  mysql 8.4.3, 9 of"),
        ("postgresql", "PostgreSQL 15.20 (Debian 15.20-0) on x86_64-linux", "Server  PostgreSQL 15.20, 9 of"),
    ],
)
def test_the_servers_line_has_room_for_when_it_was_asked(dialect: str, version: str, expected: str) -> None:
    """In 80 columns, whatever it says of how it was built."""
    assert HEALTHY.server is not None
    now = replace(HEALTHY, server=replace(HEALTHY.server, dialect=dialect, version=version))
    (line,) = [line for line in printed(now) if line.startswith("Server")]
    assert line.startswith(expected)
    assert line.endswith(" ago")
    assert len(line) <= 80


@pytest.mark.parametrize("name", ALL)
def test_nothing_that_steers_a_terminal_is_printed(name: str) -> None:
    """Whatever routes, statements and programs are called."""
    now = ALL[name]
    evil = replace(
        now,
        worker=replace(now.worker, host=EVIL, release=EVIL),
        holders=tuple(replace(each, route=EVIL, place=EVIL, state=EVIL, statement=EVIL) for each in now.holders),
        server=replace(
            now.server,
            version=EVIL,
            error=EVIL,
            processes=tuple(
                replace(each, user=EVIL, host=EVIL, application=EVIL, mark=EVIL) for each in now.server.processes
            ),
        )
        if now.server is not None
        else None,
        problems=tuple(replace(each, sentence=EVIL, action=EVIL) for each in now.problems),
        memory=replace(now.memory, binding=replace(now.limits[0], name=EVIL)),
        load_line=replace(now.load_line, binding=EVIL) if now.load_line is not None else None,
    )
    assert all(line.isprintable() for line in printed(evil))
    for table in TABLES:
        for row in table.rows(evil, None):
            assert all(text.isprintable() for text in (*row.cells, *row.details))


def test_what_is_not_printable_is_shown_as_an_escape() -> None:
    """So that it can be seen."""
    assert shown("a\x1b[31m\n\u202e\udc80ü") == "a\\x1b[31m\\n\\u202e\\udc80ü"
    assert shown("abcdef", 4) == "abc…"


def test_the_bar_shows_every_taken_place_also_of_a_large_pool() -> None:
    """One of 200 is not nothing."""
    assert "[#" + "." * 29 + "]" in summary.pool(replace(POOL, size=200, max_overflow=0, checked_out=1, idle=0)).text
    assert "[##=.]" in summary.pool(replace(POOL, size=4, max_overflow=0, checked_out=2, idle=1)).text
    assert "[.]" in summary.pool(replace(POOL, size=0, max_overflow=0, checked_out=0, idle=0)).text


def test_a_trend_has_a_gap_where_nothing_was_known() -> None:
    """And its numbers in words."""
    nan = float("nan")
    assert summary.spark([0, 1, nan, 4], 10) == "▁▃ █"
    assert summary.spark([0, 1, nan, 4], 2) == " █"
    assert summary.spark([], 10) == ""
    assert summary.trend("Taken", [nan], 80, "").text.endswith(" -")
    line = summary.trend("Taken", [1.0, 3.0, 2.0] * 100, 80, "/s").text
    assert line.endswith(" 2/s, most 3")
    assert len(line) <= 80


def test_holders_are_sorted_by_age_and_processes_by_time_in_their_state() -> None:
    """The longest first."""
    ages = [row.cells[0] for row in HOLDERS.rows(EXHAUSTED, HOLDERS.sorted_by)]
    assert ages[:2] == ["43.0 s", "42.0 s"]
    assert [row.cells[0] for row in PROCESSES.rows(HEALTHY, PROCESSES.sorted_by)] == ["77", "101"]


def test_what_has_no_value_comes_last_either_way() -> None:
    """It is neither much nor little."""
    place = [column.title for column in PROCESSES.columns].index("Transaction")
    for backwards in (False, True):
        assert [row.cells[0] for row in PROCESSES.rows(HEALTHY, place, backwards=backwards)] == ["101", "77"]


def test_every_column_of_every_table_sorts_every_state() -> None:
    """Both ways."""
    for snapshot in ALL.values():
        for table in TABLES:
            for place in range(len(table.columns)):
                there, back = (table.rows(snapshot, place, backwards=backwards) for backwards in (False, True))
                assert sorted(row.key for row in there) == sorted(row.key for row in back)


def test_a_latency_beyond_what_is_told_apart_says_so() -> None:
    """Not a word that nobody understands, and it is sorted as the longest."""
    slow = replace(HEALTHY.routes[0], name="GET /slow", latency=durations(0, 0, 0, 0, 5, total_s=300.0))
    place = [column.title for column in ROUTES.columns].index("p99")
    rows = ROUTES.rows(replace(HEALTHY, routes=(*HEALTHY.routes, slow)), place)
    assert (rows[0].key, rows[0].cells[place]) == ("GET /slow", "over 5.0 s")


def test_each_worker_is_a_row_of_several_as_one() -> None:
    """With the worst of its problems, also one that does not answer; a worker alone has no table of its own."""
    rows = {row.key: row.cells for row in WORKERS.rows(FOUR_AS_ONE, WORKERS.sorted_by)}
    assert list(rows) == ["web-1:4711", "web-1:4712", "web-1:4713", "web-2:4711"]
    assert rows["web-1:4712"][1:6] == ("ready", "critical", "40", "40", "25")
    assert rows["web-1:4713"][1] == "silent"
    assert any(line.startswith("Workers (4)") for line in printed(FOUR_AS_ONE))
    assert not any(line.startswith("Workers") for line in printed(HEALTHY))
    assert "web-1:4711" in PROCESSES.rows(HEALTHY, PROCESSES.sorted_by)[1].cells


def test_of_a_long_statement_its_tables_are_seen() -> None:
    """A terminal has no room for its columns too; whoever asks for the row gets them."""
    text = "SELECT venues.id, venues.vendor_id, venues.name, venues.city FROM venues WHERE venues.id = ?"
    (held,) = HOLDERS.rows(replace(HEALTHY, holders=(replace(HEALTHY.holders[0], statement=text),)), None)
    (sent,) = STATEMENTS.rows(replace(HEALTHY, statements=(replace(HEALTHY.statements[0], text=text),)), None)
    assert held.cells[4] == sent.cells[4] == "SELECT venues"
    assert text in sent.details[0]
    assert text in held.details[1]


def test_a_row_of_a_narrow_terminal_has_what_tells_most() -> None:
    """The file and the line rather than where it lies, and the tables rather than all of the statement."""
    place = f"/srv/{'deep/' * 12}shop/export.py:41 in export_everything"
    text = 'SELECT a.id FROM "bookings" AS a JOIN shop.venues ON ? LEFT JOIN `spaces` AS c ON ? JOIN bookings AS d ON ?'
    held = replace(HEALTHY.holders[0], place=place, statement=text, state="idle in transaction")
    now = replace(HEALTHY, holders=(held, replace(held, place=f"/srv/{'x' * 60}.py:7 in f", statement="SELECT ?")))
    first, second = (row.cells[2:5] for row in HOLDERS.rows(now, None, width=80))
    assert first == ("idle in tx", "shop/export.py:41", "SELECT bookings, shop.venues, spaces")
    assert second == ("idle in tx", f"…{'x' * 18}.py:7", "SELECT ?")
    wide, _ = (row.cells[2:5] for row in HOLDERS.rows(now, None, width=140))
    assert wide[:2] == ("idle in transaction", "shop/export.py:41 in export_everything")
    (row,) = HOLDERS.rows(replace(now, holders=(held,)), None, width=80)
    assert f"Last statement: {text}" in row.details


def test_each_table_tells_more_of_a_row_when_asked() -> None:
    """A holder's stack, who sent a statement, what is unknown."""
    assert EXHAUSTED.holders[0].stack[1] in HOLDERS.rows(EXHAUSTED, 0)[0].details
    assert "Sent by: GET /export" in STATEMENTS.rows(HEALTHY, 0)[0].details
    assert "Mark: unknown client" in PROCESSES.rows(HEALTHY, 4)[0].details
    assert "Errors: 4xx 12" in ROUTES.rows(HEALTHY, 2)[0].details
    assert HEALTHY.events[0].text in EVENTS.rows(HEALTHY, 0)[0].details
    assert HOLDERS.rows(HOSTILE_NAMES, 0)[0].details[-1] == shown(HOSTILE)


def test_amounts_are_told_as_people_read_them() -> None:
    """With what is not known, or beyond all bounds."""
    assert [seconds(value) for value in (None, 0.02, 1.5, 120, 7_200, 200_000, float("inf"))] == [
        "-", "20 ms", "1.5 s", "2 min", "2.0 h", "2.3 d", "more",
    ]  # fmt: skip
    assert [size(value) for value in (None, 12, 2_048, 3 << 20, 5 << 30)] == ["-", "12 B", "2 KiB", "3 MiB", "5.0 GiB"]
    assert [amount(value) for value in (None, 3, 2.5, 250.4, float("inf"))] == ["-", "3", "2.5", "250", "-"]
    assert amount(1 << 20, "bytes") == "1 MiB"
