"""Numbers as people read them."""

KIB = 1 << 10
STEPS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def amount(count: float) -> str:
    """Bytes with a unit: 512 B, 86.0 KiB, 18.9 MiB, 4.0 GiB."""
    for size, unit in STEPS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def counted(number: float, noun: str, many: str = "") -> str:
    """A count with its noun: 1 worker, 1,200 workers, 0 workers; `many` is the plural where it has no plain s."""
    return f"{number:,.0f} {noun if number == 1 else many or f'{noun}s'}"


def plain(number: float) -> str:
    """A number as one would type it into a setting: 30 and 2.5, neither 30.0 nor 1e+06."""
    return str(int(number)) if number == int(number) else str(number)


def duration(seconds: float) -> str:
    """0 ms, 3.2 ms, 120 ms, 4.0 s; "without end" for infinity."""
    if seconds == float("inf"):
        return "without end"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if 0 < seconds < 0.01 else f"{seconds * 1000:.0f} ms"
