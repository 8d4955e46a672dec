"""Snapshots in Prometheus' text format or in OpenMetrics, as the client of `/metrics` accepts it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from prometheus_client import exposition as prometheus
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from plimsoll.metrics.family import Family, Labels, Value
from plimsoll.metrics.of_routes import ROUTES
from plimsoll.metrics.of_service import HAPPENED, LOAD_LINE, SERVER
from plimsoll.metrics.of_worker import ADMISSION, MEMORY, POOL, WORKER
from plimsoll.snapshot import Durations, Snapshot
from plimsoll.snapshot.shared import Others

FAMILIES: tuple[Family, ...] = (*WORKER, *POOL, *ADMISSION, *MEMORY, *ROUTES, *SERVER, *LOAD_LINE, *HAPPENED)
"""All that `/metrics` has, but for `SILENT`."""

SILENT = "plimsoll_silent_workers"
"""Workers that live and did not answer: only where workers are shown together."""

OPENMETRICS = "application/openmetrics-text"

AT_ONCE = 5
"""Samples of a piece: of histograms some 90 lines, half a millisecond's work."""

_END = "# EOF\n"
"""Of OpenMetrics."""


def kind_of(accept: str) -> str:
    """The content type for a client that accepts this. (The library's own choice repeats a version that the header
    names.)"""
    return openmetrics.CONTENT_TYPE_LATEST if OPENMETRICS in accept else prometheus.CONTENT_TYPE_PLAIN_0_0_4


def exposition(snapshot: Snapshot, accept: str = "", others: Others | None = None) -> tuple[bytes, str]:
    """The body, made at once, and its content type; arguments as those of `pieces`."""
    return "".join(pieces(snapshot, accept, others)).encode(), kind_of(accept)


def pieces(snapshot: Snapshot, accept: str = "", others: Others | None = None) -> Iterator[str]:
    """The body, in pieces of a millisecond's work at most: whoever makes it may let others go first between them, since
    a hundred routes and four workers take many.

    Args:
        snapshot: of the worker that was asked.
        accept: the header of that name.
        others: the other workers of the service. With them, even if there are none at the moment, each worker's
            samples have the label `worker`; without, the worker is the only one behind its port.
    """
    is_open = OPENMETRICS in accept
    generate = _openmetrics if is_open else prometheus.generate_latest
    for metric, begins in _Snapshots(snapshot, others).metrics():
        text: str = generate(_One(metric)).decode().removesuffix(_END)
        # A family is announced once, by its help and its type.
        yield text if begins else text.split("\n", 2)[2]
    if is_open:
        yield _END


def _openmetrics(found: Collector) -> bytes:
    """Our names are plain ones, which nothing is to be done with; by default each of their characters is looked at, for
    half of the time that all takes."""
    text: bytes = openmetrics.generate_latest(found, escaping=openmetrics.ALLOWUTF8)  # type: ignore[no-untyped-call]
    return text


class _One(Collector):
    """What the library renders at a time."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


class _Snapshots:
    def __init__(self, asked: Snapshot, others: Others | None) -> None:
        self._silent = None if others is None else others.silent
        self._workers: Sequence[tuple[Labels, Snapshot]] = [((), asked)]
        if others is not None:
            together = [asked, *others.snapshots]
            self._workers = list(zip(_names(together), together, strict=True))
        self._service = _with_newest_server(asked, others)

    def metrics(self) -> Iterator[tuple[Metric, bool]]:
        """Every family in parts of `AT_ONCE` samples, and whether it is the first of its family."""
        for family in FAMILIES:
            labels, samples = self._samples(family)
            part = list(islice(samples, AT_ONCE))
            yield _made(family, labels, part), True
            while part := list(islice(samples, AT_ONCE)):
                yield _made(family, labels, part), False
        if self._silent is not None:
            text = "Workers that did not answer in time, and are missing here"
            yield GaugeMetricFamily(SILENT, text, self._silent), True

    def _samples(self, family: Family) -> tuple[Labels, Iterator[tuple[Labels, Value]]]:
        if family.of_service:
            return family.labels, _once(family.samples(self._service))
        worker = ("worker",) if self._silent is not None else ()
        samples = (
            ((*name, *labels), value)
            for name, snapshot in self._workers
            for labels, value in _once(family.samples(snapshot))
        )
        return (*worker, *family.labels), samples


def _names(together: Sequence[Snapshot]) -> Iterator[Labels]:
    """Process ids; with the host's name where containers with the same ids share a directory."""
    count = Counter(each.worker.pid for each in together)
    for each in together:
        pid = str(each.worker.pid)
        yield (pid if count[each.worker.pid] == 1 else f"{each.worker.host}:{pid}",)


def _with_newest_server(asked: Snapshot, others: Others | None) -> Snapshot:
    known = [each for each in (asked, *(others.snapshots if others else ())) if each.server is not None]
    return max(known, key=lambda each: each.server.at_s if each.server else 0.0, default=asked)


def _once(samples: Iterable[tuple[Labels, Value]]) -> Iterator[tuple[Labels, Value]]:
    """What is known, and no labels twice: a server that reads a sample twice takes neither."""
    seen = set()
    for labels, value in samples:
        printable = tuple(label.encode(errors="replace").decode() for label in labels)
        if value is not None and printable not in seen:
            seen.add(printable)
            yield printable, value


def _made(family: Family, labels: Labels, samples: Iterable[tuple[Labels, Value]]) -> Metric:
    name, text = family.name, family.help
    if family.kind == "info":
        metric = InfoMetricFamily(name.removesuffix("_info"), text)
        for values, _ in samples:
            metric.add_metric((), dict(zip(labels, values, strict=True)))
        return metric
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(name, text, labels=labels)
        for values, durations in samples:
            assert isinstance(durations, Durations)
            histogram.add_metric(values, _buckets(durations), durations.total_s)
        return histogram
    if family.kind == "summary":
        summary = SummaryMetricFamily(name, text, labels=labels)
        for values, durations in samples:
            assert isinstance(durations, Durations)
            summary.add_metric(values, durations.count, durations.total_s)
        return summary
    single = (CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily)(name, text, labels=labels)
    for values, value in samples:
        assert not isinstance(value, Durations)
        single.add_metric(values, float(value or 0))
    return single


def _buckets(durations: Durations) -> list[tuple[str, float]]:
    """Each with all that are before it."""
    seen, buckets = 0, []
    for bound, count in zip((*durations.bounds_s, float("inf")), durations.counts, strict=True):
        seen += count
        buckets.append((floatToGoString(bound), float(seen)))  # type: ignore[no-untyped-call]
    return buckets
