"""Everything that checks look at, learned beforehand and frozen: no check asks anybody anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plimsoll.checks.verdict import Known
from plimsoll.host import Arenas, Survey
from plimsoll.server.facts import ServerFacts
from plimsoll.settings import DatabaseSettings, ServiceSettings
from plimsoll.settings.topology import TopologySettings

NOT_ASKED = "it was not asked for"


@dataclass(frozen=True, slots=True)
class EnvFileFacts:
    """The `.env` file. `mode` are the permission bits; `tracked` whether version control has it, None where there is
    none or git cannot be asked; `ignored` whether it is told not to take it."""

    path: Path
    mode: int
    owner: int
    tracked: bool | None = None
    ignored: bool | None = None


@dataclass(frozen=True, slots=True)
class AppFacts:
    """The application, imported. `engines` counts the engines it has made, each with the most connections of its pool
    (None for no limit); `routes` are GET routes without parameters."""

    name: str
    engines: tuple[int | None, ...]
    has_migrations: bool
    routes: tuple[str, ...] = ()
    server_options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """The schema against migrations and models. `missing` and `differences` are in words, a line each;
    `required` says of each `table.column` that was asked for whether it exists."""

    current: tuple[str, ...]
    head: tuple[str, ...]
    pending: int | None
    differences: tuple[str, ...] = ()
    required: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AdminFacts:
    """Admin accounts as the application keeps them."""

    admins: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one address answered. Seconds; `errors` in words for requests without an answer."""

    path: str
    statuses: Mapping[int, int]
    p50_s: float | None
    p99_s: float | None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningFacts:
    """The service that runs at `--url`. `figures` is what it tells of itself (`/ops/figures`), flat, numbers by dotted
    names; `watch` are (seconds since the first, bytes RSS) of one process over `--watch`."""

    url: str
    live: int | None
    ready: int | None
    ready_detail: str
    release: str | None
    production: bool | None
    endpoints: tuple[Endpoint, ...] = ()
    figures: Known[Mapping[str, float]] = field(default_factory=lambda: Known(why=NOT_ASKED))
    watch: Mapping[int, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    expected_release: str | None = None
    request_limit_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a deployment at one moment."""

    settings: Known[DatabaseSettings] = field(default_factory=lambda: Known(why=NOT_ASKED))
    service: Known[ServiceSettings] = field(default_factory=lambda: Known(why=NOT_ASKED))
    topology: Known[TopologySettings] = field(default_factory=lambda: Known(why=NOT_ASKED))
    env_file: Known[EnvFileFacts] = field(default_factory=lambda: Known(why=NOT_ASKED))
    host: Known[Survey] = field(default_factory=lambda: Known(why=NOT_ASKED))
    arenas: Known[Arenas] = field(default_factory=lambda: Known(why=NOT_ASKED))
    server: Known[ServerFacts] = field(default_factory=lambda: Known(why=NOT_ASKED))
    connect_s: Known[float] = field(default_factory=lambda: Known(why=NOT_ASKED))
    round_trip_s: Known[float] = field(default_factory=lambda: Known(why=NOT_ASKED))
    app: Known[AppFacts] = field(default_factory=lambda: Known(why=NOT_ASKED))
    schema: Known[SchemaFacts] = field(default_factory=lambda: Known(why=NOT_ASKED))
    admin: Known[AdminFacts] = field(default_factory=lambda: Known(why=NOT_ASKED))
    running: Known[RunningFacts] = field(default_factory=lambda: Known(why=NOT_ASKED))
    versions: Mapping[str, str] = field(default_factory=dict)
    """Installed packages that matter, by name."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables that change how the process runs (MALLOC_ARENA_MAX, PYTHON*, UVICORN_*), none that is secret."""
