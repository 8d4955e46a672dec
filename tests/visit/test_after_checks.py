"""Checks of stage after on facts that no server here can be made to give: kills, proxies, hosts that lie, fleets."""

from dataclasses import replace
from typing import Any

import pytest

from plimsoll.checks.baseline import Baseline
from plimsoll.checks.facts import ContactFacts, Endpoint, Facts, RunningFacts
from plimsoll.checks.registry import BY_ID, CHECKS
from plimsoll.checks.runner import run_checks
from plimsoll.checks.running import LogFacts, Worker
from plimsoll.checks.trend import MIB
from plimsoll.checks.verdict import CouldNot, Found, Known, Level, NotApplicable, Passed, Verdict
from plimsoll.server.facts import Account, ServerClient, ServerFacts
from plimsoll.settings import TopologySettings

AFTER = tuple(check for check in CHECKS if check.id.startswith(("PL7", "PL8")))


def worker(pid: int = 1, **numbers: float) -> Worker:
    """One, with figures by names with `__` for dots."""
    dotted = {name.replace("__", "."): value for name, value in numbers.items()}
    return Worker("h", pid, 0.0, "r1", True, "PRODUCTION=1", numbers={"age_s": 60.0, "pool.size": 5, **dotted})


def running(*workers: Worker, **more: Any) -> RunningFacts:
    """A service that answers."""
    facts = RunningFacts("http://x", 200, 200, "", None, True, workers=workers, figures=Known({}), pages=Known(("/a",)))
    return replace(facts, **more)


def server(**more: Any) -> ServerFacts:
    """A MariaDB."""
    return ServerFacts("mysql", "mariadb", (10, 11), "10.11", account=Account("shop"), **more)


def verdict(id_: str, service: RunningFacts, **more: Any) -> Verdict:
    """Of one check."""
    known: dict[str, Any] = {name: Known(value) for name, value in more.items()}
    facts = Facts(running=Known(service), **known)
    (result,) = run_checks([BY_ID[id_]], facts)
    return result.verdict


def test_nothing_passes_where_nothing_is_known() -> None:
    """Neither without any fact, nor with a service that did not answer."""
    for facts in (Facts(), Facts(running=Known(replace(running(), live=None, figures=Known(why="away"))))):
        for result in run_checks(AFTER, facts):
            assert not isinstance(result.verdict, Passed), result.check.id


def test_every_check_can_pass() -> None:
    """With a service, a server and a log that are well."""
    well = worker(pool__checkouts=1000, pool__reused=995, pool__opened=5, pool__most_taken=2)
    watch = {1: tuple((float(step), 100.0 * MIB) for step in range(60))}
    service = running(
        well,
        workers_expected=1,
        expected_release="r1",
        watch=watch,
        watched_s=60.0,
        log=Known(LogFacts("log", 0, 10, 10, {})),
        endpoints=(Endpoint("/a", {200: 8}, 0.01, 0.02),),
        claimed=frozenset({7}),
    )
    names = ("aborted_connects", "aborted_clients", "connection_errors_max_connections", "slow_queries")
    status = {**dict.fromkeys(names, "0"), "connections": "100", "questions": "100"}
    seen = server(status=status, clients=(ServerClient(7, "shop", "a:1", "d", "", "idle", 1),), sees_all_clients=True)
    facts = Facts(running=Known(service), server=Known(seen), contact=Known(ContactFacts("connected", "x")))
    for result in run_checks(AFTER, facts):
        assert isinstance(result.verdict, Passed), (result.check.id, result.verdict)


@pytest.mark.parametrize(
    ("numbers", "log", "level"),
    [
        ({"memory__oom_kills_since_start": 1, "memory__oom_kills": 3}, {}, Level.ERROR),
        ({"memory__oom_kills": 3}, {}, Level.WARNING),
        ({}, {"oom_kills": 1}, Level.ERROR),
        ({}, {"lost_workers": 2}, Level.ERROR),
    ],
)
def test_a_kill_is_worse_where_it_is_new(numbers: dict[str, float], log: dict[str, int], level: Level) -> None:
    """By the groups' counters, or by the log."""
    facts = Facts(running=Known(running(worker(1, **numbers), log=Known(LogFacts("log", 0, 10, 10, log)))))
    (result,) = run_checks([BY_ID["PL803"]], facts)
    assert isinstance(result.verdict, Found)
    assert result.level is level


LOG_CHECKS = {
    "PL714": "leaks",
    "PL801": "memory_errors",
    "PL802": "pool_timeouts",
    "PL803": "lost_workers",
}


