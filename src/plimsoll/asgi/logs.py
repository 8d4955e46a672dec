"""Log lines as JSON, each with the request that it was written for.

A request costs nothing for that: its id is looked up when a line is written, or a problem is answered."""

import json
import logging
import re
import secrets
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from plimsoll.asgi.messages import Scope
from plimsoll.asgi.work import RequestWork
from plimsoll.pool import WORK

HEADER = b"x-request-id"

_KEY = "plimsoll.request_id"
_RAISED_IN = "_plimsoll_scope"
_FAILED: ContextVar[Scope | None] = ContextVar("plimsoll_failed", default=None)
ACCESS = "uvicorn.access"
ACCESS_ARGUMENTS = ("client", "method", "path", "http_version", "status")
"""What uvicorn gives its lines about requests, so that programs need not take them apart."""

_GOOD = re.compile(rb"[A-Za-z0-9._:=+/@-]{1,128}")
"""An id that a proxy or a client may give: as long as any in use (a UUID has 36), and nothing that breaks a line."""


def request_id() -> str | None:
    """The id of the request that the running task works for: its `X-Request-ID` where that is a good one, else one that
    is made at the first question. None outside of requests, and for routes of `Priority.ALWAYS`."""
    work = WORK.get()
    return _id_of(work.scope) if isinstance(work, RequestWork) else None


def _id_of(scope: Scope) -> str:
    known = scope.get(_KEY)
    if not isinstance(known, str):
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        known = given.decode("ascii") if _GOOD.fullmatch(given) else secrets.token_hex(16)
        scope[_KEY] = known
    return known


def raised_in(error: BaseException, scope: Scope) -> None:
    """Remember whose error it is: it is logged and answered, in the same task, when the request's work is over."""
    _FAILED.set(scope)
    # A middleware between us and the server may have called us in a task of its own.
    with suppress(AttributeError, TypeError):  # of a class that takes no attributes
        setattr(error, _RAISED_IN, scope)


def _scope_of(record: logging.LogRecord) -> Scope | None:
    work = WORK.get()
    if isinstance(work, RequestWork):
        return work.scope
    found: Scope | None = getattr(record.exc_info[1], _RAISED_IN, None) if record.exc_info else None
    return found or _FAILED.get()


class JsonFormatter(logging.Formatter):
    """One JSON object a line. What is not ASCII is escaped, so no text within can begin a line or move a cursor."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
        }
        scope = _scope_of(record)
        if scope is not None:
            line["request_id"] = _id_of(scope)
            line["method"] = scope.get("method")
            # The pattern, where the router has found it; the path is the client's.
            line["route"] = getattr(scope.get("route"), "path", None)
        if record.name == ACCESS and isinstance(record.args, tuple) and len(record.args) == len(ACCESS_ARGUMENTS):
            line |= dict(zip(ACCESS_ARGUMENTS, record.args, strict=True))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, default=str)
