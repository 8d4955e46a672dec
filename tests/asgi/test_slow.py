"""Answers to clients that read slowly: memory that they hold, and for how long."""

import http.client
import socket
import time
from contextlib import suppress

import pytest

from tests.asgi.conftest import Serve, Served, ended, read_answer

MIB = 1_048_576
BODY = 20 * MIB
HELD = 16_384
"""Receive buffer of a client that does not read: most of a body stays with the server."""


def ask(served: Served, path: str, version: str = "1.1") -> socket.socket:
    """A client that has asked, and reads nothing yet."""
    client = served.connect(receive_buffer=HELD)
    client.sendall(f"GET {path} HTTP/{version}\r\nhost: x\r\n\r\n".encode())
    return client


def growth_of(served: Served, clients: int) -> tuple[float, float]:
    """By how many MiB memory rises for each of `clients` that ask for a long body and read nothing; and its peak."""
    before = served.figures()
    waiting = [ask(served, f"/big?bytes={BODY}") for _ in range(clients)]
    time.sleep(0.5)
    after = served.figures()
    for client in waiting:
        client.close()
    return (after["rss"] - before["rss"]) / MIB / clients, (after["peak"] - before["peak"]) / MIB / clients


def test_a_long_body_is_held_once(serve: Serve, loop: str) -> None:
    """Clients that read nothing of 20 MB make the server hold the application's bytes, and no copy of them."""
    ours = growth_of(serve("app", "--loop", loop), 2)
    plain = growth_of(serve("plain", "--loop", loop, watch=False), 2)
    print(f"{loop}: MiB a client, now and at its peak: {ours}, plain uvicorn {plain}")
    assert max(ours) < 21.5


def test_a_body_in_slices_arrives_whole(serve: Serve, loop: str) -> None:
    """Of every length around the slice's, with and without a Content-Length."""
    served = serve("app", "--loop", loop, min_rate_bytes=500)
    for length in (0, 1, 65_535, 65_536, 65_537, 131_072, BODY):
        assert served.get(f"/big?bytes={length}").body == b"x" * length
    assert served.get(f"/stream?bytes={BODY}").body == b"x" * BODY
    assert served.get("/big?bytes=100000", "HEAD").status == 200


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("path", ["/big", "/stream"])
def test_a_reader_of_a_byte_at_a_time_is_given_up(serve: Serve, loop: str, path: str, tls: bool) -> None:
    """The connection is aborted once the grace and the buffer's time are used up; the application is told."""
    served = serve("app", "--loop", loop, tls=tls, min_rate_bytes=200_000, grace_s=0.5)
    client = ask(served, f"{path}?bytes={BODY}") if not tls else None
    if client is None:
        plain = served.connect(receive_buffer=HELD)
        client = served.context().wrap_socket(plain, server_hostname="127.0.0.1")
        client.sendall(f"GET {path}?bytes={BODY} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    deadline = time.monotonic() + 30
    while "slow_readers" not in served.figures()["counters"]:
        assert time.monotonic() < deadline
        with suppress(ConnectionError):  # it may be given up after the figures were read
            client.recv(1)
        time.sleep(0.1)
    assert ended(client)
    # The application is told some turns of the loop after the connection has gone.
    seen = ["SlowReaderError"] if path == "/stream" else []
    figures = served.wait_figures(lambda now: now["connections"]["open"] == 1 and now["seen"] == seen)
    assert figures["counters"]["slow_readers"] == 1
    assert "connections_cut_slow_reader" not in figures["counters"]
    output = served.command.output()
    assert "was given up" in output
    assert "ASGI" not in output  # the server knows that the client has gone, and has nothing to complain of


def test_a_reader_above_the_minimum_is_served_to_the_end(serve: Serve, loop: str) -> None:
    """A client that takes many times as long as the grace reads all, since it reads fast enough."""
    # At this rate the buffer is worth three seconds, for which a busy machine may keep the client from reading.
    served = serve("app", "--loop", loop, min_rate_bytes=40_000, grace_s=0.3)
    client = ask(served, f"/big?bytes={8 * MIB}")
    response = http.client.HTTPResponse(client)
    response.begin()
    length = 0
    while part := response.read(131_072):
        length += len(part)
        time.sleep(0.07)
    assert length == 8 * MIB


def test_the_rest_of_an_answer_is_not_kept_for_ever(serve: Serve, loop: str) -> None:
    """An answer that is complete for the application and that nobody reads: the closed connection is aborted."""
    served = serve("app", "--loop", loop, min_rate_bytes=400_000, grace_s=0.3)
    # Of one size among these the kernel takes all but a slice: nothing in the application waits.
    assert any(waits_after_its_end(served, size) for size in range(2_300_000, 8 * MIB, 100_000))


def waits_after_its_end(served: Served, size: int) -> bool:
    """Whether an unread answer of this size is given up by the sweep and not by the application's `send`."""
    client = ask(served, f"/big?bytes={size}", version="1.0")
    # Where the kernel takes all of it the connection is gone too, and nothing has been given up.
    figures = served.wait_figures(lambda now: now["connections"]["open"] == 1, timeout_s=30)
    client.close()
    return "connections_cut_slow_reader" in figures["counters"]


def test_a_client_that_pipelines_and_reads_nothing_is_given_up(serve: Serve, loop: str) -> None:
    """Small answers fill the buffer as a long one does."""
    served = serve("app", "--loop", loop, min_rate_bytes=200_000, grace_s=0.5)
    client = served.connect(receive_buffer=HELD)
    client.settimeout(0.5)
    request = b"GET /big?bytes=60000 HTTP/1.1\r\nhost: x\r\n\r\n"
    try:
        for _ in range(400):
            client.sendall(request)
    except (TimeoutError, ConnectionError):
        pass
    figures = served.wait_figures(lambda now: now["connections"]["open"] == 1, timeout_s=30)
    assert figures["counters"]["slow_readers"] == 1


def test_a_client_that_leaves_is_no_slow_reader(serve: Serve, loop: str) -> None:
    """Ten clients leave in the middle of a body: nothing is counted, nothing is written."""
    served = serve("app", "--loop", loop, min_rate_bytes=500, grace_s=5)
    for _ in range(10):
        client = ask(served, f"/big?bytes={BODY}")
        client.recv(1000)
        client.close()
    figures = served.wait_figures(lambda now: now["connections"]["open"] == 1)
    assert "slow_readers" not in figures["counters"]
    assert "Traceback" not in served.command.output()


def test_without_a_minimum_nobody_is_given_up(serve: Serve) -> None:
    """MIN_RATE 0 leaves a slow reader alone."""
    served = serve("app", min_rate_bytes=0, grace_s=0.2)
    client = ask(served, f"/big?bytes={BODY}")
    client.settimeout(0.2)
    time.sleep(1)
    assert not ended_early(client)
    assert read_answer(ask(served, "/")).body == b"ok"


def ended_early(client: socket.socket) -> bool:
    """Whether the connection has ended though most of the body was not read."""
    client.settimeout(5)
    read = 0
    while read < 4 * MIB:
        part = client.recv(65_536)
        if not part:
            return True
        read += len(part)
    client.close()
    return ended(client) if client.fileno() >= 0 else False
