"""A histogram of durations at one moment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram. `counts[i]` were at most `bounds_s[i]`; the last count is of those beyond all bounds."""

    bounds_s: tuple[float, ...] = ()
    counts: tuple[int, ...] = (0,)
    total_s: float = 0.0

    @property
    def count(self) -> int:
        """All observations."""
        return sum(self.counts)

    @property
    def mean_s(self) -> float | None:
        """Their mean; None where there are none."""
        return self.total_s / self.count if self.count else None

    def quantile_s(self, share: float) -> float | None:
        """The bound that `share` (0 to 1) of the observations keep to; None where there are none, infinite beyond the
        last bound."""
        wanted, seen = share * self.count, 0
        if not self.count:
            return None
        for bound, count in zip((*self.bounds_s, float("inf")), self.counts, strict=False):
            seen += count
            if seen >= wanted:
                return bound
        return float("inf")

    def since(self, before: "Durations") -> "Durations":
        """What was observed after `before`, an earlier snapshot of the same histogram; all of it where that has begun
        anew."""
        if len(before.counts) != len(self.counts):
            return self
        counts = tuple(now - then for now, then in zip(self.counts, before.counts, strict=True))
        if any(count < 0 for count in counts):
            return self
        return Durations(self.bounds_s, counts, self.total_s - before.total_s)


NONE = Durations()
"""Of nothing."""


def added(one: Durations, other: Durations) -> Durations:
    """The sum of two histograms; where their bounds differ (workers of two versions) the one that has observed more."""
    if one.bounds_s != other.bounds_s or len(one.counts) != len(other.counts):
        return one if one.count >= other.count else other
    counts = tuple(a + b for a, b in zip(one.counts, other.counts, strict=True))
    return Durations(one.bounds_s, counts, one.total_s + other.total_s)
