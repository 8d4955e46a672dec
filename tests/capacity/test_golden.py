"""Four deployments whose answers are reckoned by hand here: each gets its own."""

from dataclasses import replace

import pytest

from plimsoll.capacity import Budget, Load, PoolPlan, budget, fitting
from plimsoll.capacity.question import Question
from tests.capacity.cases import GIB, MIB, host, limit, machine, mariadb, question


def advised(found: Budget) -> dict[str, str]:
    """The settings that are advised, by name."""
    assert found.advice is not None
    return {item.name: item.value for item in found.advice.recommendations}


def test_a_small_server_is_bound_by_the_memory_of_its_mariadb() -> None:
    """2 cores and 2 GiB, MariaDB on the same machine with its defaults, two workers with 20 + 20 each.

    Server's memory: 85 % of 2048 MiB = 1740.8 MiB, less 401 MiB of buffers.
      steady:    less 2 x 96 MiB of workers = 1147.8 MiB, by 18.94 MiB = 60.6: 60 connections, 30 for each of 2 pools
      deploying: less 4 x 96 MiB of workers =  955.8 MiB, by 18.94 MiB = 50.5: 50 connections, 12 for each of 4 pools
    max_connections: 151, less 1 kept free, by 4 pools = 37 each.
    Memory of the machine: (1740.8 - 401 - 4 x (96 + 16)) / 2 = 445.9 MiB, by 6.7 KiB: far more.
    So 12 each; 2 x 40 = 80 are wanted, and 60 allowed.
    """
    server = mariadb(151, memory=2 * GIB, is_local=True)
    found = budget(question(server, workers=2, cores=2, host=host(machine(2 * GIB))))
    assert found.verdict == "80 wanted, 60 allowed: memory of the server binds."
    assert not found.fits
    by_name = {item.name: (item.steady, item.deploying, item.each) for item in found.allowances}
    assert by_name["memory of the server"] == (60, 50, 12)
    assert by_name["max_connections of the server"] == (151, 151, 37)
    assert by_name["memory of the machine"][2] > 10_000
    assert advised(found) == {
        "DB_POOL_SIZE": "12",
        "DB_MAX_OVERFLOW": "0",
        "DB_POOL_TIMEOUT": "22",  # half of REQUEST_TIMEOUT, 45 s
        "DB_POOL_RECYCLE": "280",
        "WEB_CONCURRENCY": "2",
    }
    assert found.useful == (5, "2 x 2 cores (of this machine) and a disk")
    # As it is set: 4 x 40 connections at 19396 KiB at worst, and the buffers.
    assert found.now.memory.server_worst_bytes == 160 * 19396 * 1024 + 401 * MIB


def shared_hosting(workers: int) -> Budget:
    """An account with 10 connections, 1 GiB and 100 processes, on a machine of 4 cores."""
    account = host(
        limit("physical memory of the account (LVE)", 1 * GIB, "/proc/lve/list (lMEMPHY)"),
        counts=(limit("processes and threads of the account (LVE)", 100, "/proc/lve/list (lNPROC)", unit="count"),),
    )
    return budget(question(mariadb(151, account=10), workers=workers, cores=4, host=account))


def test_shared_hosting_is_bound_by_the_accounts_connections() -> None:
    """One worker with 20 + 20: 40 wanted, 10 allowed.

    Account: 10, less 1 kept free, by 2 pools (old and new worker) = 4 each. With DEPLOY_OVERLAP=0: 9.
    Memory: (85 % of 1024 MiB - 2 x (96 + 16)) / 2 = 323.2 MiB, by 6.7 KiB: far more.
    Processes: 85 % of 100, by 1 + 40 threads a worker = 2 workers, old and new together: 1 it is.
    """
    found = shared_hosting(1)
    assert found.verdict == "40 wanted, 10 allowed: MAX_USER_CONNECTIONS of the account binds."
    assert advised(found)["DB_POOL_SIZE"] == "4"
    assert advised(found)["DB_MAX_OVERFLOW"] == "0"
    assert "DEPLOY_OVERLAP=0, where old workers end before new ones start: each pool may have 9." in found.levers
    assert budget(found.question.with_topology(overlap_percent=0)).automatic == (9, 0)


