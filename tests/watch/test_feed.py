"""What is known of a service: live, stale, down, refused, and live again."""

import json
import math
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from plimsoll.watch import feed as module
from plimsoll.watch.feed import DOWN_AFTER_S, EVERY_S, HISTORY_KEPT, REFUSED_EVERY_S, Feed
from plimsoll.web.place import place_of
from tests.snapshot.samples import EXHAUSTED, HEALTHY
from tests.watch.conftest import TOKEN, Service


class Clock:
    """Seconds that the test says."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Of the feed."""
    return Clock()


@pytest.fixture
async def feed(service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Feed]:
    """Of the service, with a long patience: a busy machine may keep it from answering."""
    monkeypatch.setattr(module, "LIMIT_S", 20.0)
    made = Feed(place_of(service.url), TOKEN, clock=clock)
    yield made
    made.close()


async def test_it_is_connecting_before_the_first_answer_and_live_with_it(feed: Feed, service: Service) -> None:
    """The token is sent as a bearer's."""
    assert feed.sight.state == "connecting"
    sight = await feed.look()
    assert (sight.state, sight.words, sight.age_s, feed.wait_s) == ("live", "", 0.0, EVERY_S)
    assert sight.snapshot is not None
    assert sight.snapshot.pool == HEALTHY.pool
    assert service.asked[0] == ("/ops/snapshot?worker=all", f"Bearer {TOKEN}")


async def test_the_numbers_of_each_second_are_kept_after_the_history_of_the_worker(
    feed: Feed, service: Service
) -> None:
    """What was before the first look comes from the worker, and what it does not know is a gap."""
    service.history = {"step_s": 1, "times_s": [1, 2], "values": {"pool_taken": [7, None], "nobody": [1]}}
    await feed.look()
    await feed.look()
    first, second, third, fourth = feed.past["pool_taken"]
    assert (first, third, fourth) == (7.0, 2.0, 2.0)
    assert math.isnan(second)
    assert feed.past["requests_per_s"][-1] == 0.0
    assert [path for path, _ in service.asked].count("/ops/history?span=10m&worker=all") == 1


async def test_the_history_takes_no_more_than_its_room(feed: Feed, service: Service) -> None:
    """A view may stay open for a week."""
    service.history = {"values": {"pool_taken": [1.0] * 100_000}}
    await feed.look()
    assert len(feed.past["pool_taken"]) == HISTORY_KEPT


@pytest.mark.parametrize(
    "history", [{"values": 7}, {"values": {"pool_taken": 7}}, [], {}, {"values": {"pool_taken": "x"}}]
)
async def test_a_history_that_is_none_is_passed_over(feed: Feed, service: Service, history: object) -> None:
    """The snapshot counts."""
    service.history = history  # type: ignore[assignment]
    assert (await feed.look()).state == "live"


async def test_another_worker_begins_anew(feed: Feed, service: Service) -> None:
    """Its numbers are not compared with another's."""
    await feed.look()
    service.snapshot = replace(HEALTHY, worker=replace(HEALTHY.worker, pid=4712))
    sight = await feed.look()
    assert sight.before is None
    assert len(feed.past["pool_taken"]) == 1


async def test_a_service_that_is_gone_is_stale_then_down_then_live_again(
    feed: Feed, service: Service, clock: Clock
) -> None:
    """The last picture stays, with its age."""
    await feed.look()
    service.stop()
    clock.now_s += 2
    sight = await feed.look()
    assert (sight.state, sight.age_s) == ("stale", 2.0)
    assert sight.snapshot is not None
    clock.now_s += DOWN_AFTER_S
    sight = await feed.look()
    assert sight.state == "down"
    assert "Connection refused" in sight.words
    assert sight.snapshot is not None
    service.start()
    assert (await feed.look()).state == "live"


async def test_a_service_that_was_never_there_is_down(feed: Feed, service: Service) -> None:
    """At once."""
    service.stop()
    sight = await feed.look()
    assert (sight.state, sight.snapshot) == ("down", None)


async def test_a_service_that_does_not_answer_is_waited_for_a_short_time(
    feed: Feed, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so."""
    await feed.look()
    monkeypatch.setattr(feed._line, "limit_s", 0.5)
    service.deaf.set()
    sight = await feed.look()
    assert sight.state == "stale"
    assert sight.words == "no whole answer within 0.5 s"


@pytest.mark.parametrize(
    ("status", "headers", "words", "wait_s"),
    [
        (401, {}, "does not accept our token", REFUSED_EVERY_S),
        (404, {}, "no token is set for the service, or it has no Plimsoll", REFUSED_EVERY_S),
        (429, {"Retry-After": "42"}, "the next try is in 42 s", 42.0),
        (302, {"Location": "https://elsewhere.example/?q=1"}, "answers 302 and points to https://", REFUSED_EVERY_S),
    ],
)
async def test_a_refusal_is_told_with_its_remedy_and_not_tried_again_each_second(
    feed: Feed, service: Service, status: int, headers: dict[str, str], words: str, wait_s: float
) -> None:
    """Wrong tokens lock an address out."""
    service.status, service.headers = status, headers
    sight = await feed.look()
    assert sight.state == "refused"
    assert words in sight.words
    assert feed.wait_s == wait_s


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"{}", b'{"format": 9}', b"[" * 100_000, b'{"format": 1}'])
async def test_an_answer_that_is_no_snapshot_is_told(feed: Feed, service: Service, body: bytes) -> None:
    """It may be another service that answers there."""
    service.body = body
    sight = await feed.look()
    assert sight.state == "refused"
    assert "answers with something else" in sight.words


async def test_a_huge_answer_is_not_read_to_its_end(feed: Feed, service: Service) -> None:
    """Nothing on the network fills this machine's memory."""
    service.body = b" " * (5 << 20)
    assert "too long" in (await feed.look()).words


async def test_a_failing_service_keeps_the_last_picture(feed: Feed, service: Service) -> None:
    """500 is no refusal."""
    service.snapshot = EXHAUSTED
    await feed.look()
    service.status = 500
    sight = await feed.look()
    assert (sight.state, sight.words) == ("stale", "it answers 500")
    assert sight.snapshot is not None
    assert sight.snapshot.holders == EXHAUSTED.holders


async def test_the_token_is_not_sent_where_others_could_read_it() -> None:
    """To another machine without TLS, nothing is sent at all."""
    feed = Feed(place_of("http://192.0.2.1:8000"), TOKEN)
    sight = await feed.look()
    assert sight.state == "refused"
    assert "without TLS" in sight.words
    assert TOKEN not in json.dumps(sight.words)


async def test_one_worker_is_asked_for_by_its_name_and_one_that_is_gone_is_told(feed: Feed, service: Service) -> None:
    """What was known of the others is not shown as its own."""
    service.workers["web-1:4712"] = EXHAUSTED
    await feed.look()
    assert sum(map(len, feed.past.values()))
    feed.choose("web-1:4712")
    assert (feed.sight.state, feed.sight.snapshot) == ("connecting", None)
    assert not sum(map(len, feed.past.values()))
    sight = await feed.look()
    assert sight.snapshot is not None
    assert sight.snapshot.pool == EXHAUSTED.pool
    assert service.asked[-1][0] == "/ops/history?span=10m&worker=web-1:4712"
    del service.workers["web-1:4712"]
    sight = await feed.look()
    assert (feed.is_gone, sight.state, sight.words) == (True, "refused", "There is no worker web-1:4712.")
    feed.choose("all")
    assert (await feed.look()).state == "live"
    assert not feed.is_gone
