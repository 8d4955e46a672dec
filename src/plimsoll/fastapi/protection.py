"""What stands before the application: admission by its pool and by memory, bodies, slow readers, connections."""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from time import monotonic

from plimsoll.asgi.admission import Admission, AdmissionLayer, Policy
from plimsoll.asgi.bodies import BodyLimits
from plimsoll.asgi.connections import ConnectionRules, ConnectionWatch, watch_connections
from plimsoll.asgi.messages import ASGIApp, Scope
from plimsoll.asgi.pools import PoolOfEngine, Returns
from plimsoll.asgi.routes import Kinds, for_request
from plimsoll.asgi.signals import StopSignals
from plimsoll.asgi.slow import ReaderRules
from plimsoll.asgi.traffic import Traffic
from plimsoll.database import Database
from plimsoll.events import LimitedLog
from plimsoll.host import MemoryReader
from plimsoll.limiter import AdaptiveLimit, MemoryGuard, Priority, Spare
from plimsoll.settings import ServiceSettings

logger = logging.getLogger("plimsoll.requests")

LAST_WORDS_S = 1.0
"""Between the last response and the end of a worker that must end itself: its server may be on the way to it too."""


class Protection:
    """All of it for one application."""

    def __init__(
        self,
        database: Database,
        settings: ServiceSettings,
        *,
        priorities: Mapping[str, Priority],
        policy: Policy | None,
        body_limits: Mapping[str, int],
    ) -> None:
        self.settings = settings
        self.database = database
        self.counters = database.counters
        self.log = LimitedLog(logger)
        self.watch: ConnectionWatch | None = None
        self._signals: StopSignals | None = None
        self._ending: asyncio.Task[None] | None = None
        self._body_limits = body_limits
        self._spare = Spare(monotonic, settings.memory_reserve_bytes)
        of_pool = PoolOfEngine(database.engine)
        self.guard: MemoryGuard | None = None
        if settings.memory_guard:
            read = MemoryReader(clock=monotonic).read
            self.guard = MemoryGuard(read, monotonic, reserve_bytes=settings.memory_reserve_bytes)
        kinds = Kinds(priorities)
        self.traffic = Traffic(kinds, database.settings.dialect)
        self.admission = Admission(
            settings,
            kinds=kinds,
            policy=policy,
            adaptive=AdaptiveLimit(of_pool.usage, monotonic),
            used=of_pool.used,
            guard=self.guard,
            relieve=(of_pool.memory_is_short, self._close_idle_clients),
            end_process=self._end_process,
            counters=self.counters,
            log=self.log,
            traffic=self.traffic,
        )
        of_pool.pool.numbers.accounts = self.traffic.of_owner
        of_pool.pool.numbers.observers.append(Returns(self.admission))

    def around(self, app: ASGIApp) -> ASGIApp:
        """The layers, the outermost first: admission with slow readers, bodies."""
        settings, counters, log = self.settings, self.counters, self.log
        rate, grace_s = settings.min_rate_bytes, settings.rate_grace_s
        bodies = BodyLimits(
            app, limit_for=self._limit_for, min_rate_bytes=rate, grace_s=grace_s, counters=counters, log=log
        )
        return AdmissionLayer(bodies, self.admission, ReaderRules(rate, grace_s, counters, log))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """In lifespan start-up: connections are watched from now on."""
        settings = self.settings
        rules = ConnectionRules(
            settings.max_client_connections, settings.header_timeout_s, settings.min_rate_bytes, settings.rate_grace_s
        )
        self.watch = watch_connections(
            loop, rules, may_open=self._may_open, closed=self._spare.give_back, counters=self.counters, log=self.log
        )
        self.admission.begin()
        self._signals = StopSignals(self._heard, self._stop, self._stop_at_once)
        self._signals.listen()

    async def drain(self) -> None:
        """At the end of the lifespan: what the server has left in flight ends as a signal would have it end.

        uvicorn, for one, ends the lifespan while what it has cancelled still rolls back.
        """
        if self._ending is not None:
            self._ending.cancel()  # the server ends this process itself, after all
        await self._drained()

    async def _drained(self) -> None:
        running, cleanup_s = len(self.admission.running), self.database.settings.cleanup_timeout_s
        # Rolling back takes a clean-up's time, and ending the statement on the server may take another.
        if not await self.admission.drained(self.settings.shutdown_timeout_s, 2 * cleanup_s):
            left = len(self.admission.running)
            logger.warning("stopping: %d of %d requests in flight went on though cancelled", left, running)

    def end(self) -> None:
        """At the end of the lifespan: all as it was."""
        if self._signals is not None:
            self._signals.undo()
            if not self._signals.heard:
                self.admission.begin()  # this process lives on, as in tests
        if self.watch is not None:
            self.watch.stop()

    def _heard(self) -> None:
        """Within the signal handler: not ready from this moment on, whatever the event loop does first."""
        self.admission.stopping = True

    def _stop_at_once(self) -> None:
        """A second signal has come."""
        logger.info("stopping at once: requests in flight, now rolled back: %d", len(self.admission.running))
        self.admission.stop(0)

    def _stop(self) -> None:
        """A signal to stop has come; the server waits for the requests in flight."""
        running, limit_s = len(self.admission.running), self.settings.shutdown_timeout_s
        logger.info("stopping: no longer ready; requests in flight: %d, they may take %d s", running, limit_s)
        self.admission.stop(limit_s)
        if self._signals is not None and self._signals.alone:
            self._ending = asyncio.create_task(self._end_alone(), name="plimsoll end of this worker")

    async def _end_alone(self) -> None:
        """The server has no way to stop in this process, which SIGTERM would just have killed: end when all is done."""
        await self._drained()
        await asyncio.sleep(LAST_WORDS_S)
        asyncio.get_running_loop().call_soon(_exit)

    def _may_open(self, cost_bytes: int, recent_bytes: int) -> bool:
        guard = self.guard
        if guard is None or guard.has_room(cost_bytes, recent_bytes, in_flight=len(self.admission.running)):
            return True
        return self._spare.take(cost_bytes, guard.left_bytes or 0)

    def _close_idle_clients(self) -> None:
        if self.watch is not None:
            self.watch.close_idle()

    def _limit_for(self, scope: Scope) -> int:
        limit = for_request(self._body_limits, scope)
        return self.settings.max_body_bytes if limit is None else limit

    def _end_process(self, why: str) -> None:
        logger.critical("%s", why)
        os.kill(os.getpid(), signal.SIGTERM)


def _exit() -> None:
    """Raised from a callback this leaves the loop; the server then cancels what runs, lifespan included."""
    raise SystemExit(0)
