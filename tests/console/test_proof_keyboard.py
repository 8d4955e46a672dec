"""All that an operator has to do at night, by keyboard alone, on a real service."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browser import PHONE, watched
from tests.console.conftest import Trouble
from tests.console.trouble import SIGNED_OUT, TOKEN, signed_in

pytestmark = pytest.mark.mariadb

MOST_STOPS = 40
NAME = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so; it is seen to have it."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if str(page.evaluate(NAME)).startswith(name):
            focused = page.locator(":focus")
            expect(focused).to_be_in_viewport()
            assert focused.evaluate("one => getComputedStyle(one).outlineStyle") != "none"
            return
    raise AssertionError(f"{name} is none of the first {MOST_STOPS} stops")


def test_a_statement_is_ended_without_a_mouse(browser: Browser, trouble: Trouble) -> None:
    """Sign in, find who holds on, end its statement, confirm; the server has ended it, and who did it is kept."""
    service = trouble()
    service.ask("/do/report")
    service.held(1)
    with watched(browser, service.url) as seen:
        page = seen.page
        page.goto(seen.url)
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator(".problems li")).to_contain_text("GET /do/report")
        tab_to(page, "See who holds connections now: 1 holder")
        page.keyboard.press("Enter")
        tab_to(page, "End statement: GET /do/report")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="End this statement?")
        expect(dialog).to_contain_text("SELECT SLEEP(?)")
        expect(page.locator(":focus")).to_have_text("Cancel")
        tab_to(page, "End statement")
        page.keyboard.press("Enter")
        expect(page.locator("section .said")).to_have_text("The statement of GET /do/report was ended on the server.")
        service.held(0)
        assert seen.complaints == [SIGNED_OUT]
    server = service.database.server
    assert server is not None
    assert not [row for row in server.connections(service.database) if "SLEEP" in str(row)]
    done = [event["text"] for event in service.snapshot()["events"] if event["kind"] == "operator"]
    assert done[0].startswith("operator at 127.0.0.1 ended the statement of GET /do/report (checkout ")


def test_all_connections_of_a_route_are_taken_back_without_a_mouse(browser: Browser, trouble: Trouble) -> None:
    """After one question; each is an event, and the connection of another route stays."""
    service = trouble()
    service.ask("/do/hold", 3)
    service.ask("/do/report")
    service.held(4)
    with signed_in(browser, service, size=PHONE) as (seen, _):
        page = seen.page
        expect(page.get_by_role("button", name="Take back all 3 connections of GET /do/hold")).to_be_visible()
        tab_to(page, "Take back all 3 connections of GET /do/hold")
        page.keyboard.press("Enter")
        tab_to(page, "Take 3 connections back")
        page.keyboard.press("Enter")
        expect(page.locator("section .said")).to_have_text("3 of 3 connections of GET /do/hold taken back.")
    (left,) = service.held(1)
    assert left["route"] == "GET /do/report"
    taken = [
        event for event in service.snapshot()["events"] if "took back the connection of GET /do/hold" in event["text"]
    ]
    assert sum(event["count"] for event in taken) == 3
