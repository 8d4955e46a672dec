"""What a person woken at night has to read at a glance, and a screen reader need not read twice."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from plimsoll.snapshot import EventView
from tests.console.browser import DESKTOP, PHONE
from tests.console.conftest import Visit
from tests.console.service import FakeService
from tests.snapshot.samples import EXHAUSTED, FOUR_AS_ONE, HEALTHY, NOW_S

SMALL_PHONE, TABLET = (360, 640), (768, 1024)
EVENTS = tuple(
    EventView(NOW_S - 40_000 * place, kind, "The line before the application was full: 503 was answered.", 1_234)
    for place, kind in enumerate(["refused", "lost-connection", "deployment"])
)
LABELS = """
    const drawn = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        const half = this.measureText(text).width / 2;
        if (this.textAlign === "center") {
            // One that is left of the one before begins a new drawing.
            if (!this.canvas.labels?.length || this.canvas.labels.at(-1)[1] > x) this.canvas.labels = [];
            this.canvas.labels.push([text, x - half, x + half]);
        }
        return drawn.apply(this, arguments);
    };
"""
PLACES = "all => all.map(one => [one.getAttribute('aria-labelledby'), one.getBoundingClientRect().top])"
HOLDERS_HEIGHT = "document.getElementById('holders').closest('section').offsetHeight"
FORGOTTEN = "document.querySelectorAll('canvas').forEach(each => each.labels = [])"
FOUND = "[...document.querySelectorAll('canvas')].map(each => each.labels ?? [])"
BROKEN = """([cells, parts]) => [...document.querySelectorAll(cells)].flatMap(cell => {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), broken = [];
    while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(new RegExp(parts, "g"))) {
        const range = document.createRange();
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(each => each.top)).size > 1) broken.push(word[0]);
    }
    return broken;
})"""


@pytest.mark.parametrize("size", [SMALL_PHONE, TABLET, DESKTOP])
def test_times_counts_and_kinds_are_not_broken(visit: Visit, fake: FakeService, size: tuple[int, int]) -> None:
    """Only long texts are, in tables as in the cards of a phone."""
    fake.snapshot = replace(FOUR_AS_ONE, events=EVENTS)
    seen = visit(size)
    for name in ("", "routes", "statements", "connections", "events"):
        assert seen.open(name).evaluate(BROKEN, ["tbody .short, tbody .number", "[^ ]+"]) == [], name


def test_long_paths_break_between_their_parts(visit: Visit, fake: FakeService) -> None:
    """In a problem as in a table."""
    route = "GET /organisations/{organisation_id}/venues/{venue_id}/spaces/{space_id}/bookings/{booking_id}"
    problem = replace(EXHAUSTED.problems[0], sentence=f"12 of 40 connections are held by {route}.")
    fake.snapshot = replace(EXHAUSTED, problems=(problem,), routes=(replace(HEALTHY.routes[0], name=route),))
    seen = visit(SMALL_PHONE)
    assert seen.open().evaluate(BROKEN, [".problems .sentence", "[^ /]+"]) == []
    page = seen.open("routes")
    assert page.evaluate(BROKEN, ["tbody th", "[^ /]+"]) == []
    expect(page.locator("tbody th")).to_have_text(route)


def test_a_small_phone_shows_the_cause_and_the_next_action_first(visit: Visit, fake: FakeService) -> None:
    """Whole, without scrolling."""
    fake.snapshot = FOUR_AS_ONE
    page = visit(SMALL_PHONE).open()
    page.locator(".problems .action").first.wait_for()
    assert page.evaluate("document.querySelector('.problems .action').getBoundingClientRect().bottom <= innerHeight")


@pytest.mark.parametrize("size", [SMALL_PHONE, DESKTOP])
def test_times_below_a_chart_differ_and_do_not_overlap(visit: Visit, size: tuple[int, int]) -> None:
    """Of ten minutes, an hour and a day, as hours and minutes, or the day where one begins."""
    seen = visit(size)
    seen.page.add_init_script(LABELS)
    page = seen.open()
    for span in ("10 min", "1 h", "1 d"):
        page.evaluate(FORGOTTEN)
        page.get_by_role("button", name=span).click()
        charts = drawn(page)
        assert len(charts) == 3
        for labels in charts:
            assert len(labels) >= 2, span
            assert len({text for text, _, _ in labels}) == len(labels), (span, labels)
            assert all(one[2] < other[1] for one, other in pairwise(labels)), (span, labels)
            assert all(re.fullmatch(r"\d\d:\d\d|\d\d? \w+", text) for text, _, _ in labels), labels


def drawn(page: Page) -> list[list[tuple[str, float, float]]]:
    """What was written below each chart and from where to where, once all have been drawn."""
    for _ in range(300):
        found: list[list[tuple[str, float, float]]] = page.evaluate(FOUND)
        if found and all(found):
            return found
        page.wait_for_timeout(100)
    return []


def test_a_problem_that_comes_and_goes_is_read_out_once(visit: Visit, fake: FakeService) -> None:
    """A live region that speaks every second is switched off."""
    fake.snapshot = EXHAUSTED
    page = visit().open()
    page.evaluate(
        "window.told = []; new MutationObserver(() => told.push(announce.textContent))"
        ".observe(announce, {childList: true, characterData: true, subtree: true})"
    )
    for snapshot in (HEALTHY, EXHAUSTED) * 2:
        fake.snapshot = snapshot
        page.wait_for_timeout(500)
    assert page.evaluate("told") == []
    fake.snapshot = HEALTHY
    expect(page.locator("#announce")).to_have_text("Nothing is wrong.")
    assert page.evaluate("told") == ["Nothing is wrong."]


def test_a_page_that_was_not_delivered_whole_says_so(visit: Visit) -> None:
    """Else it would say that it loads, for ever; the next time all of it comes."""
    words = "a part of this page was not delivered"
    seen = visit()
    seen.page.route("**/static/charts.js", lambda route: route.abort())
    seen.page.goto(seen.url)
    expect(seen.page.get_by_text(words)).to_be_visible()
    seen.page.unroute_all()
    expect(seen.open().get_by_text(words)).not_to_be_attached()


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_holders_come_before_what_is_of_every_worker_and_of_the_past(
    visit: Visit, fake: FakeService, size: tuple[int, int]
) -> None:
    """As by keyboard, so to the eye; what is below them stays where it is when somebody gives a connection back, and
    comes up once that has lasted."""
    fake.snapshot = FOUR_AS_ONE
    page = visit(size).open()
    places = page.eval_on_selector_all("main > section", PLACES)
    assert [name for name, _ in places] == ["wrong", "load-line", "pool-now", "holders", "workers", "over-time"]
    assert places == sorted(places, key=lambda each: each[1])
    height = page.evaluate(HOLDERS_HEIGHT)
    fake.snapshot = replace(FOUR_AS_ONE, holders=FOUR_AS_ONE.holders[:2])
    expect(page.locator(".holders tbody tr")).to_have_count(2)
    assert page.evaluate(HOLDERS_HEIGHT) == height
    page.wait_for_function(f"was => {HOLDERS_HEIGHT} < was", arg=height)


def test_events_of_one_kind_are_picked_by_keyboard(visit: Visit, fake: FakeService) -> None:
    """Many refusals would hide what an operator has done. The choice stays while others happen."""
    refused = replace(EVENTS[0], kind="refused", text="Requests were refused.")
    done = replace(EVENTS[0], kind="operator", text="An operator took a connection back.")
    fake.snapshot = replace(FOUR_AS_ONE, events=(refused, done))
    seen = visit(SMALL_PHONE)
    page = seen.open("events")
    rows = page.locator(".events tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Kind").focus()
    page.keyboard.press("o")
    expect(page.get_by_label("Kind")).to_have_value("operator")
    expect(rows).to_have_text(re.compile("An operator took a connection back"))
    fake.snapshot = replace(fake.snapshot, events=(replace(refused, kind="leak"), done, refused))
    expect(page.get_by_label("Kind").locator("option")).to_have_text(["All kinds", "leak", "operator", "refused"])
    expect(page.get_by_label("Kind")).to_have_value("operator")
    expect(rows).to_have_count(1)
    assert seen.violations() == []
    assert seen.complaints == []
