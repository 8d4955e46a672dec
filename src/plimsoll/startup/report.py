"""What the gate shows to others: a frozen record that the health page and the tests read."""

from dataclasses import dataclass
from enum import Enum

from plimsoll.migrations import MigrationState
from plimsoll.seeding import SeedReport
from plimsoll.startup.sizing import Sizing


class State(Enum):
    """Where the gate is."""

    IDLE = "not started"
    WAITING = "waiting for the database"
    PREPARING = "preparing the schema"
    BLOCKED = "migrations are missing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class GateReport:
    """The gate at a moment. `detail` and `warnings` may be shown to anyone: they name no host, user or SQL."""

    state: State = State.IDLE
    detail: str = ""
    warnings: tuple[str, ...] = ()
    migrations: MigrationState | None = None
    admin: SeedReport | None = None
    sizing: Sizing | None = None
    """The sizes that `DB_POOL_SIZE=auto` came to; None where the settings have a number."""
