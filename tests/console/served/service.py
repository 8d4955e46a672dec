"""A console on a source that does what a test says, and browsers that use it."""

import logging
import re
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette

from plimsoll.checks.on_demand import OnDemand
from plimsoll.console import Access, console_routes
from plimsoll.console.sessions import Role
from plimsoll.errors import ActionError, UnknownWorkerError
from plimsoll.events import Counters, LimitedLog
from plimsoll.fastapi.first import FirstRoutes
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.source import ALL, Headers
from tests.snapshot.samples import HEALTHY

TOKEN = "operators-token-0123456789"
READ_TOKEN = "readers-token-0123456789"
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "http://console"}
CSRF = "X-Plimsoll-CSRF"


@dataclass
class Fake:
    """An overview of one worker, and of what others a test has set."""

    now: Snapshot = HEALTHY
    snapshots: int = 0
    refreshes: int = 0
    looks: int = 0
    others: dict[str, Snapshot] = field(default_factory=dict)
    done: list[tuple[str, str, str]] = field(default_factory=list)
    refused: str = ""

    @property
    def here(self) -> "Fake":
        """What another host asks: noted, and done here."""
        self.done.append(("here", "", ""))
        return self

    def snapshot(self, worker: str = ALL) -> Snapshot:
        """What the test has set; others by their names."""
        self.snapshots += 1
        if worker == ALL:
            return self.now
        if worker not in self.others:
            raise UnknownWorkerError(f"There is no worker {worker}.")
        return self.others[worker]

    async def look(self, worker: str = ALL) -> None:
        """Counted."""
        self.looks += 1
        if worker != ALL and worker not in self.others:
            raise UnknownWorkerError(f"There is no worker {worker}.")

    async def refresh(self, max_age_s: float = 5.0) -> None:
        """Counted."""
        assert max_age_s > 0
        self.refreshes += 1

    async def kill(self, holder: str, who: str) -> str:
        """Noted."""
        return self._do("kill", holder, who)

    async def give_back(self, holder: str, who: str) -> str:
        """Noted."""
        return self._do("return", holder, who)

    async def sign_out(self, headers: Headers) -> tuple[str, ...]:
        """Noted."""
        self.done.append(("sign out", b"; ".join(value for _, value in headers).decode(), ""))
        return ("http://web2 (it answers 502)",) if self.refused else ()

    def _do(self, what: str, holder: str, who: str) -> str:
        if self.refused:
            raise ActionError(self.refused)
        self.done.append((what, holder, who))
        return f"{what} done"


class FakeChecklist(OnDemand):
    """Notes who has asked."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.refused = ""

    def start(self, who: str) -> str:
        """Noted."""
        if self.refused:
            raise ActionError(self.refused)
        self.runs.append(who)
        return "it runs"

    def state(self) -> dict[str, Any]:
        """How often."""
        return {"runs": len(self.runs)}


class Console:
    """The console of one process. `now` is its clock."""

    def __init__(
        self,
        *,
        token: str | None = TOKEN,
        read_token: str | None = READ_TOKEN,
        production: bool = True,
        trusted: tuple[str, ...] = (),
        source: Fake | None = None,
    ) -> None:
        self.now = 1_000.0
        self.source = source or Fake()
        self.checklist = FakeChecklist()
        self.stopping = False
        self.access = Access(
            token,
            read_token,
            production=production,
            trusted_proxies=trusted,
            clock=lambda: self.now,
            wall_clock=lambda: self.now,
        )
        routes = console_routes(
            self.source,
            self.access,
            self.checklist,
            stopping=lambda: self.stopping,
            counters=Counters(),
            log=LimitedLog(logging.getLogger("plimsoll.console")),
        )
        self.app = Starlette(routes=[FirstRoutes(routes), *routes])

    def browser(self, *, peer: str = "10.1.2.3", base: str = "http://console", **more: Any) -> httpx.AsyncClient:
        """Somebody with a cookie jar."""
        transport = httpx.ASGITransport(self.app, client=(peer, 1234), **more)
        return httpx.AsyncClient(transport=transport, base_url=base)

    async def signed_in(self, role: Role = Role.OPERATOR, **more: Any) -> tuple[httpx.AsyncClient, str]:
        """A browser with a session, and what its pages send along."""
        async with self.browser(**more) as form:
            answer = await sign_in(form, TOKEN if role is Role.OPERATOR else READ_TOKEN)
            assert answer.status_code == 303, answer.text
            csrf = csrf_of((await form.get("/ops/")).text)
        browser = self.browser(**more)
        browser.cookies = form.cookies
        return browser, csrf


async def sign_in(browser: httpx.AsyncClient, token: str, **more: Any) -> httpx.Response:
    """Send the form."""
    given = {"headers": OWN, **more}
    return await browser.post("/ops/login", data={"token": token, **given.pop("data", {})}, **given)


def csrf_of(page: str) -> str:
    """What a page has to send along."""
    found = re.search(r'name="csrf" content="([^"]*)"', page)
    assert found, page
    return found[1]
