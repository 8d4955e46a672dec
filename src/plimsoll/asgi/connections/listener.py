"""Accepts connections in place of the event loop, so that one can be refused before anything is made for it."""

import asyncio
import errno
import logging
import mmap
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from plimsoll.asgi.connections.opened import ClientSocket
from plimsoll.asgi.messages import Refusal
from plimsoll.events import LimitedLog

ACCEPTS_A_TURN = 100
"""Connections accepted before the loop does other work: asyncio's own number, its default backlog."""

PAUSE_S = 1.0
"""Pause after an accept for which a resource was missing: asyncio's ACCEPT_RETRY_DELAY. The socket stays readable, so
without it the loop would do nothing else."""

SPARE_BYTES = 4 << 20
"""Address space, of which no page is touched, that is kept while there is enough, and given up when memory is lacking
for a connection: for what the handshakes that have begun still need, and the event loop itself, which a MemoryError
would end together with the process."""

MISSING_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

FULL = Refusal(
    503,
    "too-many-connections",
    "Service Unavailable",
    "The service has all the connections it can carry.",
    retry_after_s=1,
)


def _farewell() -> bytes:
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in FULL.start(close=True)["headers"])
    return b"HTTP/1.1 503 Service Unavailable\r\n" + lines + b"\r\n" + FULL.body


FAREWELL = _farewell()

UNREAD_BYTES = 65_536


class Listener:
    """One listening socket, of a descriptor of its own: the loop has the other, and knows nothing of this one."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        admit: Callable[[], bool],
        connect: Callable[[ClientSocket], None],
        log: LimitedLog,
    ) -> None:
        self._loop = loop
        self._socket = listening
        self._admit = admit
        self._connect = connect
        self._log = log
        self._resume: asyncio.TimerHandle | None = None
        self._spare: mmap.mmap | None = None
        self.says_farewell = False
        """Whether a client that is refused is told so: only where plain HTTP is known to be spoken."""

    def start(self, backlog: int) -> None:
        """Listen and accept."""
        self._take_spare()
        self._socket.setblocking(False)
        self._socket.listen(backlog)
        self._loop.add_reader(self._socket.fileno(), self._accept_some)

    def close(self) -> None:
        """Accept no more. Connections go on."""
        self._give_spare()
        if self._resume is not None:
            self._resume.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def lacks_memory(self) -> None:
        """There was none for a connection that was accepted. Those that were accepted with it, and the event loop, have
        what is kept, for as long as an accept would pause."""
        if self._spare is not None:
            self._give_spare()
            self._loop.call_later(PAUSE_S, self._take_spare_again)

    def _take_spare_again(self) -> None:
        if self._resume is None and self._socket.fileno() >= 0:
            self._take_spare()

    def _accept_some(self) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except MemoryError:
                self._pause("memory")
                return
            except OSError as error:
                if error.errno not in MISSING_RESOURCES:
                    raise  # to the loop, which logs it and goes on
                self._pause(error.strerror or str(error))
                return
            if not self._admit():
                self._refuse(accepted)
            elif not self._take(accepted):
                self._pause("memory")
                return

    def _take(self, accepted: socket.socket) -> bool:
        """Whether there was memory to begin with."""
        client: socket.socket = accepted
        try:
            accepted.setblocking(False)
            client = taken = ClientSocket.of(accepted)
            self._connect(taken)
        except MemoryError:
            client.close()
            return False
        return True

    def _refuse(self, accepted: socket.socket) -> None:
        if self.says_farewell:
            accepted.setblocking(False)
            try:
                accepted.send(FAREWELL)
                accepted.shutdown(socket.SHUT_WR)
                accepted.recv(UNREAD_BYTES)  # a close with data unread is a reset, which may overtake what was sent
            except OSError:
                pass
        accepted.close()

    def _take_spare(self) -> None:
        if self._spare is None:
            with suppress(OSError, MemoryError):
                self._spare = mmap.mmap(-1, SPARE_BYTES)

    def _give_spare(self) -> None:
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    def _pause(self, missing: str) -> None:
        self._give_spare()
        self._loop.remove_reader(self._socket.fileno())
        self._resume = self._loop.call_later(PAUSE_S, self._go_on)
        words = f"No connection can be accepted ({missing}). Clients wait; the next attempt is in {PAUSE_S:g} s."
        self._log.log(logging.ERROR, "accept", words)

    def _go_on(self) -> None:
        self._resume = None
        self._take_spare()
        self._loop.add_reader(self._socket.fileno(), self._accept_some)


class WatchedServer(asyncio.AbstractServer):
    """What `create_server` returns here: the loop's own server, which never serves, and listeners on its sockets."""

    def __init__(self, server: asyncio.Server, listeners: list[Listener], backlog: int) -> None:
        self._server = server
        self._listeners = listeners
        self._backlog = backlog
        self._serving = False
        self._forever: asyncio.Future[None] | None = None

    @property
    def sockets(self) -> tuple[Any, ...]:
        """The listening sockets, to be looked at."""
        return tuple(self._server.sockets)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The event loop."""
        return self._server.get_loop()

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self._serving

    async def start_serving(self) -> None:
        """Accept connections; a second call does nothing."""
        if not self._serving:
            self._serving = True
            for listener in self._listeners:
                listener.start(self._backlog)

    async def serve_forever(self) -> None:
        """Accept connections until this is cancelled or the server closed."""
        await self.start_serving()
        self._forever = asyncio.get_running_loop().create_future()
        try:
            await self._forever
        finally:
            self._forever = None
            self.close()

    def close(self) -> None:
        """Accept no more."""
        self._serving = False
        for listener in self._listeners:
            listener.close()
        self._server.close()
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()

    async def wait_closed(self) -> None:
        """Wait until the loop's server is closed."""
        await self._server.wait_closed()
