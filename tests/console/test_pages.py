"""The pages of the console in a real browser: what they say, to whom, and that they keep to themselves."""

from dataclasses import replace
from types import MappingProxyType

import pytest
from playwright.sync_api import Page, expect

from plimsoll.snapshot import Durations, LoadLineView, RouteView
from tests.console.browser import DESKTOP, PHONE, Scheme
from tests.console.conftest import Visit
from tests.console.service import FakeService
from tests.snapshot.samples import DATABASE_DOWN, EXHAUSTED, HEALTHY, HOSTILE_NAMES, durations

PAGES = ["", "routes", "statements", "connections", "settings", "events", "checks"]
COLOURFUL = ["", "connections"]
LOOKS = [
    pytest.param(PHONE, "light", COLOURFUL, id="phone-light"),
    pytest.param(PHONE, "dark", PAGES, id="phone-dark"),
    pytest.param(DESKTOP, "light", PAGES, id="desktop-light"),
    pytest.param(DESKTOP, "dark", COLOURFUL, id="desktop-dark"),
]
HOSTILE_AS_SHOWN = "<script>alert('x')</script>\"'&\\u202e"


def first_cells(page: Page) -> list[str]:
    """The first column of the page's table."""
    return page.locator("tbody th").all_inner_texts()


@pytest.mark.parametrize(("size", "scheme", "pages"), LOOKS)
def test_every_page_can_be_read_by_all_and_keeps_to_itself(
    visit: Visit, fake: FakeService, size: tuple[int, int], scheme: Scheme, pages: list[str]
) -> None:
    """axe finds nothing; the browser does not complain, nothing is asked for elsewhere or wider than the screen."""
    fake.snapshot = EXHAUSTED
    seen = visit(size, scheme)
    for name in pages:
        page = seen.open(name)
        assert seen.violations() == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert seen.complaints == []
    assert seen.asked_elsewhere() == []


def test_names_from_outside_are_text(visit: Visit, fake: FakeService) -> None:
    """Elements in them are not made, and characters that turn the direction of writing are spelled out."""
    fake.snapshot = replace(HOSTILE_NAMES, worker=replace(HEALTHY.worker, warnings=("<b>warned</b>",)))
    seen = visit()
    for name in ["", "routes", "statements", "events"]:
        page = seen.open(name)
        expect(page.locator("main")).to_contain_text(HOSTILE_AS_SHOWN)
        assert page.locator("body script, main b").count() == 0
        assert "\u202e" not in page.locator("body").inner_text()
    expect(seen.open("checks").locator("main")).to_contain_text("<b>warned</b>")
    assert seen.complaints == []


def test_the_first_page_says_what_is_wrong_and_what_to_do(visit: Visit, fake: FakeService) -> None:
    """The worst problem first, in the title too, and read out once; then who holds, the oldest first."""
    fake.snapshot = EXHAUSTED
    page = visit(PHONE).open()
    problem = EXHAUSTED.problems[0]
    first = page.locator(".problems li").first
    expect(first).to_contain_text(problem.sentence)
    expect(first).to_contain_text(problem.action)
    expect(first).to_be_in_viewport()
    expect(page.locator("#announce")).to_have_text(f"Critical: {problem.sentence}")
    assert page.title() == "Critical: Now | Plimsoll"
    expect(page.get_by_text("40 of 40 taken, 25 waiting for one")).to_be_visible()
    expect(page.locator(".holders tbody tr").first).to_contain_text("43 s")
    rows = page.locator(".holders tbody tr")
    expect(rows).to_have_count(10)
    page.get_by_role("button", name="Show all 40").click()
    expect(rows).to_have_count(40)


def test_the_first_page_says_that_nothing_is_wrong(visit: Visit, fake: FakeService) -> None:
    """And since when that is known: this page, or the end of the last problem."""
    page = visit().open()
    expect(page.locator(".calm")).to_contain_text("Nothing is wrong.")
    expect(page.locator(".calm")).to_contain_text("when this page was opened")
    fake.snapshot = EXHAUSTED
    expect(page.locator(".problems li")).to_have_count(1)
    expect(page.locator(".calm")).to_be_hidden()
    fake.snapshot = HEALTHY
    expect(page.locator(".calm")).to_contain_text("when the last problem ended")
    expect(page.locator("#announce")).to_have_text("Nothing is wrong.")


