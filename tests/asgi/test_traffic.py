"""What each route did: requests, errors by kind, time to the response; under names that no client can invent."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from plimsoll.asgi.admission import Admission, AdmissionLayer
from plimsoll.asgi.routes import Kinds
from plimsoll.asgi.traffic import MOST_ROUTES, OTHER, OUTSIDE
from plimsoll.errors import SlowReaderError
from plimsoll.limiter import AdaptiveLimit, Priority, Usage
from plimsoll.settings import ServiceSettings
from plimsoll.snapshot import RouteView
from plimsoll.snapshot.moment import Moment
from tests.limiter.virtual_time import run, turns
from tests.snapshot.samples import HEALTHY

Handler = Callable[[Any, Any], Awaitable[None]]
"""Gets the scope and `send`."""


class Service:
    """The admission layer before `handler`, with a database for `places` requests and a time limit of a second."""

    def __init__(self, handler: Handler, places: int = 10) -> None:
        clock = asyncio.get_running_loop().time
        self.handler = handler
        self.admission = Admission(
            ServiceSettings(request_timeout_s=1.0),
            kinds=Kinds({"/health": Priority.ALWAYS}),
            adaptive=AdaptiveLimit(lambda: Usage(0.0, 0, 0.0, 0, places, places), clock),
            clock=clock,
        )
        self.layer = AdmissionLayer(self._app, self.admission)

    async def _app(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"].startswith("/items/"):
            scope["route"] = SimpleNamespace(path="/items/{item_id}", methods={"GET"})
        await self.handler(scope, send)

    def ask(self, path: str = "/items/1", method: str = "GET") -> "asyncio.Task[None]":
        """A request."""

        async def send(_message: Any) -> None:
            return

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        scope = {"type": "http", "method": method, "path": path, "headers": [], "client": ("192.0.2.1", 4711)}
        return asyncio.get_running_loop().create_task(self.layer(scope, receive, send))

    @property
    def routes(self) -> dict[str, RouteView]:
        """What they did, by name."""
        return {view.name: view for view in self.admission.traffic.routes()}


def answering(status: int, after_s: float = 0.0) -> Handler:
    """Answers so, and then."""

    async def handler(_scope: Any, send: Any) -> None:
        await asyncio.sleep(after_s)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return handler


def raising(error: type[BaseException], status: int | None = None) -> Handler:
    """Raises it, perhaps once an answer has gone out, as frameworks do."""

    async def handler(scope: Any, send: Any) -> None:
        if status is not None:
            await answering(status)(scope, send)
        raise error("on purpose")

    return handler


@pytest.mark.parametrize(
    ("handler", "errors", "answered"),
    [
        (answering(200), {}, 1),
        (answering(304), {}, 1),
        (answering(404), {"4xx": 1}, 1),
        (answering(500), {"5xx": 1}, 1),
        (answering(503, after_s=0.9), {"5xx": 1}, 1),
        (answering(503, after_s=1.05), {"deadline": 1}, 1),
        (answering(200, after_s=60), {"deadline": 1}, 1),
        (raising(LookupError), {"5xx": 1}, 1),
        (raising(LookupError, 500), {"5xx": 1}, 1),
        (raising(MemoryError), {"memory": 1}, 1),
        (raising(MemoryError, 500), {"memory": 1}, 1),
        (raising(asyncio.CancelledError), {"cancelled": 1}, 0),
    ],
)
def test_an_error_is_counted_once_by_its_kind(handler: Handler, errors: dict[str, int], answered: int) -> None:
    """Whoever answers it: the application, the framework on its way to the server, or we."""

    async def scenario() -> None:
        service = Service(handler)
        await asyncio.gather(service.ask(), return_exceptions=True)
        route = service.routes["GET /items/{item_id}"]
        assert (route.requests, route.in_flight, dict(route.errors)) == (1, 0, errors)
        assert route.latency.count == answered

    run(scenario())


def test_a_client_that_was_given_up_is_no_fault_of_the_service() -> None:
    """It counts as cancelled."""

    async def handler(_scope: Any, send: Any) -> None:
        await answering(200)(_scope, send)
        send.__self__.given_up = True
        raise SlowReaderError("on purpose")

    async def scenario() -> None:
        service = Service(handler)
        await service.ask()
        assert dict(service.routes["GET /items/{item_id}"].errors) == {"cancelled": 1}

    run(scenario())


def test_refusals_are_counted_and_are_no_latency() -> None:
    """Of the line, and of a process that stops; what it ends counts as cancelled."""

    async def scenario() -> None:
        service = Service(answering(200, after_s=0.4), places=1)
        await service.ask()  # from now on the route is known
        tasks = [service.ask() for _ in range(4)]
        await asyncio.wait(tasks)
        route = service.routes["GET /items/{item_id}"]
        refused = route.errors["refused"]
        assert refused >= 1
        assert (route.requests, route.latency.count) == (5, 5 - refused)
        last = service.ask()
        await turns()
        service.admission.stop(within_s=0.1)
        await service.ask()
        await last
        route = service.routes["GET /items/{item_id}"]
        assert dict(route.errors) == {"refused": refused + 1, "cancelled": 1}
        assert (route.requests, route.latency.count) == (7, 5 - refused)

    run(scenario())


def test_a_refusal_is_counted_before_it_is_sent() -> None:
    """Which takes a while where refusals crowd the loop: the number of requests never goes back."""

    async def scenario() -> None:
        service = Service(answering(200, after_s=0.4), places=1)
        await service.ask()
        service.admission.pacer.pause_s = 10.0
        tasks = [service.ask() for _ in range(4)]
        await asyncio.sleep(2)
        route = service.routes["GET /items/{item_id}"]
        waiting = sum(not task.done() for task in tasks)
        assert waiting == route.errors["refused"] >= 1
        assert (route.requests, route.in_flight) == (5, 0)
        await asyncio.wait(tasks)
        assert service.routes["GET /items/{item_id}"] == route

    run(scenario())


def test_requests_in_flight_are_seen_and_timed_from_their_arrival() -> None:
    """The wait in line is part of the time; what follows the start of the response is not."""

    async def handler(scope: Any, send: Any) -> None:
        await answering(200, after_s=0.3)(scope, send)
        await asyncio.sleep(30)

    async def scenario() -> None:
        service = Service(handler)
        tasks = [service.ask() for _ in range(3)]
        await turns()
        route = service.routes["GET /items/{item_id}"]
        assert (route.requests, route.in_flight, route.latency.count) == (3, 3, 0)
        await asyncio.sleep(1)
        route = service.routes["GET /items/{item_id}"]
        assert (route.requests, route.in_flight, route.latency.count) == (3, 3, 3)
        assert route.latency.total_s == pytest.approx(0.9)
        assert route.latency.quantile_s(0.5) == 0.5
        await asyncio.wait(tasks)
        route = service.routes["GET /items/{item_id}"]
        assert (route.requests, route.in_flight) == (3, 0)
        assert route.latency.total_s == pytest.approx(0.9)

    run(scenario())


def test_no_client_makes_a_name() -> None:
    """Neither by a path nor by a method; what is never limited is not counted."""

    async def scenario() -> None:
        service = Service(answering(404))
        for number in range(30):
            await service.ask(f"/wp-login/{number}")
            await service.ask(f"/items/{number}", f"METHOD{number}")
            await service.ask(f"/items/{number}")
        await service.ask("/health")
        routes = service.routes
        assert {name: view.requests for name, view in routes.items()} == {"GET /items/{item_id}": 30, "unknown": 60}

    run(scenario())


@pytest.mark.parametrize("method", ["POST", "<script>"])
def test_a_route_that_takes_any_method_has_a_name_for_those_that_exist(method: str) -> None:
    """Starlette gives no methods for a class of handlers."""
    scope = {"path": "/any", "method": method, "route": SimpleNamespace(path="/any", methods=None)}
    kinds = Kinds()
    assert kinds.served(scope, kinds.of(scope)).name == ("POST /any" if method == "POST" else "unknown")


def test_what_is_beyond_the_number_of_routes_is_other() -> None:
    """Requests and whatever else asks for connections share it; those that were there go on."""

    async def scenario() -> None:
        service = Service(answering(200))
        await service.ask()
        traffic = service.admission.traffic
        traffic.of_owner("")
        for number in range(MOST_ROUTES + 50):
            traffic.of_owner(f"job {number} {'x' * 300}").waited(0.1)
        await service.ask()
        await service.ask("/nowhere")
        routes = service.routes
        assert len(routes) == MOST_ROUTES + 1
        assert max(map(len, routes)) <= 200
        assert routes["GET /items/{item_id}"].requests == 2
        assert (routes[OTHER].requests, routes[OTHER].waiting.count) == (1, 52)
        assert routes[OUTSIDE].requests == 0

    run(scenario())


def test_the_sums_are_those_of_all_routes() -> None:
    """Of requests in flight, errors, refusals, statements and times too: what a snapshot adds up to."""

    async def scenario() -> None:
        service = Service(answering(200, after_s=0.1))
        traffic = service.admission.traffic
        await asyncio.gather(*(service.ask(path) for path in ("/items/1", "/nowhere", "/items/2")))
        service.handler = answering(500)
        await service.ask()
        service.admission.stopping = True
        await service.ask()
        service.admission.stopping = False
        traffic.of_owner("job").ran("SELECT 1", 0.1, 1, False)
        service.handler = answering(200, after_s=0.3)
        task = service.ask()
        await turns()
        views = traffic.routes()
        sums = traffic.sums()
        assert sums == Moment.of(replace(HEALTHY, routes=views)).sums
        assert (sums.requests, sums.errors, sums.refused, sums.statements, sums.latency.count) == (6, 1, 1, 1, 4)
        await task

    run(scenario())
