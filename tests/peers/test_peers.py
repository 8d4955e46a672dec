"""Other hosts are asked together, each within a second, and whatever they answer is workers or a sentence."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import pytest

from plimsoll.errors import ActionError
from plimsoll.peers import Peers, peer
from plimsoll.peers import peers as module
from plimsoll.snapshot import ProcessView, ServerView, Snapshot
from plimsoll.snapshot.codec import series_to_json, to_json
from plimsoll.snapshot.history import History
from plimsoll.snapshot.processes import name_of
from plimsoll.snapshot.source import Elsewhere
from plimsoll.web import PEER_HEADER
from plimsoll.web.line import BODY_LIMIT_BYTES
from tests.peers.fakes import READ_TOKEN, TOKEN, answered, host, peers, worker, workers
from tests.snapshot.samples import HEALTHY, NOW_S

ALONE = replace(worker("web-1", 1), server=None, problems=())
GOOD = answered(workers(worker("web-2", 1), worker("web-2", 2), silent=("web-2:3",)))
WHO = "operator at 10.0.0.7"
AS_SHIPPED_S = peer.LIMIT_S
MARGIN_S = 10.0
"""A busy machine's."""


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may keep a host from answering within a second."""
    for place in (peer, module):
        monkeypatch.setattr(place, "LIMIT_S", 20.0)
    monkeypatch.setattr(module, "HISTORY_LIMIT_S", 20.0)


async def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def names(snapshots: tuple[Snapshot, ...]) -> list[str]:
    """`host:pid` of each."""
    return [name_of(each) for each in snapshots]


def silent_hosts(those: Peers) -> str:
    """What a page tells of hosts that did not answer."""
    return " ".join(each.sentence for each in those.told(ALONE).problems if each.key == "host-silent")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that failed is asked again at once."""
    monkeypatch.setattr(peer, "FAILED_EVERY_S", 0.0)
    monkeypatch.setattr(peer, "REFUSED_EVERY_S", 0.0)


async def test_hosts_are_asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is slow costs the others nothing, and all of them no more than the limit."""
    monkeypatch.setattr(peer, "LIMIT_S", 3.0)
    async with host(GOOD) as good, host(GOOD) as slow, peers(good.url, slow.url) as those:
        slow.pause_s = 60.0
        began_s = monotonic()
        found = await those.others()
        assert monotonic() - began_s < peer.LIMIT_S + MARGIN_S
        assert silent_hosts(those) == f"The host at {slow.url} did not answer: no whole answer within 3 s."
    assert names(found.snapshots) == ["web-2:1", "web-2:2"]
    assert found.silent == ("web-2:3",)


async def test_what_was_known_stays_and_a_host_that_comes_back_is_heard(at_once: None) -> None:
    """With its name, which it told before."""
    async with host(GOOD) as one, peers(one.url) as those:
        assert silent_hosts(those) == ""
        await those.others()
        one.reply = answered("", "503 Service Unavailable")
        assert names((await those.others(0)).snapshots) == ["web-2:1", "web-2:2"]
        assert silent_hosts(those) == f"web-2 at {one.url} did not answer: it answers 503."
        one.reply = answered(workers(worker("web-2", 9)))
        assert names((await those.others(0)).snapshots) == ["web-2:9"]
        assert silent_hosts(those) == ""


async def test_nobody_is_asked_more_often_than_needed() -> None:
    """By any number who look at once; one that fails only now and then, so that a wrong token does not lock us out."""
    strict_one = answered("{}", "401 Unauthorized")
    async with host(GOOD) as good, host(strict_one) as strict, peers(good.url, strict.url) as those:
        await asyncio.gather(*(those.others() for _ in range(20)))
        await those.others(60.0)
        assert (len(good.asked), len(strict.asked)) == (1, 1)
        await those.others(0)
        assert (len(good.asked), len(strict.asked)) == (2, 1)
        assert silent_hosts(those).endswith(
            "it does not accept the token: OPS_READ_TOKEN and OPS_TOKEN must be the same on all hosts."
        )


async def test_the_lesser_token_is_sent_and_only_where_it_was_told_to() -> None:
    """Not to where a redirect leads; a host without a token for those who look sends the operator's."""
    async with host(GOOD) as elsewhere, host(b"") as one:
        one.reply = answered("", "302 Found", f"Location: {elsewhere.url}/ops/workers?a=b")
        async with peers(one.url) as those:
            await those.others()
            words = silent_hosts(those)
        async with peers(one.url, read_token=None) as those:
            await those.others()
        async with peers(one.url, read_token=None, token=None) as those:
            await those.others()
    assert elsewhere.asked == []
    assert f"it answers 302 and points to {elsewhere.url}/ops/workers, where no token is sent" in words
    assert all(head.startswith("GET /ops/workers HTTP/1.1\r\n") for head in one.asked)
    given = [line for head in one.asked for line in head.split("\r\n") if line.lower().startswith("authorization")]
    assert given == [f"authorization: Bearer {READ_TOKEN}", f"authorization: Bearer {TOKEN}"]
    assert all(f"{PEER_HEADER}: {socket.gethostname()}:" in head for head in one.asked)


