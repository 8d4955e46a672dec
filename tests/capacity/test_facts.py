"""What is made of a server's and a host's facts, one by one, and of facts that are missing or absurd."""

import pytest

from plimsoll.capacity import Budget, PoolPlan, budget, costs_of
from plimsoll.capacity.server_memory import ServerMemory, server_memory
from plimsoll.server.facts import Account, ServerClient, ServerFacts
from tests.capacity.cases import GIB, MIB, host, limit, mariadb, question


def client(user: str) -> ServerClient:
    """A connection of an account."""
    return ServerClient(1, user, "10.0.0.1", None, "", "idle", 1.0)


def value(found: Budget, name: str) -> str:
    """The value that is advised for a setting."""
    assert found.advice is not None
    return next(item.value for item in found.advice.recommendations if item.name == name)


def test_of_two_limits_of_temporary_tables_the_smaller_counts() -> None:
    """16 MiB and 64 MiB are 16 MiB: each connection takes 19396 KiB as before."""
    for name in ("tmp_table_size", "max_heap_table_size"):
        memory = server_memory(mariadb(151, memory=GIB, variables={name: str(64 * MIB)}))
        assert memory == ServerMemory(GIB, 401 * MIB, 19396 * 1024)


def test_a_postgresql_is_reckoned_by_shared_buffers_and_work_mem() -> None:
    """Numbers with units: 16384 x 8 kB are 128 MiB once; 4096 kB, twice for a hash, and 4 MiB a process."""
    facts = ServerFacts(
        "postgresql",
        "postgresql",
        (15, 8),
        "PostgreSQL 15.8",
        variables={"shared_buffers": "16384", "work_mem": "4096", "hash_mem_multiplier": "2"},
        units={"shared_buffers": "8kB", "work_mem": "kB"},
        memory_bytes=2 * GIB,
    )
    assert server_memory(facts) == ServerMemory(2 * GIB, 128 * MIB, 12 * MIB)


@pytest.mark.parametrize("absurd", ["", "-1", "lots", "nan", "inf"])
def test_absurd_sizes_of_buffers_are_not_reckoned_with(absurd: str) -> None:
    """It is said that the memory is not known, and no limit is made of it."""
    facts = mariadb(151, memory=GIB, variables={"innodb_buffer_pool_size": absurd})
    assert server_memory(facts) == "The sizes of the server's buffers could not be read."
    found = budget(question(facts))
    assert [item.name for item in found.allowances] == ["max_connections of the server"]
    assert any("could not be read" in line for line in found.assumptions)


def test_connections_of_others_that_are_open_now_are_taken_off() -> None:
    """50 are open: ours that asks, two more of ours, 47 of others, which are more than the 10 declared."""
    facts = mariadb(151, connections_now=50, clients=(client("shop"), client("shop"), client("crm")))
    found = budget(question(facts, other_connections=10))
    assert found.allowances[0].steady == 151 - 47
    assert any(line.startswith("47 connections of others: so many are open now") for line in found.assumptions)
    assert budget(question(facts, other_connections=100)).allowances[0].steady == 51


def test_connections_are_not_counted_as_others_where_clients_cannot_be_told_apart() -> None:
    """They may all be ours: what is declared counts."""
    facts = mariadb(151, connections_now=50, unread={"clients": "denied"})
    assert budget(question(facts)).allowances[0].steady == 151


def test_no_more_workers_than_cores_are_advised() -> None:
    """And the verdict says why, though all fits."""
    found = budget(question(mariadb(5000), workers=8, cores=2))
    assert value(found, "WEB_CONCURRENCY") == "2"
    assert found.fits
    assert found.verdict.endswith("Yet 8 workers share 2 cores.")


@pytest.mark.parametrize(
    ("variables", "recycle"),
    [
        ({"wait_timeout": "28800"}, "280"),
        ({"wait_timeout": "60"}, "54"),
        ({"wait_timeout": "28800", "session.wait_timeout": "100"}, "90"),
        ({"wait_timeout": "-5"}, "280"),
        ({}, "280"),
    ],
)
def test_connections_are_replaced_before_the_server_closes_them(variables: dict[str, str], recycle: str) -> None:
    """Nine tenths of the limit that holds for our session, where the setting is not below it."""
    assert value(budget(question(mariadb(151, variables=variables))), "DB_POOL_RECYCLE") == recycle


