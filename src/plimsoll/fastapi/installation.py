"""`install(app, database)`: everything Plimsoll adds to an application, in one place."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import BaseRoute

from plimsoll.asgi.admission import Policy
from plimsoll.checks.on_demand import OnDemand
from plimsoll.console import PATHS as CONSOLE_PATHS
from plimsoll.console import Access, console_routes
from plimsoll.database import Database
from plimsoll.errors import DatabaseUnavailableError, InstallationError
from plimsoll.fastapi.figures import Worker
from plimsoll.fastapi.first import FirstRoutes
from plimsoll.fastapi.health import LIVE_PATH, READY_PATH, health_routes
from plimsoll.fastapi.metrics import METRICS_PATH, metrics_routes
from plimsoll.fastapi.middleware import SessionMiddleware
from plimsoll.fastapi.observing import Observer
from plimsoll.fastapi.ops import FIGURES_PATH, HISTORY_PATH, SNAPSHOT_PATH, WORKERS_PATH, ops_routes
from plimsoll.fastapi.problems import answer_database_error
from plimsoll.fastapi.protection import Protection
from plimsoll.fastapi.runtime import Runtime
from plimsoll.limiter import Priority
from plimsoll.reports import BlackBox
from plimsoll.settings import ServiceSettings, Settings
from plimsoll.snapshot.everyone import Everyone, errands
from plimsoll.snapshot.together import Together

if TYPE_CHECKING:
    from plimsoll.peers import Peers

ALWAYS = (LIVE_PATH, READY_PATH, FIGURES_PATH, SNAPSHOT_PATH, HISTORY_PATH, WORKERS_PATH, METRICS_PATH, *CONSOLE_PATHS)
"""Answered whatever load there is, and whether the database is there or not."""


def install(
    app: FastAPI,
    database: Database,
    *,
    service: ServiceSettings | None = None,
    priorities: Mapping[str, Priority] | None = None,
    policy: Policy | None = None,
    body_limits: Mapping[str, int] | None = None,
    extra_settings: Sequence[Settings] = (),
) -> None:
    """Give `app` sessions from `database`, its start-up and shut-down, answers for database errors, health routes,
    the operators' console, metrics, and the protection against more load than the database and the memory carry.

    The application's own lifespan runs inside: after the gate was opened or `GRACE_S` have passed, and it ends
    before the pool is closed. Handlers that the application has for SQLAlchemy's errors keep their place.

    Args:
        app: the application; call this where it is made.
        database: where sessions come from.
        service: limits of the web side; read from the environment and `.env` where none are given.
        priorities: by path, exact or with a `*` at the end; `Priority.ALWAYS` is never limited, as the health routes.
        policy: whose request goes first, and whose it is, by anything in the ASGI scope.
        body_limits: bytes by path, exact or with a `*` at the end; elsewhere `MAX_BODY_BYTES`.
        extra_settings: shown by `plimsoll settings` beside the database's.

    Raises:
        InstallationError: it has a database already, or has begun to serve.
        SettingsError: the environment's settings of the service are wrong.
    """
    _refuse_where_too_late(app)
    protection = Protection(
        database,
        service or ServiceSettings.from_env(),
        priorities={**dict.fromkeys(ALWAYS, Priority.ALWAYS), **(priorities or {})},
        policy=policy,
        body_limits=body_limits or {},
    )
    runtime = Runtime(database, (protection.settings, *extra_settings), protection)
    app.state.plimsoll = runtime
    app.add_middleware(SessionMiddleware, runtime=runtime, always=ALWAYS)
    app.add_middleware(protection.around)
    for kind in (SQLAlchemyError, DatabaseUnavailableError):
        app.exception_handlers.setdefault(kind, answer_database_error)
    runtime.observer = observer = Observer(runtime)
    url = database.settings.url
    runtime.together = together = Together(
        protection.settings.ops_shared_dir,
        observer.snapshot,
        errands(observer),
        service=f"{url.host}:{url.port}/{url.database}",
    )
    runtime.peers = _peers(protection.settings)
    runtime.everyone = everyone = Everyone(observer, together, runtime.peers)
    worker = Worker(protection, observer.connection_ids)
    runtime.on_demand = OnDemand(
        (app, database),
        release=protection.settings.release,
        reserve_bytes=protection.settings.memory_reserve_bytes,
        directory=lambda: together.directory,
        tell=observer.events.add,
        stopping=lambda: protection.admission.stopping,
    )
    access = Access.of(protection.settings, production=database.settings.production.active, workers=together)
    console = console_routes(
        everyone,
        access,
        runtime.on_demand,
        stopping=lambda: protection.admission.stopping,
        counters=protection.counters,
        log=protection.log,
    )
    metrics = metrics_routes(observer, access, together)
    own = [*health_routes(runtime), *ops_routes(runtime, worker, access), *metrics, *console]
    app.router.routes[:0] = [FirstRoutes(own), *own]
    _compose_lifespan(app, runtime, worker, observer, own)


def _peers(settings: ServiceSettings) -> "Peers | None":
    if not settings.ops_peers:
        return None
    # Here, not at the top: its HTTP client takes memory that a service on one host need not have.
    from plimsoll.peers import Peers

    return Peers(settings)


def _refuse_where_too_late(app: FastAPI) -> None:
    if hasattr(app.state, "plimsoll"):
        raise InstallationError(
            "install(app, database) was called twice for this application, which can have one database's sessions "
            "and start-up. Call it once, where the application is made; a second Database is used by its own "
            "'async with other.session()' and started by 'await other.start()' in the application's lifespan."
        )
    if app.middleware_stack is not None:
        raise InstallationError(
            "install(app, database) was called after the application had begun to serve, so start-up would never "
            "run. Call it where the application is made, not in its lifespan or in a request."
        )


def _compose_lifespan(
    app: FastAPI, runtime: Runtime, worker: Worker, observer: Observer, own: Sequence[BaseRoute]
) -> None:
    inner = app.router.lifespan_context
    directory = runtime.protection.settings.reports_dir
    box = BlackBox(observer, Path(directory) if directory else None, counters=runtime.protection.counters)
    observer.lookers.append(box.consider)

    @asynccontextmanager
    async def lifespan(started: Any) -> AsyncGenerator[Any]:
        serving = False
        try:
            worker.begin()
            observer.begin()
            runtime.together.begin()
            runtime.on_demand.begin()
            if runtime.peers is not None:
                runtime.peers.begin()
            box.begin()
            _put_last(app.router.routes, own)
            await runtime.start()
            async with inner(started) as state:
                serving = True
                try:
                    with _application_out_of_the_collectors_sight():
                        yield state
                finally:
                    # Within the application's own lifespan: what is in flight may need what that has opened.
                    await runtime.protection.drain()
        except asyncio.CancelledError:
            # Ending the process cancels the lifespan too; the log has said why, so this adds no traceback to it.
            if not (serving and runtime.ending):
                raise
        finally:
            box.end()
            runtime.on_demand.end()
            try:
                await runtime.everyone.end()
                if runtime.peers is not None:
                    await runtime.peers.end()
                await runtime.together.end()
                await observer.end()
            finally:
                await runtime.stop()

    app.router.lifespan_context = lifespan


def _put_last(routes: list[BaseRoute], own: Sequence[BaseRoute]) -> None:
    """`FirstRoutes` finds them: no request is to be compared with each of them a second time."""
    routes[:] = [*(route for route in routes if route not in own), *own]


@contextmanager
def _application_out_of_the_collectors_sight() -> Iterator[None]:
    """What start-up has made (modules, models, routes) lives as long as the process: the garbage collector need not
    walk through it again and again while requests wait (`gc.freeze`; measured in `bench/`, p99). Undone at
    the end, so that tests which start an application each leave nothing behind."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
