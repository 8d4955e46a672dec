"""The console's addresses."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from plimsoll.asgi.slow import SlowReaders
from plimsoll.checks.on_demand import OnDemand
from plimsoll.console.access import Access
from plimsoll.console.actions import Actions
from plimsoll.console.answers import guarded, plain
from plimsoll.console.checklist import Checklist
from plimsoll.console.live import GRACE_S, MIN_RATE_BYTES, Live
from plimsoll.console.pages import NAMES, Pages
from plimsoll.events import Counters, LimitedLog
from plimsoll.snapshot.source import Overview

_MORE = ("login", "logout", "live", "static/*", "holders/*", "checks.json", "checks/run")
PATHS = ("/ops", *(f"/ops/{name}" for name in (*NAMES, *_MORE)))
"""All of them, as patterns: what else an application has below `/ops/` is its own."""

Answerer = Callable[[Request], Awaitable[Response]]


def console_routes(
    source: Overview,
    access: Access,
    on_demand: OnDemand,
    *,
    stopping: Callable[[], bool],
    counters: Counters,
    log: LimitedLog,
) -> list[Route]:
    """The routes. `stopping` says whether the process is to end, and does with it what is live."""
    pages, actions, checklist = Pages(access, source, log), Actions(access, source), Checklist(access, on_demand)
    live = Live(source, access, stopping=stopping, log=log)
    stream = SlowReaders(
        Endpoint(access, GET=live.stream), min_rate_bytes=MIN_RATE_BYTES, grace_s=GRACE_S, counters=counters, log=log
    )
    return [
        _route("/ops", Endpoint(access, GET=pages.go_inside)),
        *(_route(f"/ops/{name}", Endpoint(access, GET=pages.page)) for name in NAMES),
        _route("/ops/login", Endpoint(access, GET=pages.sign_in_page, POST=pages.sign_in)),
        _route("/ops/logout", Endpoint(access, POST=pages.sign_out)),
        _route("/ops/live", stream),
        _route("/ops/static/{path:path}", Endpoint(access, GET=pages.file)),
        _route("/ops/holders/return", Endpoint(access, POST=actions.give_all_back)),
        _route("/ops/holders/{holder}/kill", Endpoint(access, POST=actions.kill)),
        _route("/ops/holders/{holder}/return", Endpoint(access, POST=actions.give_back)),
        _route("/ops/checks.json", Endpoint(access, GET=checklist.results)),
        _route("/ops/checks/run", Endpoint(access, POST=checklist.run)),
    ]


class Endpoint:
    """What is at one address: a function for each method. It tells who may see nothing not even which there are."""

    def __init__(self, access: Access, **methods: Answerer) -> None:
        self._access = access
        self._methods: Mapping[str, Answerer] = methods
        self._allowed = ", ".join([*methods, "HEAD"] if "GET" in methods else methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = guarded(await self._answer(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        if self._access.hides(scope):
            return plain(404, "Not Found")
        method: str = scope["method"]
        answer = self._methods.get("GET" if method == "HEAD" else method)
        if answer is None:
            return plain(405, "Method Not Allowed", {"Allow": self._allowed})
        return await answer(Request(scope, receive))


def _route(path: str, endpoint: Callable[[Scope, Receive, Send], Awaitable[None]]) -> Route:
    return Route(path, endpoint, name=f"plimsoll {path}", include_in_schema=False)
