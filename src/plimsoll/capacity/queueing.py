"""What waits are to be expected: Little's law, square-root staffing, and the queue with several servers (M/M/c).

A pool of c connections is such a queue: whoever asks finds one free, or stands in one line. Arrivals are taken to come
at random (Poisson) and holds to vary as the exponential distribution does; steadier holds wait less, bursts more.

Sources: Little, "A Proof for the Queuing Formula L = λW", Operations Research 9 (1961); Kleinrock, "Queueing Systems",
volume 1 (1975), section 3.5; Halfin and Whitt, "Heavy-Traffic Limits for Queues with Many Exponential Servers",
Operations Research 29 (1981)."""

import math
from dataclasses import dataclass

MOST_STAFF = 1_000_000
"""Beyond this no number is looked for: no database admits so many connections."""

HALVINGS = 60
"""Steps of a bisection; each halves the interval, so that this is as exact as a float."""


@dataclass(frozen=True, slots=True)
class Load:
    """`arrivals_per_s` times a second somebody asks for a connection, and holds it for `hold_s` seconds on average.

    Raises:
        ValueError: one of them is not a positive number, or both together are beyond any number.
    """

    arrivals_per_s: float
    hold_s: float

    def __post_init__(self) -> None:
        for value in (self.arrivals_per_s, self.hold_s):
            if not (math.isfinite(value) and value > 0):
                raise ValueError("arrivals a second and the hold time must be above zero")
        if not math.isfinite(self.busy):
            raise ValueError("so many connections in use at a time are beyond any number")

    @property
    def busy(self) -> float:
        """Connections in use on average, if nobody had to wait: Little's law, L = λW."""
        return self.arrivals_per_s * self.hold_s

    def spread_over(self, pools: int) -> "Load":
        """What comes to each of so many pools."""
        return Load(self.arrivals_per_s / pools, self.hold_s)


@dataclass(frozen=True, slots=True)
class Waits:
    """What is to be expected of a pool of `connections` under a load. Seconds; infinite where more comes than it can
    carry, so that the line only grows."""

    connections: int
    utilisation: float
    """Share of the connections that is in use on average; 1 or more is more than it can carry."""
    delayed: float
    """Share of those who ask that has to wait at all (Erlang C)."""
    mean_s: float
    p95_s: float
    p99_s: float
    most_per_s: float
    """The pool's ceiling: so many a second with every connection always in use."""


def waits(load: Load, connections: int) -> Waits:
    """The waits at a pool of `connections`, which is at least 1."""
    return Waits(
        connections=connections,
        utilisation=load.busy / connections,
        delayed=erlang_c(load.busy, connections),
        mean_s=mean_wait_s(load, connections),
        p95_s=wait_percentile_s(load, connections, 0.95),
        p99_s=wait_percentile_s(load, connections, 0.99),
        most_per_s=connections / load.hold_s,
    )


def erlang_b(busy: float, servers: int) -> float:
    """Share of arrivals that find all `servers` busy and leave; `busy` is the load in Erlang (λ / μ).

    By the recursion over the number of servers, B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)): all its terms lie between
    0 and 1, where the formula with a^c / c! would overflow from c = 171 on.
    """
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = _next_blocked(busy, count, blocked)
    return blocked


def _next_blocked(busy: float, servers: int, blocked: float) -> float:
    return busy * blocked / (servers + busy * blocked)


def erlang_c(busy: float, servers: int) -> float:
    """Share of arrivals that have to wait (Erlang C; Kleinrock, section 3.5); 1 when overloaded."""
    return _delayed(busy, servers, erlang_b(busy, servers))


def _delayed(busy: float, servers: int, blocked: float) -> float:
    """Erlang C from Erlang B of the same number of servers."""
    use = busy / servers
    return 1.0 if use >= 1 else blocked / (1 - use * (1 - blocked))


def mean_wait_s(load: Load, connections: int) -> float:
    """Mean wait of all who come, in seconds: C(c, a) / (cμ - λ)."""
    spare_per_s = _spare_per_s(load, connections)
    return erlang_c(load.busy, connections) / spare_per_s if spare_per_s > 0 else math.inf


def wait_percentile_s(load: Load, connections: int, share: float) -> float:
    """The wait in seconds that a `share` of all who come does not exceed: from P(W > t) = C(c, a) e^-(cμ - λ)t."""
    spare_per_s = _spare_per_s(load, connections)
    return _percentile_s(erlang_c(load.busy, connections), spare_per_s, share) if spare_per_s > 0 else math.inf


def _percentile_s(delayed: float, spare_per_s: float, share: float) -> float:
    return max(0.0, math.log(delayed / (1 - share)) / spare_per_s) if delayed > 0 else 0.0


def _spare_per_s(load: Load, connections: int) -> float:
    """How many more a second could be served than come; 0 or less when overloaded."""
    return connections / load.hold_s - load.arrivals_per_s if load.busy < connections else 0.0


def connections_for(load: Load, wait_s: float, share: float = 0.99) -> int | None:
    """The least number of connections at which a `share` of those who ask waits at most `wait_s` seconds.

    None where that would be more than `MOST_STAFF`.
    """
    blocked = 1.0
    for count in range(1, MOST_STAFF + 1):
        blocked = _next_blocked(load.busy, count, blocked)
        spare_per_s = _spare_per_s(load, count)
        if spare_per_s > 0 and _percentile_s(_delayed(load.busy, count, blocked), spare_per_s, share) <= wait_s:
            return count
    return None


def square_root_staffing(busy: float, delayed: float) -> int:
    """Connections at which about a share `delayed` has to wait: a + β√a (Halfin and Whitt), `busy` being a.

    β solves delayed = 1 / (1 + β Φ(β) / φ(β)). It says why many small pools need more in all than a large one: what is
    kept in reserve grows only with the root of the load.
    """
    return math.ceil(busy + _hedge(delayed) * math.sqrt(busy))


def _hedge(delayed: float) -> float:
    """β of Halfin and Whitt for a share between 0 and 1, by bisection."""
    low, high = 0.0, 10.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _delayed_by_hedge(middle) > delayed:
            low = middle
        else:
            high = middle
    return high


def _delayed_by_hedge(beta: float) -> float:
    below = (1 + math.erf(beta / math.sqrt(2))) / 2
    density = math.exp(-beta * beta / 2) / math.sqrt(2 * math.pi)
    return 1 / (1 + beta * below / density)
