"""The live view, driven by keys: at 80 by 24, in every state of the service, with names that try to be more."""

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import DataTable, Footer, Static

from plimsoll.snapshot import Problem
from plimsoll.watch import feed as feed_module
from plimsoll.watch.app import Details, WatchApp
from plimsoll.watch.feed import Feed
from plimsoll.web.place import place_of
from tests.servers import REPOSITORY, clean_environ
from tests.snapshot.samples import EXHAUSTED, FOUR_AS_ONE, HEALTHY, HOSTILE, HOSTILE_NAMES, holder
from tests.watch.conftest import TOKEN, Service


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow one another quickly."""
    monkeypatch.setattr(feed_module, "EVERY_S", 0.05)
    monkeypatch.setattr(feed_module, "LIMIT_S", 20.0)


@asynccontextmanager
async def watching(service: Service, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[Exception]]:
    """The view of the service."""
    app = WatchApp(Feed(place_of(service.url), TOKEN))
    async with app.run_test(size=size, notifications=True) as pilot:
        yield pilot


async def until(pilot: Pilot[Exception], true: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Wait for it."""
    ends_s = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < ends_s, screen(pilot)
        await pilot.pause(0.02)


def screen(pilot: Pilot[Exception]) -> str:
    """All that is shown."""
    return "\n".join("".join(part.text for part in strip) for strip in pilot.app.screen._compositor.render_strips())


def line(pilot: Pilot[Exception], name: str) -> str:
    """One part of the screen."""
    return str(pilot.app.screen_stack[0].query_one(name, Static).render())


def cells(pilot: Pilot[Exception], column: int) -> list[str]:
    """A column of the table."""
    table: DataTable[Any] = pilot.app.screen_stack[0].query_one(DataTable)
    return [str(table.get_row_at(place)[column]) for place in range(table.row_count)]


async def test_all_that_matters_is_seen_in_80_by_24(service: Service) -> None:
    """The problem first, in whole words; the pool, the worst holder, and every key."""
    service.snapshot = EXHAUSTED
    async with watching(service) as pilot:
        await until(pilot, lambda: "live" in line(pilot, "#who"))
        await until(pilot, lambda: "43.0 s" in screen(pilot) and "h Holders" in screen(pilot))
        shown = screen(pilot)
        assert shown.startswith("CRITICAL: 12 of 40 connections are held by GET /export")
        assert "40 of 40 taken" in shown
        assert "Load    DOES NOT FIT" in shown
        for key, words in (("h", "Holders"), ("p", "Procs"), ("w", "Workers"), ("d", "More"), ("q", "Quit")):
            assert f"{key} {words}" in shown.splitlines()[-1]
        assert "app/export.py:41" in shown
        assert "SELECT bookings" in shown
        assert len(shown.splitlines()) == 24
        assert all(len(each) <= 80 for each in shown.splitlines())


async def test_keys_change_the_table_and_its_order(service: Service) -> None:
    """By the next column, and the other way round."""
    async with watching(service) as pilot:
        await until(pilot, lambda: len(cells(pilot, 0)) == 1)
        await pilot.press("p")
        assert cells(pilot, 0) == ["77", "101"]
        assert "Process list (2)  by For" in line(pilot, "#tables")
        await pilot.press("r")
        assert cells(pilot, 0) == ["101", "77"]
        assert "reversed" in line(pilot, "#tables")
        for _ in range(6):
            await pilot.press("s")
        assert "by Id" in line(pilot, "#tables")
        assert cells(pilot, 0) == ["77", "101"]
        for key, words in (("o", "Routes (2)"), ("t", "Statements (2)"), ("e", "Events (1)"), ("h", "Holders (1)")):
            await pilot.press(key)
            assert words in line(pilot, "#tables")


async def test_each_problem_is_seen_and_all_of_it_on_demand(service: Service) -> None:
    """The others take a line each, below what to do about the gravest; a key has them whole."""
    second = Problem("warning", "leak", f"A second one. {'And more. ' * 30}", f"Do this. {'And that. ' * 30}The end.")
    service.snapshot = replace(EXHAUSTED, problems=(*EXHAUSTED.problems, second))
    async with watching(service) as pilot:
        await until(pilot, lambda: "WARNING: A second one. And more." in screen(pilot))
        assert EXHAUSTED.problems[0].action[:40] in screen(pilot)
        assert "Do this." not in screen(pilot)
        assert "i has 2 problems in full" in line(pilot, "#tables")
        await pilot.press("i")
        await until(pilot, lambda: f"What is wrong ({len(service.snapshot.problems)})" in line(pilot, "#tables"))
        await pilot.press("down", "d")
        await until(pilot, lambda: isinstance(pilot.app.screen, Details) and "-> Do this." in screen(pilot))


