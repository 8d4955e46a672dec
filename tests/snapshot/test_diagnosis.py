"""What is wrong is told in one sentence with its cause, numbers and the next action; what is well is not told."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pytest

from plimsoll.settings import DatabaseSettings, ServiceSettings
from plimsoll.snapshot import EventView, HolderView, Problem, SettingView, Snapshot
from plimsoll.snapshot.causes import thresholds
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.exhaustion import HELD
from plimsoll.snapshot.causes.page import page
from plimsoll.snapshot.causes.rule import Found
from plimsoll.snapshot.causes.wording import LONGEST_TEXT
from plimsoll.snapshot.diagnosis import RULES, problems
from tests.snapshot.samples import HOSTILE, HOSTILE_NAMES, NOW_S, POOL, holder
from tests.snapshot.troubles import (
    BEFORE,
    FULL,
    QUIET,
    RUNNING,
    SERVER,
    TROUBLES,
    YOUNG,
    holding,
    pool,
    process,
    route,
    routes,
    server,
)

Silence = Literal["", "question", "connect"]

GOLDEN = Path(__file__).with_name("problems.txt")
DOCS = Path(__file__).resolve().parents[2] / "docs" / "problems.md"


def told(name: str) -> str:
    """As problems.txt has it."""
    found = problems(*TROUBLES[name])
    parts = (f"{each.level} {each.key}\n  {each.sentence}\n  do: {each.action}\n" for each in found)
    return f"# {name}\n{''.join(parts)}"


def keys(now: Snapshot, before: Snapshot | None = None) -> list[str]:
    """Of what is told."""
    return [problem.key for problem in problems(now, before)]


def only(now: Snapshot, before: Snapshot | None = None) -> Problem:
    """The one problem that there is."""
    (problem,) = problems(now, before)
    return problem


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_is_told_in_these_words(name: str) -> None:
    """Word for word as in problems.txt, where a person has read them."""
    golden = {part.partition("\n")[0]: f"# {part}" for part in GOLDEN.read_text("utf-8").split("# ")[1:]}
    assert golden[name].rstrip() == told(name).rstrip()


def test_every_rule_has_a_trouble() -> None:
    """No key without a golden sentence, no two rules with one key."""
    found = {problem.key for trouble in TROUBLES.values() for problem in problems(*trouble)}
    assert sorted(found) == sorted(rule.key for rule in RULES)


def test_rules_have_the_levels_that_they_say() -> None:
    """As far as the troubles show; critical before warning before info."""
    levels = {rule.key: rule.levels.split(", ") for rule in RULES}
    for trouble in TROUBLES.values():
        for problem in problems(*trouble):
            assert problem.level in levels[problem.key]


def test_the_page_is_what_the_rules_say() -> None:
    """docs/problems.md is made by tools/write_problem_page.py."""
    text = DOCS.read_text("utf-8")
    assert text == page(RULES)
    assert " ".join(told("held by one route").partition("\n")[2].split()) in " ".join(text.split())


@pytest.mark.parametrize("before", [None, BEFORE], ids=["alone", "with a snapshot before"])
def test_a_worker_that_is_well_has_no_problem(before: Snapshot | None) -> None:
    """Nor has one that is busy, young, or has much behind it that is over."""
    past = pool(timeouts=9, refused=3, connect_failures=40, leaks=8, cancelled=99, idle_transactions=4)
    assert keys(QUIET, before) == []
    assert keys(YOUNG) == []
    assert keys(pool(checked_out=40, idle=0), before) == []
    assert keys(past, replace(past, at_s=NOW_S - 30) if before else None) == []


def test_a_pool_whose_places_are_all_held_on_to_is_exhausted_before_somebody_waits() -> None:
    """Whoever comes next gets none: critical, not only connections that are held."""
    taken = tuple(holder(number, age_s=60.0) for number in range(4))
    problem = only(replace(pool(size=4, max_overflow=0, checked_out=4, idle=0, waiting=0), holders=taken))
    assert (problem.level, problem.key) == ("critical", "pool-exhausted")
    assert problem.sentence.startswith("4 of 4 connections are held by GET /export for over 60 s")
    one_free = replace(pool(size=5, max_overflow=0, checked_out=4, idle=0, waiting=0), holders=taken)
    assert "pool-exhausted" not in keys(one_free)


def test_an_exhausted_pool_is_told_once() -> None:
    """Waiters, time-outs, refusals, errors and slow routes of the same moment are its symptoms."""
    now = replace(
        FULL,
        holders=tuple(holder(100 + each, age_s=31.0) for each in range(12)),
        pool=replace(FULL.pool, timeouts=30, refused=20),
        admission=replace(QUIET.admission, overloaded=True, waiting=10, refused=300),
        routes=(route("GET /items", 500, e_5xx=50, e_deadline=40),),
    )
    problem = only(now, replace(BEFORE, routes=()))
    assert (problem.level, problem.key) == ("critical", "pool-exhausted")
    assert problem.sentence == (
        "12 of 40 connections are held by GET /export for over 30 s, taken at app/export.py:41 in export; "
        "35 wait for one and 50 waited in vain and 300 requests were refused in the last 30 s."
    )


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            f"SELECT venues.id, {', '.join(f'venues.x{each}' for each in range(40))} FROM venues WHERE venues.x = ?",
            "SELECT venues.id, … FROM venues WHERE venues.x = ?",
        ),
        ("SELECT venues.id, venues.name FROM venues", "SELECT venues.id, venues.name FROM venues"),
        ("UPDATE v SET a=?" + ",b=?" * 60, "UPDATE v SET a=?" + ",b=?" * 35 + ",b=…"),
    ],
    ids=["long", "short", "no-select"],
)
def test_of_a_long_statement_its_tables_are_told(statement: str, told: str) -> None:
    """Columns fill the space for what tells the reader which it is; and what was cut off is seen to be."""
    one = replace(holder(1, age_s=60.0, state="running a statement"), statement=statement)
    (problem,) = problems(replace(pool(size=1, max_overflow=0, checked_out=1, idle=0), holders=(one,)))
    assert problem.action.endswith(f"(locks, an index): {told}")


def test_a_list_of_long_ago_says_nothing_of_now() -> None:
    """A record is made while nobody looks, and has the list that somebody looked at a quarter of an hour before."""
    strangers = (process(300), process(301, mark="stale worker"), process(302, state="idle in transaction"))
    assert keys(server(processes=strangers)) == ["server-sleepers", "stale-workers", "unknown-clients"]
    assert keys(server(processes=strangers, at_s=NOW_S - 840)) == []


def test_one_that_holds_on_is_not_why_forty_are_busy() -> None:
    """It is told beside the load."""
    holders = (
        holder(99, age_s=31.0, state="idle"),
        *(holder(each, age_s=0.3, route="GET /items", state="querying") for each in range(39)),
    )
    assert keys(replace(FULL, holders=holders), BEFORE) == ["pool-exhausted", "connections-held"]


def test_a_full_pool_for_which_nobody_waits_is_no_problem() -> None:
    """A pool of one is full whenever it is used."""
    assert keys(pool(size=1, max_overflow=0, checked_out=1, idle=0)) == []
    assert keys(pool(size=1, max_overflow=0, checked_out=1, idle=0, waiting=3)) == ["pool-exhausted"]


def test_a_database_that_is_down_is_told_once() -> None:
    """Whatever fails for want of it."""
    now = replace(
        pool(connect_failures=80, checked_out=40, idle=0, waiting=40, timeouts=30, checkouts=POOL.checkouts + 60),
        routes=(route("GET /items", 500, e_5xx=90),),
        admission=replace(QUIET.admission, overloaded=True, refused=100),
    )
    assert keys(now, replace(BEFORE, routes=())) == ["database-down"]


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("(2003, \"Can't connect to MySQL server on 'db'\")", "database-down"),
        ("[Errno 111] Connect call failed ('127.0.0.1', 3306)", "database-down"),
        ("server closed the connection unexpectedly", "database-down"),
        ("connection to the server timed out", "database-down"),
        ("(1045, \"Access denied for user 'app'@'%' (using password: YES)\")", "database-refuses"),
        ('password authentication failed for user "app"', "database-refuses"),
        ('database "venues" does not exist', "database-refuses"),
        ("(1040, 'Too many connections')", "server-full"),
        ("remaining connection slots are reserved for roles with the SUPERUSER attribute", "server-full"),
        ("User 'app' has exceeded the 'max_user_connections' resource (current value: 10)", "server-full"),
        ("you are not allowed to see the list", "server-unseen"),
    ],
)
def test_the_servers_words_tell_what_it_is(words: str, key: str) -> None:
    """Where no connection is used, so that only the words can tell."""
    assert only(server(error=words), BEFORE).key == key


def test_that_the_server_is_silent_is_told_by_no_words() -> None:
    """Whatever the sentence is that goes with it."""
    assert only(server(error="nothing was heard", silence="question"), BEFORE).key == "database-down"
    assert only(server(error="it did not answer within 2 s"), BEFORE).key == "server-unseen"


def test_an_error_of_when_somebody_last_looked_says_nothing_of_now() -> None:
    """The server is asked only while somebody looks."""
    old = server(error="Connection refused", at_s=NOW_S - 7_200, asked_s=NOW_S - 7_100)
    assert keys(old, BEFORE) == []
    assert keys(server(error="Connection refused", at_s=NOW_S - 7_200, asked_s=NOW_S - 2), BEFORE) == ["database-down"]


def test_connects_that_a_full_server_refuses_are_told_as_such() -> None:
    """By the event that has the server's words; its own list is not needed."""
    words = "The database could not be connected to: (1040, 'Too many connections')"
    now = replace(pool(connect_failures=9), events=(EventView(NOW_S - 2, "connect-failed", words),))
    assert keys(now, BEFORE) == ["server-full"]


