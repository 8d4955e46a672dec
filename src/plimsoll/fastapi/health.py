"""`/health/live` and `/health/ready`: is the process alive, and should it get requests?

The ready page answers from what start-up found and from one question to the database, within a second, also when
the database is down or the pool is exhausted. It names no host and no user: it is often open to everyone."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from plimsoll.fastapi.runtime import Runtime
from plimsoll.startup import State

LIVE_PATH = "/health/live"
READY_PATH = "/health/ready"

PROBE_LIMIT_S = 1.0
"""A probe is answered within this: platforms give up after one to five seconds."""

REUSE_S = 1.0
"""What the database answered stands this long, so that a storm of probes is one question a second."""


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


class DatabaseProbe:
    """Asks the database `SELECT 1`, one question at a time however many probes wait for the answer."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine = runtime.database.engine
        self._asking: asyncio.Task[Check] | None = None
        self._answered_at_s = float("-inf")
        self._answer = Check(ok=False, detail="not asked yet")

    async def check(self) -> Check:
        """The database's answer, at most `REUSE_S` old; waits for it no longer than `PROBE_LIMIT_S`."""
        loop = asyncio.get_running_loop()
        if self._asking is None and loop.time() - self._answered_at_s < REUSE_S:
            return self._answer
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="plimsoll health probe")
        asking = self._asking
        await asyncio.wait({asking}, timeout=PROBE_LIMIT_S)
        return self._answer if asking.done() else self._no_answer()

    async def _ask(self) -> Check:
        try:
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
            self._answer = Check(ok=True, detail="answers")
        except SQLAlchemyError as error:
            self._answer = self._no_answer() if self._busy() else Check(ok=False, detail=type(error).__name__)
        finally:
            self._answered_at_s = asyncio.get_running_loop().time()
            self._asking = None
        return self._answer

    def _no_answer(self) -> Check:
        if self._busy():
            # Taking this process out of service would send its load to others that are as busy.
            return Check(ok=True, detail="busy: every connection of the pool is in use")
        return Check(ok=False, detail=f"no answer within {PROBE_LIMIT_S:g} s")

    def _busy(self) -> bool:
        pool = self._engine.sync_engine.pool
        return isinstance(pool, QueuePool) and pool.checkedout() >= pool.size() + pool._max_overflow


def health_routes(runtime: Runtime) -> list[APIRoute]:
    """The two routes, free of the application's own dependencies, so that a probe needs no login."""
    probe = DatabaseProbe(runtime)

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


def _route(path: str, endpoint: Callable[..., Any], summary: str, **options: Any) -> APIRoute:
    return APIRoute(path, endpoint, methods=["GET"], tags=["health"], summary=summary, **options)


async def readiness(runtime: Runtime, probe: DatabaseProbe) -> Ready:
    """What the ready page says at this moment."""
    report = runtime.database.gate.report
    checks = {"startup": Check(ok=runtime.ready, detail=report.detail or report.state.value)}
    if report.migrations is not None:
        ok = report.state is not State.BLOCKED
        checks["migrations"] = Check(ok=ok, detail=report.migrations.describe())
    if runtime.ready:
        checks["database"] = await probe.check()
    serving = all(check.ok for check in checks.values())
    if report.admin is not None:
        # The service works without an admin account, so this does not take it out of service.
        checks["admin"] = Check(ok=report.admin.ok, detail=report.admin.message)
    return Ready(status="ready" if serving else "not ready", checks=checks, warnings=list(report.warnings))
