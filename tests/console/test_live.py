"""How a page keeps up: with the stream, without it, and when there is no news at all."""

from dataclasses import replace

from playwright.sync_api import Page, expect

from tests.console.browser import PHONE
from tests.console.conftest import Visit
from tests.console.service import TOKEN, FakeService
from tests.snapshot.samples import EXHAUSTED, HEALTHY


def test_news_are_shown_as_they_come(visit: Visit, fake: FakeService) -> None:
    """From the stream; no snapshot is asked for beside it."""
    seen = visit()
    page = seen.open()
    expect(page.locator("#state")).to_have_text("Live")
    fake.snapshot = EXHAUSTED
    expect(page.locator(".problems li")).to_contain_text(EXHAUSTED.problems[0].sentence)
    assert f"{seen.url}snapshot" not in seen.asked


def test_a_proxy_that_holds_the_stream_back_does_not_stop_the_news(visit: Visit, fake: FakeService) -> None:
    """Snapshots are asked for instead, and the stream counts again once it brings something."""
    fake.mode = "buffered"
    seen = visit()
    page = seen.go()
    expect(page.locator("#state")).to_have_text("Loading")
    seen.later(6)
    expect(page.locator("#state")).to_have_text("Live, every 2 s")
    fake.snapshot = EXHAUSTED
    expect(page.locator(".problems li")).to_have_count(1)
    fake.mode = "live"
    expect(page.locator("#state")).to_have_text("Live")
    expect(page.locator("#banner")).to_be_hidden()


def test_a_service_that_gives_no_stream_is_asked_now_and_then(visit: Visit, fake: FakeService) -> None:
    """As one under WSGI, or one that too many listen to: not in a hurry, and the first news are not late."""
    fake.mode = "full"
    seen = visit()
    page = seen.go()
    expect(page.locator(".calm")).to_be_visible()
    seen.later(6)
    expect(page.locator("#state")).to_have_text("Live, every 2 s")
    assert seen.asked.count(f"{seen.url}live") == 1
    seen.later(6)
    page.wait_for_timeout(2_000)
    assert seen.asked.count(f"{seen.url}live") == 2
    assert seen.asked.count(f"{seen.url}snapshot") < 10


def test_a_page_without_news_says_how_old_it_is(visit: Visit, fake: FakeService) -> None:
    """The service is there but tells nothing: what is shown stays, marked as old, and read out."""
    seen = visit(PHONE)
    page = seen.go()
    expect(page.locator("#state")).to_have_text("Live")
    fake.mode = "silent"
    seen.later(12)
    expect(page.locator("#state")).to_have_text("Stale")
    expect(page.locator("#banner")).to_contain_text("No news for 12 s.")
    expect(page).to_have_title("Stale: Now | Plimsoll")
    expect(page.locator("#announce")).to_contain_text("No news for 12 s.")
    expect(page.locator(".calm")).to_be_visible()
    assert seen.violations() == []
    fake.mode = "live"
    expect(page.locator("#state")).to_have_text("Live")
    expect(page.locator("#announce")).to_have_text("The page is live again.")
    expect(page).to_have_title("Now | Plimsoll")


def test_a_page_without_a_service_tries_again(visit: Visit, fake: FakeService) -> None:
    """By itself, less and less often, and when told to."""
    seen = visit()
    page = seen.go()
    expect(page.locator("#state")).to_have_text("Live")
    fake.mode = "failing"
    expect(page.locator("#state")).to_have_text("Disconnected")
    expect(page.locator("#banner")).to_contain_text("No connection to the service: it answered 503.")
    for _ in range(3):
        seen.later(30)
    expect(page.locator("#banner")).to_contain_text("What is below is 1 min 3")
    expect(page.locator("#banner")).to_contain_text("Trying again in")
    assert seen.violations() == []
    with page.expect_request("**/ops/*"):
        page.get_by_role("button", name="Try now").click()
    fake.mode = "live"
    seen.later(60)
    expect(page.locator("#state")).to_have_text("Live")


def test_a_page_that_never_had_news_says_so(visit: Visit, fake: FakeService) -> None:
    """It does not claim that nothing is wrong."""
    fake.mode = "failing"
    seen = visit()
    page = seen.go()
    expect(page.locator("#state")).to_have_text("Disconnected")
    expect(page.locator("main")).to_contain_text("Waiting for the first news")
    expect(page.get_by_text("Nothing is wrong.")).to_be_hidden()
    expect(page.get_by_text("Nobody holds a connection.")).to_be_hidden()
    assert seen.violations() == []


def test_who_is_signed_out_can_sign_in_again(visit: Visit, fake: FakeService) -> None:
    """On the page that they were at; a wrong token is told in place."""
    seen = visit(PHONE)
    page = seen.open("events")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_focused()
    assert seen.violations() == []
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This token is wrong.")
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("h1", has_text="Events")).to_be_visible()
    fake.mode = "signed out"
    expect(page.locator("#banner")).to_contain_text("You are signed out")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Token")).to_be_visible()


def test_who_is_not_signed_out_of_every_host_is_told_so(visit: Visit, fake: FakeService) -> None:
    """Where the button was; the page says that it has no session any more."""
    fake.elsewhere = "Not signed out of http://web2:8000 (no answer within 2 s)."
    page = visit(PHONE).open()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("footer")).to_contain_text(fake.elsewhere)
    expect(page.locator("#state")).to_have_text("Signed out")
    expect(page.locator("footer")).to_contain_text(fake.elsewhere)


def streams_come_to(count: int, page: Page, fake: FakeService) -> None:
    """Wait until so many are open: the service may hear a moment later that a page, of a test before, has gone."""
    for _ in range(300):
        if fake.streams == count:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{fake.streams} streams are open, not {count}")


def test_a_page_that_nobody_looks_at_asks_nothing(visit: Visit, fake: FakeService) -> None:
    """Half a minute after it was left its stream is closed, and opened again when it is looked at."""
    seen = visit()
    page = seen.go()
    expect(page.locator("#state")).to_have_text("Live")
    streams_come_to(1, page, fake)
    hide = "hidden => {Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange'))}"
    page.evaluate(hide, True)
    seen.later(35)
    streams_come_to(0, page, fake)
    fake.snapshot = replace(HEALTHY, problems=EXHAUSTED.problems)
    page.evaluate(hide, False)
    expect(page.locator(".problems li")).to_have_count(1)
