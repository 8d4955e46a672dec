"""Refusals: what is sent, and how they are slowed down while they crowd the event loop."""

import asyncio
import json
from typing import Any

import pytest

from plimsoll.asgi.messages import Refusal
from plimsoll.asgi.refusals import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    OVERLOADED,
    PARKED,
    TOO_LONG,
    UNREAD_BYTES,
    Pacer,
    answer,
    leaves_body_unread,
)
from tests.limiter.virtual_time import now_s, run


class Lagging:
    """A clock on which each turn of the loop takes `turn_s`: the pacer reads it twice a probe."""

    def __init__(self, turn_s: float) -> None:
        self.turn_s = turn_s
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += self.turn_s
        return self.now_s


async def refuse(pacer: Pacer, times: int) -> None:
    """So many refusals, one after the other."""
    for _ in range(times):
        await pacer.pause()
        await asyncio.sleep(0)


def test_refusals_do_not_wait_while_the_loop_turns_quickly() -> None:
    """A client learns at once that it is to come back later."""

    async def scenario() -> None:
        pacer = Pacer(Lagging(0.0002))
        await refuse(pacer, 2000)
        assert (pacer.pause_s, now_s()) == (0.0, 0.0)

    run(scenario())


def test_refusals_wait_while_they_crowd_the_loop_and_no_more_when_it_is_free() -> None:
    """Longer and longer, to a second at most; then less and less, to nothing."""

    async def scenario() -> None:
        clock = Lagging(0.01)
        pacer = Pacer(clock)
        await refuse(pacer, 40)
        assert pacer.pause_s >= FIRST_PAUSE_S
        await refuse(pacer, 400)
        assert pacer.pause_s == LONGEST_PAUSE_S
        began_s = now_s()
        await pacer.pause()
        assert 0.5 * LONGEST_PAUSE_S <= now_s() - began_s <= 1.5 * LONGEST_PAUSE_S
        clock.turn_s = 0.0001
        await refuse(pacer, 30_000)
        assert pacer.pause_s == 0.0

    run(scenario())


def test_those_refused_together_are_not_answered_together() -> None:
    """Else they would come back together."""

    async def scenario() -> None:
        pacer = Pacer(Lagging(0.0001))
        pacer.pause_s = 0.1
        answered: list[float] = []

        async def one() -> None:
            await pacer.pause()
            answered.append(now_s())

        await asyncio.gather(*(one() for _ in range(50)))
        assert len({round(when_s, 3) for when_s in answered}) > 25

    run(scenario())


def test_the_number_of_refusals_that_wait_is_bounded_and_a_cancelled_one_does_not_count() -> None:
    """The others are sent at once: what waits takes memory."""

    async def scenario() -> None:
        pacer = Pacer(Lagging(0.0001))
        pacer.pause_s = 1.0
        waiting = [asyncio.create_task(pacer.pause()) for _ in range(PARKED)]
        await asyncio.sleep(0)
        began_s = now_s()
        await pacer.pause()
        assert now_s() == began_s
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        await pacer.pause()
        assert now_s() > began_s

    run(scenario())


@pytest.mark.parametrize(
    ("headers", "unread"),
    [
        ([], False),
        ([(b"content-length", b"%d" % UNREAD_BYTES)], False),
        ([(b"content-length", b"%d" % (UNREAD_BYTES + 1))], True),
        ([(b"content-length", b"nonsense")], True),
        ([(b"host", b"x"), (b"transfer-encoding", b"chunked")], True),
    ],
)
def test_a_connection_whose_body_is_too_long_to_be_thrown_away_is_closed(
    headers: list[tuple[bytes, bytes]], unread: bool
) -> None:
    """And one whose end is not known."""
    assert leaves_body_unread({"headers": headers}) is unread


@pytest.mark.parametrize("refusal", [OVERLOADED, TOO_LONG])
@pytest.mark.parametrize("retry_after_s", [None, 7])
def test_an_answer_is_a_problem_document_whose_length_is_said(refusal: Refusal, retry_after_s: int | None) -> None:
    """RFC 9457, with Retry-After where there is something to say."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    run(answer({}, send, refusal, retry_after_s=retry_after_s, close=retry_after_s is None))
    start, body = sent
    headers = dict(start["headers"])
    assert start["status"] == refusal.status
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert headers.get(b"retry-after") == (None if retry_after_s is None else b"7")
    assert (b"connection" in headers) is (retry_after_s is None)
    assert json.loads(body["body"])["status"] == refusal.status