async def test_a_click_on_a_column_sorts_by_it(service: Service) -> None:
    """A second one the other way round."""
    async with watching(service, (120, 40)) as pilot:
        await until(pilot, lambda: len(cells(pilot, 0)) == 1)
        await pilot.press("p")
        await pilot.pause()
        await pilot.click(DataTable, offset=(2, 0))
        await until(pilot, lambda: "by Id" in line(pilot, "#tables"))
        assert cells(pilot, 0) == ["77", "101"]
        await pilot.click(DataTable, offset=(2, 0))
        await until(pilot, lambda: cells(pilot, 0) == ["101", "77"])


async def test_the_cursor_stays_on_its_row_while_others_come_and_go(service: Service) -> None:
    """Ages change each second, and the one that is looked at is the one that is looked at."""
    service.snapshot = EXHAUSTED
    async with watching(service) as pilot:
        await until(pilot, lambda: len(cells(pilot, 0)) == 40)
        await pilot.press("down", "down", "down")
        table: DataTable[Any] = pilot.app.query_one(DataTable)
        assert str(table.get_row_at(table.cursor_row)[0]) == "40.0 s"
        older = (holder(90, age_s=600.0), holder(91, age_s=500.0))
        service.snapshot = replace(EXHAUSTED, holders=(*older, *EXHAUSTED.holders))
        await until(pilot, lambda: len(cells(pilot, 0)) == 42)
        assert table.cursor_row == 5
        assert str(table.get_row_at(table.cursor_row)[0]) == "40.0 s"


async def test_details_show_the_stack_and_close_again(service: Service) -> None:
    """While the view goes on below."""
    service.snapshot = EXHAUSTED
    async with watching(service) as pilot:
        await until(pilot, lambda: len(cells(pilot, 0)) == 40)
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, Details)
        await until(pilot, lambda: EXHAUSTED.holders[0].stack[1] in screen(pilot))
        service.snapshot = HEALTHY
        await until(pilot, lambda: len(cells(pilot, 0)) == 1)
        assert isinstance(pilot.app.screen, Details)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Details))
        await pilot.press("e", "d")
        await until(pilot, lambda: isinstance(pilot.app.screen, Details))


async def test_details_of_an_empty_table_are_nothing(service: Service) -> None:
    """And it says that it is empty."""
    service.snapshot = replace(HEALTHY, holders=())
    async with watching(service) as pilot:
        await until(pilot, lambda: "Nobody holds a connection." in line(pilot, "#tables"))
        await pilot.press("d", "enter", "s", "r")
        assert not isinstance(pilot.app.screen, Details)


