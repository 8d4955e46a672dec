"""A TCP proxy that adds a delay each way: `python bench/slow_link.py TARGET_PORT DELAY_S` prints its own port.

The tests' proxy can do more, and costs more. This one runs in a process of its own and does only that. It waits with
`select`, whose time limit is in microseconds; `epoll` waits whole milliseconds, and so would every delay.
"""

import asyncio
import selectors
import sys
from collections import deque

HOST = "127.0.0.1"


class Side(asyncio.Protocol):
    """One of the two sockets of a connection; what it reads goes to the other after the delay, in order."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.early: deque[bytes] = deque()
        """What the client said before the connection to the server was open."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.early.append(data)
        else:
            asyncio.get_running_loop().call_later(self.delay_s, self.other.send, data)

    def send(self, data: bytes) -> None:
        """To this side's peer, now."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            asyncio.get_running_loop().call_later(self.delay_s, self.other.transport.close)


class Client(Side):
    """The side that connects; it brings the other into being."""

    def __init__(self, target_port: int, delay_s: float) -> None:
        super().__init__(delay_s)
        self.target_port = target_port
        self.opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        _transport, server = await loop.create_connection(lambda: Side(self.delay_s), HOST, self.target_port)
        server.other, self.other = self, server
        while self.early:
            self.data_received(self.early.popleft())


async def main(target_port: int, delay_s: float) -> None:
    """Forward until killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Client(target_port, delay_s), HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(main(int(sys.argv[1]), float(sys.argv[2])))
