"""A real service on a real database, in trouble: what its console is for."""

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from plimsoll.settings.service import ALONE
from tests.console.browser import Watched, watched
from tests.servers import REPOSITORY, RunningCommand, TestDatabase
from tests.servers.places import HOST

TOKEN = "the-operators-token-0123"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
POOL = 4
SIZES = {"DB_POOL_SIZE": str(POOL), "DB_MAX_OVERFLOW": "0", "DB_CLEANUP_TIMEOUT": "1"}
SETTINGS = {**SIZES, "OPS_SHARED_DIR": ALONE}
"""Alone: else two services that the tests have started are workers of one."""
ADDRESS_SPACE_BYTES = 2 << 30
SIGNED_OUT = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
"""What Chromium says of the form to sign in."""
PATIENCE_S = 30.0

_APP = Path(__file__).with_name("troubled.py")


def line_of(function: str, words: str) -> str:
    """`troubled.py:41`: the first line of a route that has these words."""
    lines = _APP.read_text().splitlines()
    begins = next(number for number, line in enumerate(lines) if line.startswith(f"async def {function}("))
    found = next(number for number in range(begins, len(lines)) if words in lines[number])
    return f"{_APP.name}:{found + 1}"


class Troubled:
    """The service. Its address space has a limit, which nothing comes near unless it is told to."""

    def __init__(self, database: TestDatabase, **settings: str) -> None:
        self.database = database
        environ = database.environ(**{"OPS_TOKEN": TOKEN, **SETTINGS, **settings})
        environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{REPOSITORY}"
        words = ["prlimit", f"--as={ADDRESS_SPACE_BYTES}", sys.executable, "-m", "uvicorn"]
        words += ["tests.console.troubled:app", "--port", "{port}", "--log-level", "warning"]
        self.command = RunningCommand(words, env=environ, cwd=REPOSITORY)
        self.command.wait_ready("/health/ready", timeout_s=60)
        self.url = f"{self.command.url}/ops/"

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """The answer, on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.command.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ask(self, path: str, times: int = 1) -> None:
        """Requests that go on, one after the other begun."""
        for _ in range(times):
            threading.Thread(target=self._ask_and_wait, args=(path,), daemon=True).start()

    def _ask_and_wait(self, path: str) -> None:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, self.command.port, timeout=2 * PATIENCE_S)
            connection.request("GET", path)
            connection.getresponse().read()

    @contextmanager
    def crowd(self, path: str, count: int = 4) -> Iterator[None]:
        """So many clients that ask again and again, each time on a new connection."""
        over = threading.Event()

        def go_on() -> None:
            while not over.wait(0.05):
                with suppress(OSError, http.client.HTTPException):
                    self.get(path)

        threads = [threading.Thread(target=go_on, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(PATIENCE_S)

    def snapshot(self) -> dict[str, Any]:
        """The service's own, without what the server knows."""
        status, body = self.get("/ops/snapshot", **BEARER)
        assert status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found

    def held(self, count: int) -> list[dict[str, Any]]:
        """The holders, once there are so many."""
        ends_s = time.monotonic() + PATIENCE_S
        while len(holders := self.snapshot()["holders"]) != count:
            assert time.monotonic() < ends_s, holders
            time.sleep(0.05)
        return list(holders)

    def repair(self) -> None:
        """As it was before: nobody holds a connection."""
        server = self.database.server
        assert server is not None
        server.heal()
        assert self.get("/do/repair")[0] == 200
        server.kill_connections(self.database)
        self.held(0)

    def close(self) -> None:
        """End it."""
        self.command.close()


@contextmanager
def signed_in(browser: Browser, troubled: Troubled, **more: Any) -> Iterator[tuple[Watched, float]]:
    """Somebody who opens the console and signs in; with the seconds from the first click to the first news."""
    with watched(browser, troubled.url, **more) as seen:
        began_s = time.monotonic()
        seen.page.goto(seen.url)
        seen.page.get_by_label("Token").fill(TOKEN)
        seen.page.keyboard.press("Enter")
        seen.page.locator("#main:not([aria-busy])").wait_for()
        yield seen, time.monotonic() - began_s


def updated_s(page: Page) -> float:
    """Seconds until the page has news."""
    footer = page.locator("footer")
    before = footer.inner_text()
    began_s = time.monotonic()
    while footer.inner_text() == before:
        assert time.monotonic() - began_s < PATIENCE_S, before
        page.wait_for_timeout(20)
    return time.monotonic() - began_s
