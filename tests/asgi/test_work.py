"""A request in flight: its place in the line, lent to others while it waits for its client."""

import asyncio
from typing import Any

import pytest

from plimsoll.asgi.routes import Kind, Kinds
from plimsoll.asgi.slow import ReaderRules
from plimsoll.asgi.traffic import Traffic
from plimsoll.asgi.work import RequestWork
from plimsoll.limiter import AdmissionLine, Priority
from tests.limiter.virtual_time import run, turns


async def sent(_message: Any) -> None:
    """What a server does with a message."""


def a_work() -> tuple[AdmissionLine, RequestWork]:
    """A line for one, and the request that was let in."""
    line = AdmissionLine(1, 0.1, 1.0, asyncio.get_running_loop().time)
    assert line.enter_now("client")
    kind = Kind("GET /", Priority.NORMAL)
    rules = ReaderRules(0, 0.0)
    work = RequestWork({}, sent, rules, line, kind, None, lambda _work, _message: None, Traffic(Kinds()), 0.0)
    work.counted = work.fresh = True
    return line, work


class Client:
    """Sends a part of its body when the test says so."""

    def __init__(self) -> None:
        self.part: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def receive(self) -> Any:
        return await self.part


def test_a_place_is_lent_while_the_body_is_waited_for() -> None:
    """Somebody else is let in meanwhile; when the body has come the request counts again."""

    async def scenario() -> None:
        line, work = a_work()
        client = Client()
        other = asyncio.create_task(line.enter("other"))
        receiving = asyncio.create_task(work.receive(client.receive))
        await turns()
        assert other.done()
        client.part.set_result({"type": "http.request"})
        assert (await receiving)["type"] == "http.request"
        assert (line.fresh, work.fresh) == (2, True)
        line.leave("other")
        line.leave("client", fresh=work.fresh)
        assert (line.fresh, line.inside) == (0, {})

    run(scenario())


@pytest.mark.parametrize("how", ["comes", "is cancelled"])
@pytest.mark.parametrize("what", ["took a connection", "started", "started and left"])
def test_what_is_received_late_takes_no_place_again(what: str, how: str) -> None:
    """Whoever listens for the client's leaving is answered when all else is over, in a task of its own perhaps."""

    async def scenario() -> None:
        line, work = a_work()
        client = Client()
        receiving = asyncio.create_task(work.receive(client.receive))
        await turns()
        if what == "took a connection":
            work.asks_for_connection()
        else:
            work.started = True
        if what == "started and left":
            line.leave("client", fresh=work.fresh)
        if how == "comes":
            client.part.set_result("gone")
        else:
            receiving.cancel()
        await asyncio.wait([receiving])
        if what != "started and left":
            line.leave("client", fresh=work.fresh)
        assert (line.fresh, line.inside) == (0, {})
        assert not work.fresh

    run(scenario())


def test_a_request_is_ended_once_and_not_in_the_middle_of_a_commit() -> None:
    """A second reason changes nothing."""

    async def scenario() -> None:
        _line, work = a_work()
        task = asyncio.current_task()
        assert task is not None
        work.committing = 1
        assert not work.end("deadline")
        work.committing = 0
        assert work.end("deadline")
        assert not work.end("shutdown")
        assert (work.ended, task.cancelling()) == ("deadline", 1)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        task.uncancel()

    run(scenario())
