"""All connections that a route holds, taken back by one request that the service sees through."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from plimsoll.console import returning
from plimsoll.console.sessions import Role
from plimsoll.errors import ActionError
from plimsoll.snapshot import HolderView, Snapshot
from tests.console.served.service import CSRF, OWN, TOKEN, Console, Fake
from tests.snapshot.samples import EXHAUSTED, FOUR_AS_ONE

pytestmark = pytest.mark.usefixtures("static")

ADDRESS = "/ops/holders/return"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ALL_OF_IT = {"route": "GET /export", "held_s": "3"}
GROUP = [holder.id for holder in EXHAUSTED.holders if holder.route == "GET /export"]


class Slow(Fake):
    """Connections go when they are taken back, each once it may; some refuse."""

    def __init__(self, now: Snapshot) -> None:
        super().__init__(now)
        self.may_go = asyncio.Event()
        self.stays: set[str] = set()
        self.begun: list[str] = []

    async def give_back(self, holder: str, who: str) -> str:
        self.begun.append(holder)
        await self.may_go.wait()
        if holder in self.stays:
            raise ActionError("The database lives in this connection.")
        if holder not in {each.id for each in self.now.holders}:
            raise ActionError("There is no such checkout.")
        self.now = replace(self.now, holders=tuple(each for each in self.now.holders if each.id != holder))
        return await super().give_back(holder, who)

    def ends(self, holder: str) -> None:
        """By itself."""
        self.now = replace(self.now, holders=tuple(each for each in self.now.holders if each.id != holder))


def console_of(source: Slow) -> Console:
    """A console of it."""
    console = Console(source=source)
    source.may_go.set()
    return console


async def test_all_are_taken_back_by_one_request() -> None:
    """Each once, for whoever asked, the oldest first; of other routes, and of those held for less, none."""
    source = Slow(EXHAUSTED)
    console = console_of(source)
    long = [holder for holder in EXHAUSTED.holders if holder.route == "GET /export" and holder.age_s >= 40]
    assert 0 < len(long) < len(GROUP)
    browser, csrf = await console.signed_in()
    async with browser:
        answer = await browser.post(ADDRESS, headers={**OWN, CSRF: csrf}, data={**ALL_OF_IT, "held_s": "40"})
    assert answer.status_code == 200
    number = len(long)
    assert answer.json() == {
        "result": f"{number} of {number} connections of GET /export taken back.",
        "found": number,
        "taken": number,
        "gone": 0,
        "refused": 0,
        "left": 0,
    }
    assert [done[1] for done in source.done] == [each.id for each in sorted(long, key=_youth)]
    assert {done[2] for done in source.done} == {"operator at 10.1.2.3"}


async def test_those_that_end_meanwhile_and_those_that_cannot_be_taken_are_told_apart() -> None:
    """With the first reason of a refusal."""
    source = Slow(EXHAUSTED)
    console = console_of(source)
    source.may_go.clear()
    source.stays = {GROUP[0]}
    async with console.browser() as script:
        asked = asyncio.create_task(script.post(ADDRESS, headers=BEARER, data=ALL_OF_IT))
        await _until_begun(source)
        source.ends(source.begun[-1])
        source.may_go.set()
        found = (await asked).json()
    assert found["result"] == (
        f"{len(GROUP) - 2} of {len(GROUP)} connections of GET /export taken back, 1 given back meanwhile, 1 not. "
        "The database lives in this connection."
    )
    assert (found["taken"], found["gone"], found["refused"], found["left"]) == (len(GROUP) - 2, 1, 1, 0)


async def test_of_a_worker_that_does_not_answer_nothing_is_said_to_be_given_back() -> None:
    """It is not among those that are seen any more, and neither are its connections."""
    ids = {holder.id: f"web-1:5-{holder.id}" for holder in EXHAUSTED.holders}
    held = tuple(replace(holder, id=ids[holder.id]) for holder in EXHAUSTED.holders)
    source = Slow(replace(EXHAUSTED, holders=held))
    source.stays = set(ids.values())
    source.may_go.clear()
    console = Console(source=source)
    async with console.browser() as script:
        asked = asyncio.create_task(script.post(ADDRESS, headers=BEARER, data=ALL_OF_IT))
        await _until_begun(source)
        row = replace(FOUR_AS_ONE.workers[0], name="web-1:5", stale=True)
        source.now = replace(source.now, holders=(), workers=(row,))
        source.may_go.set()
        found = (await asked).json()
    assert (found["taken"], found["gone"], found["refused"]) == (0, 0, len(GROUP))
    assert found["result"].endswith("The database lives in this connection.")


async def test_a_named_worker_that_ends_meanwhile_has_given_all_back() -> None:
    """What was done before is told all the same."""
    source = Slow(EXHAUSTED)
    source.others["web-1:5"] = EXHAUSTED
    source.stays = set(GROUP[:3])
    source.may_go.clear()
    async with Console(source=source).browser() as script:
        asked = asyncio.create_task(script.post(ADDRESS, headers=BEARER, data={**ALL_OF_IT, "worker": "web-1:5"}))
        await _until_begun(source)
        source.others.clear()
        source.may_go.set()
        found = (await asked).json()
    assert (found["taken"], found["gone"], found["refused"]) == (len(GROUP) - 3, 3, 0)


async def test_it_goes_on_where_the_page_is_closed() -> None:
    """And nobody begins another such meanwhile. A few are under way at once, since each asks the server."""
    source = Slow(EXHAUSTED)
    console = console_of(source)
    source.may_go.clear()
    async with console.browser() as script:
        asked = asyncio.create_task(script.post(ADDRESS, headers=BEARER, data=ALL_OF_IT))
        await _until_begun(source)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        again = await script.post(ADDRESS, headers=BEARER, data=ALL_OF_IT)
        assert (again.status_code, again.json()["code"]) == (409, "not-done")
        assert len(source.begun) == returning.AT_ONCE
        source.may_go.set()
        await _until(lambda: len(source.done) == len(GROUP))
        for _ in range(500):  # the one before has its answer to write
            last = await script.post(ADDRESS, headers=BEARER, data=ALL_OF_IT)
            if last.status_code != 409:
                break
            await asyncio.sleep(0.02)
    assert last.json()["result"] == "GET /export holds none for that long any more: nothing was done."


async def test_none_is_begun_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are left are counted."""
    monkeypatch.setattr(returning, "BEGUN_WITHIN_S", 0.0)
    source = Slow(EXHAUSTED)
    async with console_of(source).browser() as script:
        found = (await script.post(ADDRESS, headers=BEARER, data=ALL_OF_IT)).json()
    assert (found["taken"], found["left"]) == (0, len(GROUP))
    assert source.done == []


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"held_s": "3"}, 400, "route is missing"),
        ({"route": "GET /export"}, 400, "held_s is no number"),
        ({"route": "GET /export", "held_s": "nan"}, 400, "held_s is no number"),
        ({"route": "GET /export", "held_s": "-1"}, 400, "held_s is no number"),
        ({"route": "GET /export", "held_s": "inf"}, 400, "held_s is no number"),
        ({**ALL_OF_IT, "worker": "web-9:1"}, 404, "There is no worker web-9:1."),
        ({"route": "x" * 5_000, "held_s": "3"}, 413, "larger"),
    ],
    ids=str,
)
async def test_what_says_too_little_does_nothing(fields: dict[str, str], status: int, words: str) -> None:
    """And what is missing is told."""
    source = Slow(EXHAUSTED)
    async with console_of(source).browser() as script:
        answer = await script.post(ADDRESS, headers=BEARER, data=fields)
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert source.done == []


async def test_only_an_operator_on_a_page_of_ours_takes_all_back() -> None:
    """No reader, nobody, and no page of another site."""
    source = Slow(EXHAUSTED)
    console = console_of(source)
    (reader, readers), (operator, _) = await console.signed_in(Role.READER), await console.signed_in()
    async with reader, operator, console.browser() as nobody:
        assert (await reader.post(ADDRESS, headers={**OWN, CSRF: readers}, data=ALL_OF_IT)).status_code == 403
        assert (await operator.post(ADDRESS, headers=OWN, data=ALL_OF_IT)).status_code == 403
        assert (await nobody.post(ADDRESS, headers=OWN, data=ALL_OF_IT)).status_code == 401
    assert source.begun == []


def _youth(holder: HolderView) -> float:
    return -holder.age_s


async def _until_begun(source: Slow) -> None:
    await _until(lambda: len(source.begun) == returning.AT_ONCE)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  no event tells of it
            await asyncio.sleep(0)
