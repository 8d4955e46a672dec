"""`Observer`: where all views of a worker have their snapshots from. Nothing of it asks the database unless somebody
looks, and nothing waits for the pool."""

import asyncio
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from dataclasses import replace
from importlib.metadata import version

from plimsoll.asgi.pools import PoolOfEngine
from plimsoll.capacity import budget
from plimsoll.errors import ActionError
from plimsoll.fastapi.figures import Start, oom_kills
from plimsoll.fastapi.happenings import Happenings
from plimsoll.fastapi.runtime import Runtime
from plimsoll.fastapi.server_side import ServerSide, name_connections
from plimsoll.fastapi.views import (
    admission_view,
    holder_views,
    limit_view,
    load_line_view,
    memory_view,
    pool_view,
    setting_views,
)
from plimsoll.host import MemoryReader, Survey, survey
from plimsoll.server import ServerFacts
from plimsoll.settings import SettingsError, TopologySettings
from plimsoll.snapshot import HolderView, LoadLineView, SettingView, Snapshot, WorkerView
from plimsoll.snapshot.diagnosis import problems
from plimsoll.snapshot.eventlog import EventLog
from plimsoll.snapshot.history import History
from plimsoll.snapshot.moment import Moment
from plimsoll.startup.sizing import question_of, running_loop

VERSION = version("plimsoll")

TICK_S = 1.0

BEFORE_TICKS, BEFORE = 5, 3
"""One whole snapshot in so many seconds, and so many of them: whoever looks is told what happened in the last ten to
fifteen seconds, also at the first look. One second of a quiet service says nothing."""

SURVEY_S = 1.0
"""All limits are read again after so long while somebody looks: a millisecond's work."""

ACTION_S = 2.0
"""How long an operator waits for the server to have ended what it was asked to end."""


