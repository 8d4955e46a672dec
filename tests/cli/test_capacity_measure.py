"""`plimsoll capacity --measure`: asks first, opens few, closes all whatever happens, and reckons with what it found."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from plimsoll import DatabaseSettings
from plimsoll.cli.measure import Spread, bounded, measure
from plimsoll.engine import build_engine
from plimsoll.errors import CommandError
from plimsoll.server.facts import ServerFacts
from tests.capacity.cases import KIB, MIB, mariadb
from tests.cli.conftest import Ended
from tests.servers import MYSQLD, MariaDbServer, TestDatabase
from tests.startup.test_sizing import PUT_A_LIMIT

Command = Callable[..., Ended]
Use = Callable[[TestDatabase | str], None]
MEASURE = ("capacity", "--measure", "--format", "json")


def measured(ended: Ended) -> dict[str, Any]:
    """The JSON that was printed."""
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_what_is_measured_is_reckoned_with(plimsoll: Command, server_database: TestDatabase, use: Use) -> None:
    """Bytes here and, where it tells, in the server; times in order; all closed after it."""
    use(server_database)
    ended = plimsoll(*MEASURE, "--yes")
    assert ended.status == 0, ended.printed
    found = measured(ended)
    result, costs = found["measured"], found["costs"]
    assert result["connections"] == 8
    assert costs["source"] == "measured here"
    assert costs["rss_bytes"] == max(4096, result["rss_bytes"])
    assert costs["rss_bytes"] < 2 * MIB
    if server_database.kind == "mariadb" and not MYSQLD:
        assert 20 * KIB < costs["server_idle_bytes"] == result["server_bytes"] < MIB
    else:
        assert result["server_bytes"] is None
    for times in (result["connect"], result["round_trip"]):
        assert 0 < times["least_s"] <= times["median_s"] <= times["most_s"] < 60
        assert times["least_s"] < 5
    server_database.wait_connection_count(0)


def test_the_text_has_what_was_measured(plimsoll: Command, server_database: TestDatabase, use: Use) -> None:
    """Beside the tables."""
    use(server_database)
    ended = plimsoll("capacity", "--measure", "--yes", "--measure-connections", "3")
    assert "\nMeasured over 3 connections (closed again):\n" in ended.out
    assert "(least / median / most)" in ended.out
    assert "measured here" in ended.out


@pytest.mark.mariadb
def test_asyncmy_costs_its_buffer(plimsoll: Command, mariadb_database: TestDatabase, use: Use) -> None:
    """256 KiB a connection, where aiomysql takes a few: what is measured tells drivers apart."""
    found = []
    for driver in ("asyncmy", "aiomysql"):
        use(mariadb_database.url_for(driver))
        found.append(measured(plimsoll(*MEASURE, "--yes"))["measured"]["address_space_bytes"])
    assert 200 * KIB < found[0] < 400 * KIB
    assert found[1] < 100 * KIB


def test_without_a_yes_nothing_is_opened(plimsoll: Command, server_database: TestDatabase, use: Use) -> None:
    """Under tests there is no terminal to ask at, as in a cron job: the question is shown, and what says yes to it."""
    use(server_database)
    before = server_database.query_count() if server_database.kind == "mariadb" else 0
    ended = plimsoll(*MEASURE)
    assert ended.status == 2
    assert "Open up to 8 connections to " in ended.err
    assert "--yes says so" in ended.err
    assert (server_database.query_count() if server_database.kind == "mariadb" else 0) == before


class Terminal:
    """A person who answers."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self, *_: object) -> str:
        return self._answer


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 2)])
def test_at_a_terminal_it_asks(
    plimsoll: Command,
    server_database: TestDatabase,
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
) -> None:
    """On standard error, so that standard output is JSON and nothing else."""
    use(server_database)

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: answer.strip())
    ended = plimsoll(*MEASURE)
    assert ended.status == status, ended.printed
    if status == 0:
        assert measured(ended)["measured"] is not None
    else:
        assert "Nothing was measured" in ended.err


