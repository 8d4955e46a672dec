"""All workers as the console sees them: who answers, who is waited for, and who acts."""

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

import pytest

from plimsoll.errors import ActionError, UnknownWorkerError
from plimsoll.snapshot import HolderView, Snapshot, everyone, shared
from plimsoll.snapshot.everyone import Everyone, errands
from plimsoll.snapshot.history import SERIES, History, Series, Span
from plimsoll.snapshot.moment import Moment
from plimsoll.snapshot.post import Patience
from plimsoll.snapshot.shared import Shared
from plimsoll.snapshot.source import ALL, HOST, SELF, Action, Elsewhere, Headers
from plimsoll.snapshot.together import Together
from tests.snapshot.samples import HEALTHY, NOW_S, holder

HOST_NAME = socket.gethostname()
WHO = "operator at 10.1.2.3"


ASK = Shared.ask
LONG_S = 30.0
"""For those who all answer, which a busy machine may keep from it."""


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not answer is waited for longer than as shipped."""
    have_patience(monkeypatch, LONG_S)
    monkeypatch.setattr(everyone, "LOOK_WAIT_S", 2 * LONG_S)
    monkeypatch.setattr(everyone, "HOST_WAIT_S", 2 * LONG_S)
    monkeypatch.setattr(everyone, "HISTORY_PATIENCE", Patience(LONG_S, LONG_S))
    monkeypatch.setattr(everyone, "ACTION_PATIENCE", Patience(LONG_S, LONG_S))


def have_patience(monkeypatch: pytest.MonkeyPatch, patience_s: float) -> None:
    """With the other workers of a host."""
    monkeypatch.setattr(Shared, "ask", lambda self, **more: ASK(self, patience_s, **more))


@dataclass
class Still:
    """A worker that stands still, and notes what is done to it."""

    pid: int
    holders: tuple[HolderView, ...] = ()
    host: str = HOST_NAME
    asked: int = 0
    done: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.history = History()
        for second in range(4):
            self.history.add(replace(Moment.of(self.now), at_s=NOW_S + second))

    @property
    def now(self) -> Snapshot:
        """As it is."""
        worker = replace(HEALTHY.worker, host=self.host, pid=self.pid)
        return replace(HEALTHY, at_s=time.time(), worker=worker, holders=self.holders)

    def snapshot(self) -> Snapshot:
        """Counted."""
        self.asked += 1
        return self.now

    async def refresh(self, max_age_s: float = 5.0) -> None:
        """Nothing is there to ask."""

    async def kill(self, holder: str, who: str) -> str:
        """Where it has it."""
        return self._do("kill", holder, who)

    async def give_back(self, holder: str, who: str) -> str:
        """The same."""
        return self._do("return", holder, who)

    def _do(self, what: str, checkout: str, who: str) -> str:
        if checkout not in [each.id for each in self.holders]:
            raise ActionError("There is no such checkout in this worker.")
        self.done.append((what, checkout, who))
        return f"{what} done"


@dataclass
class Abroad:
    """Another host, with one worker."""

    answers: Callable[[], Elsewhere]
    done: list[tuple[str, str, str]] = field(default_factory=list)

    async def others(self) -> Elsewhere:
        """As the test says."""
        return self.answers()

    def told(self, seen: Snapshot) -> Snapshot:
        """Something."""
        return replace(seen, problems=HEALTHY.problems, counters={**seen.counters, "told": 1})

    async def history(self, worker: str, span: Span) -> tuple[Series, ...]:
        """One step."""
        assert span == "10m"
        if worker not in (ALL, "web-9:7"):
            return ()
        return (Series(1.0, (NOW_S + 2,), dict.fromkeys(SERIES, (1.0,))),)

    async def act(self, action: Action, holder: str, who: str) -> str:
        """Noted."""
        self.done.append((action, holder, who))
        return "done there"

    async def sign_out(self, headers: Headers) -> tuple[str, ...]:
        """Nobody is."""
        return ()


@asynccontextmanager
async def workers(directory: Path, *stills: Still) -> AsyncIterator[list[Everyone]]:
    """So many of one host, each with its view of all."""
    async with AsyncExitStack() as stack:
        views = []
        for still in stills:
            together = Together(str(directory / "d"), still.snapshot, errands(still))
            with patch("os.getpid", return_value=still.pid), patch("socket.gethostname", return_value=still.host):
                together.begin()
            stack.push_async_callback(together.end)
            view = Everyone(still, together)
            stack.push_async_callback(view.end)
            views.append(view)
        yield views


@asynccontextmanager
async def blocked(directory: Path, still: Still) -> AsyncIterator[None]:
    """A worker of that host that lives and answers nothing."""
    together = Together(str(directory / "d"), still.snapshot, errands(still))
    with patch("os.getpid", return_value=still.pid):
        together.begin()
    assert together._task is not None
    together._task.cancel()
    try:
        yield
    finally:
        await together.end()


async def test_all_are_one_after_a_look_and_the_one_that_answers_alone_before(tmp_path: Path) -> None:
    """At once, however long the others take."""
    async with workers(tmp_path, Still(1), Still(2), Still(3)) as (view, *_):
        assert view.snapshot().workers == ()
        await view.look()
        assert [row.name for row in view.snapshot().workers] == [f"{HOST_NAME}:{pid}" for pid in (1, 2, 3)]
        assert view.snapshot().pool.limit == 3 * HEALTHY.pool.limit
        assert view.snapshot(SELF).workers == ()
        assert view.snapshot(f"{HOST_NAME}:1").workers == ()
        assert view.snapshot(f"{HOST_NAME}:3").worker.pid == 3


async def test_a_name_that_nobody_has_is_told_with_those_there_are(tmp_path: Path) -> None:
    """Of a worker that has ended, say."""
    async with workers(tmp_path, Still(1), Still(2)) as (view, *_):
        for ask in (view.look("web-1:9"), view.history("web-1:9", "10m")):
            with pytest.raises(UnknownWorkerError, match=f"no worker web-1:9, .* {HOST_NAME}:1 and {HOST_NAME}:2"):
                await ask
        with pytest.raises(UnknownWorkerError):
            view.snapshot("web-1:9\n" * 500)


async def test_nobody_is_asked_while_nobody_looks_and_once_for_all_who_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many look at once."""
    asks = itertools.count()
    ask = Together.ask
    monkeypatch.setattr(Together, "ask", lambda self, **more: (next(asks), ask(self, **more))[1])
    one, other = Still(1), Still(2)
    async with workers(tmp_path, one, other) as (view, _):
        await asyncio.sleep(0.5)
        assert other.asked == 0
        await asyncio.gather(*(view.look() for _ in range(10)))
        assert other.asked <= 2
        assert next(asks) == 1


