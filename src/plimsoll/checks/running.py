"""Records of a service that runs: its workers as they tell of themselves, its log as it was counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plimsoll.capacity.wording import counted


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process. `numbers` are its figures by dotted names (`pool.most_taken`), seconds and bytes by their
    names; `connections` are those that its pool holds, by the server's ids. `started_s` is Unix time."""

    host: str
    pid: int
    started_s: float
    release: str
    production: bool
    production_rule: str
    memory_limit: str = ""
    """The limit of memory that strikes first, in words."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    connections: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """For people."""
        return f"worker {self.pid}"

    def number(self, name: str) -> float:
        """A figure; 0 where it does not tell that one."""
        return self.numbers.get(name, 0.0)

    @property
    def places(self) -> float:
        """The most connections of its pool."""
        return self.number("pool.size") + self.number("pool.max_overflow")


@dataclass(frozen=True, slots=True)
class LogFacts:
    """Lines of a log file that tell of trouble, counted by kind. `from_byte` is where reading began, `bytes_read` how
    much was read: of a long file its end only."""

    name: str
    from_byte: int
    bytes_read: int
    size: int
    counts: Mapping[str, int] = field(default_factory=dict)

    def words(self, kind: str) -> str:
        """How many lines of a kind, in words; nothing where there are none."""
        count = self.counts.get(kind, 0)
        return f"{counted(count, 'line')} of {self.name}" if count else ""