def test_a_database_that_is_back_is_not_down() -> None:
    """As soon as it has answered, or a connection was opened; that some failed a moment ago is told."""
    event = EventView(NOW_S - 8, "connect-failed", "The database could not be connected to: Connection refused")
    failed = replace(pool(connect_failures=9, checked_out=0, idle=0), events=(event,))
    assert keys(replace(failed, server=None), BEFORE) == ["database-down"]
    assert keys(replace(failed, server=replace(SERVER, at_s=NOW_S - 9)), BEFORE) == ["database-down"]
    assert keys(replace(failed, server=replace(SERVER, at_s=NOW_S - 1)), BEFORE) == ["connect-failures"]
    opened = replace(failed, pool=replace(failed.pool, opened=POOL.opened + 1), server=None)
    assert keys(opened, BEFORE) == ["connect-failures"]


def test_who_is_no_route_is_named_by_its_line() -> None:
    """As the pool does for sessions outside of requests: with the directory, not the whole path."""
    now = holding(replace(holder(9, age_s=31.0, state="idle"), route="/srv/releases/7/app/jobs.py:12"))
    assert only(now).sentence.startswith("1 of 40 connections is held by app/jobs.py:12 for over 30 s")


def test_a_moment_is_just_now() -> None:
    """Rather than the last 90 ms."""
    assert " just now; " in only(pool(timeouts=7), replace(BEFORE, at_s=NOW_S - 0.09)).sentence