@pytest.mark.parametrize(
    ("wait_timeout", "proxy_s", "set_s", "advised", "whose"),
    [
        ("28800", 240, 280, "216", "the proxy's limit (DEPLOY_DB_PROXY_IDLE) of 240 s"),
        ("60", 240, 280, "54", "the server's wait_timeout of 60 s"),
        ("600", 0, 3600, "280", "the server's wait_timeout of 600 s"),
    ],
)
def test_the_shorter_limit_counts_the_server_s_or_the_proxy_s(
    wait_timeout: str, proxy_s: float, set_s: float, advised: str, whose: str
) -> None:
    """As PL205 and PL206 have it: what one of our commands advises, another one does not find fault with."""
    asked = question(
        mariadb(151, variables={"wait_timeout": wait_timeout}),
        plan=PoolPlan(recycle_s=set_s),
        database_proxy_idle_s=proxy_s,
    )
    found = budget(asked)
    assert value(found, "DB_POOL_RECYCLE") == advised
    assert found.advice is not None
    assert any(whose in item.reason for item in found.advice.recommendations)


def test_a_server_of_another_machine_may_tell_its_cores() -> None:
    """MariaDB sets thread_pool_size to them; who set it to 100000 tells nothing."""
    assert budget(question(mariadb(151, variables={"thread_pool_size": "8"}))).useful == (
        17,
        "2 x 8 cores (thread_pool_size, which MariaDB sets to its cores) and a disk",
    )
    assert budget(question(mariadb(151, variables={"thread_pool_size": "100000"}))).useful is None


@pytest.mark.parametrize(
    ("account", "change"),
    [
        (10, "One more takes 96.0 MiB, and each pool may then have 2 instead of 4."),
        (2, "One more takes 96.0 MiB, and each pool may then have 0 instead of 1."),
        (None, "One more takes 96.0 MiB."),
    ],
)
def test_what_a_worker_more_takes_from_the_pools_is_said_where_it_takes_anything(
    account: int | None, change: str
) -> None:
    """Open files are each process's own: a worker more takes none from another."""
    files = host(counts=(limit("open files of the process", 1024, "RLIMIT_NOFILE", unit="count"),))
    found = budget(question(mariadb(None, account=account), host=files))
    assert found.advice is not None
    assert found.advice.recommendations[-1].change == change


def test_a_pool_of_one_is_warned_of() -> None:
    """A request that wants two connections at a time would wait for itself."""
    found = budget(question(mariadb(151, account=2)))
    assert found.advice is not None
    assert "waits for itself" in found.advice.recommendations[0].reason


def test_a_proxy_in_between_is_named_among_what_is_assumed() -> None:
    """Its limits are not the server's."""
    found = budget(question(mariadb(151, in_between="ProxySQL")))
    assert "ProxySQL is between: its own limits are not in this reckoning." in found.assumptions


def test_a_driver_that_was_never_measured_is_said_to_be_assumed() -> None:
    """TLS costs its buffer with any driver."""
    plain, tls = (costs_of("newone", tls=tls, loop="asyncio") for tls in (False, True))
    assert plain.source.startswith("assumed")
    assert tls.rss_bytes - plain.rss_bytes == 300 * 1024


def test_an_account_that_may_have_none_does_not_fit() -> None:
    """As PostgreSQL's CONNECTION LIMIT 0 has it."""
    facts = ServerFacts(
        "postgresql", "postgresql", (15,), "", account=Account("shop", max_connections=0), max_connections=100
    )
    found = budget(question(facts, plan=PoolPlan(is_auto=True)))
    assert (found.fits, found.advice, found.automatic) == (False, None, None)
    assert found.verdict.endswith("Not even one worker on one host fits: the limit must be raised.")
