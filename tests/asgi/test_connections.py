"""Connections: counted, limited before they cost memory, and ended when nothing comes of them."""

import json
import os
import resource
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.asgi.conftest import HOST, Serve, ended, read_answer, tls_clients

KIB = 1024
MANY = 400
LIMIT = 50
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def test_tls_connections_over_the_limit_take_no_memory(serve: Serve, loop: str) -> None:
    """Of 400 all but 50 are refused before their handshake; when those have gone, others are let in."""
    served = serve("app", "--loop", loop, "--timeout-keep-alive", "600", tls=True, max_connections=LIMIT)
    before = served.figures()
    with tls_clients(served, 1) as (inside,):
        with tls_clients(served, MANY - 1) as clients:
            assert len(clients) == LIMIT - 1
            figures = figures_by(inside)
        # Once the server has heard of it: before, it would refuse whoever asks.
        ends_s = time.monotonic() + 20
        while (now := figures_by(inside))["connections"]["open"] > 1:
            assert time.monotonic() < ends_s, now
            time.sleep(0.05)
        with tls_clients(served, LIMIT - 1) as clients:
            assert len(clients) == LIMIT - 1
    grown = {what: (figures[what] - before[what]) / KIB for what in ("rss", "address_space")}
    print(loop, {what: f"{amount / LIMIT:.0f} KiB a connection" for what, amount in grown.items()})
    assert figures["connections"]["open"] == figures["connections"]["open_tls"] == LIMIT
    assert figures["connections"]["refused"] == MANY - LIMIT
    # 50 with 300 KiB are 15 MB; 400 of them would be 117 MB.
    assert max(grown.values()) < LIMIT * 400


def figures_by(client: socket.socket) -> dict[str, Any]:
    """The process's own, by a connection that stays."""
    client.sendall(b"GET /figures HTTP/1.1\r\nhost: x\r\n\r\n")
    figures: dict[str, Any] = json.loads(read_answer(client).body)
    return figures


def test_the_budget_of_memory_limits_connections(serve: Serve, loop: str) -> None:
    """`may_open` is asked for the memory of all that were let in too lately to be seen, and refuses."""
    served = serve("app", "--loop", loop, tls=True, memory_bytes=20 * 300 * KIB)
    with tls_clients(served, 60) as clients:
        assert 10 <= len(clients) <= 20


def test_a_plain_client_that_is_refused_is_told_so(serve: Serve, loop: str) -> None:
    """Without TLS the refusal is a 503 that says when to come again."""
    served = serve("app", "--loop", loop, max_connections=3)
    inside = [served.connect() for _ in range(3)]
    inside[-1].sendall(GET)
    assert read_answer(inside[-1]).status == 200
    answer = read_answer(served.connect())
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert b"too-many-connections" in answer.body


def test_the_count_is_right_after_thousands_of_aborts(serve: Serve, loop: str) -> None:
    """2,000 connections that end in four ways leave a count of those that are there."""
    served = serve("app", "--loop", loop)
    reset = struct.pack("ii", 1, 0)
    for number in range(2000):
        with socket.create_connection((HOST, served.port)) as client:
            if number % 4 == 1:
                client.sendall(GET)
            if number % 4 == 2:
                client.sendall(b"GET /sl")
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    figures = served.wait_figures(lambda now: now["connections"]["open"] == 1)
    assert figures["connections"]["accepted"] >= 2001
    assert "Traceback" not in served.command.output()


