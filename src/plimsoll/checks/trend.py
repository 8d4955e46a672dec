"""Does memory grow? The slope of a series with its confidence, by a method that steps and outliers do not mislead.

Theil's slope is the median of the slopes between all pairs of points; Sen's interval takes, of the same slopes in
order, those at ranks that Kendall's statistic gives (P. K. Sen, Estimates of the regression coefficient based on
Kendall's tau, Journal of the American Statistical Association 63, 1968, 1379-1389). A process's memory moves in steps
and stays where it is for long, so that least squares, which suppose an even scatter, would be too sure of
themselves at one large step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

MIB = 1 << 20
HOUR_S = 3600.0

Z_95 = 1.96
"""Of the normal distribution, which Kendall's statistic is near from ten points on: 95 of 100 intervals hold the
slope."""

LEAST_POINTS = 8
"""With fewer the interval is all slopes there are, or nearly."""

MOST_POINTS = 300
"""Pairs grow with the square: of more points every so-manieth is taken."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Growth in bytes a second: the slope, and what it is between with a confidence of 95 %."""

    slope: float
    low: float
    high: float
    points: int
    seconds: float

    @property
    def mib_an_hour(self) -> float:
        """The slope in MiB an hour."""
        return self.slope * HOUR_S / MIB

    @property
    def margin_mib_an_hour(self) -> float:
        """The farther end of the interval from the slope, in MiB an hour."""
        return max(self.high - self.slope, self.slope - self.low) * HOUR_S / MIB

    @property
    def grows(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0

    @property
    def grown_bytes(self) -> float:
        """What it surely grew by in that time: by the lower end of the interval."""
        return self.low * self.seconds


def trend_of(points: Sequence[tuple[float, float]]) -> Trend | None:
    """The trend of (seconds, bytes); None where there are too few points to tell."""
    points = points[:: max(1, math.ceil(len(points) / MOST_POINTS))]
    if len(points) < LEAST_POINTS or points[-1][0] <= points[0][0]:
        return None
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0])
    spread = Z_95 * math.sqrt(_variance(points))
    low = max(0, math.floor((len(slopes) - spread) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + spread) / 2))
    return Trend(median(slopes), slopes[low], slopes[high], len(points), points[-1][0] - points[0][0])


def _variance(points: Sequence[tuple[float, float]]) -> float:
    """Of Kendall's statistic; values that are equal make it smaller (Sen 1968, 2.6)."""
    count = len(points)
    values = [value for _, value in points]
    ties = [values.count(value) for value in set(values)]
    return (_term(count) - sum(_term(tie) for tie in ties)) / 18


def _term(count: int) -> float:
    return count * (count - 1) * (2 * count + 5)