def test_a_load_that_the_account_cannot_carry_is_said_so_with_what_would_carry_it() -> None:
    """400 a second that hold 50 ms keep 20 busy; each pool may have 4, which is no answer to that load.

    Need: with 23, 42.1 % wait and ln(42.1) / (460 - 400) = 62 ms; with 22, ln(56.8) / 40 = 101 ms. So 23 for each of 2
    pools, and one kept free: 47. Or shorter holds: with 9 ms 3.6 of 4 are busy, 78.8 % wait, and ln(78.8) / 44.4 = 98
    ms; with 9.1 ms ln(81.1) / 39.6 = 111 ms.
    """
    asked = replace(shared_hosting(1).question, load=Load(400, 0.050))
    found = budget(asked)
    assert not found.fits
    assert found.verdict == (
        "40 wanted, 10 allowed: MAX_USER_CONNECTIONS of the account binds. Nor is the load carried: it keeps 20.0 "
        "connections of each pool in use, which may have 4."
    )
    assert found.levers[1:] == (
        "Connections held for 9.0 ms on average: with 4 a pool, that carries the load.",
        (
            "47 for the account, for the load: only who runs the server can grant that "
            "(MAX_USER_CONNECTIONS of the account)."
        ),
    )


def test_where_the_load_needs_no_more_than_is_allowed_no_limit_is_to_be_raised() -> None:
    """40 a second need 4 of the 4 that each pool may have: that 40 are set is no reason to ask for more."""
    found = budget(replace(shared_hosting(1).question, load=Load(40, 0.050)))
    assert found.advice is not None
    assert found.advice.needed == 4
    assert found.levers == ("DEPLOY_OVERLAP=0, where old workers end before new ones start: each pool may have 9.",)


def test_shared_hosting_does_not_hold_four_workers() -> None:
    """While deploying they are 8 with 41 processes and threads each, of 100; one is advised, with 4 connections."""
    found = shared_hosting(4)
    assert found.verdict == (
        "Does not fit: 8 workers on a host (old and new together), 2 allowed: processes and threads of the account "
        "(LVE) binds. Fewer workers or hosts: at most 1 worker on this host."
    )
    assert (advised(found)["WEB_CONCURRENCY"], advised(found)["DB_POOL_SIZE"]) == ("1", "4")
    # What DB_POOL_SIZE=auto takes keeps to the workers that there are. 8 of them would take 8 x (96 + 16) = 896 MiB of
    # 870.4 before the first connection; for 6 it is 672, and (10 - 1) by 6 pools.
    assert found.automatic is None
    assert shared_hosting(3).automatic == (1, 0)


def test_a_large_server_is_bound_by_what_the_load_needs() -> None:
    """64 cores and 256 GiB, MySQL on the same machine, 16 workers, 4000 requests a second that hold 40 ms each.

    max_connections: 2000, less 1, by 32 pools = 62 each.
    Server's memory: 85 % of 256 GiB = 217.6 GiB, less 160.3 GiB of buffers and 32 x 96 MiB: 54.3 GiB, by 18.94 MiB =
    2937: 91 each. So 62 may be had; 640 are wanted, 1280 while deploying: it fits.
    Need: 250 a second for each worker keep 10 busy. With 11, 68 % wait and P(W > t) = 0.68 e^-25t: the 99th percentile
    is ln(68) / 25 = 169 ms. With 12, 45 % wait: ln(45) / 50 = 76 ms, less than 100 ms. So 12, and as many for a peak.
    The line of 200 passes through 24 in 200 x 40 ms / 24 = 0.33 s; four times that is 1.3 s: 2 s to wait at most.
    """
    server = mariadb(2000, memory=256 * GIB, is_local=True, variables={"innodb_buffer_pool_size": str(160 * GIB)})
    load = Load(4000, 0.040)
    found = budget(question(server, workers=16, cores=64, host=host(machine(256 * GIB)), load=load))
    assert found.fits
    assert found.verdict == (
        "640 wanted (1,280 while deploying), 2,000 allowed: it fits; max_connections of the server would bind first."
    )
    assert [item.each for item in found.allowances][:2] == [62, 91]
    assert found.advice is not None
    assert found.advice.needed == 12
    assert advised(found) == {
        "DB_POOL_SIZE": "12",
        "DB_MAX_OVERFLOW": "12",
        "DB_POOL_TIMEOUT": "2",
        "DB_POOL_RECYCLE": "280",
        "WEB_CONCURRENCY": "16",
    }
    assert found.useful is not None
    assert found.useful[0] == 129
    assert found.advised is not None
    assert found.advised.waits is not None
    assert found.advised.waits.utilisation == pytest.approx(10 / 24)


