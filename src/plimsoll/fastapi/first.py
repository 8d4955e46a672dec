"""Plimsoll's own routes stand before the application's, and cost a request for one of those next to nothing."""

from collections.abc import Sequence
from typing import NoReturn

from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

from plimsoll.asgi.routes import path_within


class FirstRoutes(BaseRoute):
    """Stands first in the list of an application's routes, so that a catch-all route or a mount at "/" hides none of
    `routes`. Every request asks whether it is for one of them, which is answered at a glance: by the whole path, or for
    routes with a parameter by what stands before that.

    The routes themselves are in the list too, where the documentation of the interface and `url_for` find them.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._by_path = {route.path: route for route in routes if "{" not in route.path}
        self._below = [route for route in routes if "{" in route.path]
        self._beginnings = tuple({route.path.partition("{")[0] for route in self._below})

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = path_within(scope)
        found = self._by_path.get(path)
        if found is None and not path.startswith(self._beginnings):
            return Match.NONE, {}
        for route in self._below if found is None else (found,):
            match, child = route.matches(scope)
            if match is not Match.NONE:
                return match, {**child, "route": route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> NoReturn:
        raise NoMatchFound(name, path_params)
