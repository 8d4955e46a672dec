"""Numbers as a person reads them: sizes, times and shares."""

_SIZES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_TIMES = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def size(count: float) -> str:
    """Bytes: "1.5 GiB", "128 MiB", "40 bytes"."""
    for unit, name in _SIZES:
        if count >= unit:
            return f"{_short(count / unit)} {name}"
    return f"{count:.0f} bytes"


def time(value_s: float) -> str:
    """Seconds: "3 d", "2.5 h", "45 s", "20 ms"."""
    for unit, name in _TIMES:
        if value_s >= unit:
            return f"{_short(value_s / unit)} {name}"
    return f"{_short(value_s * 1000)} ms"


def share(part: float, whole: float) -> float:
    """How much of `whole` a part is, in percent; 0 of nothing is 0."""
    return 100 * part / whole if whole > 0 else 0.0


def percent(part: float, whole: float) -> str:
    """The same in words: "87 %", "0.4 %"."""
    return f"{_short(share(part, whole))} %"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"
