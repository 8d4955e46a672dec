"""What several workers have, added up: routes, statements, pools, lines of requests."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import reduce
from types import MappingProxyType
from typing import Any

from plimsoll.snapshot.causes.wording import sane
from plimsoll.snapshot.durations import added
from plimsoll.snapshot.model import AdmissionView, PoolView, RouteView, Snapshot, StatementView

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


def all_pools(seen: Sequence[Snapshot], like: PoolView) -> PoolView:
    """Sums; of `most_taken` and `most_waiting`, which each worker had at a time of its own, that is at most so many.
    What can be of one pool only is that of `like`."""
    pools = [each.pool for each in seen]
    sums: dict[str, Any] = {
        field.name: sum(getattr(pool, field.name) for pool in pools) for field in fields(PoolView) if field.type is int
    }
    return replace(
        like,
        **sums,
        closed=summed(pool.closed for pool in pools),
        acquire=reduce(added, (pool.acquire for pool in pools)),
        use=reduce(added, (pool.use for pool in pools)),
        create=reduce(added, (pool.create for pool in pools)),
        quiet_s=min((pool.quiet_s for pool in pools if pool.quiet_s is not None), default=None),
    )


def all_lines(seen: Sequence[Snapshot]) -> AdmissionView:
    """The lines before the work: as one, overloaded where one is, and stopping where all are."""
    lines = [each.admission for each in seen]
    return AdmissionView(
        limit=sum(line.limit for line in lines),
        inside=sum(line.inside for line in lines),
        waiting=sum(line.waiting for line in lines),
        refused=sum(line.refused for line in lines),
        in_flight=sum(line.in_flight for line in lines),
        overloaded=any(line.overloaded for line in lines),
        stopping=all(line.stopping for line in lines),
        memory_pressed=any(line.memory_pressed for line in lines),
    )


def summed(parts: Iterable[Any]) -> MappingProxyType[str, int]:
    """Counts by name."""
    sums: Counter[str] = Counter()
    for part in parts:
        sums.update(part)
    return MappingProxyType(dict(sums))