class Observer:
    """Of one application in one process; a `plimsoll.snapshot.source.Source`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._protection = runtime.protection
        self._settings = runtime.database.settings
        self._pool = PoolOfEngine(runtime.database.engine)
        self._history = History()
        self._memory = MemoryReader()
        self._start = Start.now()
        self._survey: tuple[float, Survey] | None = None
        self._setting_views: tuple[SettingView, ...] | None = None
        self._load_line: LoadLineView | None = None
        self._declared: TopologySettings | None = None
        self._lately: deque[Snapshot] = deque(maxlen=BEFORE)
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None
        self.lookers: list[Callable[[Moment], object]] = []
        """Are called once a second; must not raise."""
        self.events = EventLog()
        self._happenings = Happenings(self.events, self._pool, runtime.database.counters)
        self._happenings.listen(self._protection.log, runtime.database.sessions.log)
        self._server = ServerSide(self._settings, self._pool, self._topology, self._facts_changed, self.events.add)
        name_connections(runtime.database.engine, self._settings)

    # --- its life ---

    def begin(self) -> None:
        """In lifespan start-up, in the process that serves: once a second what is goes into the history."""
        self._start = Start.now()
        release = self._protection.settings.release
        what = f"Release {release} begins" if release else "The worker begins"
        self.events.add("deployment" if release else "restart", f"{what} to serve (process {self._start.pid}).")
        if self._settings.dialect == "sqlite":
            self._facts_changed(ServerFacts("sqlite", "sqlite", (), ""))  # there is nobody to ask
        self._schedule(asyncio.get_running_loop())

    async def end(self) -> None:
        """At the end of the lifespan."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._server.close(self._settings.cleanup_timeout_s)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        # A timer, not a task; in nobody's context.
        self._timer = loop.call_later(TICK_S, self._tick, loop, context=Context())

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._schedule(loop)
        try:
            now = self._moment()
            self._history.add(now)
            if self._ticks % BEFORE_TICKS == 0:
                self._lately.append(self._gather())
        except Exception as error:  # noqa: BLE001 - a second is missing, and the next may be there
            self._protection.log.log(logging.ERROR, "observer", "a second of the history is missing", error)
        else:
            self._ticks += 1
            for each in self.lookers:
                each(now)

    # --- what there is to see ---

    @property
    def history(self) -> History:
        """What was before."""
        return self._history

    def snapshot(self) -> Snapshot:
        """The worker now, with what is wrong."""
        if self._survey is None or time.monotonic() - self._survey[0] > SURVEY_S:
            self._survey = (time.monotonic(), survey())
        now = self._gather()
        found = problems(now, self._lately[0] if self._lately else None)
        return replace(now, problems=found)

    async def refresh(self, max_age_s: float = 5.0) -> None:
        """See to it that the server's side is no older than that, within two seconds."""
        await self._server.refresh(max_age_s)

    def connection_ids(self) -> list[int]:
        """What the server calls this worker's connections, those of the pool and the one that asks."""
        ids = self._pool.pool.server_ids()
        return sorted([*ids, self._server.own_id]) if self._server.own_id is not None else ids

    def _moment(self) -> Moment:
        """What the history needs, each second, whoever looks."""
        if os.getpid() != self._start.pid:
            self._start = Start.now()
        self._happenings.look()
        protection, pool = self._protection, self._pool.pool
        found, guard, watch, server = self._survey, protection.guard, protection.watch, self._server.view
        kills = oom_kills(found[1]) - self._start.oom_kills if found is not None else 0
        return Moment(
            at_s=time.time(),
            pool=pool_view(pool.snapshot(), pool.timeout_s),
            admission=admission_view(protection.admission),
            memory=memory_view(
                self._memory.read(),
                growth_bytes=None if guard is None else guard.growth_bytes,
                errors=self._happenings.counters.get("memory_errors", 0),
                oom_kills=max(0, kills),
            ),
            sums=protection.traffic.sums(),
            client_connections=None if watch is None else watch.open_count,
            server_connections=None if server is None else server.connections,
        )

    def _gather(self) -> Snapshot:
        """All but what is wrong: some milliseconds where there are many routes and statements."""
        now, found, traffic = self._moment(), self._survey, self._protection.traffic
        return Snapshot(
            at_s=now.at_s,
            worker=self._worker(),
            pool=now.pool,
            admission=now.admission,
            memory=now.memory,
            holders=self._holders(),
            limits=() if found is None else tuple(map(limit_view, (*found[1].memory, *found[1].counts))),
            routes=traffic.routes(),
            statements=traffic.statements(),
            server=self._server.view,
            load_line=self._load_line_known(),
            settings=self._all_settings(),
            events=self.events.newest(),
            counters=self._happenings.counters,
            client_connections=now.client_connections,
        )

    def _holders(self) -> tuple[HolderView, ...]:
        return holder_views(self._pool.pool.who(), self._start.pid, self._settings.dialect)

    def _worker(self) -> WorkerView:
        report, production = self._runtime.database.gate.report, self._settings.production
        return WorkerView(
            host=socket.gethostname(),
            pid=self._start.pid,
            started_s=self._start.at_s,
            release=self._protection.settings.release,
            production=production.active,
            production_rule=production.reason,
            ready=self._runtime.ready and not self._protection.admission.stopping,
            startup=report.detail or report.state.value,
            version=VERSION,
            warnings=self._runtime.warnings,
        )

    def _all_settings(self) -> tuple[SettingView, ...]:
        if self._setting_views is None:
            database = self._runtime.database
            groups = [self._settings, *([database.admin.settings] if database.admin else []), *self._runtime.settings]
            self._setting_views = setting_views([*groups, self._topology()])
        return self._setting_views

    def _topology(self) -> TopologySettings:
        """As the application declares it, else the environment; the defaults where that cannot be read."""
        if self._declared is None:
            self._declared = self._runtime.database.gate.topology
            if self._declared == TopologySettings():
                try:
                    self._declared = TopologySettings.from_env()
                except SettingsError as error:
                    self.events.add("settings", str(error))
        return self._declared

    def _load_line_known(self) -> LoadLineView | None:
        """From what start-up asked the server, until somebody looks and it is asked again."""
        sizing = self._runtime.database.gate.report.sizing
        if self._load_line is None and sizing is not None and sizing.facts is not None:
            self._facts_changed(sizing.facts)
        return self._load_line

    def _facts_changed(self, facts: ServerFacts) -> None:
        question = question_of(self._settings, self._protection.settings, self._topology(), facts, loop=running_loop())
        self._load_line = load_line_view(budget(question))

    # --- what an operator may do ---

    async def kill(self, holder: str, who: str) -> str:
        """End the statement of a checkout on the server, and its connection with it.

        Raises:
            ActionError: there is no such checkout, or it runs no statement.
        """
        number, owner = self._checkout(holder)
        words = (
            f"An operator has ended the statement of {owner} and its connection. What its transaction did is rolled "
            "back, unless the statement was its commit."
        )
        ended = self._pool.pool.kill(number, words)
        self.events.add("operator", f"{who} ended the statement of {owner} (checkout {holder}).")
        if await _within(ended):
            if self._pool.pool.killing.is_pooled:
                return (
                    f"A pooler is in between, so the statement of {owner} runs to its end there; its connection "
                    "is closed after it. To free its place now, take the connection back."
                )
            return f"The statement of {owner} was ended on the server."
        return f"The server was asked to end the statement of {owner}, and has not confirmed it yet."

    async def give_back(self, holder: str, who: str) -> str:
        """Close the connection of a checkout and free its place.

        Raises:
            ActionError: there is no such checkout, or the database lives in its connection.
        """
        number, owner = self._checkout(holder)
        if self._settings.dialect == "sqlite" and self._settings.url.database in (None, "", ":memory:"):
            raise ActionError("The database lives in this connection: closing it would end the database.")
        words = (
            f"An operator has taken back the connection of {owner} and closed it: what its transaction did is rolled "
            "back. Begin another transaction."
        )
        free = self._pool.pool.take_back(number, words)
        self.events.add("operator", f"{who} took back the connection of {owner} (checkout {holder}).")
        if await _within(free):
            return f"The connection of {owner} was closed, and its place in the pool is free."
        return f"The connection of {owner} was closed here; its place is free once the server has let go of it."

    def _checkout(self, holder: str) -> tuple[int, str]:
        """The number of the checkout, and whose it is."""
        for view in self._holders():
            if view.id == holder:
                return int(holder.rpartition("-")[2]), view.route
        raise ActionError(
            "There is no such checkout in this worker: it has ended meanwhile, or another worker has it. Look again."
        )


async def _within(event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(ACTION_S):
            await event.wait()
    except TimeoutError:
        return False
    return True
