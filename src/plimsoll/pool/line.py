"""Takes a place for whoever asks: at once, or in line until a deadline, or not at all where there is no hope."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.util import await_only

from plimsoll.errors import PoolClosedError, PoolTimeoutError
from plimsoll.pool.context import deadline_s
from plimsoll.pool.holders import Holder, who_asks
from plimsoll.pool.killing import Killing
from plimsoll.pool.links import Link
from plimsoll.pool.numbers import Numbers, PoolSnapshot
from plimsoll.pool.opening import Opening
from plimsoll.pool.places import ClosedError, LineFullError, Open, Places
from plimsoll.pool.words import full_line_words, hopeless_words, timeout_words

Describe = Callable[[], tuple[PoolSnapshot, Sequence[Holder]]]
Suits = Callable[[Link], bool] | None


@dataclass(slots=True)
class Line:
    """The way to a pool's places. `describe` gives what an error tells of the pool."""

    places: Places[Link]
    opening: Opening
    killing: Killing
    numbers: Numbers
    timeout_s: float
    describe: Describe

    def ends_s(self, began_s: float) -> float:
        """When whoever began to ask then must have a connection: the pool's timeout, or the request's own deadline."""
        deadline = deadline_s()
        ends_s = began_s + self.timeout_s
        return ends_s if deadline is None else min(ends_s, deadline)

    def connect_ends_s(self, began_s: float) -> float:
        """The same for a connect. A pool timeout of 0 means not to stand in line, and leaves the time for a connect."""
        return self.ends_s(began_s if self.timeout_s > 0 else math.inf)

    def take(self, began_s: float, suits: Suits) -> Link | Open:
        """A place, and what is in it. Runs in SQLAlchemy's greenlet.

        Raises:
            PoolTimeoutError: none in time, or none to be expected in time, or too many wait.
            PoolClosedError: the pool is disposed of.
            DatabaseDownError: the server is down, and every place waits for its word.
        """
        try:
            got = self.places.take_now(suits)
        except ClosedError:
            raise PoolClosedError(
                f"{who_asks()} asked a pool that was disposed of for a connection. Ask the engine's present pool: "
                "engine.dispose() puts a new one in its place."
            ) from None
        return got if got is not None else await_only(self._wait(began_s, suits))

    async def _wait(self, began_s: float, suits: Suits) -> Link | Open:
        who = who_asks()
        deadline_s = self.ends_s(began_s)
        self._refuse_hopeless(who, deadline_s)
        try:
            return await self.places.take(deadline_s, suits=suits)
        except LineFullError:
            self.numbers.failed("refused")
            raise PoolTimeoutError(full_line_words(who, self.places.max_waiting, *self.describe())) from None
        except TimeoutError:
            raise self.out_of_time(began_s) from self.opening.last_failure
        except ClosedError:
            raise PoolClosedError(f"{who} waited for a connection when the pool was disposed of.") from None
        except asyncio.CancelledError:
            self.numbers.failed("cancelled")
            raise

    def out_of_time(self, began_s: float) -> PoolTimeoutError:
        """For whoever began to ask then, and has no time left."""
        self.numbers.failed("timeout")
        waited_s = self.places.clock() - began_s
        return PoolTimeoutError(timeout_words(who_asks(), waited_s, *self.describe(), self.opening.last_failure))

    def _refuse_hopeless(self, who: str, deadline_s: float) -> None:
        """Refuse at once whoever cannot be served in time: a line of n moves on every (mean use / limit) seconds
        (Little's law). Before there were as many uses as places, the mean says nothing."""
        if self.opening.is_down and self.places.taken <= self.killing.pending:
            raise self.opening.refuse() from self.opening.last_failure
        use = self.numbers.use
        if use.count < self.places.limit:
            return
        expected_s = (self.places.waiting + 1) * use.recent_mean_s / self.places.limit
        left_s = deadline_s - self.places.clock()
        if expected_s > left_s:
            self.numbers.failed("refused")
            raise PoolTimeoutError(hopeless_words(who, left_s, expected_s, *self.describe()))
