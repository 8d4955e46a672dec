"""The addresses of a host that is asked again and again. The system's look-up may take half a minute and cannot be
ended: here it has a thread of its own, one for a host, and never one of those that look up the database's."""

import asyncio
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address

from plimsoll.web.place import Place, is_public

KEPT_S = 30.0
"""What was found is looked up again after so long."""

MOST = 4
"""Addresses of a name that are tried."""

PUBLIC = "it is a public address, where http:// would show the token to anybody on the way; write https://"


class Finder:
    """Of one place; `with_token` says that a token is sent there."""

    def __init__(self, *, with_token: bool) -> None:
        self._with_token = with_token
        self._found: tuple[float, tuple[str, ...]] | None = None
        self._looking: asyncio.Future[tuple[str, ...]] | None = None

    async def __call__(self, place: Place) -> Sequence[str]:
        """The addresses.

        Raises:
            OSError: there is none.
            ValueError: they are none that a token may be sent to without TLS.
        """
        addresses = await self._addresses(place)
        if self._with_token and place.scheme == "http" and any(map(is_public, addresses)):
            raise ValueError(PUBLIC)
        return addresses

    def forget(self) -> None:
        """Look it up again: nobody answers there."""
        self._found = None

    async def _addresses(self, place: Place) -> tuple[str, ...]:
        with suppress(ValueError):
            return (str(ip_address(place.host)),)
        if self._found is not None and time.monotonic() - self._found[0] < KEPT_S:
            return self._found[1]
        loop = asyncio.get_running_loop()
        if self._looking is None or self._looking.done() or self._looking.get_loop() is not loop:
            self._looking = _look_up(place, loop)
        found = await asyncio.shield(self._looking)
        self._found = (time.monotonic(), found)
        return found


def _look_up(place: Place, loop: asyncio.AbstractEventLoop) -> asyncio.Future[tuple[str, ...]]:
    future: asyncio.Future[tuple[str, ...]] = loop.create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())  # read, though nobody waits any more

    def tell(found: tuple[str, ...] | Exception) -> None:
        if future.done():
            return
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            future.set_result(found)

    def look() -> None:
        found: tuple[str, ...] | Exception
        try:
            rows = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(str(row[4][0]) for row in rows))[:MOST]
        except (OSError, UnicodeError) as error:
            found = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, found)

    threading.Thread(target=look, name="plimsoll looks up a host", daemon=True).start()
    return future
