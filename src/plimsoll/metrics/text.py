"""Prometheus' text format and OpenMetrics, sample by sample: the few rules of them that our metrics need, since the
client library takes ten times as long for them, in the event loop that serves requests."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import inf, isfinite

from plimsoll.metrics.family import Family, Labels, Value
from plimsoll.snapshot import Durations

REMEMBERED = 2048
"""Texts of labels that are kept: those of two hundred routes and ten workers."""


def heading(family: Family, *, openmetrics: bool) -> str:
    """What comes before a family's samples. OpenMetrics names a counter without the ending that its samples have."""
    name, kind = family.name, family.kind
    if openmetrics:
        name = name.removesuffix("_info" if kind == "info" else "_total" if kind == "counter" else "")
    elif kind == "info":
        kind = "gauge"
    return f"# HELP {name} {family.help}\n# TYPE {name} {kind}\n"


def lines(family: Family, samples: Iterable[tuple[Labels, Value]], worker: str | None = None) -> Iterator[str]:
    """A text for each sample: what is known, and no labels twice, since a server that reads a sample twice takes
    neither. Those of `worker` have a label more."""
    name, names = family.name, family.labels if worker is None else (*family.labels, "worker")
    before = set()
    for values, value in samples:
        if value is None:
            continue
        labels = _labels(names, values if worker is None else (*values, worker))
        if labels in before:
            continue
        before.add(labels)
        if not isinstance(value, Durations):
            yield f"{name}{labels} {_number(value)}\n"
        elif family.kind == "histogram":
            yield _histogram(name, labels, value)
        else:
            yield f"{name}_count{labels} {value.count}.0\n{name}_sum{labels} {_number(value.total_s)}\n"


def _histogram(name: str, labels: str, durations: Durations) -> str:
    """Each bucket with all that are before it."""
    seen, bucket = 0, f"{name}_bucket{{{labels[1:-1]}{',' if labels else ''}le="
    found = []
    for bound, count in zip(_bounds(durations.bounds_s), durations.counts, strict=True):
        seen += count
        found.append(f"{bucket}{bound}}} {seen}.0\n")
    found.append(f"{name}_count{labels} {seen}.0\n{name}_sum{labels} {_number(durations.total_s)}\n")
    return "".join(found)


@lru_cache(maxsize=16)
def _bounds(bounds_s: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(f'"{_number(bound)}"' for bound in (*bounds_s, inf))


@lru_cache(maxsize=REMEMBERED)
def _labels(names: Labels, values: Labels) -> str:
    if not names:
        return ""
    pairs = sorted(zip(names, values, strict=True))
    return f"{{{','.join(f'{name}={_quoted(value)}' for name, value in pairs)}}}"


def _quoted(value: str) -> str:
    printable = value.encode(errors="replace").decode()
    escaped = printable.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f'"{escaped}"'


def _number(value: float) -> str:
    number = float(value)
    if isfinite(number):
        return repr(number)
    return "NaN" if number != number else "+Inf" if number > 0 else "-Inf"