def test_the_load_line_is_drawn_and_told(visit: Visit, fake: FakeService) -> None:
    """In a picture with words for those who do not see it, and as numbers; or why there is none."""
    page = visit().open()
    drawn = page.locator("section:has(#load-line)")
    expect(drawn.get_by_role("img")).to_have_attribute(
        "aria-label", "80 connections wanted, 160 while deploying, 146 allowed, 34 recommended."
    )
    expect(drawn).to_contain_text("160 wanted, 146 allowed.")
    expect(drawn).to_contain_text("17 in the pool of each worker")
    far = LoadLineView(40, 80, 19_968, "open files of the process", True, 5, 0, "It fits.")
    fake.snapshot = replace(HEALTHY, load_line=far)
    expect(drawn).to_contain_text("allowed 19,968, farther off than drawn")
    assert drawn.locator("rect.wanted").evaluate("bar => bar.getBoundingClientRect().width") > 40
    fake.snapshot = replace(HEALTHY, load_line=None)
    expect(drawn).to_contain_text("Not known: the server has not told")
    expect(drawn.get_by_role("img")).to_be_hidden()


def test_charts_show_what_was_and_go_on(visit: Visit, fake: FakeService) -> None:
    """The worker's history of the span that is chosen; then each snapshot's numbers."""
    seen = visit()
    page = seen.open()
    pool = page.locator("figure", has_text="Connections of web-1:4711")
    expect(pool.locator("canvas")).to_be_visible()
    expect(pool.locator("li", has_text="waiting")).to_contain_text("0")
    fake.snapshot = EXHAUSTED
    expect(pool.locator("li", has_text="waiting")).to_contain_text("25")
    expect(pool).to_contain_text("Highest taken: 40")
    page.get_by_role("button", name="1 d").click()
    expect(page.get_by_role("button", name="1 d")).to_have_attribute("aria-pressed", "true")
    expect(pool.locator("canvas")).to_be_visible()
    assert seen.asked.count(f"{seen.url}history?span=1d") == 1
    assert seen.complaints == []


def test_tables_are_sorted_by_their_headers(visit: Visit, fake: FakeService) -> None:
    """By a click or by the keyboard; what is sorted by is told, and not known comes last either way."""
    idle = RouteView("GET /never", 0, 0)
    slow = RouteView("GET /slow", 7, 2, MappingProxyType({"5xx": 3}), latency=durations(0, 0, 0, 0, 7, total_s=60.0))
    fake.snapshot = replace(HEALTHY, routes=(*HEALTHY.routes, idle, slow))
    page = visit().open("routes")
    requests = page.get_by_role("button", name="Requests")
    requests.click()
    assert first_cells(page) == ["GET /items", "GET /export", "GET /slow", "GET /never"]
    expect(page.get_by_role("columnheader", name="Requests")).to_have_attribute("aria-sort", "descending")
    expect(page.locator("#announce")).to_have_text("Sorted by Requests, descending.")
    requests.focus()
    page.keyboard.press("Enter")
    assert first_cells(page) == ["GET /never", "GET /slow", "GET /export", "GET /items"]
    expect(requests).to_be_focused()
    latency = page.get_by_role("button", name="Answered in, 99 %")
    latency.click()
    assert first_cells(page)[0] == "GET /slow"
    latency.click()
    assert first_cells(page)[-1] == "GET /never"
    expect(page.get_by_role("row", name="GET /slow")).to_contain_text("> 5 s")
    expect(page.get_by_role("row", name="GET /slow")).to_contain_text("3 × 5xx")


def test_short_times_are_told_apart(visit: Visit, fake: FakeService) -> None:
    """Of the bounds of a histogram 0.5, 1 and 2.5 ms are three; and what never happened has no time."""
    bounds_s = (0.0005, 0.001, 0.0025)
    names = ["GET /a", "GET /b", "GET /c"]
    spread = [Durations(bounds_s, tuple(int(place == each) for place in range(4)), 0.00002) for each in range(3)]
    short = (RouteView(name, 1, 0, latency=latency) for name, latency in zip(names, spread, strict=True))
    fake.snapshot = replace(HEALTHY, routes=(*short, RouteView("GET /never", 0, 0)))
    page = visit().open("routes")
    for name, bound in zip(names, ["≤ 0.5 ms", "≤ 1 ms", "≤ 2.5 ms"], strict=True):
        expect(page.get_by_role("row", name=name)).to_contain_text(bound)
        expect(page.get_by_role("row", name=name)).to_contain_text("< 0.1 ms")
    assert page.get_by_role("row", name="GET /never").locator("td").all_inner_texts()[4:9] == ["none yet"] * 5


