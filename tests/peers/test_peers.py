"""Other hosts are asked together, each within a second, and whatever they answer is workers or a sentence."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from time import monotonic

import pytest

from plimsoll.errors import ActionError
from plimsoll.peers import PeerError, peer
from plimsoll.peers import peers as module
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.codec import series_to_json, to_json
from plimsoll.snapshot.history import History
from plimsoll.snapshot.workers import name_of
from plimsoll.web.line import BODY_LIMIT_BYTES
from tests.peers.fakes import READ_TOKEN, TOKEN, answered, host, peers, worker, workers

GOOD = answered(workers(worker("web-2", 1), worker("web-2", 2), silent=("web-2:3",)))
MARGIN_S = 1.0
"""A busy machine's."""


def names(snapshots: tuple[Snapshot, ...]) -> list[str]:
    """`host:pid` of each."""
    return [name_of(each) for each in snapshots]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that failed is asked again at once."""
    monkeypatch.setattr(peer, "FAILED_EVERY_S", 0.0)
    monkeypatch.setattr(peer, "REFUSED_EVERY_S", 0.0)


async def test_hosts_are_asked_together() -> None:
    """One that is slow costs the others nothing, and all of them a second."""
    async with host(GOOD) as good, host(GOOD) as slow, peers(good.url, slow.url) as those:
        slow.pause_s = 30.0
        began_s = monotonic()
        heard = await those.ask()
        assert monotonic() - began_s < peer.LIMIT_S + MARGIN_S
    assert names(heard.snapshots) == ["web-2:1", "web-2:2"]
    assert heard.silent == {"web-2:3"}
    assert [(each.url, each.why) for each in heard.unheard] == [(slow.url, "no whole answer within 1 s")]
    assert not heard.all_known


async def test_what_was_known_stays_and_a_host_that_comes_back_is_heard(at_once: None) -> None:
    """With its name, which it told before."""
    async with host(GOOD) as one, peers(one.url) as those:
        await those.ask()
        one.reply = answered("", "503 Service Unavailable")
        heard = await those.ask(0)
        assert names(heard.snapshots) == ["web-2:1", "web-2:2"]
        assert [(each.hosts, each.why) for each in heard.unheard] == [(("web-2",), "it answers 503")]
        one.reply = answered(workers(worker("web-2", 9)))
        heard = await those.ask(0)
        assert (names(heard.snapshots), heard.unheard) == (["web-2:9"], ())


async def test_nobody_is_asked_more_often_than_needed() -> None:
    """By any number who look at once; one that fails only now and then, so that a wrong token does not lock us out."""
    strict_one = answered("{}", "401 Unauthorized")
    async with host(GOOD) as good, host(strict_one) as strict, peers(good.url, strict.url) as those:
        await asyncio.gather(*(those.ask() for _ in range(20)))
        await those.ask(60.0)
        assert (len(good.asked), len(strict.asked)) == (1, 1)
        heard = await those.ask(0)
        assert (len(good.asked), len(strict.asked)) == (2, 1)
    (refused,) = heard.unheard
    assert refused.why == "it does not accept the token: OPS_READ_TOKEN and OPS_TOKEN must be the same on all hosts"


async def test_the_lesser_token_is_sent_and_only_where_it_was_told_to() -> None:
    """Not to where a redirect leads; a host without a token for those who look sends the operator's."""
    async with host(GOOD) as elsewhere, host(b"") as one:
        one.reply = answered("", "302 Found", f"Location: {elsewhere.url}/ops/workers?a=b")
        async with peers(one.url) as those:
            heard = await those.ask()
        async with peers(one.url, read_token=None) as those:
            await those.ask()
        async with peers(one.url, read_token=None, token=None) as those:
            await those.ask()
    assert elsewhere.asked == []
    assert heard.unheard[0].why == f"it answers 302 and points to {elsewhere.url}/ops/workers, where no token is sent"
    assert all(head.startswith("GET /ops/workers HTTP/1.1\r\n") for head in one.asked)
    given = [line for head in one.asked for line in head.split("\r\n") if line.lower().startswith("authorization")]
    assert given == [f"authorization: Bearer {READ_TOKEN}", f"authorization: Bearer {TOKEN}"]
    assert all(f"{peer.PEER_HEADER}: {socket.gethostname()}:" in head for head in one.asked)


async def test_the_token_is_not_sent_over_the_internet_for_all_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a name leads to is known once it is looked up."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("8.8.8.8", 80))])
    async with peers("http://web2.example") as those:
        (unheard,) = (await those.ask()).unheard
    assert "it is a public address, where http:// would show the token to anybody on the way" in unheard.why


async def test_a_name_that_is_looked_up_for_long_takes_one_thread(
    monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    """And none of those that look up the database's."""
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: done.wait(30) and [])
    before = threading.active_count()
    async with peers("http://web2.example") as those:
        for _ in range(2):
            (unheard,) = (await those.ask(0)).unheard
            assert unheard.why == "no whole answer within 1 s"
        assert threading.active_count() == before + 1
    done.set()


