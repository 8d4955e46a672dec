"""The lines above the tables: what is wrong, the load line, the pool, memory, and what was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from plimsoll.snapshot import LoadLineView, PoolView, Snapshot
from plimsoll.snapshot.amounts import amount, seconds, size
from plimsoll.snapshot.rows import WorkerRow
from plimsoll.snapshot.shown import LONGEST, shown
from plimsoll.watch.feed import Sight

Tone = Literal["plain", "dim", "good", "info", "warning", "critical"]

BAR_WIDTH = 30

ACTION_LINES = 2

PROBLEMS_KEY = "i"
"""Shows what is wrong as a table."""

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = " "

STATES = {
    "connecting": "connecting",
    "live": "live",
    "stale": "STALE",
    "refused": "REFUSED",
    "down": "SERVICE DOWN",
}


@dataclass(frozen=True, slots=True)
class Words:
    """A line, and how it is meant. No tone is told by colour alone."""

    text: str
    tone: Tone = "plain"


def who(sight: Sight, url: str) -> Words:
    """Which worker, and how fresh what is shown is."""
    state = STATES[sight.state]
    if sight.snapshot is None:
        return Words(f"{url}  {state}", "critical" if sight.state in ("refused", "down") else "warning")
    worker = sight.snapshot.worker
    release = f" {shown(worker.release, 20)}" if worker.release else ""
    mode = "production" if worker.production else "development"
    up = seconds(sight.snapshot.at_s - worker.started_s)
    rows = sight.snapshot.workers
    name = f"{shown(worker.host, 24)}:{worker.pid}{release} {mode} up {up}"
    if rows:
        name = f"{_workers(rows)} {release} {mode}"
    if sight.state == "live":
        return Words(f"{name}  {state}", "good")
    return Words(f"{name}  {state}, {seconds(sight.age_s)} old", "critical" if sight.state == "down" else "warning")


def _workers(rows: Sequence[WorkerRow]) -> str:
    """Several as one."""
    hosts = len({row.name.rpartition(":")[0] for row in rows})
    answer = [row for row in rows if not row.silent and not row.stale]
    ready = sum(row.ready for row in answer)
    silent = f", {len(rows) - len(answer)} SILENT" if len(answer) < len(rows) else ""
    return f"{len(rows)} workers on {hosts} {'host' if hosts == 1 else 'hosts'}, {ready} ready{silent}"


def problems(sight: Sight, width: int | None = None) -> Iterator[Words]:
    """What is wrong, the gravest first, and what to do; a service that cannot be seen is what is wrong before all. On a
    screen of that width the others take a line each, and what to do about the gravest takes two or three."""
    if sight.state != "live":
        yield Words(shown(sight.words), "dim" if sight.state == "connecting" else "warning")
    if sight.snapshot is None:
        return
    told = sight.snapshot.problems
    for place, problem in enumerate(told):
        sentence = f"{problem.level.upper()}: {problem.sentence}"
        yield Words(shown(sentence, width if width and place else LONGEST), problem.level)
        if problem.action and not (width and place):
            yield Words(f"  -> {shown(problem.action, ACTION_LINES * width if width else LONGEST)}")
    if not told and sight.state == "live":
        yield Words("Nothing is wrong.", "good")


def load_line(view: LoadLineView | None) -> Words:
    """Demand against what is allowed."""
    if view is None:
        return Words("Load    not known yet", "dim")
    fits = "fits" if view.fits else "DOES NOT FIT"
    allowed = f"{amount(view.allowed)} allowed ({shown(view.binding, 40)})"
    wanted = f"{view.demanded:,} wanted, {view.demanded_deploying:,} while deploying"
    return Words(f"Load    {fits}: {wanted}, {allowed}", "good" if view.fits else "critical")


def pool(view: PoolView) -> Words:
    """The pool's places as a bar: taken `#`, idle `=`, free `.`."""
    width = min(BAR_WIDTH, view.limit) or 1
    taken = -(-view.taken * width // (view.limit or 1))
    idle = min(width - taken, round(view.idle * width / (view.limit or 1)))
    bar = f"[{'#' * taken}{'=' * idle}{'.' * (width - taken - idle)}]"
    full = view.taken >= view.limit
    text = f"Pool    {bar} {view.taken:,} of {view.limit:,} taken, {view.idle:,} idle, {view.waiting:,} waiting"
    return Words(text, "critical" if full and view.waiting else "warning" if full else "plain")


def memory(now: Snapshot) -> Words:
    """The process's memory, and what is left of the limit that binds."""
    binding = now.memory.binding
    left = "no limit was found"
    if binding is not None:
        of = f"{amount(binding.left, binding.unit)} left of {amount(binding.limit, binding.unit)}"
        left = f"{of} {shown(binding.name, 24)}"
    errors = f", MemoryError {now.memory.errors} times" if now.memory.errors else ""
    tone: Tone = "warning" if now.admission.memory_pressed or now.memory.errors else "plain"
    return Words(f"Memory  {size(now.memory.rss_bytes)} resident, {left}{errors}", tone)


def spark(values: Sequence[float], width: int, top: float | None = None) -> str:
    """The last `width` values as blocks, from nought to `top` or the highest; a gap where nothing was known."""
    last = list(values)[-width:]
    most = top or max((value for value in last if value == value), default=0.0) or 1.0
    return "".join(
        GAP if value != value else BLOCKS[min(len(BLOCKS) - 1, max(0, int(value / most * len(BLOCKS))))]
        for value in last
    )


def trend(label: str, values: Sequence[float], width: int, unit: str, top: float | None = None) -> Words:
    """A line of `width` characters: what was, and the last and the highest value in numbers."""
    known = [value for value in values if value == value]
    numbers = f" {amount(known[-1])}{unit}, most {amount(max(known))}" if known else " -"
    room = max(1, width - len(label) - 24)
    return Words(f"{label:<8}{spark(values, room, top)}{numbers}")
