"""What an operator may do: end the statement of a connection's holder, take the connection away, or all
that a route holds."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from plimsoll.asgi.messages import Refusal, Scope
from plimsoll.console.access import Access, Visitor
from plimsoll.console.answers import plain, problem, unknown
from plimsoll.console.forms import FormError
from plimsoll.console.headers import header
from plimsoll.console.pages import NOT_OURS, NOT_SIGNED_IN
from plimsoll.console.returning import Returning, wanted_of
from plimsoll.console.sessions import Role
from plimsoll.errors import ActionError, UnknownWorkerError
from plimsoll.snapshot.causes.wording import plain as one_line
from plimsoll.snapshot.source import Overview
from plimsoll.web import PEER_HEADER

LONGEST_S = 15.0
"""For an action. It asks the database's server, which may be what is stuck; the operator should hear of that."""

LONGEST_ID = 100
LONGEST_WHO = 200

_PEER = PEER_HEADER.encode()

NOT_ALLOWED = Refusal(
    403, "operators-only", "Forbidden", "OPS_READ_TOKEN lets you see; to act, sign in with OPS_TOKEN."
)
NO_ANSWER = Refusal(
    504,
    "no-answer",
    "Gateway Timeout",
    f"It was not done within {LONGEST_S:g} s, since the database's server does not answer; it may be done yet.",
)

Action = Callable[[str, str], Awaitable[str]]


class Actions:
    """All of them."""

    def __init__(self, access: Access, source: Overview) -> None:
        self._access = access
        self._source = source
        self._returning = Returning()

    async def kill(self, request: Request) -> Response:
        """End the holder's statement on the server."""
        return await self._do(request, self._asked(request).kill)

    async def give_back(self, request: Request) -> Response:
        """Take the holder's connection away."""
        return await self._do(request, self._asked(request).give_back)

    async def give_all_back(self, request: Request) -> Response:
        """Take away all connections that a route has held for long, one or many: it goes on if the page is closed."""
        visitor = operator_of(request, self._access)
        if isinstance(visitor, Response):
            return visitor
        try:
            wanted = await wanted_of(request)
            who = _who(visitor, request.scope)
            return JSONResponse((await self._returning.take_all(self._asked(request), wanted, who)).document)
        except FormError as error:
            return problem(Refusal(error.status, "form-not-read", HTTPStatus(error.status).phrase, str(error)))
        except UnknownWorkerError as error:
            return unknown(error)
        except ActionError as error:
            return not_done(error)

    def _asked(self, request: Request) -> Overview:
        """All workers; for another host, those of this one."""
        return self._source if header(request.scope, _PEER) is None else self._source.here

    async def _do(self, request: Request, action: Action) -> Response:
        visitor = operator_of(request, self._access)
        if isinstance(visitor, Response):
            return visitor
        holder: str = request.path_params["holder"]
        if len(holder) > LONGEST_ID or not holder.isprintable():
            return plain(404, "Not Found")
        try:
            async with asyncio.timeout(LONGEST_S):
                return JSONResponse({"result": await action(holder, _who(visitor, request.scope))})
        except ActionError as error:
            return not_done(error)
        except TimeoutError:
            return problem(NO_ANSWER)


def operator_of(request: Request, access: Access) -> Visitor | Response:
    """Who asks for something to be done; else the answer to who may not, or to what no page of ours asked."""
    visitor = access.visitor(request.scope)
    if visitor.role < Role.READER:
        return access.turned_away(visitor) if visitor.wait_s or visitor.wrong else problem(NOT_SIGNED_IN)
    if visitor.role < Role.OPERATOR:
        return problem(NOT_ALLOWED)
    return visitor if access.may_change(request.scope, visitor) else problem(NOT_OURS)


def not_done(error: ActionError) -> Response:
    """The answer where it cannot be done."""
    return problem(Refusal(409, "not-done", "Conflict", error.message))


def _who(visitor: Visitor, scope: Scope) -> str:
    """For the record of what was done; where another host asks for it, who wants it there."""
    asks = header(scope, _PEER)
    if asks is None:
        return visitor.who
    worker, _, who = asks.partition("; ")
    return one_line(f"{who or visitor.who}, through {worker}", LONGEST_WHO)
