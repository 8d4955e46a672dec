"""A TCP proxy between a client and its database that can be told to misbehave.

It runs on an event loop in a thread of its own: a test that blocks its own loop, or has none, does not stop it, and
every method is an ordinary call.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from tests.servers.places import HOST, free_port
from tests.servers.proxy_link import Link

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.servers.proxy_link import Direction

CALL_TIMEOUT_S = 10.0

Result = TypeVar("Result")

Action = Literal["cut", "cut_after_sending", "freeze", "freeze_after_sending"]


class FaultProxy:
    """Forwards connections to a target until it is told to refuse, ignore, delay, freeze or cut them."""

    def __init__(self, target_port: int, target_host: str = HOST) -> None:
        self.target_host, self.target_port = target_host, target_port
        self.host, self.port = HOST, free_port()
        self.delay_s = 0.0
        """Added to every chunk of data, in each direction."""
        self.connections_total = 0
        self.bytes_to_server = 0
        self.bytes_to_client = 0
        self.round_trips = 0
        """How often a client spoke after its server had (or spoke first)."""
        self.allowance: dict[Direction, int] = {}
        self.flowing: asyncio.Event
        self._links: set[Link] = set()
        self._deaf = False
        self._trigger: tuple[bytes, Action] | None = None
        self._triggered = threading.Event()
        self._listener: socket.socket | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    # What a test asks for.

    def forward(self) -> None:
        """Back to normal: the port is open, what was frozen flows, no limit or trigger is left."""
        self._call(self._forward())

    def refuse(self) -> None:
        """Close the port: new connections are refused; open ones go on."""
        self._call(self._close_port())

    def deaf(self) -> None:
        """Accept new connections and say nothing; open ones go on."""
        self._call(self._ignore_new())

    def freeze(self) -> None:
        """Forward nothing in either direction, on connections old and new, and close none."""
        self._call(self._freeze())

    def cut(self) -> int:
        """Reset every open connection now; return how many there were."""
        return self._call(self._cut())

    def cut_after(self, bytes_: int, direction: Direction = "to_client") -> None:
        """Reset each connection once so many more bytes have gone through it in a direction."""
        self._call(self._limit(bytes_, direction))

    def on_client_bytes(self, needle: bytes, action: Action) -> None:
        """Act once, on the connection whose client next sends bytes holding `needle` (in plain text, so no TLS).

        `cut` and `freeze` act before these bytes are sent on, `..._after_sending` once the server has them.
        Freezing stops all connections, cutting only that one.
        """
        self._triggered.clear()
        self._trigger = (needle, action)

    def wait_triggered(self, timeout_s: float = 20.0) -> None:
        """Wait until the action of `on_client_bytes` has been taken; AssertionError if it is not."""
        assert self._triggered.wait(timeout_s), f"the client did not send the bytes within {timeout_s} s"

    @property
    def connections_open(self) -> int:
        """Client connections open now, ignored ones included."""
        return len(self._links)

    # How it is done, on the proxy's own loop.

    async def _open(self) -> None:
        self.flowing = asyncio.Event()
        await self._forward()

    async def _forward(self) -> None:
        self._deaf, self._trigger, self.delay_s = False, None, 0.0
        self.allowance.clear()
        for link in self._links:
            link.allowance.clear()
        self.flowing.set()
        if self._listener is None:
            self._listener = socket.create_server((self.host, self.port), backlog=1024)
            self._listener.setblocking(False)
            self._loop.add_reader(self._listener, self._accept)

    async def _close_port(self) -> None:
        if self._listener is not None:
            self._accept()
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _ignore_new(self) -> None:
        self._accept()
        self._deaf = True

    async def _freeze(self) -> None:
        self.flowing.clear()

    async def _cut(self) -> int:
        self._accept()
        await asyncio.gather(*self._opening)
        links = list(self._links)
        for link in links:
            link.reset()
        return len(links)

    async def _limit(self, bytes_: int, direction: Direction) -> None:
        self.allowance[direction] = bytes_
        for link in self._links:
            link.allowance[direction] = bytes_

    def _accept(self) -> None:
        """Take all clients that the kernel has let in.

        Called before each change of mode as well: a client that was connected before it is treated as before it.
        """
        while self._listener is not None:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # none left
            self.connections_total += 1
            _keep(self._opening, self._open_link(connection, self._deaf))

    async def _open_link(self, connection: socket.socket, deaf: bool) -> None:
        link = Link(self, *await asyncio.open_connection(sock=connection))
        self._links.add(link)
        _keep(self._serving, self._serve(link, deaf))

    async def _serve(self, link: Link, deaf: bool) -> None:
        try:
            await (link.ignore() if deaf else link.run(self.target_host, self.target_port))
        finally:
            self._links.discard(link)
            link.reset()

    def take_trigger(self, link: Link, chunk: bytes) -> Action | None:
        """The action that this chunk of a client sets off, if any; each is set off once."""
        if self._trigger is None:
            return None
        needle, action = self._trigger
        if not link.client_said(chunk, needle):
            return None
        self._trigger = None
        return action

    def tell_triggered(self) -> None:
        """Wake the test that waits for the action."""
        self._triggered.set()

    def _call(self, coroutine: Coroutine[None, None, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CALL_TIMEOUT_S)

    def open(self) -> Self:
        """Start forwarding."""
        self._thread.start()
        self._call(self._open())
        return self

    def close(self) -> None:
        """Reset all connections and close the port."""
        if not self._thread.is_alive():
            return
        self._call(self._close_port())
        self._call(self._end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()

    async def _end_tasks(self) -> None:
        await self._cut()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.open()

    async def __aexit__(self, *exception: object) -> None:
        self.close()


def _keep(tasks: set[asyncio.Task[None]], coroutine: Coroutine[None, None, None]) -> None:
    """Run a coroutine as a task that is kept in a set until it ends."""
    task = asyncio.get_running_loop().create_task(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
