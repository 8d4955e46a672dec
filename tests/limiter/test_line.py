"""The admission line: bursts, overload, patience."""

import asyncio

import pytest

from plimsoll.limiter.line import CALM_S, MAX_WAITING
from tests.limiter.crowd import LONGEST_S, TARGET_S, Crowd, a_line, is_as_new, is_overloaded, overload
from tests.limiter.virtual_time import run, turns


def test_a_line_shorter_than_what_is_let_in_at_once_is_not_overloaded() -> None:
    """It takes about as long as the work itself, however long it stands; one more than that is too many."""

    async def scenario() -> None:
        line = a_line(limit=3)
        crowd = Crowd(line)
        for number in range(5):
            crowd.arrives(f"{number}")
        await asyncio.sleep(0.3)
        crowd.arrives("5")
        await turns()
        assert (line.overloaded, crowd.refused) == (False, [])
        crowd.arrives("6")
        await turns()
        assert line.overloaded
        assert len(crowd.refused) == 2

    run(scenario())


def test_a_burst_is_worked_off_in_the_order_of_arrival() -> None:
    """Twenty at once at a limit of two: all are let in, none is refused, though the last waits twice the target."""

    async def scenario() -> None:
        line = a_line(limit=2)
        crowd = Crowd(line)
        for number in range(20):
            crowd.arrives(str(number), "one client", holds_s=0.02)
        await crowd.all_done()
        assert crowd.let_in == [str(number) for number in range(20)]
        assert crowd.seen[-1].waited_s > 1.5 * TARGET_S
        assert not line.overloaded
        assert line.pressed
        assert is_as_new(line)

    run(scenario())


def test_a_burst_that_nothing_has_been_let_in_of_yet_is_not_cut() -> None:
    """As while a cold pool connects: how long it has stood is all that is known, and that is less than the target."""

    async def scenario() -> None:
        line = a_line(limit=2)
        crowd = Crowd(line)
        for number in range(20):
            crowd.arrives(str(number), holds_s=0.005 if number > 1 else 0.08)
            await asyncio.sleep(0.004)
        await crowd.all_done()
        assert crowd.refused == []
        assert not line.overloaded

    run(scenario())


def test_nobody_overtakes_the_line() -> None:
    """A newcomer is not let in beside those who wait, not even when there is room that they have not heard of yet."""

    async def scenario() -> None:
        line = a_line()
        assert line.enter_now("inside")
        Crowd(line).arrives("waiting")
        await turns()
        line.limit = 2
        assert not line.enter_now("newcomer")
        line.let_in()
        await turns()
        assert line.inside == {"inside": 1, "waiting": 1}

    run(scenario())


@pytest.mark.parametrize("factor", [2, 4, 20])
def test_a_standing_line_is_cut_and_what_can_be_carried_is_carried(factor: int) -> None:
    """Load at a multiple of what is carried: in overload refusals take no time to speak of, waits are short, and no
    capacity is lost; afterwards nothing is left."""

    async def scenario() -> None:
        line = a_line(limit=4)
        crowd = Crowd(line)
        holds_s, seconds = 0.02, 3.0
        capacity = line.limit / holds_s
        for number in range(int(seconds * capacity * factor)):
            crowd.arrives(str(number), holds_s=holds_s)
            await asyncio.sleep(1 / (capacity * factor))
            if number == int(capacity * factor * 1.0):
                assert line.overloaded
                began = len(crowd.seen)
        later = crowd.seen[began:]
        await crowd.all_done()
        assert len(crowd.let_in) >= 0.95 * seconds * capacity
        assert len(crowd.refused) >= 0.9 * (seconds - 1) * capacity * (factor - 1)
        assert max(outcome.waited_s for outcome in later) <= 2 * holds_s
        assert {reason for _name, reason in crowd.refused} == {"overload"}
        assert line.refused == len(crowd.refused)
        assert is_as_new(line)

    run(scenario())


def test_in_overload_the_newest_is_let_in_first_and_the_oldest_refused_at_once() -> None:
    """Whoever has waited longest is the least likely to want the answer still."""

    async def scenario() -> None:
        line = a_line()
        crowd = Crowd(line)
        await overload(line, crowd)
        crowd.arrives("third")
        await turns()
        assert crowd.refused == [("first", "overload")]
        line.leave("inside")
        await turns()
        line.leave("third")
        await turns()
        assert crowd.let_in == ["inside", "third", "second"]

    run(scenario())


