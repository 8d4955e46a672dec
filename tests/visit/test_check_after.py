"""`plimsoll check --stage after` against a real service on a real database that is well, and that has one trouble."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
import pytest

from tests.cli.conftest import Ended
from tests.servers import MariaDbServer, RunningCommand, TestDatabase
from tests.visit.conftest import RELEASE, Look, Looked, Start

SETTINGS = {"ENVIRONMENT": "production", "DB_PENDING_MIGRATIONS": "warn"}


def make_table(database: TestDatabase) -> None:
    """What migrations would have made."""
    database.sql("CREATE TABLE note (id INTEGER PRIMARY KEY AUTO_INCREMENT, name VARCHAR(80) NOT NULL)")


def wait_for_workers(command: RunningCommand, count: int) -> None:
    """Return when so many have started: one answers before the others are there."""
    deadline = time.monotonic() + 60
    while command.output().count("Application startup complete") < count:
        assert time.monotonic() < deadline, command.output()
        time.sleep(0.1)


@pytest.fixture
def notes(mariadb_database: TestDatabase) -> TestDatabase:
    """A database with its table."""
    make_table(mariadb_database)
    return mariadb_database


@pytest.fixture
def client(notes: TestDatabase) -> Iterator[Callable[[], "pymysql.connections.Connection[pymysql.cursors.Cursor]"]]:
    """Connect as somebody else with the service's account: `client()`."""
    opened: list[pymysql.connections.Connection[pymysql.cursors.Cursor]] = []

    def connect() -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        assert notes.password is not None
        opened.append(
            pymysql.connect(
                host=notes.host, port=notes.port or 0, user=notes.user, password=notes.password, database=notes.name
            )
        )
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def test_a_service_that_is_well_is_safe(
    start: Start, look: Look, plimsoll: Callable[..., Ended], notes: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both workers are met, each claims its connections, and the last line says so."""
    running = start(notes, workers=2, **SETTINGS)
    wait_for_workers(running.command, 2)
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    began_s = time.monotonic()
    looked = look(running.url, "--release", RELEASE)
    assert time.monotonic() - began_s < 30, "a second or two, on a machine that does nothing else"
    assert (looked.status, looked.found, looked.unknown) == (0, set(), set()), looked.report
    assert looked.evidence("PL703") == f"2 workers of release {RELEASE}"
    assert looked.evidence("PL704") == "production: ENVIRONMENT=production"
    assert looked.evidence("PL708") == "2 workers answered, as declared"
    ended = plimsoll("check", "--stage", "after", "--url", running.url)
    assert ended.out.splitlines()[-1] == "safe: no finding at or above 'error'."


def test_postgresql_has_a_process_list_too(start: Start, look: Look, postgres_database: TestDatabase) -> None:
    """A worker's connections are those of the server; a sleeper in a transaction is named."""
    running = start(postgres_database)
    looked = look(running.url)
    assert looked.found == {"PL003", "PL704"} & looked.found
    assert looked.verdict("PL712") == "passed", looked.evidence("PL712")
    assert running.post("/do/keep-open") == 200
    deadline = time.monotonic() + 60
    while "PL713" not in (looked := look(running.url)).found:
        assert time.monotonic() < deadline, looked.evidence("PL713")
        time.sleep(0.5)
    assert "idle in transaction" in looked.evidence("PL713")


def test_another_release_is_named(start: Start, look: Look, notes: TestDatabase) -> None:
    """With the one that runs; where the service was told none, that is not known."""
    looked = look(start(notes).url, "--release", "2025.11.3")
    assert "PL703" in looked.found
    assert looked.evidence("PL703") == f"2025.11.3 is expected; workers: 1 of {RELEASE}"
    looked = look(start(notes, RELEASE="").url, "--release", "2025.11.3")
    assert looked.verdict("PL703") == "could not"


def test_development_where_production_is_meant_is_an_error(
    start: Start, look: Look, notes: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings here say production, and the service was started without them."""
    running = start(notes)
    monkeypatch.setenv("ENVIRONMENT", "production")
    looked = look(running.url)
    assert (looked.status, looked.results["PL704"]["level"]) == (1, "error")


def test_a_slow_page_is_named_with_its_times(start: Start, look: Look, notes: TestDatabase) -> None:
    """And no other; a warning does not make the deployment unsafe."""
    looked = look(start(notes, PAGE_SECONDS="1").url, "--request-limit-ms", "900")
    assert looked.evidence("PL705").startswith("over 900 ms: /page p50 1")
    assert "/notes" not in looked.evidence("PL705")
    assert looked.status == 0


def test_a_failing_page_is_named_with_its_statuses(start: Start, look: Look, notes: TestDatabase) -> None:
    """A page that was asked for; others are not asked then."""
    looked = look(start(notes, PAGE_SECONDS="-1").url, "--endpoint", "/page?key=hunter2", "--endpoint", "/nowhere")
    assert looked.evidence("PL706") == "/page?...: 8 x 500"
    assert looked.status == 1


def test_an_exhausted_pool_and_what_it_did(start: Start, look: Look, notes: TestDatabase) -> None:
    """One waited in vain and others are still waiting while the command looks: it is answered all the same."""
    running = start(notes, DB_POOL_SIZE="1", DB_MAX_OVERFLOW="0", DB_POOL_TIMEOUT="1", ADMISSION="false")
    answered = threading.Event()

    def hold() -> None:
        if running.post("/do/hold?seconds=3") != 200:
            answered.set()

    holders = [threading.Thread(target=hold) for _ in range(3)]
    for holder in holders:
        holder.start()
    assert answered.wait(30), "nobody waited in vain"
    looked = look(running.url, "--endpoint", "/health/live")
    for holder in holders:
        holder.join()
    assert {"PL710", "PL802"} <= looked.found
    assert "waited in vain" in looked.evidence("PL802")
    assert "1 at most of 1" in looked.evidence("PL710")


def test_a_database_that_is_away_and_a_page_that_says_ok(start: Start, look: Look, notes: TestDatabase) -> None:
    """The service is not ready, its own page lies, and the figures are there all the same."""
    server = notes.server
    assert isinstance(server, MariaDbServer)
    running = start(notes)
    server.stop()
    time.sleep(1.2)  # what the database last said stands for a second
    try:
        began_s = time.monotonic()
        looked = look(running.url)
        assert time.monotonic() - began_s < 40
    finally:
        server.heal()
    assert looked.status == 1
    assert {"PL702", "PL706", "PL707"} <= looked.found
    assert "/health answers 200" in looked.evidence("PL707")
    assert looked.verdict("PL801") == "passed"
    assert looked.verdict("PL712") == "could not"


def test_a_wrong_token_leaves_questions_open_and_says_so(
    start: Start, look: Look, notes: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be seen from outside is still seen; nothing passes in silence."""
    running = start(notes)
    monkeypatch.setenv("OPS_TOKEN", "another-token-altogether")
    looked = look(running.url, "--release", RELEASE)
    assert looked.status == 2
    assert {"PL703", "PL704", "PL712", "PL801", "PL802"} <= looked.unknown
    assert looked.verdict("PL706") == "passed"
    assert looked.evidence("PL801") == "/ops/figures does not accept our OPS_TOKEN"
    assert "another-token-altogether" not in str(looked.report)
    look(running.url)
    assert "too many wrong tokens" in look(running.url).evidence("PL801")


def test_a_client_that_no_worker_claims_is_named(
    start: Start, look: Look, notes: TestDatabase, client: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the account of the service; as many as are declared are no finding."""
    running = start(notes)
    client()
    looked = look(running.url)
    assert "PL712" in looked.found
    assert "nobody's: " in looked.evidence("PL712")
    assert "from 127.0.0.1, idle" in looked.evidence("PL712")
    monkeypatch.setenv("DEPLOY_OTHER_CONNECTIONS", "1")
    assert look(running.url).verdict("PL712") == "passed"


def test_a_sleeper_in_a_transaction_is_named_as_far_as_the_account_may_see(
    start: Start, look: Look, notes: TestDatabase
) -> None:
    """With PROCESS from the server's own list, without it from the pools' count, which the service gave."""
    running = start(notes, DB_IDLE_TRANSACTION="0.5")
    assert look(running.url).verdict("PL713") == "passed"
    assert running.post("/do/keep-open") == 200
    looked = looked_until(look, running.url, lambda looked: "PL713" in looked.found)
    assert looked.evidence("PL713").startswith("1 transaction sat idle since the workers began")
    assert isinstance(notes.server, MariaDbServer)
    notes.server.sql(f"GRANT PROCESS ON *.* TO '{notes.user}'@'%'")
    looked = looked_until(look, running.url, lambda looked: "PL713" in looked.found)
    assert looked.results["PL713"]["level"] == "error"
    assert looked.evidence("PL713").startswith("1 connection idle in a transaction for over 5 s: id ")


def looked_until(look: Look, url: str, true: Callable[[Looked], bool]) -> Looked:
    """What is found once it is so."""
    deadline = time.monotonic() + 60
    while not true(looked := look(url)):
        assert time.monotonic() < deadline, looked.report
        time.sleep(0.5)
    return looked


def test_a_lost_connection_is_a_leak(start: Start, look: Look, notes: TestDatabase) -> None:
    """Counted by the pool."""
    running = start(notes)
    assert running.post("/do/lose") == 200
    looked = look(running.url)
    assert looked.evidence("PL714") == "0 connections held over DB_LEAK_THRESHOLD, 1 lost to the garbage collector"
    assert looked.status == 1


def test_memory_errors_are_counted_by_the_worker_and_in_the_log(
    start: Start, look: Look, notes: TestDatabase, tmp_path: Path
) -> None:
    """Lines of the log are counted and never shown."""
    running = start(notes)
    assert running.post("/do/run-out-of-memory") == 503
    log = tmp_path / "service.log"
    log.write_text(running.command.output() + "password hunter2 in a line with MemoryError\n")
    looked = look(running.url, "--log", str(log))
    assert looked.evidence("PL801").startswith("1 MemoryError, ")
    assert "lines of service.log" in looked.evidence("PL801")
    assert "hunter2" not in str(looked.report)


def test_memory_that_grows_is_told_from_memory_that_stands(start: Start, look: Look, notes: TestDatabase) -> None:
    """Over a watch of some seconds."""
    running = start(notes)
    assert running.post("/do/grow") == 200
    looked = look(running.url, "--watch", "10s", "--endpoint", "/health/live")
    assert "PL805" in looked.found
    assert "grows, +" in looked.evidence("PL805")


def test_what_the_server_counts_during_a_watch_is_in_the_report(
    start: Start, look: Look, notes: TestDatabase, client: Callable[[], object]
) -> None:
    """Its counters and its list are those of the watch's end, and the pools' connections are compared with them then:
    a stranger who comes during the watch is seen."""
    running = start(notes)
    stranger = threading.Timer(6.0, client)
    stranger.start()
    looked = look(running.url, "--watch", "12s", "--endpoint", "/health/live")
    stranger.join()
    assert "nobody's: " in looked.evidence("PL712")


def test_a_service_that_does_not_answer_is_not_asked_further(look: Look) -> None:
    """Refused, or a port where somebody listens and says nothing: an answer within seconds."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        began_s = time.monotonic()
        looked = look(url)
        assert time.monotonic() - began_s < 20
        assert looked.evidence("PL701") == f"{url}: no whole answer within 5 s"
    looked = look(url)
    assert looked.evidence("PL701").endswith("Connection refused")
    assert looked.status == 1
    assert {"PL702", "PL704", "PL706", "PL801"} <= looked.unknown


class Deaf:
    """Listens, says nothing, and notes when its first client came and went."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.came_s = self.went_s = 0.0
        self._thread = threading.Thread(target=self._hear)
        self._thread.start()

    def _hear(self) -> None:
        client, _ = self._listening.accept()
        self.came_s = time.monotonic()
        with client:
            client.settimeout(30)
            while client.recv(4096):
                pass
        self.went_s = time.monotonic()

    def end(self) -> None:
        """Wait for the client's end."""
        self._thread.join(30)
        self._listening.close()
        assert self.went_s, "its client never came, or never went"


def test_a_dead_service_and_a_dead_database_are_waited_for_at_the_same_time(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that accept and say nothing: each is asked before the wait for the other has ended."""
    service, database = Deaf(), Deaf()
    monkeypatch.setenv("DATABASE_URL", f"mysql+aiomysql://shop:hunter2@127.0.0.1:{database.port}/shop")
    looked = look(f"http://127.0.0.1:{service.port}")
    service.end()
    database.end()
    assert max(service.came_s, database.came_s) < min(service.went_s, database.went_s)
    assert {"PL010", "PL701"} <= looked.found
    assert looked.status == 1


def test_what_the_server_counted_since_the_baseline(
    start: Start,
    look: Look,
    plimsoll: Callable[..., Ended],
    new_mariadb: Callable[..., MariaDbServer],
    tmp_path: Path,
) -> None:
    """Refused and failed connections between two runs are new; those of before are not held against the second."""
    server = new_mariadb(options=("--max-connections=20",))
    database = server.create_database()
    make_table(database)
    running = start(database, DB_POOL_SIZE="2", DB_MAX_OVERFLOW="0")
    kept = str(tmp_path / "before.json")
    assert look(running.url, "--baseline", kept).verdict("PL807") == "passed"
    assert str(database.password) not in Path(kept).read_text()
    assert Path(kept).stat().st_mode & 0o777 == 0o600

    def connect(password: str | None) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(host=database.host, port=database.port or 0, user=database.user, password=password or "")

    opened = []
    for _ in range(30):
        try:
            opened.append(connect(database.password))
        except pymysql.OperationalError:
            break
    assert len(opened) < 30
    for connection in opened:
        connection.close()
    for _ in range(25):
        with pytest.raises(pymysql.OperationalError):
            connect("wrong")
    looked = look(running.url, "--against", kept)
    assert looked.results["PL807"]["level"] == "error"
    assert "aborted_connects 2" in looked.evidence("PL806")
    assert set(looked.report["comparison"]["findings"]["new"]) == {"PL806", "PL807"}
    ended = plimsoll("check", "--stage", "after", "--url", running.url, "--against", kept)
    assert "  new: PL807 The server refused connections" in ended.out
    assert ended.out.splitlines()[-1].startswith("not safe: 1 finding at or above 'error' (PL807")
    look(running.url, "--baseline", kept)
    assert look(running.url, "--against", kept).verdict("PL807") == "passed"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--stage", "after"), "--stage after needs --url"),
        (("--url", "http://localhost"), "--url is about a service that runs: give --stage after"),
        (("--stage", "after", "--url", "shop.example"), "does not begin with http:// or https://"),
        (("--stage", "after", "--url", "http://op:hunter2@shop"), "has a user or a password in it"),
        (("--stage", "after", "--url", "http://shop/?token=hunter2"), "more than host, port and path"),
        (("--stage", "after", "--url", "http://shop:99999"), "cannot be read"),
        (("--stage", "after", "--url", "http://shop", "--watch", "ten"), "is no time up to 24h"),
        (("--stage", "after", "--url", "http://shop", "--watch", "48h"), "is no time up to 24h"),
        (("--stage", "after", "--url", "http://shop", "--endpoint", "items"), "is no path of the service"),
        (("--stage", "after", "--url", "http://shop", "--against", "none.json"), "cannot be read: No such file"),
    ],
)
def test_wrong_options_are_said_at_once(plimsoll: Callable[..., Ended], options: tuple[str, ...], says: str) -> None:
    """With status 2, and without repeating what may be secret."""
    ended = plimsoll("check", *options)
    assert ended.status == 2
    assert says in ended.err
    assert "hunter2" not in ended.printed