async def test_the_token_is_not_sent_over_the_internet_for_all_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a name leads to is known once it is looked up."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("8.8.8.8", 80))])
    async with peers("http://web2.example") as those:
        await those.others()
        assert "it is a public address, where http:// would show the token to anybody on the way" in silent_hosts(those)


async def test_a_name_that_is_looked_up_for_long_takes_one_thread(
    monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    """And none of those that look up the database's."""
    done = threading.Event()
    monkeypatch.setattr(peer, "LIMIT_S", AS_SHIPPED_S)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: done.wait(30) and [])
    async with peers("http://web2.example") as those:
        for _ in range(2):
            await those.others(0)
            assert silent_hosts(those).endswith("no whole answer within 1 s.")
        assert [each.name for each in threading.enumerate()].count("plimsoll looks up a host") == 1
    done.set()


async def test_a_host_that_is_down_is_said() -> None:
    """In words."""
    async with host(GOOD) as one:
        pass
    async with peers(one.url) as those:
        assert await those.others() == Elsewhere()
        assert silent_hosts(those).startswith(f"The host at {one.url} did not answer: no connection to ")
        assert silent_hosts(those).endswith("Connection refused.")


def changed(change: Callable[[dict[str, object]], object]) -> str:
    """A worker's snapshot with a change to it."""
    document = to_json(worker("web-2", 1))
    change(document)
    return json.dumps({"workers": [document], "silent": 0})


