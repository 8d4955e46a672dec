"""What this worker tells operators of itself: one plain document, read without asking the database."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plimsoll.asgi.pools import PoolOfEngine
from plimsoll.fastapi.protection import Protection
from plimsoll.host import Limit, Survey, survey
from plimsoll.pool import PlimsollPool

FORMAT = 1
"""Raised when a name is taken away or gets another meaning; names that are added do not raise it."""


@dataclass(frozen=True, slots=True)
class Start:
    """This process when it began to serve: what is counted since then is compared with it."""

    pid: int
    at_s: float
    rss_bytes: int
    oom_kills: int

    @classmethod
    def now(cls) -> "Start":
        """The process as it is."""
        found = survey()
        return cls(os.getpid(), time.time(), found.rss_bytes, oom_kills(found))


def oom_kills(found: Survey) -> int:
    """Processes that the kernel has killed in the control groups of this one. A group counts those of its children
    too, so they are not added up."""
    return max((limit.struck or 0 for limit in found.memory if limit.kills), default=0)


class Worker:
    """One worker process, for as long as it lives."""

    def __init__(self, protection: Protection, connection_ids: Callable[[], list[int]]) -> None:
        self._protection = protection
        self._connection_ids = connection_ids
        self._engine = protection.database.engine
        self._start = Start.now()

    def begin(self) -> None:
        """In lifespan start-up. A server may have forked since the application was made."""
        self._start = Start.now()

    def figures(self, *, ready: bool) -> dict[str, Any]:
        """All of it, as JSON takes it. Times are seconds, sizes bytes; what is counted is counted since `started`."""
        if os.getpid() != self._start.pid:
            self.begin()
        protection, start = self._protection, self._start
        settings, production = protection.settings, protection.database.settings.production
        pool = PoolOfEngine(self._engine).pool
        return {
            "format": FORMAT,
            "host": socket.gethostname(),
            "pid": start.pid,
            "started": start.at_s,
            "age_s": max(0.0, time.time() - start.at_s),
            "release": settings.release,
            "production": {"active": production.active, "rule": production.reason},
            "ready": ready,
            "pool": _pool(pool),
            "connections": self._connection_ids(),
            "admission": self._admission(),
            "memory": self._memory(start),
            "events": dict(protection.counters.snapshot()),
            "limits": self._limits(),
        }

    def _admission(self) -> dict[str, int]:
        admission = self._protection.admission
        line = admission.line
        return {
            "limit": line.limit,
            "inside": sum(line.inside.values()),
            "waiting": line.waiting,
            "refused": line.refused,
            "in_flight": len(admission.running),
        }

    def _memory(self, start: Start) -> dict[str, Any]:
        found, guard = survey(), self._protection.guard
        return {
            "rss_bytes": found.rss_bytes,
            "rss_at_start_bytes": start.rss_bytes,
            "address_space_bytes": found.address_space_bytes,
            "errors": self._protection.counters.snapshot().get("memory_errors", 0),
            "growth_of_a_request_bytes": None if guard is None else guard.growth_bytes,
            "oom_kills": oom_kills(found),
            "oom_kills_since_start": max(0, oom_kills(found) - start.oom_kills),
            "limit": None if found.binding is None else _limit(found.binding),
        }

    def _limits(self) -> dict[str, float]:
        service, database = self._protection.settings, self._protection.database.settings
        return {
            "request_timeout_s": service.request_timeout_s,
            "pool_timeout_s": database.pool_timeout_s,
            "pool_recycle_s": database.pool_recycle_s,
            "statement_timeout_s": database.statement_timeout_s,
            "idle_transaction_s": database.idle_transaction_s,
            "memory_reserve_bytes": service.memory_reserve_bytes,
        }


def _pool(pool: PlimsollPool) -> dict[str, float]:
    now = pool.snapshot()
    return {
        "size": now.size,
        "max_overflow": now.max_overflow,
        "checked_out": now.checked_out,
        "idle": now.idle,
        "opening": now.opening,
        "closing": now.closing,
        "waiting": now.waiting,
        "most_taken": now.most_taken,
        "most_waiting": now.most_waiting,
        "opened": now.opened,
        "closed": now.closed_total,
        "checkouts": now.checkouts,
        "reused": now.reused,
        "timeouts": now.timeouts,
        "refused": now.refused,
        "cancelled": now.cancelled,
        "connect_failures": now.connect_failures,
        "killed": now.killed,
        "leaks": now.leaks,
        "lost": now.lost,
        "idle_transactions": now.idle_transactions,
        "wait_mean_s": now.acquire.mean_s,
        "use_mean_s": now.use.mean_s,
    }


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "name": limit.name,
        "source": limit.source,
        "limit": limit.limit,
        "used": limit.used,
        "left": limit.left,
        "kills": limit.kills,
    }
