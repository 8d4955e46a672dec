"""Routes and statements of several workers, added up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from plimsoll.snapshot.causes.wording import sane
from plimsoll.snapshot.durations import added
from plimsoll.snapshot.model import RouteView, Snapshot, StatementView

LAST_ROUTES = 3
"""Routes of a statement that are kept, as in one worker."""


def all_routes(seen: Sequence[Snapshot]) -> tuple[RouteView, ...]:
    """By name; those with most requests first."""
    joined: dict[str, RouteView] = {}
    for route in (route for snapshot in seen for route in snapshot.routes):
        known = joined.get(route.name)
        joined[route.name] = route if known is None else _both(known, route)
    return tuple(sorted(joined.values(), key=lambda each: (-each.requests, each.name)))


def _both(one: RouteView, other: RouteView) -> RouteView:
    return RouteView(
        one.name,
        one.requests + other.requests,
        one.in_flight + other.in_flight,
        MappingProxyType(dict(Counter(one.errors) + Counter(other.errors))),
        added(one.latency, other.latency),
        added(one.waiting, other.waiting),
        added(one.holding, other.holding),
        one.statements + other.statements,
        one.rows + other.rows,
    )


def all_statements(seen: Sequence[Snapshot]) -> tuple[StatementView, ...]:
    """By fingerprint; those that took most time first."""
    joined: dict[str, StatementView] = {}
    for each in (statement for snapshot in seen for statement in snapshot.statements):
        known = joined.get(each.fingerprint)
        if known is not None:
            each = replace(
                known,
                count=known.count + each.count,
                total_s=known.total_s + each.total_s,
                most_s=max(known.most_s, each.most_s),
                rows=known.rows + each.rows,
                errors=known.errors + each.errors,
                routes=tuple(dict.fromkeys((*known.routes, *each.routes)))[:LAST_ROUTES],
            )
        joined[each.fingerprint] = each
    return tuple(sorted(joined.values(), key=lambda each: (-sane(each.total_s), each.fingerprint)))
