"""Prometheus' own parsers read what is rendered, and each number is the snapshot's."""

import re
from dataclasses import replace
from types import MappingProxyType

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from plimsoll.metrics import exposition
from plimsoll.metrics.exposition import AT_ONCE, FAMILIES, SILENT
from plimsoll.snapshot import RouteView, Snapshot
from plimsoll.snapshot.shared import Others
from tests.snapshot.samples import ALL, EXHAUSTED, HEALTHY, HOSTILE, NOW_S, holder

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

PROMETHEUS_2_42 = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def read(snapshot: Snapshot, accept: str = "", others: Others | None = None) -> list[Metric]:
    """As a server does."""
    body, kind = exposition(snapshot, accept, others)
    families = openmetrics_families if "openmetrics" in kind else text_families
    return list(families(body.decode()))


def samples(snapshot: Snapshot, accept: str = "", others: Others | None = None) -> Samples:
    """All of them; none is there twice."""
    found: Samples = {}
    for family in read(snapshot, accept, others):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    """One."""
    return found[name, frozenset(labels.items())]


@pytest.mark.parametrize("accept", ["", PROMETHEUS_2_42])
@pytest.mark.parametrize("name", ALL)
def test_both_formats_are_read_whatever_is_in_the_snapshot(name: str, accept: str) -> None:
    """Alone, and beside others; names from outside break out of no quotes."""
    assert len(samples(ALL[name], accept)) > 80
    others = Others((replace(HEALTHY, worker=replace(HEALTHY.worker, pid=2)),), 0)
    assert len(samples(ALL[name], accept, others)) > 140
    if name == "hostile":
        assert value(samples(ALL[name], accept), "plimsoll_requests_total", route=HOSTILE) == 1


def test_the_format_is_the_one_that_is_accepted_and_the_client_writes_no_header() -> None:
    """A version that it makes up does not come back to it."""
    assert exposition(HEALTHY)[1] == "text/plain; version=0.0.4; charset=utf-8"
    body, kind = exposition(HEALTHY, "application/openmetrics-text; version=9.9\r\nX-Evil: 1")
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert body.endswith(b"# EOF\n")


def test_numbers_are_those_of_the_snapshot() -> None:
    """Of each part of it."""
    found = samples(EXHAUSTED)
    assert value(found, "plimsoll_pool_connections", state="in_use") == 40
    assert value(found, "plimsoll_pool_limit_connections") == 40
    assert value(found, "plimsoll_pool_waiting") == 25
    assert value(found, "plimsoll_pool_timeouts_total") == 7
    assert value(found, "plimsoll_pool_closed_total", reason="recycled") == 2
    assert value(found, "plimsoll_pool_held_longest_seconds", route="GET /export") == 43
    assert value(found, "plimsoll_request_errors_total", route="GET /items", kind="4xx") == 12
    assert value(found, "plimsoll_memory_limit_used_bytes", limit="address space") == 300 << 20
    assert value(found, "plimsoll_limit", limit="open files", unit="files") == 1024
    assert value(found, "plimsoll_server_max_connections") == 151
    assert value(found, "plimsoll_server_listed_connections", whose="ours") == 1
    assert value(found, "plimsoll_load_line_allowed_connections") == 146
    assert value(found, "plimsoll_problem", problem="pool-exhausted", level="critical") == 1
    assert value(found, "plimsoll_worker_start_time_seconds") == NOW_S - 7_200


def test_a_histogram_counts_up_to_all_of_its_observations() -> None:
    """Each bucket has those before it, as Prometheus wants them."""
    found = samples(HEALTHY)
    counts = [value(found, "plimsoll_request_seconds_bucket", route="GET /items", le=le) for le in ("0.005", "0.05")]
    assert counts == [1000, 3900]
    assert value(found, "plimsoll_request_seconds_bucket", route="GET /items", le="+Inf") == 4000
    assert value(found, "plimsoll_request_seconds_sum", route="GET /items") == 80
    assert value(found, "plimsoll_request_waiting_seconds_count", route="GET /items") == 4000


def test_what_is_not_known_has_no_sample() -> None:
    """Zero would be a number."""
    bare = replace(HEALTHY, server=None, load_line=None, client_connections=None)
    names = {name for name, _ in samples(bare)}
    assert not [name for name in names if name.startswith(("plimsoll_server", "plimsoll_load_line"))]
    assert "plimsoll_client_connections" not in names


