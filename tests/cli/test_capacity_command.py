"""`plimsoll capacity`: the verdict, the line, lines to paste, on real servers and without one; and what it refuses."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import make_url

from plimsoll import Database
from plimsoll.capacity import Budget, budget
from plimsoll.cli.capacity_text import NARROWEST, draw, text_of
from tests.capacity.cases import mariadb, question
from tests.cli.conftest import Ended
from tests.servers import TestDatabase
from tests.servers.places import free_port
from tests.startup.test_sizing import limit_account, sizes

Command = Callable[..., Ended]
Use = Callable[[TestDatabase | str], None]
OFFLINE = "mysql://shop:Sup3r-secret@db.example/shop"


@pytest.fixture
def limited(server_database: TestDatabase, use: Use) -> TestDatabase:
    """A database whose account may have 10 connections, which the command is told to use."""
    limit_account(server_database)
    use(server_database)
    return server_database


@pytest.fixture
def offline(use: Use, plimsoll: Command) -> Command:
    """Run the command about a MySQL server that is not asked."""
    use(OFFLINE)
    return lambda *arguments: plimsoll("capacity", "--offline", *arguments)


def as_json(ended: Ended) -> dict[str, Any]:
    """What was printed, read strictly: no NaN, no Infinity."""

    def refuse(word: str) -> object:
        raise AssertionError(word)

    found: dict[str, Any] = json.loads(ended.out, parse_constant=refuse)
    return found


def test_the_first_line_is_the_verdict(plimsoll: Command, limited: TestDatabase) -> None:
    """What is wanted, what is allowed, and which limit binds; it does not fit, so the status is 1."""
    ended = plimsoll("capacity")
    assert ended.status == 1, ended.err
    source = {
        "mariadb": "MAX_USER_CONNECTIONS of the account",
        "postgres": f"CONNECTION LIMIT of the role {limited.name}",
    }
    assert ended.out.splitlines()[0] == f"40 wanted, 10 allowed: {source[limited.kind]} binds."
    limited.wait_connection_count(0)


def test_the_lines_to_paste_fit_when_pasted(plimsoll: Command, limited: TestDatabase, tmp_path: Path) -> None:
    """As they are printed, comments included, into `.env`."""
    printed = plimsoll("capacity", "--workers", "2").out
    (tmp_path / ".env").write_text(printed.partition("For .env:\n")[2].partition("\nWhat would")[0])
    ended = plimsoll("capacity")
    assert ended.status == 0, ended.out
    assert ended.out.startswith("4 wanted (8 while deploying), 10 allowed: it fits;")


def test_auto_takes_what_the_command_says(
    plimsoll: Command, limited: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool of a service that starts, and the numbers of the command, are the same."""
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    monkeypatch.setenv("DB_POOL_SIZE", "auto")

    async def start() -> tuple[int, int]:
        database = Database.from_env()
        try:
            await database.start()
            return sizes(database)
        finally:
            await database.close()

    ended = plimsoll("capacity", "--format", "json")
    found = as_json(ended)
    values = {item["name"]: item["value"] for item in found["recommendations"]}
    assert (2, 0) == asyncio.run(start()) == tuple(found["auto"].values())
    assert (values["DB_POOL_SIZE"], values["DB_MAX_OVERFLOW"]) == ("2", "0")
    assert ended.status == 0, "what auto takes fits"


def test_json_is_complete_and_has_the_same_numbers(plimsoll: Command, limited: TestDatabase) -> None:
    """Of each limit, of demand, memory and advice; and what `DB_POOL_SIZE=auto` takes."""
    found = as_json(plimsoll("capacity", "--format", "json", "--arrival-rate", "100", "--hold-ms", "500"))
    assert found["version"] == 1
    assert not found["fits"]
    assert (found["as_set"]["steady"], found["as_set"]["deploying"]) == (40, 80)
    assert found["as_set"]["waits"]["mean_s"] is None, "more than 40 x 2 a second: without end"
    assert found["auto"] == {"pool_size": 4, "max_overflow": 0}
    limits = {item["name"]: item for item in found["limits"]}
    assert limits[found["binding"]]["each"] == 4
    assert limits["max_connections of the server"]["steady"] > 10
    values = {item["name"]: item["value"] for item in found["recommendations"]}
    assert list(values) == ["DB_POOL_SIZE", "DB_MAX_OVERFLOW", "DB_POOL_TIMEOUT", "DB_POOL_RECYCLE", "WEB_CONCURRENCY"]
    assert values["DB_POOL_SIZE"] == "4"
    assert all(item["reason"] and item["change"] for item in found["recommendations"])
    # The server is on this machine, whose memory and cores are known.
    assert found["useful_at_once"]["connections"] >= 3
    assert found["as_set"]["memory"]["server_worst_bytes"] > 0


def test_without_an_application_and_without_a_server_it_reckons_all_the_same(offline: Command) -> None:
    """From the numbers that are given."""
    ended = offline("--max-connections", "151", "--account-connections", "10")
    assert ended.status == 1
    assert ended.out.startswith("40 wanted, 10 allowed: the account's limit binds.\n")
    assert offline("--max-connections", "151").status == 0


