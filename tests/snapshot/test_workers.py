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
from tests.snapshot.troubles import CHANGES, LOAD_LINE, QUIET, SERVER, TROUBLES, holding, process, route, routes

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
    """One kind once; who holds what is told of all that have it together."""
    (alone,) = together((*FOUR, worker(5, HELD))).problems
    assert alone.sentence == (
        "web-1:5: 12 of 40 connections are held by GET /export for over 30 s, taken at app/export.py:41 in export; "
        "25 wait for one."
    )
    (three,) = together((*FOUR, worker(5, HELD), worker(6, HELD), worker(7, HELD, host="web-2"))).problems
    assert three.sentence == (
        "web-1:5, web-1:6 and web-2:7 together: 36 of 120 connections are held by GET /export for over 30 s, "
        "taken at app/export.py:41 in export; 75 wait for one."
    )
    assert (three.level, three.action) == (alone.level, alone.action)
    (many,) = together([*FOUR, *(worker(number, HELD) for number in range(20, 29))]).problems
    assert many.sentence.startswith("web-1:20, web-1:21 and 7 more together: 108 of 360 connections are held by")
    (all_,) = together([worker(number, HELD) for number in range(9)]).problems
    assert all_.sentence.startswith("All 9 workers together: 108 of 360 connections are held by GET /export for over")
    held = holding(holder(1, age_s=130.0, state="querying"))
    (two,) = together((*FOUR, worker(5, held), worker(6, held))).problems
    assert two.sentence.startswith("web-1:5 and web-1:6 together: 2 of 80 connections are held by GET /export for over")


def test_what_all_say_in_the_same_words_is_said_once() -> None:
    """Of all of them, or of those that are named: none is an example of it."""
    warned = TROUBLES["start-up warned"][0]
    (all_,) = together((worker(1, warned), worker(2, warned))).problems
    assert all_.sentence.startswith("In all 2 workers: Start-up warned (and 1 more): The certificate ends")
    (some,) = together((worker(1, warned), worker(2, warned), *FOUR[2:])).problems
    assert some.sentence.startswith("In 2 of 4 workers (web-1:1 and web-1:2): Start-up warned")


def test_numbers_that_are_not_added_up_are_said_to_be_of_one_worker() -> None:
    """And how many have the problem: what happened lately, and what would be told as less grave of all together."""
    now, before = TROUBLES["memory errors"]

    def failed(number: int, errors: int, when: float = 30.0) -> Snapshot:
        then = replace(worker(number, before or now), at_s=NOW_S - when)
        one = worker(number, now, memory=replace(now.memory, errors=errors))
        return replace(one, problems=problems(one, then))

    (same,) = together((*FOUR[2:], failed(5, 3), failed(6, 9))).problems
    assert same.sentence.startswith("In 2 of 4 workers, such as web-1:5 (also web-1:6): 3 MemoryErrors in the last")
    over = worker(1, TROUBLES["a memory error long ago"][0])
    (worse,) = together((over, failed(5, 3), failed(6, 9), failed(7, 9), failed(8, 9), *FOUR[1:])).problems
    assert worse.sentence.startswith(
        "In 5 of 8 workers, such as web-1:5 (also web-1:6, web-1:7 and 2 more): 3 MemoryErrors in the last 30 s"
    )
    (worst,) = together((over, failed(5, 3))).problems
    assert worst.sentence.startswith("In all 2 workers, worst in web-1:5: 3 MemoryErrors in the last")
    vain, then = TROUBLES["load without admission"]
    both = [replace(each, problems=problems(each, then)) for each in (worker(4711, vain), worker(4711, vain, "web-2"))]
    (lately,) = together(both).problems
    assert lately.sentence.startswith("In all 2 workers, worst in web-1:4711: More comes in than 40")


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


def test_who_waits_in_one_of_them_for_another_is_told_once() -> None:
    """With the route and line of whoever has the lock: neither of the two knows both."""
    trouble, _before = TROUBLES["a row is locked by one of ours"]
    assert trouble.server is not None
    processes = tuple(replace(each, route="") for each in trouble.server.processes)
    asked = worker(1, holding(*CHANGES[:2]), server=replace(trouble.server, processes=processes), host="web-1")
    other = worker(2, holding(CHANGES[2], holder(9, age_s=6.2)), server=None, host="web-2")
    (told,) = together((asked, other)).problems
    (alone,) = problems(trouble)
    assert (told.level, told.sentence, told.action) == (alone.level, alone.sentence, alone.action)
    assert "connection 109, which this account is not shown" in asked.problems[0].sentence
    assert "idle-in-transaction" in {each.key for each in other.problems}


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
