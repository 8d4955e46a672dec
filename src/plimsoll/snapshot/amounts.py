"""Durations, sizes and counts as people read them."""

from math import isfinite, isinf, isnan

from plimsoll.snapshot.durations import Durations

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
UNKNOWN = "-"


def seconds(value: float | None) -> str:
    """A duration: `20 ms`, `1.5 s`, `2 min`, `3.0 h`."""
    if value is None or isnan(value):
        return UNKNOWN
    if isinf(value):
        return "more"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < MINUTE_S:
        return f"{value:.1f} s"
    if value < HOUR_S:
        return f"{value / MINUTE_S:.0f} min"
    return f"{value / HOUR_S:.1f} h" if value < DAY_S else f"{value / DAY_S:.1f} d"


def quantile(durations: Durations, share: float) -> str:
    """The duration that `share` of them keep to: `250 ms`, or `over 30.0 s` beyond all that is told apart."""
    found_s = durations.quantile_s(share)
    if found_s is not None and isinf(found_s) and durations.bounds_s:
        return f"over {seconds(durations.bounds_s[-1])}"
    return seconds(found_s)


def size(value: float | None) -> str:
    """Bytes: `512 B`, `64 KiB`, `120 MiB`, `2.0 GiB`."""
    if value is None or not isfinite(value):
        return UNKNOWN
    if abs(value) >= GIB:
        return f"{value / GIB:.1f} GiB"
    if abs(value) >= MIB:
        return f"{value / MIB:.0f} MiB"
    return f"{value / KIB:.0f} KiB" if abs(value) >= KIB else f"{value:.0f} B"


def amount(value: float | None, unit: str = "") -> str:
    """A number of a limit: bytes as a size, else `1,200`; one place of a fraction below ten."""
    if value is None or not isfinite(value):
        return UNKNOWN
    if unit == "bytes":
        return size(value)
    return f"{value:.1f}" if value != int(value) and abs(value) < 10 else f"{value:,.0f}"
