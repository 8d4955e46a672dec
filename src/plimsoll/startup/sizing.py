"""What a pool's size is reckoned from, gathered: the host, the driver, the loop. `DB_POOL_SIZE=auto` at start-up and
`plimsoll capacity` ask the same question and so come to the same answer."""

import asyncio
import os
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.capacity import Costs, Load, Loop, PoolPlan, Question, budget, costs_of
from plimsoll.engine import AUTO_START
from plimsoll.host import Survey, survey
from plimsoll.server import read_facts
from plimsoll.server.facts import ServerFacts
from plimsoll.settings import DatabaseSettings, ServiceSettings, TopologySettings

MACHINE = "/proc/meminfo"


@dataclass(frozen=True, slots=True)
class Sizing:
    """The sizes of a pool and the reason, a sentence. `is_known` is False where the server's facts could not be read or
    not every pool of the deployment can have a connection: the sizes are then small, and no recommendation."""

    pool_size: int
    max_overflow: int
    reason: str
    is_known: bool = True
    facts: ServerFacts | None = field(default=None, repr=False, compare=False)
    """What the server told for it."""

    @property
    def words(self) -> str:
        """One line for the log."""
        return f"DB_POOL_SIZE=auto: {self.pool_size}, DB_MAX_OVERFLOW: {self.max_overflow}. {self.reason}"


def question_of(
    settings: DatabaseSettings,
    service: ServiceSettings,
    topology: TopologySettings,
    facts: ServerFacts,
    *,
    loop: Loop,
    load: Load | None = None,
) -> Question:
    """All that is known of a deployment, with this host for each of its hosts and this process for a worker."""
    host = survey()
    return Question(
        topology=topology,
        plan=PoolPlan.of(settings, service),
        server=_with_memory(facts, host),
        costs=_costs(settings, host, loop),
        host=host if host.rss_bytes else None,
        cores=_cores(),
        load=load,
    )


def running_loop() -> Loop:
    """Which event loop runs."""
    return "uvloop" if type(asyncio.get_running_loop()).__module__.startswith("uvloop") else "asyncio"


async def find_sizing(
    engine: AsyncEngine, settings: DatabaseSettings, service: ServiceSettings, topology: TopologySettings
) -> Sizing:
    """The sizes for `DB_POOL_SIZE=auto`, from the facts of the server behind `engine`.

    Raises:
        SQLAlchemyError: the server cannot be reached.
    """
    async with engine.connect() as connection:
        facts = await read_facts(connection)
    if facts.dialect != "sqlite" and facts.max_connections is None:
        why = facts.unread.get("max_connections") or facts.unread.get("variables") or "it does not tell"
        return Sizing(
            AUTO_START,
            0,
            f"The server's max_connections could not be read ({why}): this size is kept, which is safe and small. "
            "Set DB_POOL_SIZE to a number.",
            is_known=False,
            facts=facts,
        )
    found = budget(question_of(settings, service, topology, facts, loop=running_loop()))
    if found.automatic is None:
        return Sizing(1, 0, found.verdict, is_known=False, facts=facts)
    size, overflow = found.automatic
    return Sizing(size, overflow, found.automatic_reason, facts=facts)


def _with_memory(facts: ServerFacts, host: Survey) -> ServerFacts:
    """A server on this machine has this machine's memory."""
    machine = next((limit.limit for limit in host.memory if limit.source == MACHINE), None)
    if not facts.is_local or facts.memory_bytes is not None or machine is None:
        return facts
    return replace(facts, memory_bytes=machine)


def _costs(settings: DatabaseSettings, host: Survey, loop: Loop) -> Costs:
    costs = costs_of(settings.url.get_driver_name(), tls=settings.tls is not None, loop=loop)
    return replace(
        costs,
        worker_rss_bytes=max(costs.worker_rss_bytes, host.rss_bytes),
        worker_address_space_bytes=max(costs.worker_address_space_bytes, host.address_space_bytes),
    )


def _cores() -> int | None:
    """The cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count()