@pytest.mark.parametrize("id_", LOG_CHECKS)
def test_a_log_that_was_named_and_cannot_be_read_is_said(id_: str) -> None:
    """A misspelled --log must not look like a log without trouble."""
    unread: Known[LogFacts] = Known(why="/x cannot be read", fix="Name another.")
    assert verdict(id_, running(worker(1), log=unread)) == CouldNot(
        "the log was not read: /x cannot be read", "Name another."
    )


@pytest.mark.parametrize(("id_", "kind"), LOG_CHECKS.items())
def test_the_log_tells_where_the_workers_do_not(id_: str, kind: str) -> None:
    """Without OPS_TOKEN, or of a service that is gone, trouble in the log is still trouble; a quiet log is no proof."""
    alone = replace(running(), figures=Known(why="asks for a token"))
    found = verdict(id_, replace(alone, log=Known(LogFacts("log", 0, 10, 10, {kind: 2}))))
    assert isinstance(found, Found)
    assert found.evidence == "2 lines of log; the workers were not asked: asks for a token"
    assert isinstance(verdict(id_, replace(alone, log=Known(LogFacts("log", 0, 10, 10, {})))), CouldNot)


def test_behind_a_proxy_strangers_cannot_be_told() -> None:
    """Its connections are not those of the pools."""
    found = verdict("PL712", running(worker()), server=server(in_between="ProxySQL"))
    assert isinstance(found, CouldNot)
    assert found.why.startswith("ProxySQL is in between")


def test_a_process_list_that_may_not_be_read_is_no_empty_one() -> None:
    """It says why."""
    found = verdict("PL712", running(worker()), server=server(unread={"clients": "denied"}))
    assert found == CouldNot("the server's process list could not be read: denied", "")


def test_other_accounts_are_not_ours() -> None:
    """Nor are connections that a worker claims."""
    clients = (
        ServerClient(1, "shop", "a:1", "d", "", "idle", 1),
        ServerClient(2, "backup", "b:1", "d", "", "active", 1),
    )
    found = verdict("PL712", running(worker(), claimed=frozenset({1})), server=server(clients=clients))
    assert isinstance(found, Passed)


def test_an_account_that_is_shown_no_connection_of_the_pools_cannot_tell() -> None:
    """An empty list is no proof of order where the pools say that they hold connections."""
    found = verdict("PL712", running(worker(), claimed=frozenset({1, 2})), server=server())
    assert isinstance(found, CouldNot)
    assert found.why.startswith("the pools hold 2 connections, and the server lists none of them to this account")
    assert "GRANT PROCESS ON *.* TO 'shop'@'%'" in found.fix


def test_strangers_have_the_account_of_the_service_and_not_of_the_check() -> None:
    """A check with an account of its own, which may see all, finds who shares the service's."""
    clients = tuple(ServerClient(id_, "shop", "a:1", "d", "", "idle", 1) for id_ in (1, 2))
    seen = replace(server(clients=clients, sees_all_clients=True), account=Account("watch"))
    found = verdict("PL712", running(worker(), claimed=frozenset({1})), server=seen)
    assert isinstance(found, Found)
    assert found.evidence.startswith("the server lists 2 connections of shop, 1 of them in pools; nobody's: id 2")


def test_postgresql_lists_others_without_their_state() -> None:
    """They are not counted among those that do not sit in a transaction."""
    clients = (ServerClient(1, "shop", "", "d", "", "idle", 1), ServerClient(2, "other", "", "d", "", "other", None))
    found = verdict("PL713", running(worker()), server=server(clients=clients))
    assert isinstance(found, Passed)
    assert found.evidence.startswith("none of 1 connection of this account sits idle")
    alone = verdict("PL713", running(worker(pool__idle_transactions=2)), server=server(clients=clients[1:]))
    assert isinstance(alone, Found)
    assert alone.evidence.startswith("2 transactions sat idle since the workers began, by their own count")


def test_sqlite_has_no_process_list() -> None:
    """So the question does not arise."""
    sqlite = ServerFacts("sqlite", "sqlite", (3,), "3")
    for id_ in ("PL712", "PL713", "PL806", "PL807", "PL808"):
        assert isinstance(verdict(id_, running(worker()), server=sqlite), NotApplicable), id_


def test_connections_that_are_made_anew_are_a_finding_once_there_were_enough() -> None:
    """Half of 100 uses; of 10, nobody can tell."""
    found = verdict("PL711", running(worker(pool__checkouts=100, pool__reused=50, pool__opened=50)))
    assert isinstance(found, Found)
    assert found.evidence == "50.0%: 50 of 100 uses got a connection that was open; 50 were opened"
    assert isinstance(verdict("PL711", running(worker(pool__checkouts=10))), NotApplicable)


