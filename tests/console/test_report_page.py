"""A black-box record's page in a browser: from its file alone, on a phone and a desk, in light and dark."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from plimsoll.reports import page
from plimsoll.reports.tasks import TaskGroup
from tests.console.browser import DESKTOP, PHONE, Scheme, watched
from tests.reports.test_page import record_of
from tests.snapshot.samples import EXHAUSTED

PLOTS = 6
LONG = f"SELECT {', '.join(f'items.column_{number}' for number in range(40))} FROM items WHERE items.id = ?"

OUTSIDE = """[...document.querySelectorAll('figure polyline')].filter(line => {
  const inner = line.getBoundingClientRect(), outer = line.closest('svg').getBoundingClientRect()
  return inner.left < outer.left || inner.right > outer.right || inner.top < outer.top || inner.bottom > outer.bottom
}).length"""
"""Lines of plots that leave their picture."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with something in every part of it."""
    holders = tuple(replace(each, statement=LONG) for each in EXHAUSTED.holders)
    record = record_of(
        replace(EXHAUSTED, holders=holders),
        tasks=(TaskGroup(7, "Task-1", ("/srv/app/x.py:3 in wait",)),),
        interrupted=("/srv/app/blocks.py:7 in block",),
        left_out={"routes": 3},
    )
    file: Path = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page(record), encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_it_is_read_by_everybody_everywhere(
    browser: Browser, report: str, size: tuple[int, int], scheme: Scheme
) -> None:
    """axe finds nothing, also where all is unfolded; nothing is asked for elsewhere; only tables scroll sideways."""
    with watched(browser, report, size, scheme) as seen:
        seen.page.goto(report)
        assert seen.page.locator("figure svg[role=img]").count() == PLOTS
        assert seen.violations() == []
        seen.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert seen.violations() == []
        assert seen.page.evaluate("document.documentElement.scrollWidth") == size[0]
        light = seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert light == (scheme == "light")
        assert seen.page.evaluate(OUTSIDE) == 0
        assert seen.asked == [report]
        assert seen.complaints == []