def test_a_slow_answer_of_a_database_that_works_is_not_its_death() -> None:
    """Connections were reused meanwhile."""
    works = pool(reused=POOL.reused + 300, checkouts=POOL.checkouts + 300)
    assert keys(replace(works, server=server(error="it did not answer within 2 s").server), BEFORE) == ["server-unseen"]


def frozen(silence: Silence, *holders: HolderView, quiet_s: float | None = 3.0, asked_s: float = 2.2) -> Snapshot:
    """A server that has left a question unanswered, with connections that were used a moment ago."""
    used = holding(*holders, reused=POOL.reused + 300, checkouts=POOL.checkouts + 300, quiet_s=quiet_s)
    error = f"the server left a {silence} without an answer" if silence else ""
    seen = replace(SERVER, at_s=NOW_S - 9, asked_s=NOW_S - asked_s, error=error, silence=silence)
    return replace(used, server=seen)


def test_a_database_that_answers_nobody_is_down_although_it_was_used_a_moment_ago() -> None:
    """Its list is not enough; that a connect is not answered, or what others have asked, is."""
    waits = holder(9, age_s=3.2, route="GET /items", state=RUNNING)
    for now in (frozen("question", waits), frozen("connect"), frozen("connect", waits, quiet_s=60.0)):
        assert keys(now, BEFORE) == ["database-down"]
    opening = frozen("question")
    assert keys(replace(opening, pool=replace(opening.pool, opening=1)), BEFORE) == ["database-down"]
    assert only(frozen("question", waits), BEFORE).sentence == (
        "The database does not answer: the server left a question without an answer; it last did 3 s ago, "
        "and 1 connection waits for it."
    )


