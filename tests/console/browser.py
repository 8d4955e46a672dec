"""Chromium, and a page that tells what went wrong in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
TIMEOUT_MS = 30_000.0
ARRIVED_MS = 600.0
PHONE, DESKTOP = (390, 844), (1280, 900)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

Scheme = Literal["light", "dark"]

# A busy machine takes its time.
expect.set_options(timeout=TIMEOUT_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The distribution's Chromium. Its tests are left out where SERVERS=0 says that nothing is to be installed."""
    program = shutil.which("chromium")
    if program is None:
        missing = "chromium is not installed: apt-get install -y --no-install-recommends chromium"
        pytest.skip(missing) if os.environ.get("SERVERS") == "0" else pytest.fail(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """A page, and what it complained about and asked for."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._sent)

    def open(self, name: str = "") -> Page:
        """A page of the console, once it has its first snapshot."""
        self.page.goto(self.url + name)
        self.page.locator("#main:not([aria-busy])").wait_for()
        return self.page

    def go(self, name: str = "") -> Page:
        """A page of the console, whose clock can be moved on by `later`."""
        self.page.clock.install()
        self.page.goto(self.url + name)
        return self.page

    def later(self, seconds: float) -> None:
        """Let the page believe that so much time has passed, once what is under way has arrived."""
        self.page.wait_for_timeout(ARRIVED_MS)
        self.page.clock.fast_forward(round(1000 * seconds))

    def asked_elsewhere(self) -> list[str]:
        """Requests that did not go to the console."""
        return [url for url in self.asked if not url.startswith((self.url, "data:"))]

    def violations(self) -> list[str]:
        """What axe has to say."""
        self.page.evaluate(AXE)
        found: dict[str, Any] = self.page.evaluate("rules => axe.run({runOnly: rules})", RULES)
        return [
            f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _sent(self, request: Request) -> None:
        self.asked.append(request.url)


@contextmanager
def watched(browser: Browser, url: str, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light") -> Iterator[Watched]:
    """A fresh page of that size."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        device_scale_factor=1,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="Europe/Vienna",
    )
    try:
        yield Watched(context.new_page(), url)
    finally:
        context.close()
