"""The admission line: who goes first, who is refused first, among the more and the less important, the noisy and the
quiet."""

import asyncio

import pytest

from plimsoll.limiter import Priority
from tests.limiter.crowd import Crowd, a_line, overload
from tests.limiter.virtual_time import run, turns


def test_the_more_important_go_first() -> None:
    """Whatever the order of arrival was."""

    async def scenario() -> None:
        line = a_line()
        line.enter_now("inside")
        crowd = Crowd(line)
        for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.LOW, Priority.HIGH):
            crowd.arrives(priority.name, priority=priority, holds_s=0.01)
        await turns()
        line.leave("inside")
        await crowd.all_done()
        assert crowd.let_in == ["HIGH", "HIGH", "NORMAL", "LOW", "LOW"]

    run(scenario())


def test_in_overload_the_least_important_are_refused_first() -> None:
    """Also where they are the newest."""

    async def scenario() -> None:
        line = a_line()
        crowd = Crowd(line)
        await overload(line, crowd)
        crowd.arrives("low", priority=Priority.LOW)
        await turns()
        assert crowd.refused == [("low", "overload")]
        crowd.arrives("high", priority=Priority.HIGH)
        await turns()
        assert crowd.refused[1:] == [("first", "overload")]
        line.leave("inside")
        await turns()
        assert crowd.let_in[-1] == "high"

    run(scenario())


def test_a_quiet_client_does_not_stand_behind_all_of_a_noisy_one() -> None:
    """Clients take turns: the quiet one's request comes second, each of the noisy one's in its own order."""

    async def scenario() -> None:
        line = a_line()
        line.enter_now("inside")
        crowd = Crowd(line)
        for number in range(10):
            crowd.arrives(f"noisy {number}", "noisy", holds_s=0.001)
        crowd.arrives("quiet", "quiet", holds_s=0.001)
        await turns()
        line.leave("inside")
        await crowd.all_done()
        assert crowd.let_in == ["noisy 0", "quiet", *(f"noisy {number}" for number in range(1, 10))]

    run(scenario())


@pytest.mark.parametrize("turn_s", [0.0, 0.005, 0.001], ids=["pace not known", "known", "slower than usual"])
def test_in_overload_a_quiet_client_is_neither_refused_nor_last(turn_s: float) -> None:
    """Beside a noisy one at fifty times its rate it is always let in."""

    async def scenario() -> None:
        line = a_line(limit=2)
        line.turn_s = turn_s
        crowd = Crowd(line)
        for number in range(2000):
            crowd.arrives(f"noisy {number}", "noisy", holds_s=0.01)
            if number % 50 == 25:
                crowd.arrives(f"quiet {number}", "quiet", holds_s=0.01)
            await asyncio.sleep(0.001)
        assert line.overloaded
        await crowd.all_done()
        quiet = [outcome for outcome in crowd.seen if outcome.name.startswith("quiet")]
        assert len(quiet) == 40
        assert [outcome for outcome in quiet if outcome.reason] == []
        assert max(outcome.waited_s for outcome in quiet[5:]) < 0.03
        assert len(crowd.refused) > 1000

    run(scenario())


def test_whoever_has_many_inside_is_refused_before_whoever_has_none() -> None:
    """With one each in line, what is let in already decides."""

    async def scenario() -> None:
        line = a_line(limit=3)
        crowd = Crowd(line)
        for number in range(3):
            crowd.arrives(str(number), "greedy")
        await turns()
        line.limit = 1
        crowd.arrives("quiet 0")
        await asyncio.sleep(0.11)
        crowd.arrives("greedy", "greedy")
        await turns()
        assert line.overloaded
        crowd.arrives("quiet 1")
        await turns()
        assert crowd.refused == [("greedy", "overload")]

    run(scenario())
