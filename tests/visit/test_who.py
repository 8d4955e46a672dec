"""`plimsoll who`: who holds connections, from the workers of a running service and from the server's side."""

import contextlib
import http.client
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Ended
from tests.servers import MariaDbServer, SqliteDatabase, TestDatabase
from tests.servers.client import connect, fetch
from tests.visit.conftest import TOKEN, Running, Start

Run = Callable[..., Ended]


def hold(running: Running, count: int) -> None:
    """So many requests that hold a connection each, until the service ends."""

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            running.post("/do/hold?seconds=120", 150)

    for _ in range(count):
        threading.Thread(target=ask, daemon=True).start()


def seen(plimsoll: Run, *options: str, until: Callable[[Any], bool]) -> Any:
    """What the command tells in JSON, once `until` is so of it."""
    deadline_s = time.monotonic() + 60
    while True:
        ended = plimsoll("who", "--format", "json", *options)
        assert (ended.status, ended.err) == (0, "")
        found = json.loads(ended.out)
        if until(found):
            return found
        assert time.monotonic() < deadline_s, ended.out
        time.sleep(0.2)


def held(found: Any) -> int:
    """How many connections the workers say are held after a statement."""
    return sum(holder["statements"] > 0 for worker in found["workers"] for holder in worker["holders"])


def both_sides_tell(found: Any) -> bool:
    """Whether two workers tell of four holders, and the server, which is asked less often, of their connections."""
    ids = {holder["server_id"] for worker in found["workers"] for holder in worker["holders"]}
    return (
        held(found) == 4 and len(found["workers"]) == 2 and ids <= {each["id"] for each in found["server"]["processes"]}
    )


def people_see(plimsoll: Run, url: str, count: int) -> Ended:
    """What people are told, once it is of so many: a busy machine may keep a worker from answering in time."""
    deadline_s = time.monotonic() + 60
    while told((ended := plimsoll("who", "--url", url)).out) != count:
        assert time.monotonic() < deadline_s, ended.printed
        time.sleep(0.2)
    return ended


def told(text: str) -> int:
    """The same, as people are told."""
    return sum(int(number or 1) for number in re.findall(r"POST /do/hold: (?:(\d+) connections )?", text))


def test_workers_and_the_servers_side_are_seen_as_one(
    start: Start, plimsoll: Run, server_database: TestDatabase
) -> None:
    """Two workers' holders by route and line, each also in the server's list; a shell beside them is named."""
    running = start(server_database, workers=2, DB_POOL_SIZE="3")
    shell = connect(server_database)
    fetch(shell, "SELECT 1")
    hold(running, 4)
    found = seen(plimsoll, "--url", running.url, until=both_sides_tell)
    text = people_see(plimsoll, running.url, 4)
    shell.close()
    ids = {holder["server_id"]: worker for worker in found["workers"] for holder in worker["holders"]}
    processes = {process["id"]: process for process in found["server"]["processes"]}
    for number, worker in ids.items():
        process = processes[number]
        assert (process["worker"], process["route"]) == (f"{worker['host']}:{worker['pid']}", "POST /do/hold")
        assert "tests/visit/application.py" in process["place"]
        assert process["mark"] == ""
    # Of MariaDB, which tells no names, it is known by its port.
    (stranger,) = [process for process in processes.values() if process["whose"] == "unknown"]
    assert stranger["mark"] == "unknown client"
    assert text.status == 0
    assert "last statement: SELECT ?" in text.out
    assert "connections taken" in text.out
    assert TOKEN not in text.printed


def test_an_exhausted_pool_and_a_silent_server_do_not_keep_it_from_telling(
    start: Start, plimsoll: Run, mariadb_database: TestDatabase
) -> None:
    """Who holds all of it is known to the worker; of the server it says that it does not answer."""
    running = start(mariadb_database, DB_POOL_SIZE="2", DB_MAX_OVERFLOW="0")
    server = mariadb_database.server
    assert isinstance(server, MariaDbServer)
    hold(running, 3)
    seen(plimsoll, "--url", running.url, until=lambda found: held(found) == 2)
    server.freeze()
    try:
        time.sleep(6)  # what it knows is too old by then
        found = seen(plimsoll, "--url", running.url, until=lambda found: bool(found["server"]["error"]))
        text = people_see(plimsoll, running.url, 2)
    finally:
        server.heal()
    assert [worker["taken"] for worker in found["workers"]] == [2]
    assert "The server does not answer: " in text.out


def test_without_a_service_the_process_list_tells(
    plimsoll: Run, postgres_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the database's URL alone; who sleeps in a transaction is marked, and control characters steer no terminal."""
    monkeypatch.setenv("DATABASE_URL", postgres_database.url)
    monkeypatch.setenv("DB_IDLE_TRANSACTION", "0.1")
    sleeper = connect(postgres_database)
    with sleeper.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1")
        time.sleep(0.5)
        text = plimsoll("who")
    sleeper.close()
    assert (text.status, text.err) == (0, "")
    (line,) = [line for line in text.out.splitlines() if "<- idle in transaction" in line]
    assert postgres_database.user is not None
    assert postgres_database.user in line
    assert "plimsoll who --url" in text.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--url", "http://127.0.0.1:9"), "The service does not answer /ops/snapshot: no connection to 127.0.0.1"),
        (("--url", "nonsense"), "--url is wrong"),
        (("--url", "http://shop.example.com"), "OPS_TOKEN is not sent to shop.example.com without TLS"),
        ((), "SQLite, a file without a server"),
    ],
)
def test_what_cannot_be_told_is_said_in_a_sentence(
    plimsoll: Run,
    sqlite_database: SqliteDatabase,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    words: str,
) -> None:
    """With status 2, and what to do."""
    monkeypatch.setenv("DATABASE_URL", sqlite_database.url)
    monkeypatch.setenv("OPS_TOKEN", TOKEN)
    ended = plimsoll("who", *options)
    assert (ended.status, ended.out) == (2, "")
    assert words in ended.err


def test_another_token_is_told_what_to_give(
    start: Start, plimsoll: Run, sqlite_database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only that it is refused; of a file it tells the holders alone."""
    running = start(sqlite_database)
    hold(running, 1)
    found = seen(plimsoll, "--url", running.url, until=lambda found: held(found) == 1)
    assert found["server"] is None
    monkeypatch.setenv("OPS_TOKEN", "not-the-one-of-the-service")
    ended = plimsoll("who", "--url", running.url)
    assert ended.status == 2
    assert "does not accept our OPS_TOKEN" in ended.err