async def test_a_blocked_worker_is_waited_for_once_and_then_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are there meanwhile; it is so until it answers."""
    patience_s = 6.0
    have_patience(monkeypatch, patience_s)
    monkeypatch.setattr(shared, "LATE_NS", int(60e9))
    async with workers(tmp_path, Still(1), Still(2)) as (view, _):
        async with blocked(tmp_path, Still(3)):
            task = asyncio.create_task(view.look())
            async with asyncio.timeout(LONG_S):
                while len(view.snapshot().workers) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert not task.done()
            await task
            assert [row.silent for row in view.snapshot().workers] == [False, False, True]
            assert "silent-worker" in {problem.key for problem in view.snapshot().problems}
            began_s = time.monotonic()
            await view.look()
            assert time.monotonic() - began_s < patience_s - 1
            assert [row.silent for row in view.snapshot().workers] == [False, False, True]
            (seen, silent) = await view.of_this_host()
            assert ([each.worker.pid for each in seen], silent) == ([1, 2], (f"{HOST_NAME}:3",))
        await view.look()
        assert len(view.snapshot().workers) == 2


async def test_what_was_known_long_ago_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks again after an hour sees nothing of then."""
    async with workers(tmp_path, Still(1), Still(2)) as (view, _):
        await view.look()
        monkeypatch.setattr(everyone, "KNOWN_S", 0.0)
        assert view.snapshot().workers == ()


