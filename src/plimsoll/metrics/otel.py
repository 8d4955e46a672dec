"""The pool by OpenTelemetry's names for pools of database connections (semantic conventions, `db.client.connection.*`).

Its `create_time`, `wait_time` and `use_time` are histograms, which no OpenTelemetry instrument takes ready-made: each
value would have to be recorded when it is measured, at a cost for every request. Their sums and counts are there under
names of our own, which is what a mean over any time needs; the histograms are at `/metrics`."""

from collections.abc import Callable, Iterable, Sequence

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from plimsoll.snapshot import Durations, PoolView, Snapshot
from plimsoll.snapshot.source import Source

CONVENTION = "db.client.connection"
OWN = "plimsoll.pool"

POOL_NAME = "db.client.connection.pool.name"
STATE = "db.client.connection.state"

MIN_IDLE = "DB_POOL_MIN_IDLE"

_Values = Callable[[Snapshot], Sequence[tuple[dict[str, str], float]]]


def register(source: Source, meter: Meter, *, pool_name: str = "plimsoll") -> None:
    """Observe the pool of `source` whenever the meter's reader collects. Call it once for a meter.

    Args:
        source: the application's observer, `app.state.plimsoll.observer`.
        meter: of the OpenTelemetry API.
        pool_name: what the conventions want a pool to be told apart by.
    """

    def observed(values: _Values) -> list[Callable[[CallbackOptions], Iterable[Observation]]]:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            found = values(source.snapshot())
            return [Observation(value, {POOL_NAME: pool_name, **more}) for more, value in found]

        return [observe]

    for name, unit, text, values in _GAUGES:
        meter.create_observable_up_down_counter(f"{CONVENTION}.{name}", observed(values), unit, text)
    meter.create_observable_counter(
        f"{CONVENTION}.timeouts", observed(_one(lambda pool: pool.timeouts)), "{timeout}", "Waits without a connection"
    )
    for name, text, durations in _DURATIONS:
        meter.create_observable_counter(f"{OWN}.{name}.sum", observed(_one(_sum(durations))), "s", text)
        meter.create_observable_counter(f"{OWN}.{name}.count", observed(_one(_count(durations))), "{observation}", text)


def _one(value: Callable[[PoolView], float]) -> _Values:
    return lambda now: [({}, value(now.pool))]


def _sum(durations: Callable[[PoolView], Durations]) -> Callable[[PoolView], float]:
    return lambda pool: durations(pool).total_s


def _count(durations: Callable[[PoolView], Durations]) -> Callable[[PoolView], float]:
    return lambda pool: durations(pool).count


def _states(now: Snapshot) -> Sequence[tuple[dict[str, str], float]]:
    # The conventions know two states. What is being opened or closed is no connection that anybody could use.
    return [({STATE: "used"}, now.pool.checked_out), ({STATE: "idle"}, now.pool.idle)]


def _idle_min(now: Snapshot) -> Sequence[tuple[dict[str, str], float]]:
    # As it is shown, with its unit: `2 connections`.
    values = [each.value.partition(" ")[0] for each in now.settings if each.name == MIN_IDLE]
    return [({}, int(value)) for value in values if value.isdecimal()]


_GAUGES: tuple[tuple[str, str, str, _Values], ...] = (
    ("count", "{connection}", "Connections by state", _states),
    ("max", "{connection}", "The most connections allowed", _one(lambda pool: pool.limit)),
    ("idle.max", "{connection}", "The most idle connections that are kept", _one(lambda pool: pool.size)),
    ("idle.min", "{connection}", "Idle connections that are kept however old", _idle_min),
    ("pending_requests", "{request}", "Who waits for a connection", _one(lambda pool: pool.waiting)),
)

_DURATIONS: tuple[tuple[str, str, Callable[[PoolView], Durations]], ...] = (
    ("wait_time", "From asking for a connection to having it", lambda pool: pool.acquire),
    ("use_time", "How long a connection was held", lambda pool: pool.use),
    ("create_time", "How long a connect took", lambda pool: pool.create),
)
