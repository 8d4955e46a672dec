"""What each route and each form of statement did, counted in this process.

The memory for it is bounded whatever clients ask for, some 0.6 MB (`tests/asgi/test_traffic_memory.py`): a
route is known by its pattern, and what is beyond `MOST_ROUTES` is `other`."""

from bisect import bisect_left
from collections.abc import Iterator
from operator import add
from types import MappingProxyType
from typing import Protocol

from plimsoll.asgi.messages import Scope
from plimsoll.asgi.routes import Kind, Kinds
from plimsoll.asgi.statement_counts import StatementTable
from plimsoll.pool.numbers import BOUNDS_S
from plimsoll.snapshot import Durations, RouteView, StatementView
from plimsoll.snapshot.moment import Sums

MOST_ROUTES = 200
"""Routes that are counted each by itself, with whatever else asks for connections."""

OTHER = "other"
"""The rest of them."""

OUTSIDE = "outside of requests"
"""What asks for connections and has no name: no request, and no session that knows where it was opened."""

LONGEST_NAME = 200
"""Characters of a name."""

BAD_REQUEST, SERVER_ERROR = 400, 500


class InFlight(Protocol):
    """A request that is not over."""

    scope: Scope
    kind: Kind


class AllInFlight(Protocol):
    """Of a process."""

    def __len__(self) -> int:
        """How many."""

    def __iter__(self) -> Iterator[InFlight]:
        """Each."""


class Histogram:
    """Durations in seconds, by `BOUNDS_S`."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def view(self) -> Durations:
        """As it is now."""
        return Durations(BOUNDS_S, tuple(self.counts), self.total_s)


class RouteCounts:
    """What one route did; a `plimsoll.pool.Account`."""

    __slots__ = ("_table", "errors", "holding", "latency", "name", "requests", "rows", "statements", "waiting")

    def __init__(self, name: str, table: StatementTable) -> None:
        self.name = name
        self._table = table
        self.requests = self.statements = self.rows = 0
        self.errors: dict[str, int] = {}
        self.latency = Histogram()
        self.waiting = Histogram()
        self.holding = Histogram()

    def ended(self, failure: str) -> None:
        """A request of it is over; `failure` is the kind of its error, if it was one."""
        self.requests += 1
        if failure:
            self.errors[failure] = self.errors.get(failure, 0) + 1

    # --- what the pool reports ---

    def waited(self, seconds: float) -> None:
        """A connection was asked for, and given after so long, or not at all."""
        self.waiting.observe(seconds)

    def held(self, seconds: float) -> None:
        """One was given back."""
        self.holding.observe(seconds)

    def ran(self, statement: str, seconds: float, rows: int, failed: bool) -> None:
        """A statement has ended."""
        self.statements += 1
        self.rows += rows
        self._table.of(statement).ran(seconds, rows, self.name, failed)

    def fetched(self, statement: str, seconds: float, rows: int) -> None:
        """More rows came of one that fetches them in pieces."""
        self.rows += rows
        self._table.of(statement).fetched(seconds, rows)

    def view(self, in_flight: int) -> RouteView:
        """As it is now."""
        return RouteView(
            self.name,
            self.requests + in_flight,
            in_flight,
            MappingProxyType(dict(self.errors)),
            self.latency.view(),
            self.waiting.view(),
            self.holding.view(),
            self.statements,
            self.rows,
        )


class Traffic:
    """All of it. `dialect` is that of the statements."""

    def __init__(self, kinds: Kinds, dialect: str = "") -> None:
        self._kinds = kinds
        self._table = StatementTable(dialect)
        self._by_name: dict[str, RouteCounts] = {}
        self.running: AllInFlight = ()
        """The requests in flight; set by who knows them."""

    def sums(self) -> Sums:
        """What all routes did together, in about a microsecond for each."""
        routes = self._by_name.values()
        counts: list[int] = [0] * (len(BOUNDS_S) + 1)
        requests = errors = refused = statements = 0
        total_s = 0.0
        for route in routes:
            requests += route.requests
            statements += route.statements
            if route.errors:
                errors += route.errors.get("5xx", 0)
                refused += route.errors.get("refused", 0)
            counts = list(map(add, counts, route.latency.counts))
            total_s += route.latency.total_s
        latency = Durations(BOUNDS_S, tuple(counts), total_s)
        return Sums(requests + len(self.running), errors, refused, statements, latency)

    def routes(self) -> tuple[RouteView, ...]:
        """What each route did, those with the most requests first; with it, whatever else had connections, under the
        name of its owner and with no requests."""
        in_flight: dict[str, int] = {}
        for work in self.running:
            name = self.of(work.scope, work.kind).name
            in_flight[name] = in_flight.get(name, 0) + 1
        views = [counts.view(in_flight.get(name, 0)) for name, counts in self._by_name.items()]
        return tuple(sorted(views, key=lambda view: (-view.requests, view.name)))

    def statements(self) -> tuple[StatementView, ...]:
        """What each form of statement did, those that took the most time first."""
        return self._table.views()

    def of(self, scope: Scope, kind: Kind) -> RouteCounts:
        """The counts of a request's route: as the framework has found it, or `kind`, the guess before."""
        name = self._kinds.served(scope, kind).name
        return self._by_name.get(name) or self._add(name)

    def name_of(self, scope: Scope, kind: Kind) -> str:
        """The route of a request; empty where it is not known."""
        served = self._kinds.served(scope, kind)
        return "" if served.template is None else served.name

    def of_owner(self, owner: str) -> RouteCounts:
        """The counts of what is no request; a `plimsoll.pool.Accounts`."""
        name = owner or OUTSIDE
        return self._by_name.get(name) or self._add(name)

    def refused(self, kind: Kind) -> None:
        """A request was not let in."""
        (self._by_name.get(kind.name) or self._add(kind.name)).ended("refused")

    def _add(self, name: str) -> RouteCounts:
        """Only for a name that is not there as it is."""
        name = name[:LONGEST_NAME]
        if name not in self._by_name and len(self._by_name) >= MOST_ROUTES:
            name = OTHER
        counts = self._by_name.get(name)
        if counts is None:
            counts = self._by_name[name] = RouteCounts(name, self._table)
        return counts


def failure_of(status: int, *, late: bool) -> str:
    """The kind of error that a status of 400 or more is. A request that was `late` has failed for the lack of time,
    whatever it says: the database gives up at the deadline too."""
    if status < SERVER_ERROR:
        return "4xx"
    return "deadline" if late else "5xx"
