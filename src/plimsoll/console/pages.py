"""The pages, their files, signing in and out."""

import logging
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from plimsoll.asgi.messages import Refusal
from plimsoll.console.access import COOKIE, CSRF_HEADER, Access, Visitor, retry_after
from plimsoll.console.answers import page, plain, problem, to
from plimsoll.console.files import document, served
from plimsoll.console.forms import FormError, fields_of
from plimsoll.console.sessions import LASTS_S, Role
from plimsoll.events import LimitedLog
from plimsoll.snapshot.causes.wording import bounded, listed
from plimsoll.snapshot.source import Overview
from plimsoll.web import PEER_HEADER

NAMES = ("", "routes", "statements", "connections", "settings", "events", "checks")
"""The pages, each below `/ops/`."""

NOT_OURS = Refusal(
    403,
    "not-from-the-console",
    "Forbidden",
    "The request did not come from a page of this console, or from an old one.",
)
NOT_SIGNED_IN = Refusal(401, "not-signed-in", "Unauthorized", "Sign in first, or bear the token.")

HOURS = LASTS_S // 3_600

FOLLOWED = '<!doctype html><meta http-equiv="refresh" content="0"><title>Plimsoll</title>'
"""Asks for the page again. Who follows a link from another site comes without the cookie (SameSite=Strict)."""


class Pages:
    """All of them."""

    def __init__(self, access: Access, source: Overview, log: LimitedLog) -> None:
        self._access = access
        self._source = source
        self._log = log

    async def go_inside(self, _: Request) -> Response:
        """`/ops`: pages lie below it."""
        return to("ops/")

    async def page(self, request: Request) -> Response:
        """Any page: one document, in which a script shows what the address names. Else the form to sign in."""
        visitor = self._access.visitor(request.scope)
        if visitor.role:
            return page(document("console.html", csrf=visitor.csrf, role=visitor.role.word))
        if (
            request.headers.get("sec-fetch-site") == "cross-site"
            and request.headers.get("sec-fetch-mode") == "navigate"
        ):
            return page(FOLLOWED)
        return _form(visitor, _page_named(request.scope["path"].rpartition("/")[2]))

    async def sign_in_page(self, request: Request) -> Response:
        """The form, wherever from."""
        if self._access.visitor(request.scope).role:
            return to("./")
        return _form(
            Visitor(Role.NONE, ""),
            _page_named(_last(parse_qs(request.scope["query_string"].decode("latin-1")), "next")),
        )

    async def file(self, request: Request) -> Response:
        """A script or a style: no secret, so the form has its own too."""
        found = served().get(request.path_params["path"])
        if found is None:
            return plain(404, "Not Found")
        # Asked for anew each time, since its name stays the same with the next release; most answers are 304.
        headers = {"Cache-Control": "no-cache", "ETag": found.tag}
        if found.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(found.content, headers=headers, media_type=found.kind)

    async def sign_in(self, request: Request) -> Response:
        """The form was sent. Scripts are answered by JSON."""
        if self._access.is_foreign(request.scope):
            return problem(NOT_OURS)
        try:
            fields = await fields_of(request)
        except FormError as error:
            return plain(error.status, str(error))
        visitor = self._access.sign_in(request.scope, fields.get("token", ""))
        wants_json = "application/json" in request.headers.get("accept", "")
        if visitor.session is None:
            if wants_json:
                return self._access.turned_away(visitor)
            return _form(visitor, _page_named(fields.get("next", "")))
        answer = (
            JSONResponse({"role": visitor.role.word}) if wants_json else to(f"./{_page_named(fields.get('next', ''))}")
        )
        answer.headers["Set-Cookie"] = self._access.cookie(request.scope, visitor.session)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End the session, and take the cookie away."""
        visitor = self._access.visitor(request.scope)
        # Another site's page comes without the cookie, and its answer could take that away all the same.
        foreign = self._access.is_foreign(request.scope)
        if foreign or (visitor.session is not None and not self._access.may_change(request.scope, visitor)):
            return problem(NOT_OURS)
        self._access.sign_out(visitor)
        answer = JSONResponse(
            {"result": "Signed out.", "elsewhere": await self._signed_out_elsewhere(request, visitor)}
        )
        answer.headers["Set-Cookie"] = self._access.cookie(request.scope, None)
        return answer

    async def _signed_out_elsewhere(self, request: Request, visitor: Visitor) -> str:
        """Where the session goes on, in a sentence; empty where it does not. Another host that asks tells all others
        itself."""
        session = visitor.session
        if session is None or PEER_HEADER in request.headers:
            return ""
        headers = ((b"cookie", f"{COOKIE}={session.text}".encode()), (CSRF_HEADER, session.csrf.encode()))
        failed = await self._source.sign_out(headers)
        if not failed:
            return ""
        words = bounded(
            f"Not signed out of {listed(failed)}: the session goes on there for what is left of its {HOURS} h."
        )
        self._log.log(logging.WARNING, "sign-out", words)
        return words


def _form(visitor: Visitor, name: str) -> Response:
    if visitor.wait_s > 0:
        said = f"Too many wrong tokens from here. Try again in {retry_after(visitor)} s."
        answer = page(document("login.html", said=said, next=name), 429)
        answer.headers["Retry-After"] = retry_after(visitor)
        return answer
    return page(document("login.html", said="This token is wrong." if visitor.wrong else "", next=name), 401)


def _page_named(name: str) -> str:
    """One of our pages, whatever was asked for: nobody is sent anywhere else."""
    return name if name in NAMES else ""


def _last(query: Mapping[str, list[str]], name: str) -> str:
    return query.get(name, [""])[-1]