def test_a_server_that_is_slow_with_one_thing_is_not_frozen() -> None:
    """Its list, while nobody waits or others are answered meanwhile; a report; or a pool that has nothing left."""
    report = holder(9, age_s=31.0, route="GET /report", state=RUNNING)
    assert keys(frozen("question"), BEFORE) == ["server-unseen"]
    assert keys(frozen("question", replace(report, age_s=1.0), quiet_s=0.1), BEFORE) == ["server-unseen"]
    assert keys(frozen("connect", quiet_s=0.1), BEFORE) == ["server-unseen"]
    assert keys(frozen("", report, asked_s=0.5), BEFORE) == ["connections-held"]
    full = tuple(replace(report, id=f"h{number}") for number in range(40))
    exhausted = frozen("", *full, quiet_s=31.0, asked_s=0.5)
    assert keys(replace(exhausted, pool=replace(exhausted.pool, idle=0, waiting=9)), BEFORE) == ["pool-exhausted"]


def test_who_sends_statements_is_not_asleep() -> None:
    """It was only seen between two of them. Who has sent none since is, however many it had sent before."""
    sends = replace(holder(9, age_s=8.0), statements=400)
    assert keys(holding(sends)) == ["slow-route"]
    slept = replace(BEFORE, at_s=NOW_S - 5, holders=(replace(sends, age_s=3.0),))
    assert keys(holding(sends), slept) == ["idle-in-transaction"]


def test_the_server_says_who_is_asleep() -> None:
    """By the number of the connection."""
    sends = replace(holder(9, age_s=8.0), statements=400)
    asleep = process(109, whose="this worker", state="idle in transaction", seconds=7.0, mark="")
    assert keys(replace(holding(sends), server=server(processes=(asleep,)).server)) == ["idle-in-transaction"]


def test_settings_move_the_thresholds() -> None:
    """DB_LEAK_THRESHOLD and DB_IDLE_TRANSACTION as they are set; their defaults where they are off."""
    held = holding(holder(9, age_s=31.0, state="querying"))

    def with_threshold(value: str) -> Snapshot:
        return replace(held, settings=(SettingView("DB_LEAK_THRESHOLD", value, "environment", ""),))

    production = replace(held.worker, production=False)
    assert keys(with_threshold("60.0")) == ["slow-route"]
    assert keys(with_threshold("30")) == ["connections-held"]
    assert keys(replace(with_threshold("0"), worker=production)) == ["connections-held"]


def test_defaults_are_those_of_the_settings() -> None:
    """The thresholds that are named after settings."""
    database, service = DatabaseSettings.model_fields, ServiceSettings.model_fields
    assert database["leak_threshold_s"].default == thresholds.LEAK_S
    assert database["idle_transaction_s"].default == thresholds.IDLE_TRANSACTION_S
    assert service["memory_reserve_bytes"].default == thresholds.RESERVE_BYTES


def test_declared_strangers_are_no_problem() -> None:
    """DEPLOY_OTHER_CONNECTIONS says how many there may be."""
    strangers = server(processes=(process(1), process(2)))
    declared = (SettingView("DEPLOY_OTHER_CONNECTIONS", "2", "environment", ""),)
    assert only(strangers).action.startswith("They count against")
    assert only(server(processes=(process(1),))).action.startswith("It counts against")
    assert keys(replace(strangers, settings=declared)) == []


