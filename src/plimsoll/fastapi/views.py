"""The parts of a snapshot, each made of what already keeps the numbers; none asks the database."""

from collections.abc import Iterable
from functools import lru_cache

from plimsoll.asgi.admission import Admission
from plimsoll.capacity import Budget
from plimsoll.host import Limit, MemorySample
from plimsoll.pool import HistogramSnapshot, Holder, PoolSnapshot
from plimsoll.pool.numbers import BOUNDS_S
from plimsoll.server.forms import form_of
from plimsoll.settings import Settings
from plimsoll.settings.redaction import HIDDEN
from plimsoll.snapshot import (
    AdmissionView,
    Durations,
    HolderView,
    LimitView,
    LoadLineView,
    MemoryView,
    PoolView,
    SettingView,
)
from plimsoll.snapshot.amounts import KIB, size

MASK = "********"
"""What a snapshot shows of a secret, whatever its length."""

RUNNING = "running a statement"

_form_of = lru_cache(maxsize=256)(form_of)
"""What holders sent last is mostly the same from one second to the next, and short."""


def holder_id(pid: int, number: int) -> str:
    """Names a checkout of a process: another worker that is asked for it has none of this name."""
    return f"{pid}-{number}"


def pool_view(now: PoolSnapshot, timeout_s: float) -> PoolView:
    """The pool."""
    return PoolView(
        size=now.size,
        max_overflow=now.max_overflow,
        timeout_s=timeout_s,
        checked_out=now.checked_out,
        idle=now.idle,
        opening=now.opening,
        closing=now.closing,
        waiting=now.waiting,
        most_taken=now.most_taken,
        most_waiting=now.most_waiting,
        checkouts=now.checkouts,
        reused=now.reused,
        opened=now.opened,
        closed=now.closed,
        timeouts=now.timeouts,
        refused=now.refused,
        cancelled=now.cancelled,
        connect_failures=now.connect_failures,
        killed=now.killed,
        leaks=now.leaks,
        lost=now.lost,
        idle_transactions=now.idle_transactions,
        acquire=_durations(now.acquire),
        use=_durations(now.use),
        create=_durations(now.create),
        quiet_s=now.quiet_s,
    )


def _durations(histogram: HistogramSnapshot) -> Durations:
    return Durations(BOUNDS_S, histogram.counts, histogram.total_s)


def holder_views(holders: Iterable[Holder], pid: int, dialect: str) -> tuple[HolderView, ...]:
    """Who holds a connection, the oldest first; statements without a value in them."""
    return tuple(
        HolderView(
            id=holder_id(pid, holder.number),
            route=holder.owner,
            age_s=holder.age_s,
            state=RUNNING if holder.state == "querying" else holder.state,
            place=holder.place,
            stack=holder.stack,
            statement=_form_of(holder.statement, dialect),
            statements=holder.statements,
            server_id=holder.server_id,
        )
        for holder in holders
    )


def admission_view(admission: Admission) -> AdmissionView:
    """The line before the application."""
    line, is_on = admission.line, admission.adaptive is not None
    return AdmissionView(
        limit=line.limit if is_on else 0,
        inside=sum(line.inside.values()),
        waiting=line.waiting,
        refused=line.refused,
        in_flight=len(admission.running),
        overloaded=is_on and line.overloaded,
        stopping=admission.stopping,
        memory_pressed=admission.pressed,
    )


def memory_view(sample: MemorySample, *, growth_bytes: int | None, errors: int, oom_kills: int) -> MemoryView:
    """Memory of the process now; `oom_kills` since it began."""
    binding = None if sample.binding is None else limit_view(sample.binding)
    return MemoryView(sample.rss_bytes, sample.address_space_bytes, growth_bytes, errors, oom_kills, binding)


def limit_view(limit: Limit) -> LimitView:
    """One limit. What may still go to swap counts as not used."""
    return LimitView(limit.name, limit.source, limit.unit, limit.limit, limit.limit - limit.left, limit.kills)


def setting_views(groups: Iterable[Settings]) -> tuple[SettingView, ...]:
    """Every setting once, in the order of the groups."""
    found: dict[str, SettingView] = {}
    for group in groups:
        for row in group.rows():
            value = MASK if row.value == HIDDEN else row.value
            found.setdefault(row.name, SettingView(row.name, _with_unit(value, row.unit), row.source, row.help))
    return tuple(found.values())


def _with_unit(value: str, unit: str) -> str:
    """As people say it: `1 host`, `20 connections`, `262144 bytes (256 KiB)`."""
    if not unit or not value[:1].isdigit():
        return value
    if unit == "bytes" and value.isdigit() and int(value) >= KIB:
        return f"{value} bytes ({size(int(value))})"
    if value == "1" and len(unit) > 1:
        unit = unit.removesuffix("es") if unit.endswith("sses") else unit.removesuffix("s")
    return f"{value} {unit}"


def load_line_view(budget: Budget) -> LoadLineView:
    """What `plimsoll capacity` comes to."""
    demand, binding, advice = budget.now.demand, budget.binding, budget.advice
    return LoadLineView(
        demanded=demand.steady,
        demanded_deploying=demand.deploying,
        allowed=binding.deploying if binding is not None else None,
        binding=binding.name if binding is not None else "",
        fits=budget.fits,
        advised_size=advice.pool_size if advice is not None else None,
        advised_overflow=advice.max_overflow if advice is not None else None,
        why=budget.verdict,
    )
