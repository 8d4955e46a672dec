"""Plots as SVG within the page: lines over time, each told by its dashes as well as by its colour."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from plimsoll.reports.markup import Html, join, safe, tag
from plimsoll.snapshot.amounts import seconds

WIDTH, HEIGHT = 360, 120
"""As wide as a phone shows it without making it smaller, so that its words can be read there."""

LEFT, TOP, BOTTOM = 52, 8, 18

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """Values at the plot's times; None where nothing was known."""

    label: str
    values: Values


def plot(title: str, times_s: Sequence[float], lines: Sequence[Line], shown_as: Callable[[float], str]) -> Html:
    """A figure with its legend, from nought to the highest value; nothing where no value is known."""
    lines = [line for line in lines if any(value is not None for value in line.values)]
    if not lines or len(times_s) < 2:
        return Html("")
    top = max((value for line in lines for value in line.values if value is not None), default=0.0) or 1.0
    drawn = join(
        Html(f'<polyline class="line l{place}" points="{points}"/>')
        for place, line in enumerate(lines)
        for points in _parts(line.values, times_s, top)
    )
    words = ", ".join(f"{line.label}: {_summary(line.values, shown_as)}" for line in lines)
    picture = Html(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{safe(f"{title}. {words}")}">'
        f"{_axes(shown_as(top), shown_as(0.0), seconds(times_s[-1] - times_s[0]))}{drawn}</svg>"
    )
    legend = tag("ul", *(tag("li", _sample(place), line.label, " (", _summary(line.values, shown_as), ")")
                         for place, line in enumerate(lines)), class_="legend")  # fmt: skip
    return tag("figure", tag("figcaption", title), picture, legend)


def _parts(values: Values, times_s: Sequence[float], top: float) -> Iterator[str]:
    """The points of each stretch without a gap. A single point becomes a short stroke, since else it would not show."""
    span_s = (times_s[-1] - times_s[0]) or 1.0
    part: list[str] = []
    for time_s, value in zip(times_s, values, strict=False):
        if value is None:
            if part:
                yield " ".join(part)
            part = []
            continue
        x = LEFT + (time_s - times_s[0]) / span_s * (WIDTH - LEFT - 4)
        y = TOP + (1 - min(1.0, max(0.0, value / top))) * (HEIGHT - TOP - BOTTOM)
        part += [f"{x:.1f},{y:.1f}"] if part else [f"{x:.1f},{y:.1f}", f"{x + 0.5:.1f},{y:.1f}"]
    if part:
        yield " ".join(part)


def _axes(highest: str, lowest: str, span: str) -> str:
    floor = HEIGHT - BOTTOM
    return (
        f'<path class="axis" d="M{LEFT},{TOP}V{floor}H{WIDTH - 4}"/>'
        f'<text x="{LEFT - 6}" y="{TOP + 9}" text-anchor="end">{safe(highest)}</text>'
        f'<text x="{LEFT - 6}" y="{floor}" text-anchor="end">{safe(lowest)}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 4}">{safe(span)} before</text>'
        f'<text x="{WIDTH - 4}" y="{HEIGHT - 4}" text-anchor="end">then</text>'
    )


def _sample(place: int) -> Html:
    return Html(
        f'<svg class="sample" viewBox="0 0 24 8" aria-hidden="true"><path class="line l{place}" d="M0,4H24"/></svg>'
    )


def _summary(values: Values, shown_as: Callable[[float], str]) -> str:
    known = [value for value in values if value is not None]
    return f"last {shown_as(known[-1])}, lowest {shown_as(min(known))}, highest {shown_as(max(known))}"
