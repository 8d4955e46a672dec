"""Plimsoll's own routes stand before the application's, and cost a request for one of those next to nothing."""

from collections.abc import Sequence
from typing import NoReturn

from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send


class FirstRoutes(BaseRoute):
    """Stands first in the list of an application's routes, so that a catch-all route or a mount at "/" hides none of
    `routes`. Every request asks whether it is for one of them, which is answered at a glance: by the path's last part.

    The routes themselves are in the list too, where the documentation of the interface and `url_for` find them.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._by_end = {route.path.rpartition("/")[2]: route for route in routes}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path: str = scope["path"]
        route = self._by_end.get(path[path.rfind("/") + 1 :])
        return (Match.NONE, {}) if route is None else route.matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> NoReturn:
        raise NoMatchFound(name, path_params)
