"""Snapshots in Prometheus' text format or in OpenMetrics, as the client of `/metrics` accepts it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from plimsoll.metrics.family import Family, gauge
from plimsoll.metrics.of_routes import ROUTES
from plimsoll.metrics.of_service import HAPPENED, LOAD_LINE, SERVER
from plimsoll.metrics.of_worker import ADMISSION, MEMORY, POOL, WORKER
from plimsoll.metrics.text import heading, lines
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.shared import Others

FAMILIES: tuple[Family, ...] = (*WORKER, *POOL, *ADMISSION, *MEMORY, *ROUTES, *SERVER, *LOAD_LINE, *HAPPENED)
"""All that `/metrics` has, but for `SILENT`."""

SILENT = "plimsoll_silent_workers"
"""Workers that live and did not answer: only where workers are shown together."""

OPENMETRICS = "application/openmetrics-text"
OPENMETRICS_KIND = f"{OPENMETRICS}; version=1.0.0; charset=utf-8"
TEXT_KIND = "text/plain; version=0.0.4; charset=utf-8"


def kind_of(accept: str) -> str:
    """The content type for a client that accepts this. Nothing of the header is repeated in it."""
    return OPENMETRICS_KIND if OPENMETRICS in accept else TEXT_KIND


def exposition(snapshot: Snapshot, accept: str = "", others: Others | None = None) -> tuple[bytes, str]:
    """The body, made at once, and its content type; arguments as those of `pieces`."""
    return "".join(pieces(snapshot, accept, others)).encode(), kind_of(accept)


def pieces(snapshot: Snapshot, accept: str = "", others: Others | None = None) -> Iterator[str]:
    """The body, in pieces of some microseconds' work each: a hundred routes and four workers are milliseconds, and
    whoever makes it may let others go first.

    Args:
        snapshot: of the worker that was asked.
        accept: the header of that name.
        others: the other workers of the service. With them, even if there are none at the moment, each worker's
            samples have the label `worker`; without, the worker is the only one behind its port.
    """
    openmetrics = kind_of(accept) == OPENMETRICS_KIND
    workers = _named(snapshot, others)
    service = _with_newest_server(snapshot, others)
    for family in FAMILIES:
        yield heading(family, openmetrics=openmetrics)
        if family.of_service:
            yield from lines(family, family.samples(service))
            continue
        for name, each in workers:
            yield from lines(family, family.samples(each), name)
    if others is not None:
        silent = gauge(SILENT, "Workers that did not answer in time, and are missing here", lambda _: others.silent)
        yield heading(silent, openmetrics=openmetrics)
        yield from lines(silent, silent.samples(snapshot))
    if openmetrics:
        yield "# EOF\n"


def _named(asked: Snapshot, others: Others | None) -> Sequence[tuple[str | None, Snapshot]]:
    """By process ids; with the host's name where containers with the same ids share a directory."""
    if others is None:
        return [(None, asked)]
    together = [asked, *others.snapshots]
    count = Counter(each.worker.pid for each in together)
    pids = ((str(each.worker.pid), each) for each in together)
    return [(pid if count[each.worker.pid] == 1 else f"{each.worker.host}:{pid}", each) for pid, each in pids]


def _with_newest_server(asked: Snapshot, others: Others | None) -> Snapshot:
    known = [each for each in (asked, *(others.snapshots if others else ())) if each.server is not None]
    return max(known, key=lambda each: each.server.at_s if each.server else 0.0, default=asked)
