"""One metric: its name, what it is, and how its values come out of a snapshot."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from plimsoll.snapshot import Durations, Snapshot

Kind = Literal["gauge", "counter", "histogram", "summary", "info"]
Labels = tuple[str, ...]
Value = float | Durations | None
"""None is left out: what is not known has no sample."""


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name. `name` is the one that is seen, a counter's with its `_total`."""

    name: str
    kind: Kind
    help: str
    labels: Labels
    samples: Callable[[Snapshot], Iterable[tuple[Labels, Value]]]
    of_service: bool = False
    """Whether it is the same for all workers, so that one of them tells it for all."""


def gauge(name: str, text: str, value: Callable[[Snapshot], Value], *, of_service: bool = False) -> Family:
    """A number that goes up and down."""
    return Family(name, "gauge", text, (), _one(value), of_service)


def counter(name: str, text: str, value: Callable[[Snapshot], Value]) -> Family:
    """A number that only grows while the worker lives."""
    return Family(name, "counter", text, (), _one(value))


def histogram(name: str, text: str, value: Callable[[Snapshot], Durations]) -> Family:
    """Durations, in seconds."""
    return Family(name, "histogram", text, (), _one(value))


def _one(value: Callable[[Snapshot], Value]) -> Callable[[Snapshot], Iterable[tuple[Labels, Value]]]:
    return lambda snapshot: (((), value(snapshot)),)