async def test_what_nobody_looks_at_any_more_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots of many workers are megabytes."""
    monkeypatch.setattr(everyone, "KNOWN_S", 0.2)
    async with workers(tmp_path, Still(1), Still(2)) as (view, _):
        await view.look()
        assert view._here
        async with asyncio.timeout(LONG_S):
            while view._here:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_the_history_of_all_is_added_up_and_of_one_is_its_own(tmp_path: Path) -> None:
    """Asked of whichever worker."""
    async with workers(tmp_path, Still(1), Still(2)) as (view, _):
        for name, taken in ((ALL, 4), (HOST, 4), (SELF, 2), (f"{HOST_NAME}:2", 2), (f"{HOST_NAME}:1", 2)):
            found = await view.history(name, "10m")
            assert set(found.values["pool_taken"]) == {taken}, name
            assert len(found.times_s) == 3


async def test_the_worker_that_has_a_holder_acts_and_is_told_who_asked(tmp_path: Path) -> None:
    """By the holder's id, with or without the host; once."""
    one, other = Still(1), Still(2)
    one.holders, other.holders = (replace(holder(1, age_s=3.0), id="1-5"),), (replace(holder(1, age_s=9.0), id="2-5"),)
    async with workers(tmp_path, one, other) as (view, _):
        await view.look()
        mine, theirs = (each.id for each in reversed(view.snapshot().holders))
        assert (mine, theirs) == (f"{HOST_NAME}:1-5", f"{HOST_NAME}:2-5")
        assert await view.kill(theirs, WHO) == "kill done"
        assert await view.give_back("2-5", WHO) == "return done"
        assert await view.kill(mine, WHO) == "kill done"
        assert other.done == [
            ("kill", "2-5", f"{WHO}, through worker 1"),
            ("return", "2-5", f"{WHO}, through worker 1"),
        ]
        assert one.done == [("kill", "1-5", WHO)]
        for gone in ("2-6", "3-1", "nonsense", f"{HOST_NAME}:4-4", "1-"):
            with pytest.raises(ActionError, match="no such checkout"):
                await view.kill(gone, WHO)
        with pytest.raises(ActionError, match="on this host"):
            await view.kill("web-9:7-1", WHO)


async def test_containers_that_share_a_directory_reach_one_another_by_their_hosts(tmp_path: Path) -> None:
    """Each has a host and a process 1 of its own."""
    mine, theirs = (Still(1, (replace(holder(1, age_s=3.0), id="1-5"),), host) for host in ("shop-a", "shop-b"))
    async with workers(tmp_path, mine, theirs) as (view, _):
        await view.look()
        assert [row.name for row in view.snapshot().workers] == ["shop-a:1", "shop-b:1"]
        assert {each.id for each in view.snapshot().holders} == {"shop-a:1-5", "shop-b:1-5"}
        assert await view.kill("shop-b:1-5", WHO) == "kill done"
        assert (await view.history("shop-b:1", "10m")).values["pool_taken"] == (2.0,) * 3
        assert (mine.done, theirs.done) == ([], [("kill", "1-5", f"{WHO}, through worker 1")])


