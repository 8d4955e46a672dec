"""`/ops/checks.json` and `/ops/checks/run`: what the deployment checklist came to, and to run it now."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from plimsoll.checks.on_demand import OnDemand
from plimsoll.console.access import Access
from plimsoll.console.actions import not_done, operator_of
from plimsoll.errors import ActionError


class Checklist:
    """Of one process, and of the others of its host."""

    def __init__(self, access: Access, on_demand: OnDemand) -> None:
        self._access = access
        self._on_demand = on_demand

    async def results(self, request: Request) -> Response:
        """The last results, and whether it runs. Not in the snapshot, which is sent each second."""
        refused = self._access.refusal(request.scope)
        # In ASCII: what it names, a file say, may be no text that could be encoded.
        return refused or Response(json.dumps(self._on_demand.state()), media_type="application/json")

    async def run(self, request: Request) -> Response:
        """Begin; the results say when it has ended."""
        visitor = operator_of(request, self._access)
        if isinstance(visitor, Response):
            return visitor
        try:
            return JSONResponse({"result": self._on_demand.start(visitor.who)}, 202)
        except ActionError as error:
            return not_done(error)
