"""The admission line: turns, bursts, overload, fairness; and what a cancellation at any moment leaves behind."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from plimsoll.limiter import AdmissionLine, Priority, RefusedError
from plimsoll.limiter.line import CALM_S, MAX_WAITING
from tests.limiter.virtual_time import now_s, run, turns

TARGET_S = 0.1
LONGEST_S = 1.0


def a_line(limit: int = 1, used: Callable[[], int] = lambda: 0) -> AdmissionLine:
    """A line on the running loop's time."""
    return AdmissionLine(limit, TARGET_S, LONGEST_S, asyncio.get_running_loop().time, used)


@dataclass
class Outcome:
    """What became of one that entered. `reason` is empty where it was let in."""

    name: str
    reason: str
    waited_s: float


class Crowd:
    """Tasks that enter a line; `seen` has them in the order in which they were let in or refused."""

    def __init__(self, line: AdmissionLine) -> None:
        self.line = line
        self.seen: list[Outcome] = []
        self.tasks: list[asyncio.Task[None]] = []

    def arrives(self, name: str, client: str = "", holds_s: float | None = None, **how: Any) -> "asyncio.Task[None]":
        """One arrives, and leaves after `holds_s`; not at all by default."""
        task = asyncio.get_running_loop().create_task(self._come(name, client or name, holds_s, how))
        self.tasks.append(task)
        return task

    async def _come(self, name: str, client: str, holds_s: float | None, how: dict[str, Any]) -> None:
        began_s = now_s()
        try:
            await self.line.enter(client, **how)
        except RefusedError as refused:
            self.seen.append(Outcome(name, refused.reason, now_s() - began_s))
            return
        self.seen.append(Outcome(name, "", now_s() - began_s))
        if holds_s is not None:
            await asyncio.sleep(holds_s)
            self.line.leave(client)

    @property
    def let_in(self) -> list[str]:
        """Names, in order."""
        return [outcome.name for outcome in self.seen if not outcome.reason]

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Names and reasons, in order."""
        return [(outcome.name, outcome.reason) for outcome in self.seen if outcome.reason]

    async def all_done(self) -> None:
        """Wait for everybody."""
        await asyncio.gather(*self.tasks)


def is_as_new(line: AdmissionLine) -> bool:
    """Whether nothing is left of anybody."""
    return (line.fresh, line.inside, line.waiting) == (0, {}, 0) and not any(line._waiting.values())


def is_overloaded(line: AdmissionLine) -> bool:
    """At this moment: the type checker does not know that it changes."""
    return line.overloaded


async def overload(line: AdmissionLine, crowd: Crowd) -> None:
    """Somebody is inside and stays, two wait, the line has stood for long: it is overloaded, nobody is refused yet."""
    crowd.arrives("inside")
    await turns()
    crowd.arrives("first")
    await asyncio.sleep(0.11)
    crowd.arrives("second")
    await asyncio.sleep(0.001)
    assert line.overloaded
    assert (crowd.let_in, crowd.refused) == (["inside"], [])


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


def test_in_overload_a_quiet_client_is_neither_refused_nor_last() -> None:
    """Beside a noisy one at fifty times its rate it is always let in."""

    async def scenario() -> None:
        line = a_line(limit=2)
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


# Cancelled: while it waits, in the turn in which it is let in, in the turn in which it is refused, before and after.

Scene = Callable[[AdmissionLine, "asyncio.Task[None]"], None]


def _let_in_then_cancel(line: AdmissionLine, task: "asyncio.Task[None]") -> None:
    line.leave("inside")
    task.cancel()


def _cancel_then_let_in(line: AdmissionLine, task: "asyncio.Task[None]") -> None:
    task.cancel()
    line.leave("inside")


def _refuse_then_cancel(line: AdmissionLine, task: "asyncio.Task[None]") -> None:
    line.overloaded = True
    for _ in range(line.waiting):
        line._refuse(line._heaviest(), "overload")
    task.cancel()


def _cancel_then_refuse(line: AdmissionLine, task: "asyncio.Task[None]") -> None:
    task.cancel()
    line._refuse(line._heaviest(), "overload")


def _only_cancel(line: AdmissionLine, task: "asyncio.Task[None]") -> None:
    task.cancel()


SCENES: list[Scene] = [_only_cancel, _let_in_then_cancel, _cancel_then_let_in, _refuse_then_cancel, _cancel_then_refuse]


@pytest.mark.parametrize("scene", SCENES)
def test_a_cancelled_wait_gives_its_place_to_the_next(scene: Scene) -> None:
    """Whatever else happens in the same turn of the loop: the next is let in, and at the end nothing is left."""

    async def scenario() -> None:
        line = a_line()
        line.enter_now("inside")
        cancelled = asyncio.create_task(line.enter("cancelled"))
        await turns()
        crowd = Crowd(line)
        if scene is not _refuse_then_cancel:
            crowd.arrives("next", holds_s=0.01)
        await turns()
        scene(line, cancelled)
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        if "inside" in line.inside:
            line.leave("inside")
        await crowd.all_done()
        assert crowd.refused == []
        assert is_as_new(line)

    run(_with_nothing_reported(scenario()))


async def _with_nothing_reported(work: Coroutine[Any, Any, None]) -> None:
    """`work`, and the loop has heard of no error that nobody took."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    await work
    assert reported == []
