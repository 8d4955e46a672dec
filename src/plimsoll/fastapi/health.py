"""`/health/live` and `/health/ready`: is the process alive, and should it get requests?

The ready page answers from what start-up found and from one question to the database, within a second or so, also
when the database is down or the pool is exhausted. It names no host and no user: it is often open to everyone."""

from collections.abc import Callable
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from plimsoll.fastapi.probe import DatabaseProbe
from plimsoll.fastapi.runtime import Runtime
from plimsoll.seeding import SeedReport
from plimsoll.startup import State

LIVE_PATH = "/health/live"
READY_PATH = "/health/ready"

# A report's own text names the account's e-mail and may quote the database: that is for the log.
_ADMIN = {
    "exists": "an admin account exists",
    "created": "an admin account exists",
    "refused": "no admin account: ADMIN_PASSWORD is not fit for production, see the log",
    "failed": "no admin account could be made, see the log",
}


class Check(BaseModel):
    """One thing that was looked at."""

    ok: bool
    detail: str


class Live(BaseModel):
    """The answer of a process that runs."""

    status: str = Field(examples=["alive"])


class Ready(BaseModel):
    """Whether this process should get requests, and what was looked at."""

    status: str = Field(examples=["ready", "not ready"])
    checks: dict[str, Check]
    warnings: list[str]


def health_routes(runtime: Runtime) -> list[APIRoute]:
    """The routes, free of the application's own dependencies, so that a probe needs no login."""
    probe = DatabaseProbe(runtime.database)

    async def live() -> Live:
        """200 as long as the process runs; it asks nobody."""
        return Live(status="alive")

    async def ready() -> Response:
        """200 when start-up is done and the database answers, else 503; the body says which check failed."""
        answer = await readiness(runtime, probe)
        return JSONResponse(answer.model_dump(), 200 if answer.status == "ready" else 503)

    not_ready: dict[int | str, dict[str, Any]] = {503: {"model": Ready, "description": "Not ready"}}
    return [
        _route(LIVE_PATH, live, "Is the process alive?", response_model=Live),
        _route(READY_PATH, ready, "Should this process get requests?", response_model=Ready, responses=not_ready),
    ]


class OwnRoute(APIRoute):
    """A route of Plimsoll's own. Many monitors ask by HEAD, which FastAPI does not add to a GET; servers leave the body
    out."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL and scope["method"] == "HEAD" else match), child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await self.app(scope, receive, send)
        else:
            await super().handle(scope, receive, send)


def _route(path: str, endpoint: Callable[..., Any], summary: str, **options: Any) -> APIRoute:
    return OwnRoute(path, endpoint, methods=["GET"], tags=["health"], summary=summary, **options)


async def readiness(runtime: Runtime, probe: DatabaseProbe) -> Ready:
    """What the ready page says at this moment."""
    # Without lifespan this may be the first request of all, and a balancer sends no other until we are ready.
    runtime.open_gate()
    report = runtime.database.gate.report
    checks = {"startup": Check(ok=runtime.ready, detail=report.detail or report.state.value)}
    if report.migrations is not None:
        ok = report.state is not State.BLOCKED
        checks["migrations"] = Check(ok=ok, detail=report.migrations.describe())
    if runtime.ready:
        found = await probe.check()
        checks["database"] = Check(ok=found.ok, detail=found.detail)
    if runtime.protection.admission.stopping:
        checks["process"] = Check(ok=False, detail="the process is being stopped")
    serving = all(check.ok for check in checks.values())
    if report.admin is not None:
        # The service works without an admin account, so this does not take it out of service.
        checks["admin"] = _admin(report.admin)
    return Ready(status="ready" if serving else "not ready", checks=checks, warnings=list(report.warnings))


def _admin(report: SeedReport) -> Check:
    return Check(ok=report.ok, detail=_ADMIN[report.outcome])
