"""Everything that checks look at, learned beforehand and frozen: no check asks anybody anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from plimsoll.checks.baseline import Baseline
from plimsoll.checks.running import LogFacts, Worker
from plimsoll.checks.verdict import Known
from plimsoll.host import Arenas, Disk, Place, Survey
from plimsoll.server.facts import ServerFacts
from plimsoll.server.privileges import Privileges
from plimsoll.settings import DatabaseSettings, Problem, ServiceSettings, Settings
from plimsoll.settings.topology import TopologySettings

NOT_ASKED = "it was not asked for"


@dataclass(frozen=True, slots=True)
class EnvFileFacts:
    """The `.env` file. `mode` are the permission bits, `owner` and `user` (who runs this) user ids; `tracked` whether
    version control has it, `ignored` whether it is told not to take it. Both are None where that is not known:
    `no_repository` says that there is none, `git_error` why git could not be asked."""

    path: Path
    mode: int
    owner: int
    tracked: bool | None = None
    ignored: bool | None = None
    user: int = 0
    no_repository: bool = False
    git_error: str = ""


@dataclass(frozen=True, slots=True)
class AppFacts:
    """The application, imported. `engines` counts the engines it has made for its database's server, each with the most
    connections of its pool (None for no limit), `other_engines` those for other servers; `routes` are GET routes
    without parameters."""

    name: str
    engines: tuple[int | None, ...]
    has_migrations: bool
    routes: tuple[str, ...] = ()
    server_options: Mapping[str, str] = field(default_factory=dict)
    other_engines: int = 0
    silenced_loggers: tuple[str, ...] | None = None
    """Those of `plimsoll.checks.loggers.WATCHED` whose warnings go nowhere; None where that was not looked at."""


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """The schema against migrations and models. `pending` counts the revisions that were not run, None where the
    application has no migrations; `state` says in words where the database stands, `unknown` are revisions that the
    code does not have. `differences` are in words, a line each; `required` says of each `table.column` that was asked
    for whether it exists."""

    current: tuple[str, ...]
    head: tuple[str, ...]
    pending: int | None
    differences: tuple[str, ...] = ()
    required: Mapping[str, bool] = field(default_factory=dict)
    required_unread: str = ""
    """Why it is not known whether these exist; empty where it is."""
    state: str = ""
    unknown: tuple[str, ...] = ()
    unadopted: bool = False
    """Whether the models' tables are there although no revision was ever run."""


@dataclass(frozen=True, slots=True)
class AdminFacts:
    """Admin accounts as the application keeps them. `problems` are in words; so is `password_problem`, what is wrong
    with ADMIN_PASSWORD, empty where nothing is or none is set (`has_password`). `tries` of `tries_meant` likely
    passwords were tried on `accounts_tried` of the administrators: the time there is may end before all were."""

    admins: int
    problems: tuple[str, ...] = ()
    has_password: bool = False
    password_problem: str = ""
    email: str = ""
    accounts_tried: int = 0
    tries: int = 0
    tries_meant: int = 0


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What came of connecting to the database with the account of the settings. `refused`: it answered and does not
    let us in; `down`: no answer; `missing`: a SQLite file that does not exist, which connecting would make."""

    outcome: Literal["connected", "refused", "down", "missing"]
    where: str
    """Its URL without the password."""
    words: str = ""
    within_s: float = 0.0
    cause: Literal["", "tls", "full"] = ""
    """Where it answered all the same: TLS did not come about, or all connections are taken."""


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
    """The service that runs at `--url`. `live` and `ready` are the statuses of the health pages, None where there was
    no answer (`live_error`, `ready_detail`). `figures` is what its workers tell of themselves (`/ops/figures`), flat,
    numbers by dotted names, added up; `claimed` are the connections that their pools hold, by the server's ids. `watch`
    are (seconds since the first, bytes RSS) of one process over `--watch`, by process id."""

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
    live_error: str = ""
    ready_database: bool | None = None
    """What the ready page says of the database; None where it does not say."""
    pages: Known[tuple[str, ...]] = field(default_factory=lambda: Known(why=NOT_ASKED))
    """The pages that were to be asked."""
    workers: tuple[Worker, ...] = ()
    workers_expected: int | None = None
    claimed: frozenset[int] = frozenset()
    watched_s: float = 0.0
    log: Known[LogFacts] = field(default_factory=lambda: Known(why="no log was named (--log)", irrelevant=True))


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
    contact: Known[ContactFacts] = field(default_factory=lambda: Known(why=NOT_ASKED))
    privileges: Known[Privileges] = field(default_factory=lambda: Known(why=NOT_ASKED))
    utc_offset_s: Known[float] = field(default_factory=lambda: Known(why=NOT_ASKED))
    """Seconds by which this host's local time is ahead of UTC."""
    baseline: Known[Baseline] = field(
        default_factory=lambda: Known(why="there is no earlier run to compare with (--against)", irrelevant=True)
    )
    problems: tuple[Problem, ...] = ()
    """Settings that are wrong; `settings` and what needs them are then not known."""
    groups: tuple[Settings, ...] = ()
    """All groups of settings that were read, the application's own with them."""
    import_error: str = ""
    """What the import of the application failed with and where; empty where it did not."""
    expired: tuple[str, ...] = ()
    """Suppressions that no longer count, in words."""
    database_place: Known[Place] = field(default_factory=lambda: Known(why=NOT_ASKED))
    """SQLite: where the file of the database lies."""
    disks: Known[tuple[Disk, ...]] = field(default_factory=lambda: Known(why=NOT_ASKED))
    """Where the application and a database on this host write."""
    today: Known[date] = field(default_factory=lambda: Known(why=NOT_ASKED))
    versions: Mapping[str, str] = field(default_factory=dict)
    """Installed packages that matter, by name."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables that change how the process runs (MALLOC_ARENA_MAX, PYTHON*, UVICORN_*), none that is secret."""
