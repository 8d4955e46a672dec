"""A service that the pages of the console can be looked at with: made-up snapshots, and faults at will. Run as a
module, it serves them on the port given."""

import asyncio
import json
import math
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

import plimsoll
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.codec import to_json
from plimsoll.snapshot.history import STEPS, Span, numbers_of
from plimsoll.snapshot.moment import Moment
from tests.servers.places import HOST, free_port
from tests.snapshot.samples import HEALTHY

STATIC = Path(plimsoll.__file__).parent / "console" / "static"
TOKEN = "the-operators-token"
CSRF = "made-up-csrf"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STEP_S = 0.2
START_TIMEOUT_S = 30.0

Mode = Literal["live", "full", "buffered", "silent", "failing", "signed out"]
"""`full`: no stream for more. `buffered`: the stream brings nothing. With both, requests are answered; with `silent`,
they are not either. `failing`: 503. `signed out`: 401."""


@dataclass
class FakeService:
    """What it shows and how it fares; tests change it as they go. `workers` are shown to who asks for one of them, by
    name. `done` are the actions that were asked for, `streams` the live ones that are open. It tells more often than a
    worker does, so that tests wait less. Workers in a row get ten requests a second."""

    snapshot: Snapshot = HEALTHY
    workers: dict[str, Snapshot] = field(default_factory=dict)
    role: str = "operator"
    mode: Mode = "live"
    done: list[tuple[str, str, str]] = field(default_factory=list)
    refusal: str = ""
    refused_holders: frozenset[str] = frozenset()
    """To these nothing can be done."""
    checklist: dict[str, Any] = field(default_factory=dict)
    """What `checks.json` has."""
    on_run: dict[str, Any] = field(default_factory=dict)
    """What becomes of it where it is asked to run."""
    elsewhere: str = ""
    """Where who signs out is not signed out."""
    streams: int = 0
    stopping: bool = False
    began_s: float = field(default_factory=time.time)

    def renew(self) -> None:
        """As at first."""
        self.snapshot, self.role, self.mode, self.refusal = HEALTHY, "operator", "live", ""
        self.refused_holders = frozenset()
        self.workers.clear()
        self.checklist, self.on_run, self.elsewhere = {}, {}, ""
        self.done.clear()

    def shown(self, request: Request) -> Snapshot | None:
        """Of the worker that is asked for, else of all; None of one that there is not."""
        name = request.query_params.get("worker", "all")
        return self.snapshot if name == "all" else self.workers.get(name)

    def document(self, request: Request) -> dict[str, object]:
        """The snapshot as of now."""
        shown = self.shown(request) or self.snapshot
        moved_s = time.time() - shown.at_s
        worker = replace(shown.worker, started_s=shown.worker.started_s + moved_s)
        events = tuple(replace(event, at_s=event.at_s + moved_s) for event in shown.events)
        more = round(10 * (time.time() - self.began_s))
        rows = tuple(
            replace(row, at_s=row.at_s + moved_s, requests=row.requests + more) if row.at_s else row
            for row in shown.workers
        )
        return to_json(replace(shown, at_s=time.time(), worker=worker, events=events, workers=rows))

    def refused(self, request: Request) -> Response | None:
        """What is answered where the service fares ill."""
        if self.shown(request) is None:
            return JSONResponse({"detail": "there is no such worker"}, 404)
        if self.mode == "failing":
            return JSONResponse({"detail": "busy"}, 503)
        return JSONResponse({"detail": "sign in"}, 401) if self.mode == "signed out" else None

    async def page(self, request: Request) -> Response:
        """A page of the console, or the form to sign in."""
        name = "login.html" if self.mode == "signed out" else "console.html"
        text = (STATIC / name).read_text().replace("{csrf}", CSRF).replace("{role}", self.role)
        text = text.replace("{said}", "").replace("{next}", request.path_params["page"])
        return HTMLResponse(text, 401 if self.mode == "signed out" else 200, {"Content-Security-Policy": POLICY})

    async def static(self, request: Request) -> Response:
        """A file of the console."""
        return FileResponse(STATIC / request.path_params["path"], headers={"Cache-Control": "no-store"})

    async def snapshot_now(self, request: Request) -> Response:
        """The snapshot, unless the service is silent."""
        # A test changes the mode from another thread.
        while self.mode == "silent" and not self.stopping:  # noqa: ASYNC110
            await asyncio.sleep(STEP_S)
        return self.refused(request) or JSONResponse(self.document(request))

    async def history(self, request: Request) -> Response:
        """Waves around the snapshot's numbers."""
        span: Span = request.query_params["span"]  # type: ignore[assignment]
        step_s, steps = STEPS[span]
        now = numbers_of(Moment.of(self.shown(request) or self.snapshot), None)
        waves = [0.8 + 0.2 * math.sin(place / 40) * math.cos(place / 7) for place in range(steps)]
        flat = ("pool_limit",)
        values = {
            name: [None if math.isnan(value) else value if name in flat else round(value * wave, 1) for wave in waves]
            for name, value in now.items()
        }
        end_s = time.time()
        times_s = [end_s - step_s * (steps - place) for place in range(steps)]
        return self.refused(request) or JSONResponse({"step_s": step_s, "times_s": times_s, "values": values})

    async def live(self, request: Request) -> Response:
        """The stream; it ends where the service begins to fail."""

        async def lines() -> AsyncIterator[str]:
            self.streams += 1
            try:
                while self.mode in ("live", "buffered", "silent") and not self.stopping and self.shown(request):
                    if self.mode == "live":
                        yield f"event: snapshot\ndata: {json.dumps(self.document(request))}\n\n"
                    await asyncio.sleep(STEP_S)
            finally:
                self.streams -= 1

        if self.mode == "full":
            return JSONResponse({"detail": "too many listen"}, 503)
        return self.refused(request) or StreamingResponse(lines(), media_type="text/event-stream")

    async def act(self, request: Request) -> Response:
        """Note what was asked for."""
        if request.headers.get("X-Plimsoll-CSRF") != CSRF:
            return JSONResponse({"detail": "no CSRF token"}, 403)
        if self.refusal:
            return JSONResponse({"detail": self.refusal}, 409)
        holder, action = request.path_params["holder"], request.path_params["action"]
        if holder in self.refused_holders:
            return JSONResponse({"detail": "There is no such checkout."}, 409)
        self.done.append((action, holder, self.role))
        return JSONResponse({"result": "The server was told to stop it."})

    async def return_all(self, request: Request) -> Response:
        """All that the route holds now, but those to which nothing can be done."""
        if request.headers.get("X-Plimsoll-CSRF") != CSRF:
            return JSONResponse({"detail": "no CSRF token"}, 403)
        if self.refusal:
            return JSONResponse({"detail": self.refusal}, 409)
        fields = dict(parse_qsl((await request.body()).decode()))
        assert 2 < float(fields["held_s"]) < 60, fields
        held = [each.id for each in self.snapshot.holders if each.route == fields["route"]]
        taken = [each for each in held if each not in self.refused_holders]
        self.done += [("return", each, self.role) for each in taken]
        words = f"{len(taken)} of {len(held)} taken back."
        return JSONResponse({"result": words, "found": len(held), "taken": len(taken), "gone": 0})

    async def checks(self, request: Request) -> Response:
        """What the checklist came to."""
        return self.refused(request) or JSONResponse(
            {"running": None, "results": None, "failed": None, **self.checklist}
        )

    async def run_checks(self, request: Request) -> Response:
        """Note that it was asked for."""
        if request.headers.get("X-Plimsoll-CSRF") != CSRF:
            return JSONResponse({"detail": "no CSRF token"}, 403)
        if self.refusal:
            return JSONResponse({"detail": self.refusal}, 409)
        self.done.append(("run", "checklist", self.role))
        self.checklist = self.on_run
        return JSONResponse({"result": "The checklist runs."}, 202)

    async def login(self, request: Request) -> Response:
        """By the token."""
        given = (await request.body()).decode()
        if given != f"token={TOKEN}":
            return JSONResponse({"detail": "The token is wrong"}, 401)
        self.mode = "live"
        return RedirectResponse("./", 303)

    async def logout(self, request: Request) -> Response:
        """From then on, 401."""
        self.mode = "signed out"
        return JSONResponse({"result": "Signed out.", "elsewhere": self.elsewhere})

    def application(self) -> Starlette:
        """The console's addresses, below a prefix as a proxy may have one."""
        return Starlette(
            routes=[
                Route("/app/ops/static/{path:path}", self.static),
                Route("/app/ops/snapshot", self.snapshot_now),
                Route("/app/ops/history", self.history),
                Route("/app/ops/live", self.live),
                Route("/app/ops/login", self.login, methods=["POST"]),
                Route("/app/ops/logout", self.logout, methods=["POST"]),
                Route("/app/ops/holders/return", self.return_all, methods=["POST"]),
                Route("/app/ops/holders/{holder}/{action}", self.act, methods=["POST"]),
                Route("/app/ops/checks.json", self.checks),
                Route("/app/ops/checks/run", self.run_checks, methods=["POST"]),
                Route("/app/ops/{page:path}", self.page),
            ]
        )


class Served:
    """A `FakeService` that listens, in a thread."""

    def __init__(self, port: int | None = None) -> None:
        self.fake = FakeService()
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}/app/ops/"
        config = uvicorn.Config(
            self.fake.application(), HOST, self.port, log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="console")

    def __enter__(self) -> "Served":
        self._thread.start()
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            assert self._thread.is_alive(), "the service did not start"
            assert time.monotonic() < deadline_s, "the service did not start in time"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.fake.stopping = True
        self._server.should_exit = True
        self._thread.join()


if __name__ == "__main__":
    with Served(int(sys.argv[1])) as served:
        print(served.url, flush=True)
        threading.Event().wait()