def test_tasks_without_number_are_one_holder() -> None:
    """Only what the routes' table has is a label."""
    tasks = replace(HEALTHY, holders=tuple(holder(n, age_s=n, route=f"Task-{n}") for n in range(500)))
    found = samples(tasks)
    assert value(found, "plimsoll_pool_held_connections", route="other") == 500
    assert value(found, "plimsoll_pool_held_longest_seconds", route="other") == 499


def test_the_same_labels_come_once_even_if_the_snapshot_has_them_twice() -> None:
    """A server that reads a sample twice takes neither."""
    twice = replace(HEALTHY, routes=(RouteView("GET /a", 1, 0), RouteView("GET /a", 2, 0), RouteView("\ud800", 3, 0)))
    found = samples(twice)
    assert value(found, "plimsoll_requests_total", route="GET /a") == 1
    assert value(found, "plimsoll_requests_total", route="?") == 3


def worker(pid: int, host: str = "web-1") -> Snapshot:
    """Another one."""
    return replace(EXHAUSTED, worker=replace(EXHAUSTED.worker, pid=pid, host=host))


def test_workers_are_told_apart_and_what_is_the_services_own_comes_once() -> None:
    """By their process ids, also where those are the same on two hosts."""
    found = samples(HEALTHY, others=Others((worker(5), worker(4711, "web-2")), 1))
    workers = {dict(labels)["worker"] for name, labels in found if name == "plimsoll_pool_waiting"}
    assert workers == {"web-1:4711", "5", "web-2:4711"}
    assert value(found, "plimsoll_pool_waiting", worker="5") == 25
    assert value(found, "plimsoll_server_max_connections") == 151
    assert value(found, SILENT) == 1


def test_the_server_is_told_of_by_whoever_asked_it_last() -> None:
    """The worker that is asked may have never done."""
    assert HEALTHY.server is not None
    newer = replace(worker(5), server=replace(HEALTHY.server, at_s=NOW_S, connections=33))
    others = Others((newer,), 0)
    assert value(samples(HEALTHY, others=others), "plimsoll_server_connections") == 33
    assert value(samples(replace(HEALTHY, server=None), others=others), "plimsoll_server_connections") == 33


def test_a_single_worker_has_no_label_of_its_own() -> None:
    """Prometheus has its address; beside others that come and go it has one from the first."""
    assert not [labels for _, labels in samples(HEALTHY) if "worker" in dict(labels)]
    assert value(samples(HEALTHY, others=Others((), 0)), "plimsoll_pool_waiting", worker="4711") == 0


def test_names_follow_the_rules_of_prometheus() -> None:
    """A prefix, base units, `_total` for counters and for nothing else."""
    for family in FAMILIES:
        assert re.fullmatch(r"plimsoll_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.name.endswith("_seconds") or family.kind not in ("histogram", "summary")
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_a_counter_of_any_name_is_a_label_and_not_a_metric() -> None:
    """Names of counters are the code's, with hyphens in them."""
    counted = replace(HEALTHY, counters=MappingProxyType({"answered_database-busy": 3}))
    assert value(samples(counted), "plimsoll_events_total", kind="answered_database-busy") == 3


def test_records_of_the_black_box_are_counted_where_any_are_kept() -> None:
    """Without REPORTS_DIR there is no number, and not zero."""
    counted = replace(HEALTHY, counters=MappingProxyType({"records_written": 2, "records_failed": 0}))
    found = samples(counted)
    assert value(found, "plimsoll_records_written_total") == 2
    assert value(found, "plimsoll_records_failed_total") == 0
    assert "plimsoll_records_written_total" not in {name for name, _ in samples(HEALTHY)}


def test_numbers_that_are_not_finite_are_written_as_prometheus_has_them() -> None:
    """A latency without end, say."""
    odd = replace(HEALTHY, at_s=float("inf"), load_line=None, client_connections=None)
    assert value(samples(odd), "plimsoll_snapshot_timestamp_seconds") == float("inf")
    assert b"plimsoll_snapshot_timestamp_seconds +Inf\n" in exposition(odd)[0]


@pytest.mark.parametrize("accept", ["", PROMETHEUS_2_42])
def test_a_family_of_many_samples_is_announced_once(accept: str) -> None:
    """It is written in pieces."""
    many = replace(HEALTHY, routes=tuple(RouteView(f"GET /{number}", number, 0) for number in range(3 * AT_ONCE)))
    text = exposition(many, accept)[0].decode()
    announced = re.findall("^# TYPE (.*) ", text, re.MULTILINE)
    assert len(announced) == len(set(announced)) == len(FAMILIES)
    assert len(re.findall("^plimsoll_requests_total{", text, re.MULTILINE)) == 3 * AT_ONCE
    assert text.count("# EOF\n") == text.endswith("# EOF\n") == bool(accept)
