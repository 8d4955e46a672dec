"""Several workers on several hosts are seen as one: sums, rows, and problems that name their workers."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.snapshot import Durations, Snapshot
from plimsoll.snapshot.causes.wording import LONGEST_TEXT
from plimsoll.snapshot.diagnosis import GRAVITY, problems
from plimsoll.snapshot.workers import Fleet, together
from tests.snapshot.odd import SNAPSHOTS
from tests.snapshot.samples import HOSTILE, NOW_S, durations, holder
from tests.snapshot.troubles import LOAD_LINE, QUIET, SERVER, TROUBLES, holding, process, route, routes

MANY = replace(LOAD_LINE, demanded=1_000, demanded_deploying=1_000, allowed=1_000)


def worker(number: int, trouble: Snapshot = QUIET, host: str = "web-1", **values: Any) -> Snapshot:
    """One of them in a trouble, with its problems told."""
    one = replace(trouble, worker=replace(trouble.worker, host=host, pid=number), load_line=MANY)
    one = replace(one, **values)
    return replace(one, problems=problems(one))


HELD = TROUBLES["held by one route"][0]
FOUR = (worker(1), worker(2), worker(3, host="web-2"), worker(4, host="web-2"))


def test_none_are_an_empty_fleet() -> None:
    """Nobody was found, or all went away."""
    assert together(()) == Fleet()


def test_sums_are_of_all_and_rows_of_each() -> None:
    """Four workers on two hosts."""
    fleet = together(reversed(FOUR))
    totals = fleet.totals
    assert [row.name for row in fleet.rows] == ["web-1:1", "web-1:2", "web-2:3", "web-2:4"]
    assert (totals.workers, totals.ready, totals.hosts) == (4, 4, 2)
    assert (totals.limit, totals.taken, totals.idle, totals.open) == (160, 8, 24, 32)
    assert totals.requests == 4 * sum(each.requests for each in QUIET.routes)
    assert totals.rss_bytes == 4 * QUIET.memory.rss_bytes
    assert sum(row.taken for row in fleet.rows) == totals.taken


def test_the_order_does_not_matter() -> None:
    """Of workers that answer as they like."""
    trouble = (*FOUR, worker(5, HELD), worker(6, HELD, host="web-2"))
    assert together(trouble) == together(tuple(reversed(trouble)))


def test_of_a_worker_the_newest_snapshot_counts() -> None:
    """And of processes that had one number after each other, the last."""
    old = worker(1, at_s=NOW_S - 5, admission=replace(QUIET.admission, in_flight=99))
    gone = worker(1, at_s=NOW_S - 1)
    gone = replace(gone, worker=replace(gone.worker, started_s=NOW_S - 90_000))
    assert together((old, worker(1), gone)) == together((worker(1),))


def test_a_worker_that_was_not_seen_lately_is_shown_and_not_counted() -> None:
    """Its numbers are of then."""
    fleet = together((worker(1), worker(2, HELD, at_s=NOW_S - 60)))
    assert [row.stale for row in fleet.rows] == [False, True]
    assert (fleet.totals.workers, fleet.totals.limit, fleet.problems) == (1, 40, ())


def test_problems_name_their_workers() -> None:
    """One kind once, in the words of the worker where it is gravest."""
    (alone,) = together((*FOUR, worker(5, HELD))).problems
    assert alone.sentence == (
        "web-1:5: 12 of 40 connections are held by GET /export for over 30 s, taken at app/export.py:41 in export; "
        "25 wait for one."
    )
    (both,) = together((worker(5, HELD), worker(6, HELD), worker(7, HELD, host="web-2"))).problems
    assert both.sentence.startswith("web-1:5 (also web-1:6 and web-2:7): 12 of 40 connections")
    (many,) = together([worker(number, HELD) for number in range(9)]).problems
    assert many.sentence.startswith("web-1:0 (also web-1:1, web-1:2 and 6 more): 12 of 40 connections")


def test_the_gravest_of_all_workers_is_first() -> None:
    """However many have a smaller one."""
    slow = TROUBLES["a slow route at this moment"][0]
    fleet = together(
        (worker(1, slow), worker(2, slow), worker(3, TROUBLES["database down, nobody looks"][0]), worker(4, HELD))
    )
    assert [problem.key for problem in fleet.problems] == ["pool-exhausted", "slow-route"]
    assert [row.worst for row in fleet.rows] == ["info", "info", None, "critical"]


def test_what_is_the_servers_is_told_once_and_of_no_worker() -> None:
    """All of them see the same server."""
    strangers = TROUBLES["strangers"][0]
    (problem,) = together((worker(1, strangers), worker(2, strangers))).problems
    assert problem.sentence.startswith("3 connections on the server belong to no worker: mysql of root")


def test_a_sleeper_of_one_of_them_is_told_by_its_own_worker() -> None:
    """With route and line; the others, which see it on the server, do not tell of it. A stranger's is told."""
    sleeps = process(
        109,
        whose="another worker",
        worker="web-1:1",
        state="idle in transaction",
        seconds=30.0,
        transaction_s=30.0,
        mark="",
    )
    seen = worker(2, server=replace(SERVER, processes=(sleeps,)))
    (problem,) = together((worker(1, holding(holder(9, age_s=31.0)), server=None), seen)).problems
    assert problem.sentence == (
        "web-1:1: 1 connection idle in a transaction is held by GET /export for over 30 s, "
        "taken at app/export.py:41 in export."
    )
    stranger = replace(sleeps, id=7, whose="unknown", worker="", mark="unknown client")
    seen = worker(2, server=replace(SERVER, processes=(sleeps, stranger)))
    keys = [each.key for each in together((worker(1, holding(holder(9, age_s=31.0)), server=None), seen)).problems]
    assert keys == ["idle-in-transaction", "server-sleepers"]


