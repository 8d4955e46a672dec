"""The histories of several workers as one: step by step, added up or the worst of them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from plimsoll.snapshot.history import GAP_STEPS, SERIES, Series

WORST: Mapping[str, Callable[[list[float]], float]] = {
    # The same server, seen by each of them.
    "server_connections": max,
    "latency_p99_s": max,
    "acquire_p99_s": max,
    # Whoever has least is the first to fail.
    "memory_left_bytes": min,
}
"""Numbers that cannot be added up. A mean is weighed; all others are sums."""

MEAN, WEIGHT = "latency_mean_s", "requests_per_s"


def series_as_one(parts: Sequence[Series]) -> Series | None:
    """Of any number of workers, all of one span. A worker of which nothing is known in a step is not in its number; the
    newest steps are left out until all have ended them, so that no line falls at its end. None of none."""
    known = [part for part in parts if part.times_s]
    if not known:
        return parts[0] if parts else None
    step_s = known[0].step_s
    known = [part for part in known if part.step_s == step_s]
    times_s = _times(known, step_s)
    rows = [_rows(part) for part in known]
    at_each = [[(part, row[at_s]) for part, row in zip(known, rows, strict=True) if at_s in row] for at_s in times_s]
    values = {name: tuple(_joined(name, found) for found in at_each) for name in SERIES}
    return Series(step_s, times_s, values)


def _rows(part: Series) -> dict[float, int]:
    """Where what is of a step is found. One step alone may be missing, as `GAP_STEPS` has it: the one before stands for
    it, since a sum without this worker would look like a fall."""
    found = {at_s: row for row, at_s in enumerate(part.times_s)}
    for row, (at_s, next_s) in enumerate(pairwise(part.times_s)):
        if next_s - at_s > part.step_s:
            found.setdefault(at_s + part.step_s, row)
    return found


def _times(known: Sequence[Series], step_s: float) -> tuple[float, ...]:
    newest_s = max(part.times_s[-1] for part in known)
    # A worker that has ended, or hangs, holds nobody back.
    ended_s = min(part.times_s[-1] for part in known if newest_s - part.times_s[-1] <= GAP_STEPS * step_s)
    return tuple(sorted({at_s for part in known for at_s in part.times_s if at_s <= ended_s}))


def _joined(name: str, found: Sequence[tuple[Series, int]]) -> float | None:
    pairs = [(number, part, row) for part, row in found if (number := _number(part, name, row)) is not None]
    if not pairs:
        return None
    numbers = [number for number, _, _ in pairs]
    if name != MEAN:
        join = WORST.get(name)
        return sum(numbers) if join is None else join(numbers)
    weights = [_number(part, WEIGHT, row) or 0.0 for _, part, row in pairs]
    whole = sum(weights)
    if not whole:
        return sum(numbers) / len(numbers)
    return sum(number * weight for number, weight in zip(numbers, weights, strict=True)) / whole


def _number(part: Series, name: str, row: int) -> float | None:
    values = part.values.get(name)
    return None if values is None else values[row]