def test_a_table_keeps_focus_and_what_was_unfolded_while_it_changes(visit: Visit, fake: FakeService) -> None:
    """Somebody reads a stack, or is about to press a button, while snapshots come."""
    fake.snapshot = EXHAUSTED
    page = visit().open()
    row = page.locator(".holders tbody tr", has_text="34 s").first
    row.locator("summary").click()
    handle = row.locator("summary").element_handle()
    holders = EXHAUSTED.holders
    fake.snapshot = replace(EXHAUSTED, holders=(replace(holders[9], age_s=99.0), *holders[:5]))
    expect(page.locator(".holders tbody tr")).to_have_count(6)
    expect(page.locator(".holders tbody tr").first.locator(".stack")).to_be_visible()
    assert page.evaluate("one => one === document.activeElement && one.isConnected", handle)


def test_a_long_statement_is_folded_to_what_it_is_about(visit: Visit, fake: FakeService) -> None:
    """Its tables and conditions; all of it where it is unfolded, and it stays so. A short one is shown as it is."""
    long = "SELECT items.id, " + ", ".join(f"items.column_{number}" for number in range(20)) + " FROM items WHERE a = ?"
    first, *rest = EXHAUSTED.holders
    fake.snapshot = replace(EXHAUSTED, holders=(replace(first, statement=long, age_s=900.0), *rest))
    page = visit().open()
    cell = page.locator(".holders tbody tr").first.locator("td", has_text="FROM items")
    expect(cell.locator("summary")).to_have_text("SELECT items.id, … FROM items WHERE a = ? (number 3)")
    expect(cell.get_by_text("column_19")).to_be_hidden()
    cell.locator("summary").click()
    fake.snapshot = replace(EXHAUSTED, holders=(replace(first, statement=long, age_s=910.0), *rest))
    expect(page.locator(".holders tbody tr").first).to_contain_text("15 min")
    expect(cell.get_by_text("column_19")).to_be_visible()


def test_the_keyboard_gets_at_everything(visit: Visit, fake: FakeService) -> None:
    """The first stop skips the navigation; links, buttons and stacks are stops, each with a ring that is seen."""
    fake.snapshot = replace(EXHAUSTED, holders=(replace(EXHAUSTED.holders[0], state="running a statement"),))
    page = visit().open()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="See who holds connections now: 1 holder")).to_be_focused()
    stops = []
    for _ in range(12):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            "[document.activeElement.innerText, getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert stop[1] != "none", stop
        stops.append(stop[0])
    wanted = ["Route", "Age", "End statement", "Take connection back", "10 min", "1 h", "1 d", "Sign out"]
    assert [stop for stop in stops if stop in wanted] == wanted


def test_the_connections_page_names_whose_they_are(visit: Visit, fake: FakeService) -> None:
    """And what is wrong with them; where the server does not answer, it says so and shows what it knew."""
    seen = visit(PHONE)
    page = seen.open("connections")
    expect(page.locator("main")).to_contain_text("9 of 151 connections are open on the server (mysql 10.11.6-MariaDB)")
    expect(page.locator(".mark")).to_have_text("unknown client")
    expect(page.get_by_role("row", name="101")).to_contain_text("/srv/app/items.py:20 in items")
    fake.snapshot = DATABASE_DOWN
    expect(page.locator("main")).to_contain_text("The server does not answer: Can't connect to MySQL server")
    expect(page.locator("main")).to_contain_text("9 of 151 connections were open")
    fake.snapshot = replace(HEALTHY, server=None)
    expect(page.locator("main")).to_contain_text("The server has not been asked yet")


def test_empty_pages_say_so(visit: Visit, fake: FakeService) -> None:
    """In words, not by an empty table."""
    fake.snapshot = replace(
        HEALTHY, holders=(), routes=(), statements=(), settings=(), events=(), limits=(), server=None, load_line=None
    )
    seen = visit(PHONE)
    said = {
        "": "Nobody holds a connection.",
        "routes": "No request has come yet.",
        "statements": "No statement has been sent yet.",
        "settings": "No setting is known.",
        "events": "Nothing has happened yet.",
        "checks": "No limit is known.",
    }
    for name, words in said.items():
        page = seen.open(name)
        expect(page.get_by_text(words)).to_be_visible()
    assert seen.complaints == []


def test_times_are_local_and_tell_utc(visit: Visit, fake: FakeService) -> None:
    """For the log of another machine."""
    page = visit().open("events")
    utc, shown = page.evaluate("(at => [at.title, at.innerText])(document.querySelector('tbody time'))")
    assert utc.endswith(" UTC")
    assert shown[-5:] == utc[-9:-4]  # minutes and seconds are the same in Vienna
