"""What a budget is reckoned from: frozen, gathered by somebody else."""

from dataclasses import dataclass, replace

from plimsoll.capacity.costs import Costs
from plimsoll.capacity.queueing import Load
from plimsoll.host import Survey
from plimsoll.server.facts import ServerFacts
from plimsoll.settings import DatabaseSettings, ServiceSettings
from plimsoll.settings.database import AUTO
from plimsoll.settings.topology import TopologySettings

DEFAULT_POOL_SIZE = 20
DEFAULT_MAX_OVERFLOW = 20
"""What `DB_POOL_SIZE=auto` asks for where limits allow it and no load is known: the defaults of the settings."""

THREADS = 40
"""Threads that a worker may have beside its first: AnyIO's default for plain `def` handlers."""


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """The settings as they are. Durations in seconds; `is_auto` where the sizes are for us to find, and `pool_size` and
    `max_overflow` the most that may come out without a known load."""

    pool_size: int = DEFAULT_POOL_SIZE
    max_overflow: int = DEFAULT_MAX_OVERFLOW
    is_auto: bool = False
    timeout_s: float = 30.0
    recycle_s: float = 280.0
    max_waiting: int = 200
    request_timeout_s: float = 45.0
    wait_s: float = 0.1
    memory_reserve_bytes: int = 16 << 20

    @classmethod
    def of(cls, settings: DatabaseSettings, service: ServiceSettings) -> "PoolPlan":
        """The plan that settings make."""
        size = settings.pool_size
        is_auto = size == AUTO
        return cls(
            pool_size=DEFAULT_POOL_SIZE if size == AUTO else size,
            max_overflow=DEFAULT_MAX_OVERFLOW if is_auto else settings.max_overflow,
            is_auto=is_auto,
            timeout_s=settings.pool_timeout_s,
            recycle_s=settings.pool_recycle_s,
            max_waiting=settings.pool_max_waiting,
            request_timeout_s=service.request_timeout_s,
            wait_s=service.admission_wait_s,
            memory_reserve_bytes=service.memory_reserve_bytes,
        )

    @property
    def most(self) -> int:
        """Connections that a pool may have."""
        return self.pool_size + self.max_overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that is known. `host` and `cores` are those of one of the hosts, which are taken to be alike; None where they
    are not known."""

    topology: TopologySettings
    plan: PoolPlan
    server: ServerFacts
    costs: Costs
    host: Survey | None = None
    cores: int | None = None
    threads: int = THREADS
    load: Load | None = None

    def with_topology(self, **changes: int) -> "Question":
        """The same with some of the topology changed."""
        return replace(self, topology=self.topology.model_copy(update=changes))

    @property
    def own_clients(self) -> int:
        """Connections of our own account that are open now beside the one that asked."""
        account = self.server.account
        return sum(account is not None and client.user == account.user for client in self.server.clients)

    @property
    def others(self) -> int:
        """Connections that other accounts take: what is declared, or what they take now where that is more."""
        now = self.server.connections_now
        if now is None or self.server.account is None or "clients" in self.server.unread:
            return self.topology.other_connections
        return max(self.topology.other_connections, now - 1 - self.own_clients)
