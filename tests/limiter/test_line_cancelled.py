"""The admission line, cancelled while somebody waits: also in the turn of the loop in which it is let in or refused."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from plimsoll.limiter import AdmissionLine
from tests.limiter.crowd import Crowd, a_line, is_as_new
from tests.limiter.virtual_time import run, turns

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