def test_a_snapshot_of_another_process_is_not_compared_with() -> None:
    """Nor is one of a later moment: a count that is lower than before has not fallen, it has begun anew."""
    other = replace(BEFORE, worker=replace(BEFORE.worker, pid=1))
    later = replace(BEFORE, at_s=NOW_S + 30)
    for before in (other, later, None):
        assert keys(pool(timeouts=7), before) == []
    assert keys(pool(timeouts=7), BEFORE) == ["pool-timeouts"]
    assert keys(pool(timeouts=7), replace(BEFORE, pool=replace(POOL, timeouts=9))) == []


def test_a_young_worker_needs_no_snapshot_before() -> None:
    """All that it has counted is of its first minute."""
    young = replace(YOUNG, pool=replace(POOL, timeouts=7))
    assert only(young).sentence.startswith("7 requests waited in vain for a connection since its start;")


def test_what_clients_have_named_is_bounded_plain_text() -> None:
    """On one line, without control characters or such as turn the direction of writing."""
    long = replace(
        holder(1, age_s=40.0),
        route="GET /" + "x" * 4_000,
        place="/" + "d" * 3_000 + "/a.py:1 in f",
        statement="S" * 9_999,
    )
    rows = tuple(
        process(each, application=f"{HOSTILE}\n{each}" * 99, user="u" * 999, host="h" * 999) for each in range(9)
    )
    now = replace(
        HOSTILE_NAMES, holders=(long, *HOSTILE_NAMES.holders), server=server(processes=rows, error=HOSTILE * 999).server
    )
    found = problems(now)
    assert {"connections-held", "unknown-clients"} & {problem.key for problem in found}
    for problem in found:
        for text in (problem.sentence, problem.action):
            assert len(text) <= LONGEST_TEXT
            assert text.isprintable()


def test_a_url_in_the_servers_words_loses_its_password() -> None:
    """Drivers do not write one there; if one ever does, it stays there."""
    found = problems(server(error="could not connect to mysql://app:hunter2@db/venues"), BEFORE)
    assert "hunter2" not in str(found)
    assert "mysql://***@db/venues" in found[0].sentence


def test_a_leak_elsewhere_is_told_beside_a_slow_route() -> None:
    """They are two causes. The same route is not told as both."""
    slow = holder(50, age_s=3.0, route="GET /report", state="querying")
    leak = holder(51, age_s=90.0, route="GET /old", state="idle")
    assert keys(holding(slow, leak)) == ["connections-held", "slow-route"]
    assert keys(holding(replace(slow, route="GET /old"), leak)) == ["connections-held"]


def test_few_errors_are_no_storm() -> None:
    """Four of four, or one in a hundred."""
    assert keys(routes(route("GET /a", 4, e_5xx=4), route("GET /b", 1_000, e_5xx=10)), replace(BEFORE, routes=())) == []


def test_errors_of_requests_whose_route_is_not_known_are_told_in_words() -> None:
    """They failed before it was found."""
    (problem,) = problems(routes(route("unknown", 40, e_5xx=40)), replace(BEFORE, routes=()))
    assert problem.sentence.startswith("a route that is not known answers with errors: 40 of 40 requests")


def test_refusals_for_want_of_memory_are_not_laid_to_the_database() -> None:
    """They are counted by their own name."""
    now = replace(
        QUIET,
        counters=MappingProxyType({"answered_memory-short": 50}),
        admission=replace(QUIET.admission, overloaded=True),
    )
    assert keys(now, BEFORE) == ["memory-low"]


def test_hidden_keys_exist() -> None:
    """What a rule hides is a rule's."""
    known = {rule.key for rule in RULES}
    hidden = [each.hides for trouble in TROUBLES.values() for rule in RULES if (each := _found(rule.key, *trouble))]
    assert HELD.union(*hidden) <= known


def _found(key: str, now: Snapshot, before: Snapshot | None) -> Found | None:
    rule = next(rule for rule in RULES if rule.key == key)
    return rule.look(Case(now, before))
