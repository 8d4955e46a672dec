"""What an operator may do to a holder from the first page, and a reader may not."""

from dataclasses import replace

from playwright.sync_api import Page, expect

from tests.console.browser import PHONE
from tests.console.conftest import Visit
from tests.console.service import FakeService
from tests.snapshot.samples import EXHAUSTED

OLDEST, NEXT = EXHAUSTED.holders[:2]
TWO_HOLDERS = replace(EXHAUSTED, holders=(replace(OLDEST, state="running a statement"), NEXT))


def end_statement(page: Page) -> None:
    """Get at the first holder's button, by keyboard."""
    page.get_by_role("button", name="End statement").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_statement_is_ended_by_keyboard_after_a_question(visit: Visit, fake: FakeService) -> None:
    """The question says whose and what; its first answer is no. What came of it is told."""
    fake.snapshot = TWO_HOLDERS
    seen = visit()
    page = seen.open()
    end_statement(page)
    dialog = page.get_by_role("dialog", name="End this statement?")
    expect(dialog).to_contain_text("GET /export has held it for 43 s, running a statement.")
    expect(dialog).to_contain_text("SELECT bookings.id FROM bookings")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert seen.violations() == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("section .said")).to_have_text("The server was told to stop it.")
    assert fake.done == [("kill", "h12", "operator")]
    assert seen.complaints == []


def test_a_question_that_is_left_does_nothing(visit: Visit, fake: FakeService) -> None:
    """By Escape or by Cancel; the focus is where it was."""
    fake.snapshot = TWO_HOLDERS
    page = visit(PHONE).open()
    for key in ("Escape", "Enter"):
        end_statement(page)
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.get_by_role("button", name="End statement").first).to_be_focused()
    assert fake.done == []


def test_a_connection_is_taken_back_on_a_phone(visit: Visit, fake: FakeService) -> None:
    """What that means for its holder is said before. Where nothing runs, no statement can be ended."""
    fake.snapshot = EXHAUSTED
    page = visit(PHONE).open()
    expect(page.get_by_role("button", name="End statement").first).to_be_disabled()
    page.get_by_role("button", name="Take connection back").nth(9).click()
    dialog = page.get_by_role("dialog", name="Take this connection back?")
    expect(dialog).to_contain_text("What was not committed is lost")
    dialog.get_by_role("button", name="Take connection back").click()
    expect(page.locator("section .said")).to_contain_text("The server was told")
    expect(page.locator("section .said")).to_be_in_viewport()
    assert fake.done == [("return", "h3", "operator")]


def test_what_cannot_be_done_is_told(visit: Visit, fake: FakeService) -> None:
    """As the service says it, marked as a failure."""
    fake.snapshot = TWO_HOLDERS
    fake.refusal = "There is no such checkout any more."
    page = visit().open()
    end_statement(page)
    page.get_by_role("dialog").get_by_role("button", name="End statement").click()
    expect(page.locator("section .said")).to_have_text("Not done: There is no such checkout any more.")
    expect(page.locator("section .said")).to_have_attribute("data-level", "critical")


def test_a_reader_sees_no_buttons(visit: Visit, fake: FakeService) -> None:
    """Holders and their stacks are the same."""
    fake.snapshot, fake.role = TWO_HOLDERS, "reader"
    page = visit().open()
    expect(page.locator(".holders tbody tr")).to_have_count(2)
    expect(page.get_by_role("button", name="End statement")).to_have_count(0)
    page.locator("summary").first.click()
    expect(page.locator(".stack").first).to_contain_text("/srv/app/pages.py:12 in page")


def test_all_connections_that_a_route_holds_for_long_are_taken_back_after_one_question(
    visit: Visit, fake: FakeService
) -> None:
    """By one request, which the service sees through; what it says came of it is told, and whether all is well with
    that. A reader has no such button."""
    fake.snapshot, fake.refused_holders = EXHAUSTED, frozenset({OLDEST.id, "h5"})
    seen = visit(PHONE)
    page = seen.open()
    expect(page.get_by_role("button", name="Take back all")).to_have_count(1)  # those of GET /items come and go
    page.get_by_role("button", name="Take back all 12 connections of GET /export").click()
    dialog = page.get_by_role("dialog", name="Take back all 12 connections of GET /export?")
    expect(dialog).to_contain_text("What was not committed is lost")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert seen.violations() == []
    assert fake.done == []
    dialog.get_by_role("button", name="Take 12 connections back").click()
    said = page.locator("section .said")
    expect(said).to_have_text("10 of 12 taken back.")
    expect(said).to_have_attribute("data-level", "critical")
    held = [holder.id for holder in EXHAUSTED.holders if holder.route == "GET /export"]
    assert fake.done == [("return", each, "operator") for each in held if each not in fake.refused_holders]
    assert seen.violations() == []
    fake.refused_holders = frozenset()
    page.get_by_role("button", name="Take back all 12 connections").click()
    page.get_by_role("dialog").get_by_role("button", name="Take 12 connections back").click()
    expect(said).to_have_text("12 of 12 taken back.")
    expect(said).to_have_attribute("data-level", "ok")
    fake.role = "reader"
    page = seen.open()
    expect(page.locator(".holders tbody tr")).to_have_count(10)
    expect(page.get_by_role("button", name="Take back all")).to_have_count(0)
