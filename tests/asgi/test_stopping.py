"""The end of a server whose connections are watched: in order, with workers too."""

import http.client
import os
import socket
import time
from collections.abc import Callable

import pytest

from tests.asgi.conftest import HOST, Serve, Served, tls_clients

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"

STOPS: dict[str, Callable[[Served], object]] = {
    "idle": lambda served: None,
    "kept alive": lambda served: served.connect().sendall(GET),
    "silent": lambda served: served.connect(),
}


@pytest.mark.parametrize("connections", STOPS)
def test_a_signal_to_stop_ends_the_server_in_order(serve: Serve, loop: str, connections: str) -> None:
    """SIGTERM with no request in work: the lifespan ends, and the process at once."""
    # What is kept alive would end by itself only much later.
    served = serve("app", "--loop", loop, "--timeout-keep-alive", "600")
    STOPS[connections](served)
    served.wait_figures(lambda now: now["connections"]["open"] >= 1)
    served.command.terminate(timeout_s=20)
    assert "lifespan ended" in served.command.output()
    assert "Traceback" not in served.command.output()


def test_a_request_in_work_is_finished_before_the_server_ends(serve: Serve, loop: str) -> None:
    """SIGTERM with a request in work: it is answered, new connections are refused, then the lifespan ends."""
    served = serve("app", "--loop", loop, tls=True)
    with tls_clients(served, 1) as (client,):
        client.sendall(b"GET /sleep?s=3 HTTP/1.1\r\nhost: x\r\n\r\n")
        served.wait_figures(lambda now: now["connections"]["open"] == 2)
        os.kill(served.command.pid, 15)
        served.command.wait_output("Waiting for connections to close")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, served.port))
        response = http.client.HTTPResponse(client)
        response.begin()
        assert response.read() == b"slept"
    served.command.wait(20)
    assert "lifespan ended" in served.command.output()
    assert "Traceback" not in served.command.output()


def test_several_workers_share_a_listening_socket(serve: Serve, loop: str) -> None:
    """With --workers 2 both serve, each counts its own connections, and both end in order."""
    served = serve("app", "--loop", loop, "--workers", "2")
    served.wait_listening()
    pids: set[int] = set()
    deadline = time.monotonic() + 20
    while len(pids) < 2 and time.monotonic() < deadline:
        others = [served.connect() for _ in range(8)]
        pids |= {served.figures()["pid"] for _ in range(8)}
        assert served.figures()["connections"]["open"] <= 9
        for client in others:
            client.close()
    assert len(pids) == 2
    served.command.terminate(timeout_s=20)
    assert served.command.output().count("lifespan ended") == 2
