"""The fault proxy, against a server of a few lines that repeats what it hears."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from tests.servers import FaultProxy, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import TestDatabase

PATIENCE_S = 20.0
"""For what takes a moment, on a machine that does other things as well."""

SILENT_S = 0.3
"""What says nothing for so long is taken to be silent."""


class EchoServer:
    """Repeats every byte, and remembers all it has heard."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._repeat, args=(connection,), daemon=True).start()

    def _repeat(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65_536):
                    self.heard += data
                    connection.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        """Accept no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    """An echo server."""
    server = EchoServer()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: EchoServer, fault_proxy: Callable[[int], FaultProxy]) -> FaultProxy:
    """A proxy in front of it."""
    return fault_proxy(echo.port)


def connect(proxy: FaultProxy) -> socket.socket:
    """A client of the proxy."""
    return socket.create_connection((proxy.host, proxy.port), timeout=PATIENCE_S)


def ask(client: socket.socket, data: bytes = b"hello") -> bytes:
    """Send and wait for an answer of the same length (fewer bytes if the connection ends)."""
    client.sendall(data)
    answer = b""
    while len(answer) < len(data) and (part := client.recv(65_536)):
        answer += part
    return answer


def hear(client: socket.socket) -> bytes:
    """All that comes until the orderly end of the connection."""
    return b"".join(iter(lambda: client.recv(65_536), b""))


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true, however busy the machine is."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def test_forwards_both_ways_and_counts(proxy: FaultProxy) -> None:
    """Bytes, round trips and connections are counted."""
    with connect(proxy) as client:
        assert ask(client, b"one") == b"one"
        assert ask(client, b"seven77") == b"seven77"
        assert (proxy.bytes_to_server, proxy.bytes_to_client, proxy.round_trips) == (10, 10, 2)
        assert (proxy.connections_total, proxy.connections_open) == (1, 1)
    assert eventually(lambda: proxy.connections_open == 0)


def test_large_bodies_arrive_whole(proxy: FaultProxy) -> None:
    """A megabyte comes back as it was sent."""
    body = bytes(range(256)) * 4096
    with connect(proxy) as client:
        sender = threading.Thread(target=client.sendall, args=(body,))
        sender.start()
        received = bytearray()
        while len(received) < len(body):
            received += client.recv(65_536)
        sender.join()
    assert received == body


def test_refuse_closes_the_port_and_leaves_open_connections(proxy: FaultProxy) -> None:
    """New clients are refused, old ones are served, until it forwards again."""
    with connect(proxy) as client:
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        assert ask(client) == b"hello"
    proxy.forward()
    with connect(proxy) as client:
        assert ask(client) == b"hello"


def test_deaf_accepts_and_says_nothing(proxy: FaultProxy, echo: EchoServer) -> None:
    """A new client is accepted, hears nothing, and nothing of it reaches the server."""
    proxy.deaf()
    with connect(proxy) as client:
        client.settimeout(SILENT_S)
        with pytest.raises(TimeoutError):
            ask(client)
    assert echo.heard == b""


def test_freeze_holds_data_back_until_it_forwards_again(proxy: FaultProxy) -> None:
    """Nothing is lost: what was sent while frozen is answered afterwards."""
    with connect(proxy) as client:
        assert ask(client) == b"hello"
        proxy.freeze()
        client.settimeout(SILENT_S)
        with pytest.raises(TimeoutError):
            ask(client, b"later")
        client.settimeout(PATIENCE_S)
        proxy.forward()
        assert client.recv(100) == b"later"


def test_cut_resets_open_connections_only(proxy: FaultProxy) -> None:
    """Open connections are reset, and a new one works at once."""
    with connect(proxy) as first, connect(proxy) as second:
        assert ask(first) == ask(second) == b"hello"
        assert proxy.cut() == 2
        with pytest.raises(ConnectionResetError):
            first.recv(1)
        with pytest.raises(ConnectionResetError):
            second.recv(1)
    with connect(proxy) as third:
        assert ask(third) == b"hello"


def test_delay_is_added_in_each_direction(proxy: FaultProxy) -> None:
    """A round trip takes twice the delay."""
    proxy.delay_s = 0.05
    with connect(proxy) as client:
        started = time.monotonic()
        ask(client)
        assert time.monotonic() - started >= 0.1


def test_cut_after_some_bytes_to_the_client(proxy: FaultProxy) -> None:
    """Exactly so many bytes arrive, then the connection is reset."""
    proxy.cut_after(3, "to_client")
    with connect(proxy) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hel"
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_cut_after_some_bytes_to_the_server(proxy: FaultProxy, echo: EchoServer) -> None:
    """The server has heard exactly so many bytes; an open connection's count starts with the call."""
    with connect(proxy) as client:
        ask(client, b"before ")
        proxy.cut_after(2, "to_server")
        client.sendall(b"hello")
        assert eventually(lambda: echo.heard == b"before he")
        with pytest.raises(ConnectionResetError):
            hear(client)


