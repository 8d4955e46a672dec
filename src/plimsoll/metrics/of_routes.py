"""What the routes did. Their number is bounded where they are counted; what is beyond is `other`."""

from collections.abc import Callable, Iterable

from plimsoll.metrics.family import Family, Kind, Labels, Value
from plimsoll.snapshot import RouteView, Snapshot


def _routes(name: str, kind: Kind, text: str, value: Callable[[RouteView], Value]) -> Family:
    def samples(now: Snapshot) -> Iterable[tuple[Labels, Value]]:
        return (((route.name,), value(route)) for route in now.routes)

    return Family(name, kind, text, ("route",), samples)


def _errors(now: Snapshot) -> Iterable[tuple[Labels, Value]]:
    return (((route.name, kind), count) for route in now.routes for kind, count in route.errors.items())


ROUTES = (
    # Those in flight are not in it: a counter never goes back, and one may yet turn out to be of another route.
    _routes(
        "plimsoll_requests_total", "counter", "Requests that are over", lambda route: route.requests - route.in_flight
    ),
    _routes("plimsoll_requests_in_flight", "gauge", "Requests at work", lambda route: route.in_flight),
    Family("plimsoll_request_errors_total", "counter", "Requests that went wrong", ("route", "kind"), _errors),
    _routes(
        "plimsoll_request_seconds",
        "histogram",
        "From a request's arrival to the start of its response; refused ones are not in it",
        lambda route: route.latency,
    ),
    # Sum and count alone: a histogram for each route would double the number of series, and the pool has one.
    _routes(
        "plimsoll_request_waiting_seconds",
        "summary",
        "How long its checkouts waited for a connection",
        lambda route: route.waiting,
    ),
    _routes(
        "plimsoll_request_holding_seconds", "summary", "How long its checkouts held one", lambda route: route.holding
    ),
    _routes("plimsoll_request_statements_total", "counter", "Statements sent", lambda route: route.statements),
    _routes("plimsoll_request_rows_total", "counter", "Rows fetched", lambda route: route.rows),
)