@pytest.mark.parametrize(("overlap", "each"), [(100, 1), (25, 3), (0, 3)])
def test_a_fleet_of_40_workers_shares_what_the_server_admits(overlap: int, each: int) -> None:
    """5 hosts with 8 workers each, on a remote MariaDB that admits 151: 40 x 40 = 1600 are wanted.

    Old and new together: 80 pools, (151 - 1) / 80 = 1.9: 1 each. With a quarter at a time 50 pools, 150 / 50 = 3 each;
    with none 150 / 40 = 3.75: 3 each.
    """
    found = budget(question(mariadb(151), hosts=5, workers=8, overlap_percent=overlap))
    assert found.verdict == "1,600 wanted, 151 allowed: max_connections of the server binds."
    assert (advised(found)["DB_POOL_SIZE"], advised(found)["DB_MAX_OVERFLOW"]) == (str(each), "0")
    assert any("max_connections=" in line and "memory first" in line for line in found.levers)


def test_a_fleet_with_more_pools_than_connections_does_not_fit() -> None:
    """Two engines a process: 160 pools for 151 connections. 7 workers a host would be 140."""
    found = budget(question(mariadb(151), hosts=5, workers=8, engines=2))
    assert not found.fits
    assert found.verdict == (
        "Does not fit: 160 pools (old and new together) want a connection each, 151 allowed: max_connections of the "
        "server binds. Fewer workers or hosts: at most 7 workers on each of 5 hosts."
    )
    assert found.automatic is None
    assert advised(found)["WEB_CONCURRENCY"] == "7"


def test_more_hosts_than_connections_have_no_advice_but_fewer_hosts() -> None:
    """20 hosts with a worker each are 40 while deploying; the account has 10, which is 5 hosts."""
    found = budget(question(mariadb(151, account=10), hosts=20))
    assert found.advice is None
    assert found.advised is None
    assert found.verdict.endswith("Fewer workers or hosts: 5 hosts with 1 worker each would fit.")


def test_of_ten_thousand_hosts_those_that_fit_are_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """1000 connections are 500 hosts with a worker, old and new together; not each number is tried."""
    tried: list[Question] = []

    def fits(question: Question) -> bool:
        tried.append(question)
        return does_fit(question)

    does_fit = fitting.fits
    monkeypatch.setattr(fitting, "fits", fits)
    found = budget(question(mariadb(1000), hosts=10_000, workers=256))
    assert 0 < len(tried) < 50
    assert found.verdict.endswith("Fewer workers or hosts: 500 hosts with 1 worker each would fit.")


def test_raising_max_connections_is_judged_by_the_servers_memory() -> None:
    """80 pools of 40 on 4 GiB: 3200 connections, and one kept free, would take 59 GiB at worst."""
    found = budget(question(mariadb(151, memory=4 * GIB), hosts=5, workers=8))
    assert any("max_connections=3201" in line and "does not fit: do not" in line for line in found.levers)


def test_sizes_that_are_found_at_start_ask_for_no_more_than_the_defaults() -> None:
    """DB_POOL_SIZE=auto with all the room in the world and no known load: 20 + 20."""
    found = budget(question(mariadb(100_000), plan=PoolPlan(is_auto=True)))
    assert found.automatic == (20, 20)
    assert found.fits
    assert found.now.demand.each == 40