def test_cut_before_a_command_keeps_it_from_the_server(proxy: FaultProxy, echo: EchoServer) -> None:
    """The client is reset at its COMMIT, which the server never hears, and other commands pass."""
    proxy.on_client_bytes(b"COMMIT", "cut")
    with connect(proxy) as client:
        assert ask(client, b"INSERT") == b"INSERT"
        client.sendall(b"COMMIT")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    proxy.wait_triggered()
    assert echo.heard == b"INSERT"


def test_cut_after_sending_a_command_lets_the_server_act_on_it(proxy: FaultProxy, echo: EchoServer) -> None:
    """The server hears the COMMIT; only the answer is lost."""
    proxy.on_client_bytes(b"COMMIT", "cut_after_sending")
    with connect(proxy) as client:
        client.sendall(b"COMMIT")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    proxy.wait_triggered()
    assert eventually(lambda: echo.heard == b"COMMIT")


@pytest.mark.parametrize(("action", "heard"), [("freeze", b""), ("freeze_after_sending", b"COMMIT")])
def test_freeze_at_a_command(proxy: FaultProxy, echo: EchoServer, action: str, heard: bytes) -> None:
    """The client waits without an end; the server has heard the command or not, as asked."""
    proxy.on_client_bytes(b"COMMIT", "freeze" if action == "freeze" else "freeze_after_sending")
    with connect(proxy) as client:
        client.sendall(b"COM")
        time.sleep(0.02)
        client.sendall(b"MIT")
        proxy.wait_triggered()
        client.settimeout(SILENT_S)
        with pytest.raises(TimeoutError):
            hear(client)
        assert eventually(lambda: echo.heard.removeprefix(b"COM") == heard.removeprefix(b"COM"))


def test_waiting_for_a_command_that_does_not_come_fails(proxy: FaultProxy) -> None:
    """A test whose fault never happened does not pass in silence."""
    proxy.on_client_bytes(b"COMMIT", "cut")
    with pytest.raises(AssertionError, match="did not send"):
        proxy.wait_triggered(timeout_s=0.05)


def test_a_client_of_a_target_that_is_down_is_reset() -> None:
    """With nobody behind the proxy, a client's connection ends at once."""
    with FaultProxy(free_port()) as proxy, pytest.raises(ConnectionResetError), connect(proxy) as client:
        client.recv(1)


async def test_works_as_an_async_context_manager(echo: EchoServer) -> None:
    """An async test may use it with a client that blocks the test's loop: the proxy has its own."""
    async with FaultProxy(echo.port) as proxy:
        with connect(proxy) as client:
            assert ask(client) == b"hello"


def test_a_closed_proxy_frees_its_port(echo: EchoServer) -> None:
    """After `close` the port refuses and open clients are reset."""
    proxy = FaultProxy(echo.port).open()
    client = connect(proxy)
    ask(client)
    proxy.close()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    client.close()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)


def test_a_real_server_is_reached_through_it(
    server_database: TestDatabase, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """SQLAlchemy connects through the proxy's port, and the round trips are counted."""
    assert server_database.port is not None
    proxy = fault_proxy(server_database.port)
    driver = {"mariadb": "pymysql", "postgres": "psycopg"}[server_database.kind]
    engine = create_engine(server_database.url_for(driver, port=proxy.port))
    with engine.connect() as connection:
        before = proxy.round_trips
        assert connection.execute(text("SELECT 1")).scalar() == 1
        assert proxy.round_trips > before
    engine.dispose()
