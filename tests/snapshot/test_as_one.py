"""Several workers make one snapshot, which every view can render as it renders a worker's."""

import json
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.snapshot import EventView, Snapshot
from plimsoll.snapshot.as_one import as_one, one_of
from plimsoll.snapshot.codec import from_json, to_json
from plimsoll.snapshot.diagnosis import problems
from plimsoll.snapshot.eventlog import MOST
from plimsoll.snapshot.workers import together
from tests.snapshot.odd import SNAPSHOTS
from tests.snapshot.samples import BINDING, EXHAUSTED, FOUR_AS_ONE, HEALTHY, NOW_S, holder
from tests.snapshot.test_workers import FOUR, HELD, worker
from tests.snapshot.troubles import QUIET, SERVER, holding, process

OWN, OTHERS = FOUR[1], (FOUR[0], *FOUR[2:])


def test_a_worker_alone_is_as_it_is() -> None:
    """Also where it is told of itself."""
    assert as_one(OWN, ()) is OWN
    assert as_one(OWN, (replace(OWN, at_s=NOW_S - 1),), silent=("web-1:2",)) is OWN


def test_the_pool_the_line_and_the_memory_are_sums() -> None:
    """Of all four; the limit of memory is the nearest of any."""
    near = replace(BINDING, used=BINDING.limit - 1)
    nearer = replace(FOUR[3], memory=replace(FOUR[3].memory, binding=near))
    one = as_one(OWN, (*OTHERS[:2], nearer))
    totals = together((OWN, *OTHERS)).totals
    assert (one.pool.taken, one.pool.idle, one.pool.limit) == (totals.taken, totals.idle, totals.limit)
    assert one.pool.checkouts == 4 * QUIET.pool.checkouts
    assert one.pool.closed == {reason: 4 * count for reason, count in QUIET.pool.closed.items()}
    assert one.pool.acquire.count == 4 * QUIET.pool.acquire.count
    assert one.admission.limit == 4 * QUIET.admission.limit
    assert one.admission.in_flight == totals.in_flight
    assert (one.memory.rss_bytes, one.memory.binding) == (totals.rss_bytes, near)
    assert sum(route.requests for route in one.routes) == totals.requests
    assert one.client_connections == 4 * (QUIET.client_connections or 0)


def test_what_can_be_of_one_worker_only_is_of_the_one_that_answers() -> None:
    """Its settings and limits, and which process it is."""
    one = as_one(OWN, (replace(FOUR[0], settings=(), limits=()), *OTHERS[1:]))
    assert (one.worker, one.at_s, one.settings, one.limits) == (OWN.worker, OWN.at_s, OWN.settings, OWN.limits)


def test_each_worker_has_a_row() -> None:
    """By its name; one that is silent keeps its numbers and is marked, or has none."""
    one = as_one(OWN, OTHERS, silent=("web-2:4", "web-2:9"))
    assert [(row.name, row.silent) for row in one.workers] == [
        ("web-1:1", False),
        ("web-1:2", False),
        ("web-2:3", False),
        ("web-2:4", True),
        ("web-2:9", True),
    ]
    assert [row.limit for row in one.workers] == [40, 40, 40, 40, 0]
    assert one.pool.limit == 160
    (problem,) = one.problems
    assert (problem.key, problem.level) == ("silent-worker", "warning")
    assert problem.sentence.startswith("web-2:4 and web-2:9 live and do not answer: something blocks their event loop")


def test_one_that_nobody_has_seen_for_long_is_not_counted() -> None:
    """Its row says what it was."""
    one = as_one(OWN, (replace(FOUR[0], at_s=NOW_S - 60),), silent=("web-1:1",))
    assert [(row.stale, row.silent, row.limit) for row in one.workers] == [(True, True, 40), (False, False, 40)]
    assert one.pool == OWN.pool


