"""Workers of this host and of another one that are called as no host is: pages show their names and obey none."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import DESKTOP, PHONE
from tests.console.neighbours import ANSWERING, MARKUP, STEERING, beside
from tests.console.trouble import SIGNED_OUT, signed_in
from tests.servers import TestDatabase

pytestmark = pytest.mark.postgres


def test_names_of_workers_are_text_wherever_a_page_shows_them(
    browser: Browser, postgres_database: TestDatabase, tmp_path: Path
) -> None:
    """In the picker, the tables, the headings and the address; each worker can be picked, and the page stays as wide as
    the screen."""
    with (
        beside(postgres_database, tmp_path / "shared") as (service, names),
        signed_in(browser, service, size=PHONE) as (seen, _),
    ):
        page = seen.page
        rows, options = page.locator(".workers tbody tr"), page.get_by_label("Numbers of").locator("option")
        expect(rows).to_have_count(len(names) + 2)  # this one, and that of the other host
        expect(page.locator(".problems")).to_contain_text("what it answers names a worker as none is called")
        expect(page.locator(".problems")).to_contain_text("do not answer")
        expect(rows.filter(has_text=MARKUP).first).to_be_visible()
        expect(rows.filter(has_text=r"\u001b[2J\u001b]0;owned\u0007\u009b2J\u0000:1004")).to_have_count(1)
        assert seen.violations() == []
        for name in ("events", "routes"):
            page = seen.open(name)
            expect(options).to_have_count(len(names) + 3)
            expect(page.locator("main")).to_contain_text(MARKUP)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            assert page.locator("img, main script").count() == 0
            assert "owned" not in page.title()
            assert not STEERING & set(page.locator("body").inner_text()), name
        page = seen.open()
        for name in names[: len(ANSWERING)]:
            if name.isprintable() or name.isascii():  # no address can have half a character
                page.get_by_label("Numbers of").select_option(name)
                expect(page.get_by_role("heading", name="Connections of").first).to_contain_text(name[-4:])
                expect(page.locator("#state")).to_have_text("Live")
                assert page.evaluate("new URLSearchParams(location.search).get('worker')") == name
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        page.reload()
        expect(page.locator("#state")).to_have_text("Live")
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        page.get_by_label("Numbers of").select_option(index=0)
        expect(rows).to_have_count(len(names) + 2)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert "owned" not in page.title()
        # None of these workers tells of its past, which is a 404.
        assert [words for words in seen.complaints if words != SIGNED_OUT and " 404 " not in words] == []
