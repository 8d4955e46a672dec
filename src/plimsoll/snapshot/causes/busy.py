"""Which routes and statements keep the connections busy."""

from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.wording import sane
from plimsoll.snapshot.durations import NONE, Durations
from plimsoll.snapshot.model import HolderView, Snapshot, StatementView


@dataclass(frozen=True, slots=True)
class Busy:
    """A route lately: seconds that its checkouts held connections, how many they were, its share of all routes' time,
    and how many connections that is on average (None where no time is known to divide by)."""

    route: str
    held_s: float
    uses: float
    share: float
    average: float | None
    holder: HolderView | None
    """Its oldest checkout of those that last."""

    @property
    def mean_s(self) -> float:
        """Of a checkout."""
        return self.held_s / self.uses if self.uses else 0.0


@dataclass(frozen=True, slots=True)
class BusyStatement:
    """A statement lately."""

    view: StatementView
    total_s: float
    count: float
    share: float
    average: float

    @property
    def mean_s(self) -> float:
        """Of one."""
        return self.total_s / self.count if self.count else 0.0


def busy_routes(case: Case) -> tuple[Busy, ...]:
    """Who held connections for longest lately comes first."""
    held_s: dict[str, float] = {}
    uses: dict[str, float] = {}
    oldest: dict[str, HolderView] = {}
    if case.passed_s is not None:
        for route in case.now.routes:
            then = case.routes_before.get(route.name)
            lately = _since(route.holding, then.holding if then is not None else NONE)
            if lately[1]:
                held_s[route.name], uses[route.name] = lately
    for holder in case.now.holders:
        age_s = sane(holder.age_s)
        held_s[holder.route] = held_s.get(holder.route, 0.0) + min(age_s, case.passed_s or age_s)
        uses[holder.route] = uses.get(holder.route, 0.0) + 1
        if holder.route not in oldest or sane(oldest[holder.route].age_s) < age_s:
            oldest[holder.route] = holder
    all_s = sum(held_s.values())
    found = [
        Busy(
            route,
            seconds,
            uses[route],
            seconds / all_s if all_s else 0.0,
            seconds / case.passed_s if case.passed_s else None,
            oldest.get(route),
        )
        for route, seconds in held_s.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.held_s, each.route)))


def busiest(case: Case) -> Busy | None:
    """The first of them."""
    return next(iter(busy_routes(case)), None)


def busy_statements(case: Case) -> tuple[BusyStatement, ...]:
    """The statements that took most of the time lately; none where that is not known."""
    if case.passed_s is None:
        return ()
    lately = []
    for view in case.now.statements:
        then = case.statements_before.get(view.fingerprint)
        total_s = sane(sane(view.total_s) - (sane(then.total_s) if then is not None else 0.0))
        count = sane(sane(view.count) - (sane(then.count) if then is not None else 0.0))
        if count and total_s:
            lately.append((view, total_s, count))
    all_s = sum(total_s for _view, total_s, _count in lately)
    found = [
        BusyStatement(view, spent_s, count, spent_s / all_s, spent_s / case.passed_s) for view, spent_s, count in lately
    ]
    return tuple(sorted(found, key=lambda each: (-each.total_s, each.view.fingerprint)))


def lately_of(case: Case, histogram: Callable[[Snapshot], Durations]) -> Durations:
    """What a histogram has observed lately; nothing where that is not known."""
    if case.passed_s is None:
        return NONE
    now = histogram(case.now)
    return now.since(histogram(case.before)) if case.before is not None else now


def mean(durations: Durations) -> float:
    """In seconds; 0 where there are none."""
    count = sane(durations.count)
    return sane(durations.total_s) / count if count else 0.0


def _since(now: Durations, before: Durations) -> tuple[float, float]:
    """Seconds and how often."""
    lately = now.since(before) if before.count else now
    return sane(lately.total_s), sane(lately.count)
