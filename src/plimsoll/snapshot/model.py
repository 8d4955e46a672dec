"""A worker, or several as one, at one moment, frozen: what every view renders. Plain values, no secrets, no parameters.

Times of day are Unix seconds (`at_s`), durations seconds, sizes bytes; what is counted is counted since the worker
began unless a field says otherwise. `None` is for what is not known or does not exist, never for zero."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from plimsoll.server.facts import LockWait
from plimsoll.snapshot.durations import NONE, Durations
from plimsoll.snapshot.rows import Level, WorkerRow, WorkerView

NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PoolView:
    """The pool. `checked_out + opening + closing + idle <= size + max_overflow`."""

    size: int
    max_overflow: int
    timeout_s: float
    checked_out: int
    idle: int
    opening: int
    closing: int
    waiting: int
    most_taken: int
    most_waiting: int
    checkouts: int
    reused: int
    opened: int
    closed: Mapping[str, int]
    """By reason."""
    timeouts: int
    refused: int
    cancelled: int
    connect_failures: int
    killed: int
    leaks: int
    lost: int
    idle_transactions: int
    acquire: Durations = NONE
    """Seconds from asking for a connection to having it."""
    use: Durations = NONE
    """Seconds a connection was held."""
    create: Durations = NONE
    """Seconds a connect took."""
    quiet_s: float | None = None
    """How long ago the server has last answered on a connection that is open; None where there is none, or that is not
    told."""

    @property
    def limit(self) -> int:
        """The most connections it may have."""
        return self.size + self.max_overflow

    @property
    def taken(self) -> int:
        """Places that are not free."""
        return self.checked_out + self.opening + self.closing


@dataclass(frozen=True, slots=True)
class HolderView:
    """Who holds a connection: `route` is a route's pattern or a task's name, `place` the line of the application that
    took it, `stack` innermost first, `statement` the last one without its parameters."""

    id: str
    """Names this checkout for the operator's actions, as long as it lasts: `pid-number`, and where several workers are
    shown as one, `host:pid-number`."""
    route: str
    age_s: float
    state: str
    """`running a statement`, `idle in transaction`, `idle`, as the pool says it."""
    place: str
    stack: tuple[str, ...]
    statement: str
    statements: int
    server_id: int | None
    worker: str = ""
    """`host:pid` where several workers are shown as one."""


@dataclass(frozen=True, slots=True)
class AdmissionView:
    """The line before the application. `limit` is 0 where admission is off."""

    limit: int
    inside: int
    waiting: int
    refused: int
    in_flight: int
    overloaded: bool
    stopping: bool
    memory_pressed: bool


@dataclass(frozen=True, slots=True)
class LimitView:
    """A limit that the process has: bytes, threads, files, processes, as `unit` says. `kills`: reaching it ends the
    process, where others make an allocation fail."""

    name: str
    source: str
    unit: str
    limit: int
    used: int | None
    kills: bool

    @property
    def left(self) -> int | None:
        """What may still be taken."""
        return None if self.used is None else self.limit - self.used


@dataclass(frozen=True, slots=True)
class MemoryView:
    """Memory of the process, and the limit of it that will strike first."""

    rss_bytes: int
    address_space_bytes: int
    growth_of_a_request_bytes: int | None
    errors: int
    oom_kills: int
    binding: LimitView | None


@dataclass(frozen=True, slots=True)
class RouteView:
    """What one route did. `name` is the route's pattern, `other` for what is beyond the number of routes counted."""

    name: str
    requests: int
    in_flight: int
    errors: Mapping[str, int] = field(default_factory=lambda: NOTHING)
    """By kind: `4xx`, `5xx`, `refused` (503 before it began), `deadline`, `memory`, `cancelled`."""
    latency: Durations = NONE
    """Seconds from its arrival to the start of the response; refused ones are not in it."""
    waiting: Durations = NONE
    """Seconds a checkout of it waited for a connection."""
    holding: Durations = NONE
    """Seconds a checkout of it held one."""
    statements: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class StatementView:
    """All statements of one form. `text` has `?` in place of every literal and parameter."""

    fingerprint: str
    text: str
    count: int
    total_s: float
    most_s: float
    rows: int
    errors: int
    routes: tuple[str, ...]
    """Of those that sent it most lately; a few."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One connection in the server's process list. `whose`: `this worker`, `another worker`, `unknown`. `route` and
    `place` where the pool knows its holder. `mark` names what is wrong: `idle in transaction`, `unknown client`, `stale
    worker`, or nothing."""

    id: int
    user: str
    host: str
    application: str
    whose: Literal["this worker", "another worker", "unknown"]
    state: str
    seconds: float | None
    transaction_s: float | None
    worker: str = ""
    """`host:pid` where the application name tells it."""
    route: str = ""
    place: str = ""
    mark: str = ""
    wait: LockWait | None = None
    """The lock that it waits for, None for none; who waits for whom is told by `plimsoll.snapshot.blocking`."""


