"""A worker at one moment in a few numbers: what is gathered each second, also while nobody looks, so nothing in it
takes more than some microseconds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from plimsoll.snapshot.durations import NONE, Durations, added
from plimsoll.snapshot.model import AdmissionView, MemoryView, PoolView, RouteView, Snapshot


@dataclass(frozen=True, slots=True)
class Sums:
    """What all routes did together: `errors` were answered 5xx, `refused` are those before they began."""

    requests: int = 0
    errors: int = 0
    refused: int = 0
    statements: int = 0
    latency: Durations = NONE

    @classmethod
    def of(cls, routes: Sequence[RouteView]) -> "Sums":
        """Those of a snapshot's routes; all but the latency, which takes longer than the rest and not everybody
        needs."""
        return cls(
            requests=sum(route.requests for route in routes),
            errors=sum(route.errors.get("5xx", 0) for route in routes),
            refused=sum(route.errors.get("refused", 0) for route in routes),
            statements=sum(route.statements for route in routes),
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """What the history and the black box need of a worker. Of its parts those are whole that a snapshot has whole, too;
    None stands for what is not known."""

    at_s: float
    pool: PoolView
    admission: AdmissionView
    memory: MemoryView
    sums: Sums = Sums()
    client_connections: int | None = None
    server_connections: int | None = None
    """As they were when somebody looked last."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Moment":
        """That of a snapshot."""
        routes, server = snapshot.routes, snapshot.server
        return cls(
            at_s=snapshot.at_s,
            pool=snapshot.pool,
            admission=snapshot.admission,
            memory=snapshot.memory,
            sums=replace(Sums.of(routes), latency=reduce(added, (route.latency for route in routes), NONE)),
            client_connections=snapshot.client_connections,
            server_connections=server.connections if server is not None else None,
        )