def test_holders_and_events_say_whose_they_are() -> None:
    """And the id of a holder, where an action has to go: two hosts may have the same one."""
    mine, theirs = (replace(worker(2, holding(holder(1, age_s=3.0)), host=host), events=()) for host in ("a", "b"))
    theirs = replace(
        theirs, holders=(holder(1, age_s=9.0),), events=tuple(EventView(NOW_S - age, "leak", "x") for age in (1, 5))
    )
    one = as_one(replace(mine, events=(EventView(NOW_S - 3, "leak", "y"),)), (theirs,))
    assert [(each.id, each.worker) for each in one.holders] == [("b:h1", "b:2"), ("a:h1", "a:2")]
    assert [(event.worker, event.text) for event in one.events] == [("b:2", "x"), ("a:2", "y"), ("b:2", "x")]


def test_another_worker_is_shown_with_the_address_of_its_holders() -> None:
    """And with the server's side, which it may never have asked for."""
    held = replace(holder(1, age_s=9.0), server_id=101)
    seen = (process(101, whose="another worker", worker="web-1:1", mark=""),)
    own = replace(OWN, server=replace(SERVER, processes=seen))
    shown = one_of(replace(FOUR[0], server=None, holders=(held,)), own, silent=("web-1:1",))
    assert [(each.id, each.worker) for each in shown.holders] == [("web-1:h1", "")]
    assert shown.server is not None
    (connection,) = shown.server.processes
    assert (connection.whose, connection.route, connection.place) == ("this worker", held.route, held.place)
    assert [problem.key for problem in shown.problems] == ["silent-worker"]
    assert (shown.pool, shown.workers) == (FOUR[0].pool, ())


def test_events_of_all_are_no_more_than_one_worker_keeps() -> None:
    """The newest."""
    many = [replace(each, events=tuple(EventView(NOW_S - age, "leak", "x") for age in range(MOST))) for each in FOUR]
    events = as_one(many[0], many[1:]).events
    assert len(events) == MOST
    assert events[-1].at_s > NOW_S - MOST / 3


def test_each_connection_on_the_server_has_its_worker() -> None:
    """Whichever of them has looked last, the one that answers is this worker."""
    seen = (
        process(101, whose="another worker", worker="web-1:2", mark=""),
        process(102, whose="this worker", worker="web-1:1", mark=""),
        process(103, whose="unknown", worker="", mark="unknown client"),
    )
    own = replace(OWN, server=replace(SERVER, at_s=NOW_S - 20, processes=()))
    one = as_one(own, (replace(FOUR[0], server=replace(SERVER, at_s=NOW_S, processes=seen)),))
    assert one.server is not None
    assert [each.whose for each in one.server.processes] == ["this worker", "another worker", "unknown"]


def test_a_kill_that_all_workers_of_a_host_have_counted_is_one() -> None:
    """They count those of their control group; what each has refused is its own."""
    killed = [replace(each, memory=replace(each.memory, oom_kills=2, errors=1)) for each in FOUR]
    memory = as_one(killed[0], killed[1:]).memory
    assert (memory.oom_kills, memory.errors) == (4, 4)


def test_problems_are_those_of_the_fleet() -> None:
    """With their workers' names."""
    (problem,) = as_one(OWN, (worker(5, HELD),)).problems
    assert problem.sentence.startswith("web-1:5: 12 of 40 connections are held by GET /export")


def test_the_sample_is_what_comes_of_four_workers() -> None:
    """One of them exhausted, one silent; it goes through JSON."""
    assert [row.silent for row in FOUR_AS_ONE.workers] == [False, False, True, False]
    assert FOUR_AS_ONE.pool.taken == EXHAUSTED.pool.taken + 3 * HEALTHY.pool.taken
    assert from_json(json.loads(json.dumps(to_json(FOUR_AS_ONE), allow_nan=False))) == FOUR_AS_ONE


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(SNAPSHOTS, st.lists(SNAPSHOTS, max_size=2), st.lists(st.text(max_size=9), max_size=2))
def test_any_snapshots_make_one(own: Snapshot, others: list[Snapshot], silent: list[str]) -> None:
    """However odd: a row for each that is known or silent."""
    own, *others = (replace(each, problems=problems(each)) for each in (own, *others))
    one = as_one(own, others, silent)
    names = {f"{each.worker.host}:{each.worker.pid}" for each in (own, *others)} | set(silent)
    assert len(one.workers) == (len(names) if one is not own else len(own.workers))
    assert all(problem.sentence.isprintable() for problem in one.problems if one is not own)
