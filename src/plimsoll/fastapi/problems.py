"""Answers for database errors: problem documents (RFC 9457) that name no host, user or SQL. The log has all that."""

import logging
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.responses import Response

from plimsoll.errors import DatabaseUnavailableError
from plimsoll.fastapi.runtime import of_request, route_name
from plimsoll.server import Fault, fault_of

logger = logging.getLogger("plimsoll.requests")

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of answer. `retry_after_s` is whole seconds, as the header has them."""

    status: int
    code: str
    title: str
    detail: str
    retry_after_s: int | None = None

    def response(self) -> Response:
        """The problem as an HTTP response."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return JSONResponse(body, self.status, headers, media_type=MEDIA_TYPE)


BUSY = Problem(
    503,
    "database-busy",
    "Service Unavailable",
    "The service is at the limit of what its database can take. Try again shortly.",
    retry_after_s=1,
)
UNAVAILABLE = Problem(
    503,
    "database-unavailable",
    "Service Unavailable",
    "The database did not answer. The request may not have been carried out. Try again shortly.",
    retry_after_s=5,
)
NOT_READY = Problem(
    503,
    "not-ready",
    "Service Unavailable",
    "The service is starting and is not ready for requests yet.",
    retry_after_s=5,
)
CONFLICT = Problem(
    409,
    "conflict",
    "Conflict",
    "The request conflicts with data that is stored already; nothing was changed.",
)


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
    return problem.response()


def _problem(error: Exception, dialect: str, *, conflict: bool) -> Problem | None:
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
