"""Which worker a snapshot is of, and a worker as one row of a table of several, with their sums."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["critical", "warning", "info"]


@dataclass(frozen=True, slots=True)
class WorkerView:
    """Which process this is."""

    host: str
    pid: int
    started_s: float
    release: str
    production: bool
    production_rule: str
    ready: bool
    startup: str
    """What start-up came to, in words."""
    version: str
    """Of Plimsoll."""
    warnings: tuple[str, ...] = ()
    """Of start-up."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker in a table. Times are Unix seconds, sizes bytes; what is counted is counted since it began."""

    name: str
    """`host:pid`."""
    at_s: float
    started_s: float
    release: str
    ready: bool
    stopping: bool
    stale: bool
    """Not seen lately, so not in the sums."""
    taken: int
    idle: int
    limit: int
    waiting: int
    in_flight: int
    requests: int
    errors: int
    """Answered 5xx."""
    refused: int
    rss_bytes: int
    memory_left_bytes: int | None
    worst: Level | None
    """Of its problems."""
    silent: bool = False
    """It lives and does not answer; its numbers are those of when it last did, zeros where it never has."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the workers that are not stale."""

    workers: int = 0
    ready: int = 0
    hosts: int = 0
    taken: int = 0
    idle: int = 0
    limit: int = 0
    """Connections that all of them may have."""
    waiting: int = 0
    in_flight: int = 0
    requests: int = 0
    errors: int = 0
    refused: int = 0
    rss_bytes: int = 0

    @property
    def open(self) -> int:
        """Connections that all of them have, or are about to."""
        return self.taken + self.idle
