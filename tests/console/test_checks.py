"""What the deployment checklist came to, on a page: never, running, done, failed; and how an operator runs it."""

from playwright.sync_api import Page, expect

from tests.console.browser import PHONE
from tests.console.checklists import NOT_SAFE, SAFE, run, running
from tests.console.conftest import Visit
from tests.console.service import FakeService

NARROW = (360, 740)


def lead(page: Page) -> str:
    """The first sentence."""
    return page.locator(".checklist .lead").inner_text()


def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    fitting: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return fitting


def test_an_operator_runs_it_after_a_question_and_sees_it_through(visit: Visit, fake: FakeService) -> None:
    """From never, by keyboard, over running to the results, without another look at the page."""
    fake.on_run = {"running": running()}
    seen = visit()
    page = seen.open("checks")
    expect(page.locator(".checklist .lead")).to_have_text("The checklist was not run from here yet.")
    ask = page.get_by_role("button", name="Run the checklist now")
    ask.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Run the checklist now?")
    expect(dialog).to_contain_text("the memory of one more worker")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert seen.violations() == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".checklist .lead")).to_contain_text("The checklist has run for")
    expect(ask).to_be_disabled()
    expect(page.locator("#announce")).to_have_text("The checklist runs.")
    assert fake.done == [("run", "checklist", "operator")]
    assert seen.violations() == []
    fake.checklist = {"results": run(SAFE, age_s=0.0)}
    expect(page.locator(".checklist .lead")).to_have_text("Safe: no finding at or above 'error'.")
    expect(page.locator("#announce")).to_have_text("Safe: no finding at or above 'error'.")
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
    expect(ask).to_be_enabled()
    assert seen.complaints == []


def test_findings_are_told_as_the_command_tells_them(visit: Visit, fake: FakeService) -> None:
    """The worst first, each with what it means, what to do and the exact text; how old they are, and of what."""
    fake.checklist = {"results": run(NOT_SAFE)}
    seen = visit()
    page = seen.open("checks")
    findings = page.locator(".findings > li")
    expect(findings).to_have_count(4)
    assert [text.split()[:2] for text in findings.locator("h2").all_inner_texts()] == [
        ["CRITICAL", "PL112"],
        ["ERROR", "PL003"],
        ["ERROR", "PL012"],
        ["WARNING", "PL002"],
    ]
    third = findings.nth(2)
    for words in (
        "venues@% has FILE",
        "reaches further than its own data",
        "its own database and nothing else",
        "REVOKE FILE ON *.* FROM 'venues'@'%';",
        "as SQL:",
        "risk: some",
        "GRANT FILE",
        "plimsoll check --explain PL012",
    ):
        expect(third).to_contain_text(words)
    expect(page.locator(".found")).to_contain_text("PL100, PL101 no application was named")
    page.get_by_text("1 accepted for a time").click()
    expect(page.locator(".found")).to_contain_text("until the move (until 2027-06-30)")
    facts = page.locator(".checklist .facts")
    for words in ("3 min", "before a deployment", "web-1:4711", "app.main:app"):
        expect(facts).to_contain_text(words)
    expect(page.locator(".checklist .lead")).to_have_attribute("data-level", "critical")
    # What a server or a file has said is text.
    assert page.locator(".checklist img").count() == 0
    assert "\u202e" not in page.locator("body").inner_text()
    assert seen.complaints == []


def test_results_can_be_read_on_a_narrow_screen(visit: Visit, fake: FakeService) -> None:
    """By all, with words of any length in them, light and dark."""
    fake.checklist = {"results": run(NOT_SAFE), "failed": run(None, error="x" * 300)}
    for size, scheme in ((NARROW, "light"), (PHONE, "dark")):
        seen = visit(size, scheme)
        page = seen.open("checks")
        expect(page.locator(".findings > li")).to_have_count(4)
        for summary in page.locator(".found summary").all():
            summary.click()
        assert fits(page)
        assert seen.violations() == []


def test_a_run_without_a_result_says_why_and_keeps_the_earlier_ones(visit: Visit, fake: FakeService) -> None:
    """Also where there are none; and what is not of the release that runs, or of no application, says so."""
    fake.checklist = {"failed": run(None, error="The checklist did not end within 60 s, and was ended.")}
    page = visit().open("checks")
    expect(page.locator(".failed")).to_contain_text("ago, in worker web-1:4711, and came to no result")
    expect(page.locator(".failed")).to_contain_text("did not end within 60 s")
    expect(page.locator(".failed")).not_to_contain_text("earlier")
    results = run(SAFE, release="of-may", application="")
    fake.checklist = {**fake.checklist, "results": results}
    page = visit().open("checks")
    expect(page.locator(".failed")).to_contain_text("What is below is from an earlier run.")
    assert lead(page).startswith("Safe")
    expect(page.locator(".checklist")).to_contain_text("These are results of release of-may, and")
    expect(page.locator(".checklist")).to_contain_text("[tool.plimsoll] in pyproject.toml")


def test_what_is_refused_is_told_and_a_reader_is_not_asked(visit: Visit, fake: FakeService) -> None:
    """With the service's words; a reader sees the results, and how they could be made."""
    fake.refusal = "Memory is too short for it."
    page = visit().open("checks")
    page.get_by_role("button", name="Run the checklist now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run it").click()
    expect(page.locator(".checklist .said")).to_have_text("Not run: Memory is too short for it.")
    assert fake.done == []
    fake.role, fake.checklist = "reader", {"results": run(SAFE)}
    page = visit().open("checks")
    expect(page.locator(".checklist .lead")).to_contain_text("Safe")
    expect(page.get_by_role("button", name="Run the checklist now")).to_have_count(0)
    expect(page.locator(".checklist")).to_contain_text("sign in with OPS_TOKEN")