def test_old_workers_beside_new_ones() -> None:
    """The deployment is not over."""
    mixed = running(worker(1), replace(worker(2), release="r0"), expected_release="r1")
    found = verdict("PL703", mixed)
    assert isinstance(found, Found)
    assert found.evidence == "r1 is expected; workers: 1 of r0, 1 of r1"
    assert found.fix.startswith("Old workers still serve")


@pytest.mark.parametrize(
    ("hosts", "met", "line"), [(1, 3, "WEB_CONCURRENCY=3"), (2, 6, "WEB_CONCURRENCY=3"), (2, 3, "")]
)
def test_more_workers_than_declared(hosts: int, met: int, line: str) -> None:
    """The line for .env is there to be pasted: workers of a host, where all hosts can have as many."""
    service = running(*map(worker, range(met)), workers_expected=hosts)
    found = verdict("PL708", service, topology=TopologySettings(hosts=hosts))
    assert isinstance(found, Found)
    assert found.evidence.startswith(f"{met} workers answered, and {hosts} {'is' if hosts == 1 else 'are'} declared")
    assert [change.text for change in found.changes] == ([line] if line else [])


def test_a_foreign_ready_page_that_says_ok_without_asking() -> None:
    """Where the database does not answer from here either; ours, which has asked, is believed."""
    down = ContactFacts("down", "x", "refused")
    assert isinstance(verdict("PL707", running(ready_database=None), contact=down), Found)
    assert isinstance(verdict("PL707", running(ready_database=True), contact=down), Passed)
    full = replace(down, cause="full")
    assert isinstance(verdict("PL707", running(ready_database=None), contact=full), Passed)


def test_memory_that_jumps_about_is_not_called_flat() -> None:
    """The interval is too wide to tell."""
    points = tuple((float(step), (100 + 50 * (step % 2)) * float(MIB)) for step in range(12))
    assert isinstance(verdict("PL805", running(worker(), watch={1: points}, watched_s=12.0)), CouldNot)
    assert isinstance(verdict("PL805", running(worker(), watch={1: points[:3]}, watched_s=3.0)), CouldNot)


def test_growth_that_one_step_of_an_allocator_explains_is_not_called_growth() -> None:
    """Page by page for three minutes, as a service that is well was seen to do, and the same for an hour."""

    def grown(seconds: float) -> Verdict:
        points = tuple((at * seconds / 60, 100.0 * MIB + at * seconds / 60 * 1.8 * MIB / 3600) for at in range(61))
        return verdict("PL805", running(worker(), watch={1: points}, watched_s=seconds))

    short = grown(180.0)
    assert isinstance(short, CouldNot)
    assert "which may be one step of the allocator: worker 1, " in short.why
    assert "not sure, +1.8 MiB an hour" in short.why
    assert short.fix.endswith("--watch 34m.")
    long = grown(3600.0)
    assert isinstance(long, Found)
    assert "grows, +1.8 MiB an hour" in long.evidence


@pytest.mark.parametrize("uptime_s", [10.0, 1e9])
def test_counters_of_a_server_that_was_restarted_are_not_taken_from_those_of_before(uptime_s: float) -> None:
    """By its uptime, or where they are lower now."""
    status = {"slow_queries": "50", "questions": "100"}
    before = Baseline(0.0, "after", "", "", {}, {"slow_queries": 49.0 if uptime_s < 100 else 60.0, "questions": 90.0})
    found = verdict("PL808", running(worker()), server=server(status=status, uptime_s=uptime_s), baseline=before)
    assert isinstance(found, Found)
    assert "since the server's start" in found.evidence


def test_slow_statements_since_the_baseline_only() -> None:
    """All that were slow were so before."""
    status = {"slow_queries": "50", "questions": "1000"}
    before = Baseline(0.0, "after", "", "", {}, {"slow_queries": 50.0, "questions": 100.0})
    found = verdict("PL808", running(worker()), server=server(status=status, uptime_s=1e10), baseline=before)
    assert isinstance(found, Passed)
    assert found.evidence.startswith("0 of 900 statements")


def test_postgresql_counts_sessions_that_ended_badly() -> None:
    """By its own names; one that is too old for them is not taken for a good one."""
    bad = {"sessions": "1000", "sessions_abandoned": "100", "sessions_fatal": "0", "sessions_killed": "0"}
    postgresql = ServerFacts("postgresql", "postgresql", (15,), "15", status=bad)
    found = verdict("PL806", running(worker()), server=postgresql)
    assert isinstance(found, Found)
    assert "sessions_abandoned 100 (10.0%)" in found.evidence
    old = replace(postgresql, status={"numbackends": "3"})
    assert isinstance(verdict("PL806", running(worker()), server=old), CouldNot)
