"""Several workers in the console: as one, each in a row, and one of them alone."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.console.browser import DESKTOP, PHONE, Scheme
from tests.console.conftest import Visit
from tests.console.service import TOKEN, FakeService
from tests.snapshot.samples import EXHAUSTED, FOUR_AS_ONE, HEALTHY

OTHER = replace(EXHAUSTED, worker=replace(EXHAUSTED.worker, pid=4712))


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")])
def test_all_workers_are_seen_as_one(visit: Visit, fake: FakeService, size: tuple[int, int], scheme: Scheme) -> None:
    """Headings say of how many the numbers are; the worst worker comes first, and whoever does not answer is marked."""
    fake.snapshot = FOUR_AS_ONE
    seen = visit(size, scheme)
    page = seen.open()
    for heading in ("Connections of all 4 workers", "Requests of all 4 workers", "Memory of all 4 workers"):
        expect(page.get_by_role("heading", name=heading).first).to_be_visible()
    expect(page.get_by_text("46 of 160 taken, 25 waiting for one")).to_be_visible()
    rows = page.locator(".workers tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("web-1:4712")
    expect(rows.first).to_contain_text("Critical")
    expect(rows.first).to_contain_text("40 of 40")
    expect(rows.filter(has_text="web-1:4713")).to_contain_text("does not answer")
    expect(rows.first.locator("[data-title='Requests a second']")).to_have_text("10")
    expect(page.locator(".holders tbody tr").first).to_contain_text("web-1:4712")
    expect(page.get_by_role("img", name="34 recommended")).to_be_visible()  # of one pool, not of the sum of four
    for name in ("", "events"):
        assert seen.open(name).evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert seen.violations() == [], name
    expect(page.locator(".events tbody tr").filter(has_text="web-2:4711")).to_have_count(1)
    assert seen.complaints == []


def test_one_worker_is_picked_and_kept_in_the_address(visit: Visit, fake: FakeService) -> None:
    """The stream and the history are this worker's, on the other pages too; going back shows all of them."""
    fake.snapshot, fake.workers = FOUR_AS_ONE, {"web-1:4712": OTHER}
    seen = visit()
    page = seen.open()
    picker = page.get_by_label("Numbers of")
    expect(picker).to_have_value("")
    picker.focus()
    picker.select_option("web-1:4712")
    expect(page.get_by_role("heading", name="Connections of web-1:4712").first).to_be_visible()
    expect(picker).to_be_focused()
    assert page.url == f"{seen.url}?worker=web-1%3A4712"
    expect(page.locator(".workers")).to_be_hidden()
    expect(page.locator(".holders th", has_text="Worker")).to_be_hidden()
    for asked in ("live?worker=web-1%3A4712", "history?span=10m&worker=web-1%3A4712"):
        assert seen.url + asked in seen.asked
    page.get_by_role("link", name="Routes").click()
    expect(page.get_by_text("Routes of web-1:4712")).to_be_visible()
    expect(picker.locator("option")).to_have_text(
        ["All 4 workers", "web-1:4711", "web-1:4712", "web-1:4713, not seen", "web-2:4711"]
    )
    picker.select_option("All 4 workers")
    expect(page.get_by_text("Routes of all 4 workers")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Routes of web-1:4712")).to_be_visible()
    assert seen.complaints == []


def test_a_worker_that_ends_is_told_and_the_others_can_be_shown(visit: Visit, fake: FakeService) -> None:
    """What it told last stays, marked as old."""
    fake.snapshot, fake.workers = FOUR_AS_ONE, {"web-1:4712": OTHER}
    seen = visit(PHONE)
    page = seen.open()
    page.locator(".workers").get_by_role("link", name="web-1:4712").click()
    expect(page.get_by_text("40 of 40 taken, 25 waiting for one")).to_be_visible()
    fake.workers = {}
    expect(page.locator("#state")).to_have_text("Worker gone")
    expect(page.locator("#banner")).to_contain_text(
        "web-1:4712 is not among the workers. What is below is what it told"
    )
    assert seen.violations() == []
    page.get_by_role("button", name="Show all workers").click()
    expect(page.locator("#state")).to_have_text("Live")
    expect(page.locator(".workers tbody tr")).to_have_count(4)
    expect(page.locator("main")).to_be_focused()


def test_a_worker_alone_is_named_and_there_is_nothing_to_pick(visit: Visit, fake: FakeService) -> None:
    """The page is as small as it was."""
    page = visit().open()
    expect(page.locator("#worker")).to_have_text("web-1:4711")
    expect(page.get_by_label("Numbers of")).to_be_hidden()
    expect(page.locator("section:has(#workers)")).to_be_hidden()
    fake.snapshot = replace(HEALTHY, worker=replace(HEALTHY.worker, ready=False))
    expect(page.locator("#worker")).to_have_text("web-1:4711, not ready")


def test_a_holder_of_another_worker_is_named_in_the_question(visit: Visit, fake: FakeService) -> None:
    """And addressed by the id that the snapshot gives it."""
    fake.snapshot = FOUR_AS_ONE
    page = visit().open()
    page.get_by_role("button", name="Take connection back: GET /export of web-1:4712, held 43 s").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("GET /export of web-1:4712 has held it for 43 s")
    dialog.get_by_role("button", name="Take connection back").click()
    expect(page.locator("section .said")).to_contain_text("The server was told")
    assert fake.done == [("return", FOUR_AS_ONE.holders[0].id, "operator")]


def test_who_signs_in_comes_to_the_worker_of_the_address(visit: Visit, fake: FakeService) -> None:
    """A link from the log of the night before last, say."""
    fake.workers, fake.mode = {"web-1:4712": OTHER}, "signed out"
    seen = visit()
    page = seen.page
    page.goto(f"{seen.url}routes?worker=web-1:4712")
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Routes of web-1:4712")).to_be_visible()


def test_a_worker_that_joins_is_no_rush_of_requests(visit: Visit, fake: FakeService) -> None:
    """What it had answered before it was seen is not of this second."""
    before, *rest = FOUR_AS_ONE.routes
    fake.snapshot = FOUR_AS_ONE
    page = visit().open("routes")
    rate = page.locator("tbody tr", has_text=before.name).locator("[data-title='A second']")
    expect(rate).to_have_text("0")
    joined = replace(FOUR_AS_ONE.workers[0], name="web-3:1")
    fake.snapshot = replace(
        FOUR_AS_ONE,
        workers=(*FOUR_AS_ONE.workers, joined),
        routes=(replace(before, requests=before.requests + 100_000), *rest),
    )
    expect(page.get_by_text("Routes of all 5 workers")).to_be_visible()
    assert rate.inner_text() in ("not known", "0")
    expect(rate).to_have_text("0")