def test_failed_handshakes_are_not_counted_as_open(serve: Serve, loop: str) -> None:
    """Clients that speak no TLS, leave during the handshake or never begin it are counted out again."""
    served = serve("app", "--loop", loop, tls=True, header_timeout_s=1)
    silent = served.connect()
    for number in range(100):
        with socket.create_connection((HOST, served.port)) as client:
            client.sendall(GET if number % 2 else b"\x16\x03\x01\x02\x00\x01")
    assert ended(silent)
    served.wait_figures(lambda now: now["connections"]["open"] == now["connections"]["open_tls"] == 1)
    assert "Traceback" not in served.command.output()


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_header_that_never_ends_is_cut(serve: Serve, loop: str, http: str) -> None:
    """Clients that say nothing, trickle a first header, or trickle one on a kept connection are aborted in time."""
    served = serve("app", "--loop", loop, "--http", http, header_timeout_s=2)
    silent, trickling, kept, working = (served.connect(20) for _ in range(4))
    kept.sendall(GET)
    assert read_answer(kept).status == 200
    working.sendall(b"GET /sleep?s=3.5 HTTP/1.1\r\nhost: x\r\n\r\n")
    for client in (trickling, kept):
        client.sendall(b"GET / HTTP/1.1\r\n")
    began = time.monotonic()
    alive = {trickling, kept}
    while alive and time.monotonic() - began < 20:
        time.sleep(0.1)
        for client in tuple(alive):
            try:
                client.sendall(b"x: y\r\n")
            except ConnectionError:
                alive.discard(client)
    assert not alive
    assert ended(silent)
    assert read_answer(working).body == b"slept"
    assert served.figures()["counters"]["connections_cut_header"] == 3


def test_a_header_without_end_takes_little_memory(serve: Serve, loop: str) -> None:
    """A client that sends megabytes of header is cut off after 64 KiB of them."""
    served = serve("app", "--loop", loop)
    client = served.connect()
    client.sendall(GET.replace(b"\r\n\r\n", b"\r\n"))
    megabytes = b"".join(b"x-%d: " % number + b"y" * 16_000 + b"\r\n" for number in range(1000))
    with pytest.raises(ConnectionError):
        client.sendall(megabytes)
    assert served.figures()["counters"]["connections_cut_large_header"] == 1


def test_a_header_of_common_size_is_no_large_header(serve: Serve) -> None:
    """Many requests on one connection, with 30 KB of header each, are answered."""
    client = serve().connect()
    for _ in range(5):
        client.sendall(GET.removesuffix(b"\r\n") + b"cookie: " + b"y" * 30_000)
        time.sleep(0.05)  # read by the server in parts
        client.sendall(b"\r\n\r\n")
        assert read_answer(client).status == 200


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_idle_connections_are_closed_on_demand(serve: Serve, loop: str, http: str) -> None:
    """`close_idle` closes those that are only kept alive, and no other."""
    served = serve("app", "--loop", loop, "--http", http, "--timeout-keep-alive", "60")
    idle = [served.connect() for _ in range(5)]
    for client in idle:
        client.sendall(GET)
        assert read_answer(client).status == 200
    new, working, begun = (served.connect() for _ in range(3))
    begun.sendall(b"GET / HT")
    working.sendall(b"GET /sleep?s=2 HTTP/1.1\r\nhost: x\r\n\r\n")
    served.wait_figures(lambda now: now["connections"]["open"] == 9)
    assert served.get("/close-idle").body == b"5"
    assert all(ended(client) for client in idle)
    begun.sendall(GET.removeprefix(b"GET / HT"))
    new.sendall(GET)
    assert [read_answer(client).body for client in (begun, new, working)] == [b"ok", b"ok", b"slept"]


def test_requests_that_are_pipelined_are_answered_in_order(serve: Serve, loop: str) -> None:
    """Ten requests in one packet, and ten one after the other, on one connection."""
    client = serve("app", "--loop", loop, header_timeout_s=1, min_rate_bytes=500).connect()
    posts = [b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % n + b"x" * n for n in range(1, 11)]
    client.sendall(b"".join(posts))
    wanted = [str(n).encode() for n in range(1, 11)]
    buffered = client.makefile("rb")
    answers = b""
    while answers.count(b"HTTP/1.1 200") < 10 or not answers.endswith(b"10"):
        answers += buffered.read1()
    assert [part.rsplit(b"\r\n", 1)[1] for part in answers.split(b"HTTP/1.1 200 OK")[1:]] == wanted
    for post, length in zip(posts, wanted, strict=True):
        client.sendall(post)
        assert read_answer(client).body == length


