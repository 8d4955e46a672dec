"""What the clients of `bench_overload.py` are to do, and what came of it; both pass between processes as JSON."""

import json
from dataclasses import dataclass, field

HOST = "127.0.0.1"
TIMEOUT, BROKEN, UNSENT = 0, -1, -2
"""In the place of a status: no answer in time; reset, closed or refused; no answer, since no connection was free or
could be opened."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Requests of one kind of client: at a constant `rate`, or by a closed loop of `clients`.

    A closed loop's clients come one after the other within `ramp_s`, and again `think_s` after each answer.
    With `normal_s` the stream ends early, once for `CALM_S` every answer was a 200 within that time.
    """

    name: str
    path: str
    begins_s: float = 0.0
    lasts_s: float
    rate: float = 0.0
    clients: int = 0
    ramp_s: float = 0.0
    think_s: float = 0.0
    source: str = HOST
    connections: int = 2000
    normal_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All streams against one port; with `ca`, a file of PEM, over TLS."""

    port: int
    streams: tuple[Stream, ...]
    patience_s: float = 5.0
    ca: str | None = None

    @classmethod
    def read(cls, text: str) -> "Plan":
        """From JSON."""
        values = json.loads(text)
        return cls(**values | {"streams": tuple(Stream(**each) for each in values["streams"])})


@dataclass
class Outcomes:
    """What came of one stream, a value a request: when it was planned (monotonic clock), how long it took from then
    on, its status (or `TIMEOUT`, `BROKEN`, `UNSENT`). `normal_after_s`: see `Stream.normal_s`; None: never."""

    planned_s: list[float] = field(default_factory=list)
    latency_s: list[float] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    connects_failed: int = 0
    normal_after_s: float | None = None


@dataclass(frozen=True)
class Record:
    """What came of a plan. `late_s`: how late this process itself was, for each look at the clock.
    `cpu_share`: of one core."""

    streams: dict[str, Outcomes]
    late_s: list[float]
    cpu_share: float

    @classmethod
    def read(cls, text: str) -> "Record":
        """From JSON."""
        values = json.loads(text)
        return cls(**values | {"streams": {name: Outcomes(**each) for name, each in values["streams"].items()}})
