"""Every server is told to stop while requests are in the middle of their transactions; see docs/serving.md."""

import http.client
import os
import signal
import time
from dataclasses import replace

import pytest

from tests.servers import TestDatabase
from tests.serving.stopping import (
    GUNICORN,
    HYPERCORN_2,
    SERVE,
    SERVE_2,
    SERVERS,
    STOPPING,
    UVICORN,
    Answer,
    Client,
    Server,
    Service,
    Start,
    serving,
)

SOON_S = 15.0
"""On a busy machine. Less than the servers' own limits here, which are 20 s and more."""


def assert_ended(service: Service, database: TestDatabase, names: list[str]) -> None:
    """Exit status 0, these rows committed and no others, and no connection left on the database's server."""
    assert service.command.wait(SOON_S) == 0, service.command.output()
    assert [name for (name,) in database.sql("SELECT name FROM note ORDER BY name")] == names
    database.wait_connection_count(0)


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_a_signal_ends_it_in_good_order(server: Server, mariadb_database: TestDatabase, start_command: Start) -> None:
    """Not ready at once, nothing new is let in, a second for what is in flight, the rest is rolled back; status 0."""
    with serving(start_command, server, mariadb_database, SHUTDOWN_TIMEOUT="1") as service:
        probe, client = service.connect(), service.connect()
        short, long = service.ask("/work?name=short&seconds=0.6"), service.ask("/work?name=long&seconds=60")
        stream = service.ask("/stream?name=stream&seconds=60")
        for name in ("short", "long", "stream"):
            service.command.wait_output(f"in transaction: {name}")
        with service.held_still():
            probe.ask("/health/ready")
            client.ask("/quick")
            service.signal()
        assert_not_let_in(server, probe.answer_of(server), client.answer_of(server))
        assert client.closed()
        assert short.answer().json == "short"
        assert_cut(server, long)
        with pytest.raises(http.client.IncompleteRead):
            stream.answer()
        assert_ended(service, mariadb_database, ["short"])
        if server in (SERVE, SERVE_2):  # which shows our log
            assert_logged(service.command.output())


def assert_not_let_in(server: Server, ready: Answer | None, refused: Answer | None) -> None:
    """What requests on connections that were open are answered from the signal on, if they are answered."""
    # hypercorn tells its workers by an event of its own, and serves on until they look at it.
    status = 503 if server.hears else 200
    if ready is not None:
        assert ready.status == status
        assert not server.hears or ready.json["checks"]["process"]["ok"] is False
    if refused is not None:
        assert refused.status == status
        assert not server.hears or refused.headers["connection"] == "close"
        assert not server.hears or refused.json["code"] == "stopping"


def assert_cut(server: Server, client: Client) -> None:
    """How a request ends that was not finished in time, and has not begun to answer."""
    if server.hears:
        answer = client.answer()
        assert (answer.status, answer.json["code"]) == (503, "stopping")
    else:
        # hypercorn's own end, after --graceful-timeout, is a 500 or no answer at all.
        assert client.closed()


def assert_logged(output: str) -> None:
    """That it stops, how long requests have, and the route that was ended, by its pattern."""
    assert f"{STOPPING}; requests in flight: " in output
    assert "they may take 1 s" in output
    assert "GET /work: ended and rolled back, since the process stops (SHUTDOWN_TIMEOUT)" in output
    assert "timeout graceful shutdown exceeded" not in output, "uvicorn's own end came before ours"


@pytest.mark.parametrize("server", [GUNICORN, HYPERCORN_2], ids=str)
def test_a_signal_to_every_process_of_the_service_is_one_signal(
    server: Server, mariadb_database: TestDatabase, start_command: Start
) -> None:
    """As systemd sends it: workers hear it from the manager and from their parent, and finish what they have."""
    with serving(start_command, server, mariadb_database) as service:
        in_flight = service.ask("/work?name=finished&seconds=1")
        service.command.wait_output("in transaction: finished")
        os.killpg(service.command.pid, signal.SIGTERM)
        assert in_flight.answer().json == "finished"
        assert_ended(service, mariadb_database, ["finished"])


@pytest.mark.parametrize(
    ("server", "number", "apart_s"),
    [(UVICORN, signal.SIGINT, 0.3), (SERVE, signal.SIGTERM, 2.2), (SERVE_2, signal.SIGTERM, 2.8)],
    ids=["uvicorn", "plimsoll serve", "plimsoll serve, 2 workers"],
)
def test_a_second_signal_ends_everything_at_once(
    server: Server, number: signal.Signals, apart_s: float, postgres_database: TestDatabase, start_command: Start
) -> None:
    """SHUTDOWN_TIMEOUT is a minute, as long as the request takes; the second signal rolls it back, in good order."""
    with serving(start_command, server, postgres_database, SHUTDOWN_TIMEOUT="60") as service:
        work = service.ask("/work?name=work&seconds=60")
        service.command.wait_output("in transaction: work")
        service.signal(number)
        # Heard before the next is sent, however slow the machine: two that wait are one.
        service.command.wait_output("Shutting down" if server is UVICORN else STOPPING)
        time.sleep(apart_s)
        assert service.command.returncode is None, "one signal was enough"
        service.signal(number)
        answer = work.answer()
        assert (answer.status, answer.json["code"]) == (503, "stopping")
        assert_ended(service, postgres_database, [])


def test_a_server_that_cancels_sooner_has_its_requests_answered_503(
    postgres_database: TestDatabase, start_command: Start
) -> None:
    """uvicorn's --timeout-graceful-shutdown below SHUTDOWN_TIMEOUT: no 500, and the lifespan waits for their end."""
    impatient = replace(UVICORN, command=(*UVICORN.command, "--timeout-graceful-shutdown", "1"))
    with serving(start_command, impatient, postgres_database, SHUTDOWN_TIMEOUT="60") as service:
        work = service.ask("/work?name=work&seconds=60")
        service.command.wait_output("in transaction: work")
        service.signal()
        answer = work.answer()
        assert (answer.status, answer.json["code"]) == (503, "stopping")
        assert_ended(service, postgres_database, [])
        output = service.command.output()
        assert output.index("tidied up: work") < output.index("application ended")


def test_an_interrupt_ends_gunicorn_s_workers_at_once(postgres_database: TestDatabase, start_command: Start) -> None:
    """gunicorn's SIGINT is its quick end, which no setting of ours delays: cancelled and rolled back."""
    with serving(start_command, GUNICORN, postgres_database, SHUTDOWN_TIMEOUT="60") as service:
        work = service.ask("/work?name=work&seconds=60")
        service.command.wait_output("in transaction: work")
        service.signal(signal.SIGINT)
        assert work.closed()
        assert_ended(service, postgres_database, [])