def test_a_lack_of_descriptors_does_not_end_the_listener(serve: Serve, loop: str) -> None:
    """With all file descriptors in use new clients wait, it is logged a few times, and later they are served."""
    served = serve("app", "--loop", loop)
    resource.prlimit(served.command.pid, resource.RLIMIT_NOFILE, (60, 60))
    clients = [served.connect() for _ in range(100)]
    output = served.command.wait_output("No connection can be accepted (Too many open files)")
    assert output.count("No connection can be accepted") < 5
    clients[0].sendall(GET)
    assert read_answer(clients[0]).status == 200
    for client in clients:
        client.close()
    assert served.get("/").status == 200


def test_a_lack_of_memory_does_not_end_the_listener(serve: Serve, loop: str) -> None:
    """TLS clients take all the address space that is allowed: afterwards others are served, and the count is right."""
    served = serve("app", "--loop", loop, tls=True)
    with tls_clients(served, 5):
        allowed = served.figures()["address_space"] + 8 * 1024 * KIB
    before = resource.prlimit(served.command.pid, resource.RLIMIT_AS)
    resource.prlimit(served.command.pid, resource.RLIMIT_AS, (allowed, before[1]))
    with tls_clients(served, MANY):
        # Not as many as their clients think: some handshakes end well, and then there is no memory for the first read.
        sockets = psutil.Process(served.command.pid).net_connections("tcp")
        assert 5 <= sum(each.status == psutil.CONN_ESTABLISHED for each in sockets) < MANY
    resource.prlimit(served.command.pid, resource.RLIMIT_AS, before)
    served.wait_figures(lambda now: now["connections"]["open"] == now["connections"]["open_tls"] == 1)


def test_a_unix_socket_is_watched_too(serve: Serve, loop: str, tmp_path: Path) -> None:
    """Behind a proxy on the same machine: uvicorn --uds."""
    path = tmp_path / "socket"
    served = serve("app", "--loop", loop, "--uds", str(path), max_connections=1)
    clients = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    for client in clients:
        client.settimeout(20)
        client.connect(str(path))
    clients[0].sendall(GET)
    assert read_answer(clients[0]).status == 200
    assert ended(clients[1])
    served.command.terminate(timeout_s=20)
    for client in clients:
        client.close()


def test_nothing_of_a_connection_stays(serve: Serve, loop: str) -> None:
    """Three thousand TLS connections one after the other leave the memory as it was."""
    served = serve("app", "--loop", loop, tls=True)
    context = served.context()

    def open_and_close(count: int) -> int:
        for _ in range(count):
            with (
                socket.create_connection((HOST, served.port)) as client,
                context.wrap_socket(client, server_hostname=HOST) as inside,
            ):
                inside.sendall(GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
                while inside.recv(1000):
                    pass
        return int(served.figures()["rss"])

    before = open_and_close(300)
    grown = open_and_close(600) - before
    print(f"{loop}: grown by {grown / KIB:.0f} KiB")
    assert grown < 4 * 1024 * KIB


@pytest.mark.parametrize("library", ["websockets", "wsproto"])
def test_websockets_go_on_longer_than_any_limit(serve: Serve, loop: str, library: str) -> None:
    """A websocket that is silent for longer than headers and bodies may take is still there."""
    pytest.importorskip(library)
    served = serve("app", "--loop", loop, "--ws", library, header_timeout_s=0.5, min_rate_bytes=500, grace_s=0.5)
    client = served.connect()
    upgrade = b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    key = b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    client.sendall(GET.replace(b"\r\n\r\n", b"\r\n" + upgrade + key + b"\r\n"))
    assert client.recv(4096).startswith(b"HTTP/1.1 101")
    time.sleep(1.5)
    client.sendall(b"\x81\x82\0\0\0\0hi")
    assert client.recv(4) == b"\x81\x02hi"


def test_the_loop_is_as_before_once_the_watch_has_stopped() -> None:
    """`stop` takes the wrappers off again, and a second watch of a loop does not wrap twice."""
    code = """
import asyncio
from plimsoll.asgi.connections import ConnectionRules, watch_connections
async def main():
    loop = asyncio.get_running_loop()
    first = watch_connections(loop, ConnectionRules())
    wrapped = loop.create_server
    second = watch_connections(loop, ConnectionRules())
    assert loop.create_server is wrapped
    second.stop()
    assert loop.create_server is wrapped
    first.stop()
    assert "create_server" not in vars(loop)
asyncio.run(main())
"""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environ)
