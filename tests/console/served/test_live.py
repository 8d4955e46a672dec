"""The live stream: one snapshot a second for all who listen, whatever keeps the database, and an end in time."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Message, Scope

from plimsoll.console import live, routes
from plimsoll.console.access import Visitor
from plimsoll.console.sessions import Role
from plimsoll.events import LimitedLog
from plimsoll.snapshot.codec import from_json
from tests.console.served.service import OWN, READ_TOKEN, TOKEN, Console
from tests.snapshot.samples import EXHAUSTED, HOSTILE_NAMES

pytestmark = pytest.mark.usefixtures("static")

SOON_S = 30.0


class Listening:
    """One who listens, as a server passes it on. Takes nothing while `reads` is not set."""

    def __init__(self, console: Console, token: str = READ_TOKEN, query: str = "", **headers: str) -> None:
        given = {"authorization": f"Bearer {token}", "host": "console", **headers}
        self.scope: Scope = {
            "type": "http",
            "method": "GET",
            "path": "/ops/live",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value],
            "client": ("10.1.2.3", 1),
            "http_version": "1.1",
            "scheme": "http",
        }
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self.ended = False
        self.reads = asyncio.Event()
        self.reads.set()
        self.left = asyncio.Event()
        self.task = asyncio.create_task(console.app(self.scope, self._receive, self._send))

    async def _receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.text += message.get("body", b"").decode()
            self.ended = not message.get("more_body", False)

    @property
    def events(self) -> list[Any]:
        """What has come."""
        parts = self.text.split("\n\n")[:-1]
        return [json.loads(part.partition("data: ")[2]) for part in parts if part.startswith("event: snapshot\ndata: ")]

    async def heard(self, count: int) -> list[Any]:
        """Wait for so many."""
        await until(lambda: len(self.events) >= count)
        return self.events


async def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(SOON_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(console: Console, count: int = 1, **headers: str) -> AsyncIterator[list[Listening]]:
    """So many listen; none is left at the end."""
    all_of_them = [Listening(console, **headers) for _ in range(count)]
    try:
        yield all_of_them
    finally:
        for one in all_of_them:
            one.reads.set()
            one.left.set()
        async with asyncio.timeout(SOON_S):
            await asyncio.gather(*(one.task for one in all_of_them))


def tasks() -> set[str]:
    """Those of the stream that are there."""
    return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("plimsoll")}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.1)
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0.05)


async def test_all_who_listen_hear_the_same_snapshots() -> None:
    """Made once for all of them, the first at once; in a form that no proxy keeps back."""
    console = Console()
    async with listening(console, 5) as heard:
        for one in heard:
            events = await one.heard(3)
            assert from_json(events[0]) == console.source.now
        # One for each of the seconds that were told, and one that may be on its way.
        assert console.source.snapshots <= max(len(one.events) for one in heard) + 1
        await until(lambda: console.source.refreshes >= 2)
        assert heard[0].headers["content-type"] == "text/event-stream; charset=utf-8"
        assert heard[0].headers["cache-control"] == "no-store"
        assert heard[0].headers["x-accel-buffering"] == "no"
        assert "content-length" not in heard[0].headers
        console.source.now = EXHAUSTED
        await until(lambda: all(from_json(one.events[-1]) == EXHAUSTED for one in heard))


async def test_each_hears_of_the_worker_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made once for all who name the same one, however many come within a second; each first one at once."""
    monkeypatch.setattr(live, "EVERY_S", 30.0)
    console = Console()
    console.source.others["web-1:7"] = EXHAUSTED
    async with listening(console, 3) as all_of_them, listening(console, 3, query="worker=web-1:7") as of_one:
        for one in all_of_them:
            assert from_json((await one.heard(1))[0]) == console.source.now
        for one in of_one:
            assert from_json((await one.heard(1))[0]) == EXHAUSTED
        assert console.source.snapshots == 2
        assert console.source.looks == 4
        async with listening(console, 2) as late:
            for one in late:
                await one.heard(1)
        assert console.source.snapshots == 2