@pytest.mark.parametrize("sent", [KeyboardInterrupt, EOFError])
def test_ctrl_c_or_an_end_of_input_at_the_question_is_no_answer_about_the_fit(
    plimsoll: Command,
    mariadb_database: TestDatabase,
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
    sent: type[BaseException],
) -> None:
    """1 would say that the deployment does not fit."""
    use(mariadb_database)

    def stopped(_: str) -> str:
        raise sent

    monkeypatch.setattr("sys.stdin", Terminal(""))
    monkeypatch.setattr("click.termui.visible_prompt_func", stopped)
    before = mariadb_database.query_count()
    ended = plimsoll(*MEASURE)
    assert ended.status == 130, ended.printed
    assert not ended.out.strip()
    assert "Nothing was measured." in ended.err
    assert mariadb_database.query_count() == before


def test_sqlite_is_not_measured(plimsoll: Command, sqlite_database: TestDatabase, use: Use) -> None:
    """Its connections are a file and a thread."""
    use(sqlite_database)
    ended = plimsoll(*MEASURE, "--yes")
    assert ended.status == 2
    assert "--measure is for a database server" in ended.err


@pytest.mark.parametrize(
    ("wanted", "facts", "count"),
    [
        (8, mariadb(151, connections_now=1), 8),
        (100, mariadb(151, connections_now=1), 20),
        (20, mariadb(151, connections_now=111), 10),
        (8, mariadb(151, account=13, connections_now=1), 3),
        (8, mariadb(None), 8),
    ],
)
def test_never_more_than_a_quarter_of_what_is_free(wanted: int, facts: ServerFacts, count: int) -> None:
    """Nor more than 20. The account's own limit counts, with the connection that asked."""
    assert bounded(wanted, facts) == count


def test_a_server_that_is_nearly_full_is_left_alone(
    plimsoll: Command, new_mariadb: Callable[..., MariaDbServer], use: Use
) -> None:
    """10 admitted, our own is one of them: 9 are free, a quarter of which is two; with 8 it is refused."""
    server = new_mariadb(options=("--max-connections=10",))
    use(server.create_database())
    assert measured(plimsoll(*MEASURE, "--yes"))["measured"]["connections"] == 2
    with pytest.raises(CommandError, match="7 connections are free now"):
        bounded(8, mariadb(10, connections_now=3))


@pytest.fixture
def held_back(server_database: TestDatabase) -> TestDatabase:
    """A database whose account may have 10 connections."""
    server_database.sql(PUT_A_LIMIT[server_database.kind].format(name=server_database.name).replace("%%", "%"))
    return server_database


async def test_where_one_cannot_be_opened_those_before_it_are_closed(held_back: TestDatabase) -> None:
    """The server refuses the 11th."""
    engine = build_engine(DatabaseSettings(database_url=held_back.url), pooled=False)
    with pytest.raises(DBAPIError):
        await measure(engine, 20)
    await engine.dispose()
    await asyncio.to_thread(held_back.wait_connection_count, 0)


@pytest.mark.parametrize("opened", [1, 3])
async def test_where_it_is_cancelled_all_are_closed(server_database: TestDatabase, opened: int) -> None:
    """At any moment: the task is cancelled while some are open."""
    engine = build_engine(DatabaseSettings(database_url=server_database.url), pooled=False)
    task = asyncio.create_task(measure(engine, 20))
    left = itertools.count(opened - 1, -1)

    @event.listens_for(engine.sync_engine, "connect")
    def cancel(*_: object) -> None:
        if next(left) == 0:
            asyncio.get_running_loop().call_soon(task.cancel)

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(server_database.wait_connection_count, 0)
    await engine.dispose()


def test_a_spread_is_least_median_and_most() -> None:
    """Of any number of times."""
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(1.0, 2.5, 10.0)