@dataclass(frozen=True, slots=True)
class ServerView:
    """The database server's side, as it was at `at_s`, which may be long before the snapshot where the server does not
    answer: then `error` says why."""

    at_s: float
    dialect: str
    version: str
    max_connections: int | None
    connections: int | None
    processes: tuple[ProcessView, ...] = ()
    sees_all: bool = False
    """Whether this account may see everybody's connections."""
    error: str = ""
    silence: Literal["", "question", "connect"] = ""
    """What the server left unanswered when it was asked last: a connect tells more than a question, since no statement
    of others makes it wait. Empty where it has said something, if only that it refuses."""
    asked_s: float | None = None
    """When the last question to it began, in vain or not: an error of long ago says nothing of now. None where that is
    not told."""


@dataclass(frozen=True, slots=True)
class LoadLineView:
    """The load line: connections wanted by all workers of the declared topology, allowed by what binds, and advised."""

    demanded: int
    demanded_deploying: int
    allowed: int | None
    binding: str
    """The limit that gives `allowed`, in words."""
    fits: bool
    advised_size: int | None
    advised_overflow: int | None
    why: str
    """In one sentence."""


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting. Secrets are shown as `********`."""

    name: str
    value: str
    source: str
    meaning: str


@dataclass(frozen=True, slots=True)
class EventView:
    """Something that happened: `kind` is one of a few words (`leak`, `refused`, `memory-error`, `lost-connection`,
    `restart`, `deployment`, `operator`), `text` a sentence."""

    at_s: float
    kind: str
    text: str
    count: int = 1
    """How many of the same came within a short time."""
    worker: str = ""
    """`host:pid` where several workers are shown as one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong now: a sentence with its cause and numbers, and what to do next."""

    level: Level
    key: str
    """The same for the same kind of problem, such as `pool-exhausted`."""
    sentence: str
    action: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it."""

    at_s: float
    worker: WorkerView
    pool: PoolView
    admission: AdmissionView
    memory: MemoryView
    holders: tuple[HolderView, ...] = ()
    """The oldest first."""
    limits: tuple[LimitView, ...] = ()
    routes: tuple[RouteView, ...] = ()
    statements: tuple[StatementView, ...] = ()
    server: ServerView | None = None
    """None until it was asked for: nobody asks the server while nobody looks."""
    load_line: LoadLineView | None = None
    settings: tuple[SettingView, ...] = ()
    events: tuple[EventView, ...] = ()
    """The newest first."""
    counters: Mapping[str, int] = field(default_factory=lambda: NOTHING)
    client_connections: int | None = None
    """Open sockets of clients; None where they are not watched."""
    problems: tuple[Problem, ...] = ()
    """The gravest first."""
    workers: tuple[WorkerRow, ...] = ()
    """Those that this shows as one; empty where it is of one worker."""
