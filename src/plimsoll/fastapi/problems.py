"""Answers for database errors: problem documents (RFC 9457) that name no host, user or SQL. The log has all that."""

import logging
from dataclasses import replace

from fastapi import Request
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.responses import Response

from plimsoll.asgi.logs import request_id
from plimsoll.asgi.messages import MEDIA_TYPE, Refusal
from plimsoll.asgi.refusals import OVERLOADED
from plimsoll.errors import DatabaseUnavailableError
from plimsoll.fastapi.runtime import of_request, route_name
from plimsoll.server import Fault, fault_of

logger = logging.getLogger("plimsoll.requests")

BUSY = replace(OVERLOADED, retry_after_s=1)
UNAVAILABLE = Refusal(
    503,
    "database-unavailable",
    "Service Unavailable",
    "The database did not answer. The request may not have been carried out. Try again shortly.",
    retry_after_s=5,
)
NOT_READY = Refusal(
    503,
    "not-ready",
    "Service Unavailable",
    "The service is starting and is not ready for requests yet.",
    retry_after_s=5,
)
CONFLICT = Refusal(
    409,
    "conflict",
    "Conflict",
    "The request conflicts with data that is stored already; nothing was changed.",
)


def response_of(problem: Refusal) -> Response:
    """The problem as an HTTP response, with the request's id, by which the log's lines about it are found."""
    headers = {} if problem.retry_after_s is None else {"Retry-After": str(problem.retry_after_s)}
    if (identity := request_id()) is not None:
        headers["X-Request-ID"] = identity
    return Response(problem.body, problem.status, headers, media_type=MEDIA_TYPE.decode())


async def answer_database_error(request: Request, error: Exception) -> Response:
    """The exception handler that `install` registers for SQLAlchemy's errors.

    What is no fault of the database's, and no conflict that the route asked to be told, is raised again:
    it is an error of the program, and becomes a 500 like any other.
    """
    record = of_request(request)
    problem = _problem(error, record.runtime.database.settings.dialect, conflict=record.integrity_is_conflict)
    if problem is None:
        raise error
    counters = record.runtime.database.counters
    counters.add(f"answered_{problem.code}")
    route = route_name(request)
    level = logging.INFO if problem is CONFLICT else logging.ERROR
    message = f"{route}: answered {problem.status} {problem.code}: {type(error).__name__}: {error}"
    record.runtime.database.sessions.log.log(level, f"{problem.code}:{route}", message, error)
    return response_of(problem)


def _problem(error: Exception, dialect: str, *, conflict: bool) -> Refusal | None:
    if isinstance(error, DatabaseUnavailableError):
        return UNAVAILABLE
    if not isinstance(error, SQLAlchemyError):
        return None
    fault = fault_of(error, dialect)
    if fault is Fault.BUSY:
        return BUSY
    if fault in (Fault.UNAVAILABLE, Fault.REFUSED):
        return UNAVAILABLE
    if conflict and (fault is Fault.CONFLICT or isinstance(error, IntegrityError)):
        return CONFLICT
    return None