def test_the_topology_of_the_command_line_wins(offline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the environment's, one by one."""
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    monkeypatch.setenv("DEPLOY_HOSTS", "3")
    options = ("--max-connections", "5000", "--format", "json")
    assert as_json(offline(*options))["as_set"]["steady"] == 480
    assert as_json(offline(*options, "--hosts", "1", "--engines", "2"))["as_set"]["steady"] == 320
    assert as_json(offline(*options, "--workers", "1", "--overlap", "0"))["as_set"]["deploying"] == 120
    assert as_json(offline(*options, "--others", "4000"))["limits"][0]["steady"] == 1000


def test_sqlite_gets_a_constant(plimsoll: Command, sqlite_database: TestDatabase, use: Use) -> None:
    """One connection writes at a time, wherever the file lies."""
    use(sqlite_database)
    ended = plimsoll("capacity")
    assert ended.status == 0, ended.err
    assert {"DB_POOL_SIZE=5", "DB_MAX_OVERFLOW=0"} <= set(ended.out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--hold-ms", "5"), "--arrival-rate and --hold-ms go together"),
        (("--arrival-rate", "0", "--hold-ms", "5"), "must be above zero"),
        (("--arrival-rate", "nan", "--hold-ms", "5"), "must be above zero"),
        (("--hosts", "0"), "DEPLOY_HOSTS = 0"),
        (("--overlap", "101"), "is above 100"),
        (("--measure",), "--measure opens connections to the server, and --offline asks none"),
    ],
)
def test_what_makes_no_sense_is_refused_with_2(offline: Command, arguments: tuple[str, ...], words: str) -> None:
    """In a sentence that says what is wrong."""
    ended = offline("--max-connections", "100", *arguments)
    assert ended.status == 2
    assert words in ended.err


def test_offline_needs_a_number(offline: Command) -> None:
    """It says which, and where to find it."""
    ended = offline()
    assert ended.status == 2
    assert "--offline needs --max-connections" in ended.err


def test_a_file_admits_no_connections(plimsoll: Command, sqlite_database: TestDatabase, use: Use) -> None:
    """A number for a server is not left out in silence."""
    use(sqlite_database)
    ended = plimsoll("capacity", "--offline", "--max-connections", "60")
    assert ended.status == 2
    assert "The database is SQLite" in ended.err


def test_a_server_out_of_reach_ends_with_2(plimsoll: Command, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no answer then."""
    use(f"mysql://shop:Sup3r-secret@127.0.0.1:{free_port()}/shop")
    monkeypatch.setenv("DB_CONNECT_TIMEOUT", "2")
    ended = plimsoll("capacity")
    assert ended.status == 2
    assert "could not be used" in ended.err


# The drawing.


def drawn(found: Budget, width: int) -> list[str]:
    """The bars alone."""
    lines = list(draw(found, width))
    assert all(len(line) <= width for line in lines[1:-1])
    return lines[1:-1]


@pytest.mark.parametrize("width", [NARROWEST, 60, 80, 200])
@pytest.mark.parametrize("most", [1, 10, 39, 40, 41, 80, 5000])
def test_a_bar_crosses_the_line_where_more_is_wanted_than_allowed(most: int, width: int) -> None:
    """At any width, without colours: `x` is above the line, and shows where there is one connection too many."""
    found = budget(question(mariadb(most), hosts=1))
    rows = drawn(found, width)
    steady = rows[0]
    assert steady.count("|") == 1
    assert ("x" in steady) == (most < 40)
    assert steady.endswith("40")
    assert steady.index("|") == rows[1].index("|"), "one line through all bars"
    if most < 40:
        assert steady.index("|") < steady.index("x")


def test_the_drawing_of_the_note(plimsoll: Command) -> None:
    """20 + 20 in one worker, and an account with 10 connections."""
    found = budget(question(mariadb(151, account=10)))
    assert list(draw(found, 60)) == [
        "             | is the load line: 10 (MAX_USER_CONNECTIONS of the account)",
        "as set       =====|xxxxxxxxxxxxxxxx                       40",
        "  deploying  =====|xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx  80",
        "as advised   ==   |                                        4",
        "  deploying  ==== |                                        8",
        "             = below it, x above it",
    ]


@pytest.mark.parametrize("columns", [20, 50, 72, 120])
def test_sentences_are_broken_at_the_width_of_the_terminal(columns: int) -> None:
    """Tables keep their columns."""
    found = budget(question(mariadb(151, account=10), workers=3))
    lines = list(text_of(found, None, columns))
    width = max(columns, NARROWEST)
    assert all(len(line) <= width for line in lines if re.match(r"# |  - |    \w|      \w", line))


def test_nothing_known_is_said_so() -> None:
    """No limit, no line."""
    found = budget(replace(question(mariadb(None)), server=replace(mariadb(None), account=None)))
    lines = list(text_of(found, None, 80))
    assert lines[0] == "40 wanted, and no limit is known: it cannot be said whether they fit."
    assert "  none is known" in lines
    assert any("max_connections is not known" in line for line in lines)


def test_a_server_that_is_full_is_not_said_to_be_out_of_reach(
    plimsoll: Command, mariadb_database: TestDatabase, use: Use
) -> None:
    """Error 1226: it answers, and what to look at is who has its connections."""
    mariadb_database.sql(f"ALTER USER '{mariadb_database.name}'@'%' WITH MAX_USER_CONNECTIONS 1")
    use(mariadb_database)
    url = make_url(mariadb_database.url)
    assert url.port is not None
    with pymysql.connect(host=url.host, port=url.port, user=url.username, password=str(url.password)):
        ended = plimsoll("capacity")
    assert ended.status == 2
    assert "could not be used: User" in ended.err
    assert "The server runs, but a limit of it is reached" in ended.err
    assert "SHOW PROCESSLIST" in ended.err
