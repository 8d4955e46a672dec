"""The server's side, the load line, and what is wrong; and what was counted by name."""

from collections import Counter
from collections.abc import Callable, Iterable

from plimsoll.metrics.family import Family, Labels, counter, gauge
from plimsoll.snapshot import LoadLineView, ServerView, Snapshot


def _by_whose(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    """Which worker's they are depends on the one that is asked, which is another at each reading."""
    processes = () if now.server is None else now.server.processes
    found = Counter("unknown" if process.whose == "unknown" else "ours" for process in processes)
    return (((whose,), count) for whose, count in found.items())


def _marked(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    found = Counter(process.mark for process in now.server.processes if process.mark) if now.server else Counter()
    return (((mark,), count) for mark, count in found.items())


def _problems(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    return (((problem.key, problem.level), 1) for problem in now.problems)


def _counted(now: Snapshot) -> Iterable[tuple[Labels, float]]:
    return (((kind,), count) for kind, count in now.counters.items())


def _server(name: str, text: str, value: Callable[[ServerView], float | None]) -> Family:
    return gauge(name, text, lambda now: None if now.server is None else value(now.server), of_service=True)


def _load_line(name: str, text: str, value: Callable[[LoadLineView], float | None]) -> Family:
    return gauge(name, text, lambda now: None if now.load_line is None else value(now.load_line), of_service=True)


SERVER = (
    _server("plimsoll_server_answers", "1 where the server answered when it was asked last", lambda it: not it.error),
    _server("plimsoll_server_seen_timestamp_seconds", "When it answered", lambda it: it.at_s),
    _server("plimsoll_server_max_connections", "The server's max_connections", lambda it: it.max_connections),
    _server("plimsoll_server_connections", "Connections it has, of everybody", lambda it: it.connections),
    Family(
        "plimsoll_server_listed_connections",
        "gauge",
        "Connections in its process list, as far as this account sees it",
        ("whose",),
        _by_whose,
        of_service=True,
    ),
    Family(
        "plimsoll_server_marked_connections",
        "gauge",
        "Of these, such as something is wrong with",
        ("mark",),
        _marked,
        of_service=True,
    ),
)

LOAD_LINE = (
    _load_line("plimsoll_load_line_demanded_connections", "What all workers may want", lambda it: it.demanded),
    _load_line(
        "plimsoll_load_line_demanded_deploying_connections",
        "The same while a deployment replaces them",
        lambda it: it.demanded_deploying,
    ),
    _load_line("plimsoll_load_line_allowed_connections", "What the tightest limit allows", lambda it: it.allowed),
    _load_line("plimsoll_load_line_fits", "1 where what is wanted is allowed", lambda it: it.fits),
)

HAPPENED = (
    Family(
        "plimsoll_problem", "gauge", "1 while this is wrong, as the console has it", ("problem", "level"), _problems
    ),
    counter(
        "plimsoll_records_written_total",
        "Black-box records kept in REPORTS_DIR",
        lambda now: now.counters.get("records_written"),
    ),
    counter(
        "plimsoll_records_failed_total",
        "Records that could not be made or written",
        lambda now: now.counters.get("records_failed"),
    ),
    Family("plimsoll_events_total", "counter", "What was counted by name", ("kind",), _counted),
)
