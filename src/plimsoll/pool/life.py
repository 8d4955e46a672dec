"""How a pool is filled, changed and ended while it runs."""

import asyncio
import logging
import math
from abc import abstractmethod

from sqlalchemy.util import await_only, greenlet_spawn
from sqlalchemy.util.concurrency import in_greenlet

from plimsoll.errors import ActionError
from plimsoll.pool.closing import Closing
from plimsoll.pool.figures import Figures
from plimsoll.pool.holders import Holders
from plimsoll.pool.keeping import Keeping
from plimsoll.pool.links import Link
from plimsoll.pool.options import PoolOptions

logger = logging.getLogger("plimsoll.pool")


class Life(Figures):
    """The part of `PlimsollPool` that works on the pool as a whole."""

    options: PoolOptions
    holders: Holders
    closing: Closing
    keeping: Keeping
    short_until_s: float = -math.inf
    _loop: asyncio.AbstractEventLoop | None

    @abstractmethod
    def open(self, ends_s: float = math.inf) -> Link:
        """Open a connection in a place that is taken already, before `ends_s` on the clock."""

    @abstractmethod
    def be_in_this_loop(self) -> None:
        """Belong to the running event loop from now on."""

    def is_elsewhere(self) -> bool:
        """Whether this is another thread, or no event loop's: where the garbage collector may run."""
        if self._loop is None:
            return False
        try:
            return asyncio.get_running_loop() is not self._loop
        except RuntimeError:
            return True

    async def warm_up(self, count: int) -> None:
        """Open connections until there are `count`, at most `connects_at_once` at a time.

        Raises:
            ExceptionGroup: of SQLAlchemy's errors, where the server could not be reached.
        """
        self.be_in_this_loop()
        missing = min(count, self.places.limit) - self.places.taken - self.places.idle
        async with asyncio.TaskGroup() as group:
            for _ in range(missing):
                if self.places.take_to_open():
                    group.create_task(greenlet_spawn(self.open_idle))

    def open_idle(self) -> None:
        """Open a connection in a place that was taken for it, and leave it idle."""
        try:
            link = self.open()
        except BaseException:
            self.places.free()
            raise
        if self.places.surplus:  # meanwhile the pool was closed, or made smaller
            self.closing.retire(link, "surplus")
            return
        self.places.give_back(link)

    def resize(self, pool_size: int, max_overflow: int) -> None:
        """Change the limits while running: those in line move up, what is too much is closed when it comes back."""
        self.size_limit, self.overflow_limit = pool_size, max_overflow
        self.places.resize(pool_size + max_overflow)

    def kill(self, number: int, words: str) -> asyncio.Event:
        """End the statement of the checkout with this number on the server, and its connection with it. Its user gets a
        `ConnectionEndedError` with these words. The event is set once the server has ended it.

        Raises:
            ActionError: there is no such checkout, or it runs no statement.
        """
        link = self._held(number)
        if not link.querying:
            raise ActionError("It runs no statement at this moment. Give its connection back to end its transaction.")
        gone = asyncio.Event()
        self.closing.kill(link, words, gone.set)
        return gone

    def take_back(self, number: int, words: str) -> asyncio.Event:
        """Close the connection of the checkout with this number, whose place is then free. Its user gets a
        `ConnectionEndedError` with these words when it uses it again. The event is set once the place is free.

        Raises:
            ActionError: there is no such checkout.
        """
        link = self._held(number)
        checkout = self.holders.end(link.record)
        if checkout is not None:
            self.numbers.returned(self.clock() - checkout.since_s, checkout.account)
        gone = asyncio.Event()
        self.closing.take_back(link, words, gone.set)
        return gone

    def _held(self, number: int) -> Link:
        link = self.links.held(number)
        if link is None or link.taken_back:
            raise ActionError("There is no such checkout any more: its connection was given back or closed.")
        return link

    def memory_is_short(self, for_s: float) -> None:
        """For so many seconds connections that idle are closed soon, down to the least number that is kept."""
        self.short_until_s = self.clock() + for_s

    async def drain(self, timeout_s: float) -> bool:
        """Give nothing out any more and wait until all has come back; False where that took longer."""
        await greenlet_spawn(self._stop)
        return await self._all_back(timeout_s)

    def dispose(self) -> None:
        """Close what is idle, give nothing out any more, and wait for what other tasks have in use, for at most
        `dispose_timeout_s`; what comes back later is closed then."""
        self._stop()
        waits = in_greenlet() and not self.is_elsewhere() and self.holders.others_than(asyncio.current_task())
        if waits and not await_only(self._all_back(self.options.dispose_timeout_s)):
            held = "\n".join(f"  {holder}" for holder in self.who())
            logger.warning("disposed of the pool while connections are in use:\n%s", held)
        self.logger.info("Pool disposed. %s", self.status())

    def _stop(self) -> None:
        self.keeping.stop()
        if self.is_elsewhere():
            self.links.clear()
            return
        idle = self.places.close()
        try:
            while idle:
                self.closing.retire(idle.pop(), "disposed")
        except BaseException as error:  # whoever disposes was cancelled: the rest is not left open
            for link in idle:
                self.closing.drop(link, error, "disposed")
                self.places.free()
            raise

    async def _all_back(self, timeout_s: float) -> bool:
        ends = self.clock() + timeout_s
        while self.places.taken and self.clock() < ends:  # noqa: ASYNC110 - the last returns, from anywhere
            await asyncio.sleep(0.01)
        return self.places.taken == 0