def test_the_load_line_is_held_against_all_that_were_seen() -> None:
    """Beyond what is allowed, and beyond what was declared."""
    fits = replace(LOAD_LINE, demanded=160, demanded_deploying=160, allowed=200)
    four = [replace(each, load_line=fits) for each in FOUR]
    assert together(four).problems == ()
    (over,) = together([replace(each, load_line=replace(fits, allowed=146)) for each in FOUR]).problems
    assert (over.key, over.sentence) == (
        "load-line",
        "4 workers on 2 hosts may ask for 160 connections, and 146 are allowed by max_connections of the server.",
    )
    (more,) = together([replace(each, load_line=replace(LOAD_LINE, allowed=None)) for each in FOUR]).problems
    assert more.sentence == "4 workers on 2 hosts may ask for 160 connections, more than the 40 that are declared."


def test_routes_and_statements_are_added_up() -> None:
    """Those with most to do first."""
    fleet = together(
        (worker(1, routes(route("GET /a", 10, e_5xx=1), route("GET /b", 1))), worker(2, routes(route("GET /a", 5))))
    )
    assert [(each.name, each.requests) for each in fleet.routes] == [("GET /a", 15), ("GET /b", 1)]
    assert fleet.routes[0].errors == {"5xx": 1}
    assert fleet.totals.errors == 1
    (first, second) = together(FOUR[:2]).statements
    assert (first.count, first.total_s, first.most_s) == (240, 80.0, 4.1)
    assert second.routes == ("GET /items",)


def test_histograms_of_two_versions_are_not_mixed() -> None:
    """The one that has observed more stands for both."""
    one = replace(route("GET /a", 1), latency=durations(1, 2, 3, 0, 0, total_s=1.0))
    other = replace(route("GET /a", 1), latency=Durations((9.0,), (1, 1), 2.0))
    for pair in ((one, other), (other, one)):
        fleet = together(worker(number, routes(each)) for number, each in enumerate(pair))
        assert fleet.routes[0].latency == one.latency
    twice = together((worker(1, routes(one)), worker(2, routes(one)))).routes[0].latency
    assert (twice.counts, twice.total_s) == ((2, 4, 6, 0, 0), 2.0)


def test_holders_of_all_are_the_oldest_first_with_their_worker() -> None:
    """Whoever has them."""
    fleet = together((worker(1, holding(holder(1, age_s=3.0))), worker(2, holding(holder(2, age_s=9.0)))))
    assert [(name, each.age_s) for name, each in fleet.holders] == [("web-1:2", 9.0), ("web-1:1", 3.0)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(st.lists(SNAPSHOTS, max_size=3))
def test_any_snapshots_are_put_together(snapshots: list[Snapshot]) -> None:
    """However odd; a row for each worker, problems in order and bounded."""
    told = [replace(each, problems=problems(each)) for each in snapshots]
    fleet = together(told)
    assert len(fleet.rows) == len({(each.worker.host, each.worker.pid) for each in snapshots})
    levels = [GRAVITY[problem.level] for problem in fleet.problems]
    assert levels == sorted(levels)
    for problem in fleet.problems:
        assert len(problem.sentence) <= LONGEST_TEXT
        assert problem.sentence.isprintable()


def test_the_name_of_a_host_is_plain_text() -> None:
    """In a sentence, whatever it calls itself."""
    (problem,) = together((worker(1, HELD, host=HOSTILE * 40),)).problems
    assert problem.sentence.isprintable()
    assert len(problem.sentence) <= LONGEST_TEXT