async def test_a_blocked_worker_s_holder_is_not_ended_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither now nor later."""
    monkeypatch.setattr(everyone, "ACTION_PATIENCE", Patience(0.1, 9.0))
    still = Still(2, (replace(holder(1, age_s=9.0), id="2-5"),))
    async with workers(tmp_path, Still(1)) as (view,), blocked(tmp_path, still):
        with pytest.raises(ActionError, match="nothing was done, and nothing will be"):
            await view.kill("2-5", WHO)
    assert still.done == []


async def test_other_hosts_are_seen_beside_this_one(tmp_path: Path) -> None:
    """Their snapshots, what there is to say of them, their history, and actions there."""
    far = replace(HEALTHY, at_s=time.time(), worker=replace(HEALTHY.worker, host="web-9", pid=7))
    abroad = Abroad(lambda: Elsewhere((far,), ("web-9:8",)))
    async with workers(tmp_path, Still(1), Still(2)) as (view, _):
        view.peers = abroad
        await view.look()
        names = [row.name for row in view.snapshot().workers if not row.silent]
        assert sorted(names) == sorted([f"{HOST_NAME}:1", f"{HOST_NAME}:2", "web-9:7"])
        assert [row.name for row in view.snapshot().workers if row.silent] == ["web-9:8"]
        assert view.snapshot().counters["told"] == 1
        assert view.snapshot("web-9:7").worker == far.worker
        assert len((await view.of_this_host())[0]) == 2
        assert 5.0 in (await view.history(ALL, "10m")).values["pool_taken"]
        assert set((await view.history(HOST, "10m")).values["pool_taken"]) == {4.0}
        assert (await view.history("web-9:7", "10m")).values["pool_taken"] == (1.0,)
        assert await view.kill("web-9:7-1", WHO) == "done there"
        assert abroad.done == [("kill", "web-9:7-1", WHO)]


async def test_a_host_says_nothing_of_the_workers_of_another(tmp_path: Path) -> None:
    """It may be this host itself, in a list that all hosts have; or think that it is."""
    ours = [replace(Still(pid).now, at_s=time.time() + 20, routes=()) for pid in (1, 2)]
    abroad = Abroad(lambda: Elsewhere(tuple(ours), (f"{HOST_NAME}:1", f"{HOST_NAME}:2")))
    async with workers(tmp_path, Still(1), Still(2)) as (view, _):
        view.peers = abroad
        await view.look()
        seen = view.snapshot()
        assert [(row.name, row.silent) for row in seen.workers] == [(f"{HOST_NAME}:{pid}", False) for pid in (1, 2)]
        assert seen.routes[0].requests == 2 * HEALTHY.routes[0].requests


async def test_another_host_is_answered_without_asking_others(tmp_path: Path) -> None:
    """Hosts that name one another would ask in circles."""
    abroad = Abroad(lambda: pytest.fail("it was asked"))
    still = Still(1)
    view = Everyone(still, Together("none", still.snapshot), abroad)
    async with workers(tmp_path, still):
        await view.here.look()
        assert view.here.snapshot().workers == ()
        with pytest.raises(UnknownWorkerError):
            await view.here.history("web-9:7", "10m")
        for holder in (f"{HOST_NAME}:2-1", "web-9:7-1"):
            with pytest.raises(ActionError, match="There is no such checkout on this host"):
                await view.here.kill(holder, WHO)
    assert abroad.done == []
    assert await view.kill(f"{HOST_NAME}:2-1", WHO) == "done there"
    await view.end()


async def test_other_hosts_that_fail_leave_this_one_to_be_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong there."""

    def fail() -> Elsewhere:
        raise ValueError("no such host")

    async with workers(tmp_path, Still(1), Still(2)) as (view, _):
        view.peers = Abroad(fail)
        await view.look()
        assert len(view.snapshot().workers) == 2
        assert "no such host" in caplog.text


async def test_what_a_worker_does_not_know_is_refused() -> None:
    """Of another release, say."""
    do = errands(Still(1))
    for what, words in (("dance", {}), ("history", {"span": "1y"}), ("history", {})):
        with pytest.raises(ActionError, match="is it of another release"):
            await do(what, words)
    with pytest.raises(ActionError, match="no such checkout"):
        await do("kill", {})