def test_in_overload_the_newest_of_one_client_is_let_in_first_too() -> None:
    """As behind a proxy, where all requests may be one client's."""

    async def scenario() -> None:
        line = a_line()
        line.enter_now("proxy")
        crowd = Crowd(line)
        for name, after_s in (("old", 0.11), ("newer", 0.001), ("newest", 0.001)):
            crowd.arrives(name, "proxy")
            await asyncio.sleep(after_s)
        assert crowd.refused == [("old", "overload")]
        for _ in range(2):
            line.leave("proxy")
            await turns()
        assert crowd.let_in == ["newest", "newer"]

    run(scenario())


def test_overload_ends_when_it_was_calm() -> None:
    """A second after the last refusal the line works off bursts again."""

    async def scenario() -> None:
        line = a_line()
        crowd = Crowd(line)
        await overload(line, crowd)
        crowd.arrives("third")
        await turns()
        for name in ("inside", "third", "second"):
            line.leave(name)
            await turns()
        assert is_as_new(line)
        await asyncio.sleep(CALM_S * 0.9)
        crowd.arrives("too early", holds_s=0.01)
        await turns()
        assert is_overloaded(line)
        await asyncio.sleep(CALM_S * 0.2)
        for number in range(6):
            crowd.arrives(str(number), holds_s=0.01)
        await crowd.all_done()
        assert not is_overloaded(line)
        assert crowd.let_in[-6:] == list("012345")

    run(scenario())


@pytest.mark.parametrize(("patience_s", "waits_s"), [(None, LONGEST_S), (0.03, 0.03), (5.0, LONGEST_S)])
def test_nobody_waits_longer_than_its_patience(patience_s: float | None, waits_s: float) -> None:
    """The caller's, where that is less than the line's own; then it is refused, and nothing of it is left."""

    async def scenario() -> None:
        line = a_line()
        line.enter_now("inside")
        crowd = Crowd(line)
        await crowd.arrives("waiting", patience_s=patience_s)
        assert crowd.refused == [("waiting", "waited")]
        assert crowd.seen[0].waited_s == pytest.approx(waits_s)
        line.leave("inside")
        assert is_as_new(line)

    run(scenario())


def test_in_overload_nobody_waits_longer_than_the_target() -> None:
    """It would be let in after all the newer ones."""

    async def scenario() -> None:
        line = a_line()
        crowd = Crowd(line)
        await overload(line, crowd)
        await asyncio.gather(*crowd.tasks[1:])
        assert crowd.seen[-1].waited_s <= LONGEST_S
        second = next(outcome for outcome in crowd.seen if outcome.name == "second")
        assert second.reason == "waited"
        assert second.waited_s == pytest.approx(TARGET_S)

    run(scenario())


def test_in_overload_whoever_is_not_the_next_is_refused_when_as_many_could_have_been_let_in_as_may_wait() -> None:
    """Two may, and one is let in every 4 ms as a rule: after 8 ms it is known that newer ones will go on to be first.
    The newest is the next, whenever that is."""

    async def scenario() -> None:
        line = a_line()
        line.turn_s = 0.004
        crowd = Crowd(line)
        await overload(line, crowd)
        crowd.arrives("third")
        await asyncio.sleep(0.001)
        crowd.arrives("fourth")
        await asyncio.sleep(0.02)
        third = next(outcome for outcome in crowd.seen if outcome.name == "third")
        assert third.reason == "waited"
        assert third.waited_s == pytest.approx(0.008)
        assert line.waiting == 1
        line.leave("inside")
        await turns()
        assert crowd.let_in[-1] == "fourth"

    run(scenario())


def test_the_number_of_those_who_wait_is_bounded() -> None:
    """One more than may wait, and one is refused at once, of the client that has the most in line."""

    async def scenario() -> None:
        line = a_line()
        line.enter_now("inside")
        crowd = Crowd(line)
        for number in range(MAX_WAITING):
            crowd.arrives(str(number), "many")
        crowd.arrives("quiet")
        await turns()
        assert line.waiting == MAX_WAITING
        assert crowd.refused == [("0", "full")]
        assert crowd.seen[0].waited_s == 0
        for task in crowd.tasks:
            task.cancel()
        await turns()
        line.leave("inside")
        assert is_as_new(line)

    run(scenario())


def test_what_others_use_counts() -> None:
    """The pool's connections in the hands of who did not come through the line take places of it."""

    async def scenario() -> None:
        used = 2
        line = a_line(limit=2, used=lambda: used)
        crowd = Crowd(line)
        crowd.arrives("a")
        await turns()
        assert line.waiting == 1
        used = 1
        line.let_in()
        await turns()
        assert (line.demand, crowd.let_in) == (2, ["a"])
        line.settle()
        used = 2
        assert line.demand == 2
        line.leave("a", fresh=False)
        assert is_as_new(line)

    run(scenario())
