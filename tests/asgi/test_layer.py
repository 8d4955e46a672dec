"""The admission layer alone, in virtual time: policies, deadlines, the end of the process; what is left of whom."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from plimsoll.asgi.admission import Admission, AdmissionLayer, Policy
from plimsoll.asgi.routes import Kinds
from plimsoll.asgi.work import LEEWAY_S, TICK_S
from plimsoll.limiter import AdaptiveLimit, Priority, Usage
from plimsoll.settings import ServiceSettings
from tests.limiter.virtual_time import now_s, run, turns

Handler = Callable[[Any], Awaitable[None]]


class Service:
    """A layer before `handler`, with a pool of one; handlers that need it are counted by the line alone."""

    def __init__(self, handler: Handler, policy: Policy | None = None, **settings: Any) -> None:
        clock = asyncio.get_running_loop().time
        self.handler = handler
        self.statuses: list[int | None] = []
        self.admission = Admission(
            ServiceSettings(**settings),
            kinds=Kinds(),
            policy=policy,
            adaptive=AdaptiveLimit(lambda: Usage(0.0, 0, 0.0, 0, 1, 1), clock),
            clock=clock,
        )
        self.layer = AdmissionLayer(self._app, self.admission)

    async def _app(self, scope: Any, _receive: Any, send: Any) -> None:
        await self.handler(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def ask(self, path: str = "/", client: str = "192.0.2.1") -> "asyncio.Task[int | None]":
        """The status of a request; None where nothing was sent."""
        return asyncio.get_running_loop().create_task(self._ask(path, client))

    async def _ask(self, path: str, client: str) -> int | None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "client": (client, 4711)}
        await self.layer(scope, receive, send)
        return sent[0]["status"] if sent else None

    @property
    def is_as_new(self) -> bool:
        """Whether nothing is left of any request."""
        line = self.admission.line
        return (line.fresh, line.inside, line.waiting, len(self.admission.running)) == (0, {}, 0, 0)


def sleeping(seconds: float) -> Handler:
    """A handler that takes so long."""

    async def handler(_scope: Any) -> None:
        await asyncio.sleep(seconds)

    return handler


def by_first_part(scope: Any) -> Priority | None:
    """`/HIGH/x` has the priority HIGH, any other path says nothing."""
    name = scope["path"].split("/")[1]
    return Priority[name] if name in Priority.__members__ else None


def test_what_a_policy_lets_in_always_does_not_stand_in_line() -> None:
    """And takes no place of it."""

    async def scenario() -> None:
        service = Service(sleeping(0.5), Policy(priority_of=by_first_part))
        others = [service.ask() for _ in range(3)]
        await turns()
        assert await service.ask("/ALWAYS/x") == 200
        assert now_s() == pytest.approx(0.5)
        assert [await task for task in others] == [200, 200, 503]
        assert service.is_as_new

    run(scenario())


def test_a_policy_says_who_goes_first_and_whose_a_request_is() -> None:
    """Two requests of one client take turns with those of another."""

    async def scenario() -> None:
        served: list[str] = []

        async def handler(scope: Any) -> None:
            served.append(scope["path"])
            await asyncio.sleep(0.01)

        policy = Policy(priority_of=by_first_part, client_of=lambda scope: scope["path"][-1])
        service = Service(handler, policy)
        tasks = [service.ask(path) for path in ("/1/a", "/2/a", "/3/a", "/4/b", "/HIGH/a")]
        assert set(await asyncio.gather(*tasks)) == {200}
        assert served == ["/1/a", "/HIGH/a", "/2/a", "/4/b", "/3/a"]
        assert service.is_as_new

    run(scenario())


async def _raises(_scope: Any) -> None:
    await asyncio.sleep(0.01)
    raise LookupError


@pytest.mark.parametrize("handler", [_raises, sleeping(0.3), sleeping(60)])
@pytest.mark.parametrize("cancelled_after_s", [None, 0.0, 0.005, 0.2, 0.4])
def test_however_a_request_ends_its_place_is_free_again(handler: Handler, cancelled_after_s: float | None) -> None:
    """By an error, a deadline, a cancellation: of whoever is in, and of whoever is in line."""

    async def scenario() -> None:
        service = Service(handler, request_timeout_s=1.0)
        tasks = [service.ask(client=f"192.0.2.{number}") for number in range(6)]
        if cancelled_after_s is not None:
            await asyncio.sleep(cancelled_after_s)
            for task in tasks[::2]:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert service.is_as_new
        service.handler = sleeping(0)
        assert await service.ask() == 200

    run(scenario())


def test_a_cancellation_by_the_server_is_not_taken_for_a_deadline() -> None:
    """Also where both come at the same moment: the server wants the task to end."""

    async def scenario() -> None:
        service = Service(sleeping(60), request_timeout_s=1.0)
        task = service.ask()
        await turns()
        (work,) = service.admission.running
        assert work.end("deadline")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert service.is_as_new

    run(scenario())


def test_the_time_in_line_is_part_of_a_requests_time() -> None:
    """What is let in late has less left: both are answered within the leeway and a tick of the limit."""

    async def scenario() -> None:
        service = Service(sleeping(0.7), request_timeout_s=1.0, admission_wait_s=1.0)
        first, second = service.ask(), service.ask()
        assert (await first, await second) == (200, 504)
        assert now_s() <= 1.0 + LEEWAY_S + TICK_S
        assert service.is_as_new

    run(scenario())


def test_who_stops_lets_nobody_in_and_ends_what_takes_too_long() -> None:
    """What is done in time is answered; the rest is ended, and answered 503."""

    async def scenario() -> None:
        service = Service(sleeping(0.5), admission_wait_s=1.0)
        in_time = service.ask()
        await turns()
        service.admission.stop(within_s=1.0)
        service.handler = sleeping(60)
        assert await service.ask() == 503
        assert now_s() == 0, "refused, not ended later"
        assert await in_time == 200
        assert service.is_as_new

        service.admission.stopping = False
        too_long = service.ask()
        await turns()
        service.admission.stopping = True
        assert await too_long == 503
        assert now_s() <= 1.2
        assert service.is_as_new

    run(scenario())
