"""The process list joined with a pool: whose each connection is, and what is wrong with it."""

import os
import socket
import subprocess
import sys

from plimsoll.server.facts import ServerClient
from plimsoll.snapshot import ProcessView
from plimsoll.snapshot.processes import LONGEST_NAME, Neighbours, Ours, connection_name, joined
from tests.snapshot.samples import holder

HOST = socket.gethostname()


def client(number: int, application: str = "", user: str = "app", **more: object) -> ServerClient:
    """One that idles outside a transaction for a while."""
    given = {"state": "idle", "seconds": 20.0, **more}
    return ServerClient(number, user, "10.0.0.5:4000", "shop", application, **given)  # type: ignore[arg-type]


def found(*clients: ServerClient, **more: object) -> dict[int, ProcessView]:
    """The views by number, as the worker `web-1:7` sees them."""
    given = {"ids": {101}, "holders": {101: holder(1, age_s=3.0)}, **more}
    ours = Ours("shop", "web-1", 7, "app", **given)  # type: ignore[arg-type]
    return {view.id: view for view in joined(clients, ours)}


def test_ours_are_known_by_number_and_carry_route_and_line() -> None:
    """Whatever they are called."""
    view = found(client(101, state="active"))[101]
    assert (view.whose, view.worker, view.route, view.mark) == ("this worker", "web-1:7", "GET /export", "")
    assert view.place == "/srv/app/export.py:41 in export"


def test_other_workers_are_known_by_the_name_of_their_connections() -> None:
    """Of the same application only: another one's name ends in the same way."""
    views = found(client(1, "shop web-2:40"), client(2, "till web-2:40"), client(3, "shop"), client(4, "psql"))
    assert (views[1].whose, views[1].worker, views[1].mark) == ("another worker", "web-2:40", "")
    for number in (2, 3, 4):
        assert (views[number].whose, views[number].mark) == ("unknown", "unknown client")


def test_where_the_server_tells_no_names_our_own_account_is_not_called_unknown() -> None:
    """It may be another worker; another account's connection is another program's."""
    views = found(client(1), client(2, user="root"), tells_names=False)
    assert (views[1].whose, views[1].mark) == ("unknown", "")
    assert views[2].mark == "unknown client"


def test_where_neighbours_are_known_by_their_ports_a_stranger_is_one() -> None:
    """Another worker is named, a program too; our own connection beside the pool is ours."""
    neighbours = Neighbours({1: "web-1:8", 4: "web-1:7"}, {2: "mysql, process 42 here"}, all_known=True)
    views = found(client(1), client(2), client(3), client(4), tells_names=False, neighbours=neighbours)
    assert (views[1].whose, views[1].worker, views[1].mark) == ("another worker", "web-1:8", "")
    assert (views[2].application, views[2].mark) == ("mysql, process 42 here", "unknown client")
    assert views[3].mark == "unknown client"
    assert (views[4].whose, views[4].mark) == ("this worker", "")


def test_who_sleeps_in_a_transaction_is_marked_and_comes_first() -> None:
    """Above the limit only; ours as well."""
    state = "idle in transaction"
    views = found(
        client(1, "shop web-2:40", state=state, transaction_s=9.0, seconds=1.0),
        client(101, state=state, transaction_s=9.0, seconds=6.0),
    )
    assert next(iter(views)) == 101
    assert [views[number].mark for number in (1, 101)] == ["", "idle in transaction"]


def test_a_worker_of_this_host_that_is_gone_is_marked() -> None:
    """Its connections were left behind; those of one that runs, or of another host, are not marked."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    names = [f"shop {HOST}:{process.pid}", f"shop {HOST}:{os.getpid()}", f"shop elsewhere:{process.pid}"]
    ours = Ours("shop", HOST, 7, "app")
    views = joined([client(number, name) for number, name in enumerate(names)], ours)
    assert {view.id: view.mark for view in views} == {0: "stale worker", 1: "", 2: ""}


def test_a_name_that_does_not_fit_is_the_configured_one_alone() -> None:
    """The server would cut it, and a number that is cut is another worker's."""
    assert connection_name("shop", "web-1", 7) == "shop web-1:7"
    long = "s" * (LONGEST_NAME - len(" web-1:7"))
    assert connection_name(long, "web-1", 7) == f"{long} web-1:7"
    assert connection_name(f"{long}s", "web-1", 7) == f"{long}s"
