"""What a connection to this server costs, measured: opens some one by one, and closes them whatever happens."""

import gc
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import linear_regression, median
from time import perf_counter

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.capacity import Costs
from plimsoll.errors import CommandError
from plimsoll.host.files import Files
from plimsoll.host.machine import read_facts as read_memory
from plimsoll.server import server_of
from plimsoll.server.facts import ServerFacts

DEFAULT_CONNECTIONS = 8
MOST_CONNECTIONS = 20
"""More tell nothing more: their cost is the slope of a line."""

LEAST_CONNECTIONS = 2
"""A line needs two points."""

SHARE_OF_FREE = 4
"""One in so many of the connections that the server has free now may be opened: others go on to connect meanwhile."""

ROUND_TRIPS = 5
"""Asked on each connection."""

LEAST_BYTES = 4096
"""A page: what is found to be less cannot be told from nothing."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Times in seconds."""

    least_s: float
    median_s: float
    most_s: float

    @classmethod
    def of(cls, times_s: Sequence[float]) -> "Spread":
        """Of at least one time."""
        return cls(min(times_s), median(times_s), max(times_s))


@dataclass(frozen=True, slots=True)
class Measured:
    """What one connection takes: bytes of RSS and of address space here, and in the server, None where it does not
    tell; how long it took to open, and one question with its answer."""

    connections: int
    rss_bytes: int
    address_space_bytes: int
    server_bytes: int | None
    connect: Spread
    round_trip: Spread

    def costs(self, before: Costs) -> Costs:
        """The costs to reckon with."""
        return before.measured(
            max(LEAST_BYTES, self.rss_bytes), max(LEAST_BYTES, self.address_space_bytes), self.server_bytes
        )


@dataclass(frozen=True, slots=True)
class _Sample:
    rss_bytes: int
    address_space_bytes: int


def bounded(wanted: int, facts: ServerFacts) -> int:
    """How many may be opened: as many as are wanted, but never more than a share of what is free.

    Raises:
        CommandError: too few are free.
    """
    free = _free(facts)
    count = min(wanted, MOST_CONNECTIONS)
    if free is not None:
        count = min(count, free // SHARE_OF_FREE)
    if count < LEAST_CONNECTIONS:
        raise CommandError(
            f"Nothing was measured: {free} connections are free now, and only one in {SHARE_OF_FREE} of them may be "
            f"opened for it, at least {LEAST_CONNECTIONS}. Measure while the service does not run, or leave it out."
        )
    return count


def _free(facts: ServerFacts) -> int | None:
    """Connections that may still be opened now, beside the one that asked; None where that is not known."""
    found = []
    if facts.max_connections is not None and facts.connections_now is not None:
        found.append(facts.max_connections - facts.reserved_connections - facts.connections_now)
    account = facts.account
    if account is not None and account.max_connections is not None:
        own = sum(client.user == account.user for client in facts.clients)
        found.append(account.max_connections - own - 1)
    return max(0, min(found)) if found else None


async def measure(engine: AsyncEngine, count: int) -> Measured:
    """Open `count` connections of an unpooled engine, one by one, ask each a few questions, and close them all.

    The first one shows nothing: what it takes is also what only a first one needs. It asks the server for the others.

    Raises:
        SQLAlchemyError: one could not be opened or did not answer. Those that were open are closed then too.
    """
    connect_s: list[float] = []
    round_trips_s: list[float] = []
    opened: list[AsyncConnection] = []
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(engine.connect())
        await _round_trip_s(first)
        samples = [_sample()]
        for _ in range(count - 1):
            began_s = perf_counter()
            connection = await stack.enter_async_context(engine.connect())
            connect_s.append(perf_counter() - began_s)
            round_trips_s += [await _round_trip_s(connection) for _ in range(ROUND_TRIPS)]
            opened.append(connection)
            samples.append(_sample())
        server_bytes = await server_of(engine.dialect.name).idle_bytes(first, opened)
    return Measured(
        connections=count,
        rss_bytes=_slope([sample.rss_bytes for sample in samples]),
        address_space_bytes=_slope([sample.address_space_bytes for sample in samples]),
        server_bytes=int(median(server_bytes)) if server_bytes else None,
        connect=Spread.of(connect_s),
        round_trip=Spread.of(round_trips_s),
    )


async def _round_trip_s(connection: AsyncConnection) -> float:
    began_s = perf_counter()
    await connection.exec_driver_sql("SELECT 1")
    return perf_counter() - began_s


def _sample() -> _Sample:
    """What this process has taken, without what malloc keeps for the next who asks."""
    gc.collect()
    facts = read_memory(Files())
    if facts is None:
        raise CommandError("Nothing was measured: there is no /proc as Linux has it, so memory cannot be read.")
    return _Sample(facts.rss - facts.free_heap, facts.address_space - facts.free_heap)


def _slope(values: Sequence[int]) -> int:
    """Bytes that each further connection adds: of the straight line that fits best, never below 0."""
    return max(0, int(linear_regression(range(len(values)), values).slope))