async def test_a_worker_that_is_not_there_is_told_with_those_that_are() -> None:
    """At first, and where it ends meanwhile the stream does, so that its reader asks again and is told."""
    console = Console()
    console.source.others["web-1:7"] = EXHAUSTED
    async with listening(console, query="worker=web-1:7") as heard, listening(console) as others:
        await heard[0].heard(2)
        del console.source.others["web-1:7"]
        await until(lambda: heard[0].task.done() and heard[0].ended)
        await others[0].heard(len(others[0].events) + 2)
        async with console.browser() as late:
            answer = await late.get("/ops/live?worker=web-1:7", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-worker")
        assert answer.json()["detail"] == "There is no worker web-1:7."


async def test_nothing_is_done_while_nobody_listens() -> None:
    """Neither before the first nor after the last; the next one starts it again."""
    console = Console()
    assert console.source.snapshots == 0
    for _ in range(2):
        async with listening(console, 2) as heard:
            await heard[0].heard(1)
            heard[0].left.set()
            await until(lambda: heard[0].task.done())
            await heard[1].heard(2)
        await until(lambda: not tasks())
        made = console.source.snapshots
        await asyncio.sleep(0.3)
        assert console.source.snapshots == made


async def test_one_who_comes_as_the_last_one_leaves_is_not_sent_away() -> None:
    """The end of what was made for the one before is not theirs."""
    console = Console()
    log = LimitedLog(logging.getLogger("plimsoll.console"))
    stream = live.Live(console.source, console.access, stopping=lambda: False, log=log)
    visitor = Visitor(Role.READER, "10.1.2.3")
    before = stream.join(visitor)
    await before.next()
    stream.leave(before)
    after = stream.join(visitor)
    for _ in range(3):
        assert (await after.next() or b"").startswith(b"event: snapshot")
    stream.leave(after)
    await until(lambda: not tasks())


@pytest.mark.parametrize("what", ["refresh", "look"])
async def test_what_does_not_answer_holds_nothing_back(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server and the other workers are asked beside it, once at a time, and let go of at the end."""
    console = Console()
    asked = 0

    async def never(*_: Any) -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(3_600)

    monkeypatch.setattr(console.source, what, never)
    async with listening(console) as heard:
        await heard[0].heard(4)
        assert asked == 1
    await until(lambda: not tasks())


@pytest.mark.parametrize("what", ["snapshot", "refresh", "look"])
async def test_a_failure_is_logged_and_the_stream_goes_on(
    what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where it is memory that fails."""
    console = Console()
    really = getattr(console.source, what)

    def fail(*_: Any) -> Any:
        raise MemoryError("no memory")

    monkeypatch.setattr(console.source, what, fail)
    async with listening(console) as heard:
        await until(lambda: "no memory" in caplog.text)
        monkeypatch.setattr(console.source, what, really)
        await heard[0].heard(2)
    assert all(record.levelno == logging.ERROR for record in caplog.records if "no memory" in str(record.exc_info))


async def test_a_silent_stream_is_kept_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """By lines that mean nothing."""
    monkeypatch.setattr(live, "HEART_BEAT_S", 0.05)
    monkeypatch.setattr(live, "EVERY_S", 30.0)
    async with listening(Console()) as heard:
        await until(lambda: heard[0].text.count(": still here\n\n") >= 2)
        assert len(heard[0].events) == 1


async def test_names_that_others_chose_end_no_event() -> None:
    """Line breaks and the like are data."""
    console = Console()
    console.source.now = HOSTILE_NAMES
    async with listening(console) as heard:
        assert from_json((await heard[0].heard(1))[0]) == HOSTILE_NAMES
        assert heard[0].text.isascii()


async def test_the_number_of_listeners_is_bounded() -> None:
    """One too many is told where else to ask."""
    console = Console()
    async with listening(console, live.MOST_LISTENERS) as heard:
        for one in heard:
            await one.heard(1)
        async with console.browser() as late:
            answer = await late.get("/ops/live", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, answer.json()["code"]) == (503, "too-many-listeners")
        assert answer.headers["retry-after"] == "10"
    async with listening(console) as again:
        await again[0].heard(1)


async def test_who_may_not_see_hears_nothing() -> None:
    """No token, a wrong one, a page of another site with the cookie."""
    console = Console()
    browser, _ = await console.signed_in()
    async with browser, console.browser() as nobody:
        assert (await nobody.get("/ops/live")).status_code == 401
        assert (await nobody.get("/ops/live", headers={"Authorization": "Bearer wrong-token"})).status_code == 401
        foreign = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert (await browser.get("/ops/live", headers=foreign)).status_code == 401
        assert (await browser.post("/ops/live", headers=OWN)).status_code == 405
        head = await browser.head("/ops/live")
        assert (head.status_code, head.headers["content-type"][:17]) == (200, "text/event-stream")
    assert console.source.snapshots == 0


async def test_the_stream_ends_when_the_process_is_to_end() -> None:
    """With a whole answer, and nobody begins a new one; or the process would wait for who looks at it."""
    console = Console()
    async with listening(console, 3) as heard:
        for one in heard:
            await one.heard(1)
        console.stopping = True
        await until(lambda: all(one.task.done() and one.ended for one in heard))
        async with console.browser() as late:
            answer = await late.get("/ops/live", headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status_code == 503
    await until(lambda: not tasks())


@pytest.mark.parametrize("how", ["signed out", "expired"])
async def test_the_stream_ends_with_the_session(how: str) -> None:
    """The other listeners' go on."""
    console = Console()
    browser, csrf = await console.signed_in()
    cookie = f"plimsoll_ops={browser.cookies['plimsoll_ops']}"
    async with browser, listening(console) as others, listening(console, cookie=cookie, authorization="") as heard:
        await heard[0].heard(1)
        if how == "expired":
            console.now += 12 * 3_600
        else:
            await browser.post("/ops/logout", headers={**OWN, "X-Plimsoll-CSRF": csrf})
        await until(lambda: heard[0].task.done())
        await others[0].heard(len(others[0].events) + 2)


async def test_who_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And keeps no others waiting meanwhile, nor what they were sent."""
    monkeypatch.setattr(routes, "GRACE_S", 0.3)
    monkeypatch.setattr(routes, "MIN_RATE_BYTES", 1_000_000_000)
    console = Console()
    async with listening(console, 2) as (reads, stuck):
        await stuck.heard(1)
        stuck.reads.clear()
        await reads.heard(len(reads.events) + 2)
        await until(stuck.task.done)
        await reads.heard(len(reads.events) + 2)


async def test_after_a_pause_the_latest_is_read_and_none_of_those_between() -> None:
    """Whatever came meanwhile."""
    console = Console()
    async with listening(console, 2) as (reads, pauses):
        await pauses.heard(1)
        pauses.reads.clear()
        count = len(pauses.events)
        await reads.heard(len(reads.events) + 5)
        pauses.reads.set()
        await pauses.heard(count + 2)
        assert len(pauses.events) < len(reads.events) - 1


async def test_cancelling_it_at_any_moment_leaves_nothing() -> None:
    """As a server does that has no more patience."""
    console = Console()
    for steps in range(30):
        one = Listening(console)
        for _ in range(steps):
            await asyncio.sleep(0)
        one.task.cancel()
        await asyncio.gather(one.task, return_exceptions=True)
    await until(lambda: not tasks())


async def test_a_wsgi_server_s_thread_is_not_kept() -> None:
    """It has few; the page asks for snapshots instead."""
    console = Console()
    one = Listening(console)
    one.scope["wsgi_environ"] = {}
    await one.task
    assert (one.status, json.loads(one.text)["code"]) == (503, "no-stream-here")