async def test_it_shows_when_what_it_shows_is_old_and_comes_back(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stale, then down, with the reason; live again without a key."""
    monkeypatch.setattr(feed_module, "DOWN_AFTER_S", 600.0)
    async with watching(service) as pilot:
        await until(pilot, lambda: "live" in line(pilot, "#who"))
        service.stop()
        await until(pilot, lambda: "STALE" in line(pilot, "#who"))
        monkeypatch.setattr(feed_module, "DOWN_AFTER_S", 0.5)
        await until(pilot, lambda: "SERVICE DOWN" in line(pilot, "#who"))
        assert "Connection refused" in screen(pilot).splitlines()[0]
        assert "taken" in line(pilot, "#figures")
        service.start()
        await until(pilot, lambda: "live" in line(pilot, "#who"))


async def test_it_tells_that_it_is_not_let_in(service: Service) -> None:
    """And what to do."""
    service.token = "another-token-0123456789"
    async with watching(service) as pilot:
        assert "connecting" in line(pilot, "#who") or "REFUSED" in line(pilot, "#who")
        await until(pilot, lambda: "REFUSED" in line(pilot, "#who"))
        assert "does not accept our token" in line(pilot, "#problems")


async def test_a_worker_is_chosen_from_their_table_and_all_are_shown_again(service: Service) -> None:
    """By Enter and by a key; where the chosen one ends, by themselves, and it is said."""
    service.snapshot, service.workers["web-1:4712"] = FOUR_AS_ONE, EXHAUSTED
    async with watching(service) as pilot:
        await until(pilot, lambda: "4 workers on 2 hosts, 3 ready, 1 SILENT" in line(pilot, "#who"))
        for key in ("w", "down", "enter"):
            await pilot.press(key)
        await until(pilot, lambda: "web-1:4711" in line(pilot, "#who") and len(cells(pilot, 0)) == 40)
        await until(pilot, lambda: "a All" in screen(pilot) and "w Workers" not in screen(pilot))
        await pilot.press("a")
        await until(pilot, lambda: "4 workers" in line(pilot, "#who") and "w Workers" in screen(pilot))
        await pilot.press("w", "down", "enter")
        await until(pilot, lambda: "4 workers" not in line(pilot, "#who") and len(cells(pilot, 0)) == 40)
        service.workers.clear()
        await until(pilot, lambda: "4 workers" in line(pilot, "#who"))
        await until(pilot, lambda: "There is no worker" in screen(pilot))


async def test_names_of_others_are_text(service: Service) -> None:
    """Neither textual's markup nor an escape of the terminal is read in them."""
    evil = f"[bold red]{HOSTILE}[/]\x1b[2J[@click=app.quit]x[/]"
    service.snapshot = replace(
        HOSTILE_NAMES,
        holders=tuple(replace(each, route=evil, stack=(evil,)) for each in HOSTILE_NAMES.holders),
        problems=tuple(replace(each, sentence=evil) for each in HOSTILE_NAMES.problems),
    )
    async with watching(service, (200, 40)) as pilot:
        await until(pilot, lambda: "[bold red]<script>" in screen(pilot))
        assert "\\x1b[2J[@click=app.quit]x[/]" in screen(pilot)
        for key in ("h", "o", "t", "e"):
            await pilot.press(key, "d")
            assert "\x1b" not in screen(pilot)
            assert "\u202e" not in screen(pilot)
            await pilot.press("escape")
        assert all(isinstance(each, Text) for each in pilot.app.query_one(DataTable).get_row_at(0))


async def test_it_fits_a_narrow_terminal_and_a_wide_one(service: Service) -> None:
    """Nothing fails, and the problem is read in both."""
    service.snapshot = EXHAUSTED
    for size in ((30, 10), (250, 70)):
        async with watching(service, size) as pilot:
            await until(pilot, lambda: len(cells(pilot, 0)) == 40)
            assert "CRITICAL" in screen(pilot)
            assert pilot.app.query_one(Footer).display


async def test_control_c_ends_it(service: Service) -> None:
    """Without a question, also above details."""
    async with watching(service) as pilot:
        await until(pilot, lambda: len(cells(pilot, 0)) == 1)
        await pilot.press("d")
        await pilot.press("ctrl+c")
        await asyncio.sleep(0)
        assert pilot.app.return_code == 0


def in_a_terminal(service: Service, keys: bytes = b"", signals: int = 0, **settings: str) -> tuple[int, str]:
    """Run the command in a terminal until it shows the service, then press keys or send a signal: exit status and
    all that it wrote."""
    main, other = pty.openpty()
    environ = {
        **clean_environ(),
        "OPS_TOKEN": TOKEN,
        "TERM": "xterm-256color",
        "COLUMNS": "80",
        "LINES": "24",
        **settings,
    }
    environ["PYTHONPATH"] = f"{REPOSITORY / 'src'}"
    words = [sys.executable, "-m", "plimsoll", "watch", "--url", service.url]
    process = subprocess.Popen(words, stdin=other, stdout=other, stderr=other, env=environ, start_new_session=True)
    os.close(other)
    written, told = bytearray(), False
    ends_s = time.monotonic() + 60
    try:
        # Not only while the process lives: its last words are read after it.
        while time.monotonic() < ends_s:
            if select.select([main], [], [], 0.1)[0]:
                try:
                    written += os.read(main, 65536)
                except OSError:  # the other side is closed
                    break
            if not told and b"Nothing is wrong" in written and b"GET /items" in written:
                told = True
                if keys:
                    os.write(main, keys)
                if signals:
                    process.send_signal(signals)
        return process.wait(30), written.decode(errors="replace")
    finally:
        process.kill()
        process.wait(10)
        os.close(main)


@pytest.mark.parametrize(("keys", "number", "status"), [(b"q", 0, 0), (b"\x03", 0, 0), (b"", signal.SIGINT, 130)])
def test_in_a_real_terminal_it_ends_quietly(service: Service, keys: bytes, number: int, status: int) -> None:
    """By its key, by Ctrl-C, by the signal: no traceback, and the terminal is as it was."""
    ended, written = in_a_terminal(service, keys, number)
    assert ended in (status, 0)
    assert "Traceback" not in written
    assert "\x1b[?1049l" in written  # back from the other screen


def test_no_color_has_no_colours(service: Service) -> None:
    """https://no-color.org"""
    assert len(_colours(in_a_terminal(service, b"q")[1])) > 3
    assert _colours(in_a_terminal(service, b"q", NO_COLOR="1")[1]) == set()


GREYS = {0, 7, 8, 15, 16, 59, 102, 145, 188, 231, *range(232, 256)}
"""Of a terminal's 256 colours."""


def _colours(written: str) -> set[int]:
    """Those of a terminal's 256 that were asked for, without black, white and grey."""
    return {int(number) for number in re.findall(r"[34]8;5;(\d+)", written)} - GREYS