HOSTILE = {
    "no JSON": "<html>",
    "a list": "[]",
    "too deep": "[" * 100_000,
    "not text": "\ud800".encode("utf-8", "surrogatepass"),
    "no workers": "{}",
    "workers that are none": '{"workers": {"a": 1}}',
    "a worker that is none": '{"workers": [7]}',
    "of another format": '{"workers": [{"format": 99}]}',
    "too many": json.dumps({"workers": [], "silent_workers": [f"web-2:{pid}" for pid in range(300)]}),
    "a number without end": changed(lambda each: each.update(at_s=10**400)),
    "a host as none is called": changed(lambda each: each["worker"].update(host="a\nb:1")),  # type: ignore[attr-defined]
    "a process as none is called": changed(lambda each: each["worker"].update(pid=-1)),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_answer_is_a_sentence(body: str | bytes) -> None:
    """Never an exception, and never a worker."""
    async with host(answered(body)) as one, peers(one.url) as those:
        assert await those.others() == Elsewhere()
        words = silent_hosts(those)
    assert words.startswith(f"The host at {one.url} did not answer: what it answers ")
    assert words.isprintable()


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    """Nor kept."""
    async with host(answered(b"x" * (BODY_LIMIT_BYTES + 1))) as one, peers(one.url) as those:
        assert await those.others() == Elsewhere()
        assert silent_hosts(those).endswith("what it answers is larger than is read.")


async def test_who_gives_up_leaves_the_question_to_others() -> None:
    """And the end of the service ends it."""
    async with host(GOOD) as one, peers(one.url) as those:
        one.holds_back = True
        looking = asyncio.create_task(those.others())
        await until(lambda: len(one.asked) == 1)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        again = asyncio.create_task(those.others())
        await asyncio.sleep(0.1)
        one.holds_back = False
        assert names((await again).snapshots) == ["web-2:1", "web-2:2"]
        assert len(one.asked) == 1
        one.pause_s = 30.0
        last = asyncio.create_task(those.others(0))
        await until(lambda: len(one.asked) == 2)
    await last
    assert [task for task in asyncio.all_tasks() if task.get_name() == "plimsoll asks a host"] == []


async def test_what_nobody_looks_at_any_more_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection, and then what it told."""
    monkeypatch.setattr(peer, "KEPT_S", 0.05)
    async with host(GOOD) as one, peers(one.url) as those:
        await those.others()
        (only,) = those._peers
        line = only._line
        assert line is not None
        await until(lambda: line._streams is None)
        assert only._told is not None
        monkeypatch.setattr(peer, "FORGOTTEN_S", 0.3)
        await those.others(0)
        await until(lambda: only._told is None)


async def test_the_past_of_a_worker_is_asked_of_its_host() -> None:
    """Whose words are numbers, or nothing."""
    past = answered(json.dumps(series_to_json(History().series("10m"))))
    async with host(GOOD) as one, peers(one.url) as those:
        await those.others()
        one.reply = past
        for worker_ in ("web-2:2", "web-2:3", "all"):
            (series,) = await those.history(worker_, "1h")
            assert series.step_s == 1.0
        assert await those.history("web-9:1", "1h") == ()
        one.reply = answered('{"step_s": "x"}')
        assert await those.history("all", "1h") == ()
    paths = [head.partition(" HTTP")[0] for head in one.asked[1:]]
    assert paths[::2] == ["GET /ops/history?span=1h&worker=web-2%3A2", "GET /ops/history?span=1h&worker=host"]


async def test_a_host_that_is_this_one_is_asked_once() -> None:
    """All hosts may have the same list. What else it has told is known here, and as it is now."""
    name = socket.gethostname()
    ours = workers(worker(name, os.getpid()), worker(name, 1), silent=(f"{name}:2",))
    async with host(answered(ours)) as one, peers(one.url) as those:
        for _ in range(2):
            found = await those.others(0)
            assert (names(found.snapshots), found.silent) == ([f"{name}:{os.getpid()}"], ())
        assert await those.history("all", "1h") == ()
    assert len(one.asked) == 1


async def test_a_host_that_is_asked_is_not_one_that_nobody_looks_at() -> None:
    """Nor one that may be it, since it has not told what it is called."""
    connection = ProcessView(7, "shop", "10.0.0.9:5001", "shop", "another worker", "idle", 3.0, None, worker="web-2:1")
    seen = replace(HEALTHY, server=ServerView(NOW_S, "mysql", "", 100, 2, (connection,)), problems=())
    async with host(GOOD) as one, peers(one.url) as those, peers() as nobody:
        assert [each.key for each in nobody.told(seen).problems] == ["hosts-unseen"]
        assert those.told(seen).problems == ()
        await those.others()
        assert those.told(seen).problems == ()


async def test_an_operators_action_is_done_once_by_the_host_that_has_the_checkout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the operator's token; its own words are passed on."""
    async with host(GOOD) as one, peers(one.url) as those:
        await those.others()
        one.reply = answered('{"result": "It was ended."}')
        assert await those.act("kill", "web-2:2-17", WHO) == "It was ended."
        assert one.asked[-1].startswith("POST /ops/holders/web-2:2-17/kill HTTP/1.1\r\n")
        assert f"authorization: Bearer {TOKEN}\r\n" in one.asked[-1]
        assert f"; {WHO}\r\n" in one.asked[-1]
        for reply, words in (
            (answered('{"detail": "There is no such checkout."}', "409 Conflict"), "There is no such checkout."),
            (answered("<html>", "502 Bad Gateway"), f"{one.url} was asked to do it: it answers 502"),
            (answered("{}"), f"{one.url} was asked to do it: it answers 200"),
            (answered("", "401 Unauthorized"), "it does not accept the token"),
        ):
            one.reply = reply
            with pytest.raises(ActionError, match=words):
                await those.act("return", "web-2:2-17", WHO)
        with pytest.raises(ActionError, match="No host that is seen here has this checkout"):
            await those.act("kill", "web-9:2-17", WHO)
        monkeypatch.setattr(module, "ACTION_LIMIT_S", 3.0)
        one.pause_s, count = 30.0, len(one.asked)
        with pytest.raises(ActionError, match="it may be done there yet"):
            await those.act("kill", "web-2:2-17", WHO)
        assert len(one.asked) == count + 1