async def test_a_host_that_is_down_is_said() -> None:
    """In words."""
    async with host(GOOD) as one:
        pass
    async with peers(one.url) as those:
        (unheard,) = (await those.ask()).unheard
    assert unheard.why.endswith("Connection refused")
    assert unheard.hosts == ()


def changed(change: Callable[[dict[str, object]], object]) -> str:
    """A worker's snapshot with a change to it."""
    document = to_json(worker("web-2", 1))
    change(document)
    return json.dumps({"workers": [document], "silent": []})


HOSTILE = {
    "no JSON": "<html>",
    "a list": "[]",
    "too deep": "[" * 100_000,
    "not text": "\ud800".encode("utf-8", "surrogatepass"),
    "no workers": "{}",
    "workers that are none": '{"workers": {"a": 1}}',
    "a worker that is none": '{"workers": [7]}',
    "of another format": '{"workers": [{"format": 99}]}',
    "too many": json.dumps({"workers": [7] * 300}),
    "a number without end": changed(lambda each: each.update(at_s=10**400)),
    "a host as none is called": changed(lambda each: each["worker"].update(host="a\nb:1")),  # type: ignore[attr-defined]
    "a process as none is called": changed(lambda each: each["worker"].update(pid=-1)),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_answer_is_a_sentence(body: str | bytes) -> None:
    """Never an exception, and never a worker."""
    async with host(answered(body)) as one, peers(one.url) as those:
        heard = await those.ask()
    assert heard.snapshots == ()
    assert heard.unheard[0].why.startswith("what it answers ")
    assert heard.unheard[0].why.isprintable()


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    """Nor kept."""
    async with host(answered(b"x" * (BODY_LIMIT_BYTES + 1))) as one, peers(one.url) as those:
        heard = await those.ask()
    assert heard.unheard[0].why == "what it answers is larger than is read"


async def test_who_gives_up_leaves_the_question_to_others() -> None:
    """And the end of the service ends it."""
    async with host(GOOD) as one, peers(one.url) as those:
        one.pause_s = 0.3
        looking = asyncio.create_task(those.ask())
        await asyncio.sleep(0.1)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        assert names((await those.ask()).snapshots) == ["web-2:1", "web-2:2"]
        assert len(one.asked) == 1
        one.pause_s = 30.0
        last = asyncio.create_task(those.ask(0))
        await asyncio.sleep(0.1)
    await last
    assert [task for task in asyncio.all_tasks() if task.get_name() == "plimsoll asks a host"] == []


async def test_the_past_of_a_worker_is_asked_of_its_host() -> None:
    """Whose words are numbers, or a sentence."""
    past = answered(json.dumps(series_to_json(History().series("10m"))))
    async with host(GOOD) as one, peers(one.url) as those:
        await those.ask()
        one.reply = past
        assert (await those.history("web-2:2", "1h")).step_s == 1.0
        assert len(await those.histories("1h")) == 1
        assert await those.histories("1h", here=["web-2:1"]) == ()
        with pytest.raises(PeerError, match="no other host has this worker"):
            await those.history("web-9:1", "1h")
        one.reply = answered('{"step_s": "x"}')
        with pytest.raises(PeerError, match="what it answers cannot be read"):
            await those.history("web-2:2", "1h")
        assert await those.histories("1h") == ()
    paths = [head.partition(" HTTP")[0] for head in one.asked[1:]]
    assert paths[:2] == ["GET /ops/history?span=1h&worker=web-2%3A2", "GET /ops/history?span=1h"]


async def test_an_operators_action_is_done_once_by_the_host_that_has_the_checkout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the operator's token; its own words are passed on."""
    async with host(GOOD) as one, peers(one.url) as those:
        await those.ask()
        one.reply = answered('{"result": "It was ended."}')
        assert await those.act("web-2:2-17", "kill") == "It was ended."
        assert one.asked[-1].startswith("POST /ops/holders/web-2:2-17/kill HTTP/1.1\r\n")
        assert f"authorization: Bearer {TOKEN}\r\n" in one.asked[-1]
        for reply, words in (
            (answered('{"detail": "There is no such checkout."}', "409 Conflict"), "There is no such checkout."),
            (answered("<html>", "502 Bad Gateway"), f"{one.url} was asked to do it: it answers 502"),
            (answered("{}"), f"{one.url} was asked to do it: it answers 200"),
            (answered("", "401 Unauthorized"), "it does not accept the token"),
        ):
            one.reply = reply
            with pytest.raises(ActionError, match=words):
                await those.act("web-2:2-17", "return")
        with pytest.raises(ActionError, match="No other host has this checkout"):
            await those.act("web-9:2-17", "kill")
        monkeypatch.setattr(module, "ACTION_LIMIT_S", 0.2)
        one.pause_s, count = 30.0, len(one.asked)
        with pytest.raises(ActionError, match="it may be done there yet"):
            await those.act("web-2:2-17", "kill")
        assert len(one.asked) == count + 1
