"""One other host: asked for its workers by one question at a time, whoever wants to know; what it told last is kept."""

import asyncio
import ssl
import time
from contextvars import Context
from functools import cache

from plimsoll.errors import PeerError
from plimsoll.peers.answers import Told, read_workers, words_of
from plimsoll.peers.finding import Finder
from plimsoll.snapshot.causes.wording import plain
from plimsoll.snapshot.processes import name_of
from plimsoll.snapshot.source import Headers
from plimsoll.web import PEER_HEADER
from plimsoll.web.line import Answer, Line
from plimsoll.web.place import Place

WORKERS_PATH = "/ops/workers"

LIMIT_S = 1.0
"""For connecting, asking and the whole answer. A host asks its workers for `WORKERS_PATIENCE_S` of it."""

FAILED_EVERY_S = 5.0
"""So seldom a host that did not answer is asked again."""

REFUSED_EVERY_S = 60.0
"""So seldom a token that was not accepted is tried again: five wrong ones within a minute lock this host out."""

OLD_S = 2 * REFUSED_EVERY_S
"""That it did not answer says nothing of now after so long: nobody has looked meanwhile."""

KEPT_S = 15.0
"""So long after the last question the connection is closed."""

FORGOTTEN_S = 600.0
"""What a host told is shown for so long after it has told it last; it counts for no more than 30 s."""

LONGEST_WHO = 100


class Peer:
    """One of OPS_PEERS, in one event loop. `me` names this worker, `token` is for seeing."""

    def __init__(self, place: Place, token: str | None, me: str) -> None:
        self.place = place
        self._error = ""
        self._token = token
        self._me = me
        self._find = Finder(with_token=token is not None)
        self._line: Line | None = None
        self._told: tuple[float, Told] | None = None
        self._next_s = self._asked_s = float("-inf")
        self._work: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return self.place.url

    @property
    def error(self) -> str:
        """Why it did not answer when it was asked last, in words; empty where it did, or where that is long ago."""
        return self._error if time.monotonic() - self._asked_s < OLD_S else ""

    @property
    def told(self) -> Told:
        """What it told last, however old; nothing once that is long ago."""
        if self._told is None or time.monotonic() - self._told[0] > FORGOTTEN_S:
            return Told(())
        return self._told[1]

    @property
    def is_here(self) -> bool:
        """Whether it is this host itself, which need not be asked: all hosts may have the same list."""
        return any(name_of(each) == self._me for each in self.told.snapshots)

    def line(self, limit_s: float, who: str = "", more: Headers = ()) -> Line:
        """A connection to it, for whoever asks for something else; `who` is the operator that wants it done, `more` are
        headers of the request."""
        asks = f"{self._me}; {plain(who, LONGEST_WHO)}" if who else self._me
        headers = ((b"user-agent", b"plimsoll"), (PEER_HEADER.encode(), asks.encode("ascii", "replace")), *more)
        return Line(self.place, limit_s, _tls() if self.place.scheme == "https" else None, self._find, headers)

    def ask(self, max_age_s: float) -> asyncio.Task[None] | None:
        """The task that asks; None where what is known is no older than that, or it is too early to ask again. It
        raises nothing."""
        work, now_s = self._work, time.monotonic()
        if work is not None and not work.done() and work.get_loop() is asyncio.get_running_loop():
            return work
        if now_s < self._next_s or now_s - self._asked_s < max_age_s or self.is_here:
            return None
        # In nobody's context, and nobody's who goes away meanwhile.
        self._work = asyncio.get_running_loop().create_task(self._ask(), name="plimsoll asks a host", context=Context())
        return self._work

    async def close(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
        work, self._work = self._work, None
        if work is not None and not work.done():
            work.cancel()
            await asyncio.wait({work})
        self._hang_up()

    async def _ask(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        again_s = 0.0
        answer = await self._answer()
        try:
            told = await read_workers(answer)
        except PeerError as error:
            self._error = words_of(error)
            again_s = REFUSED_EVERY_S if answer.status in (401, 404, 429) else FAILED_EVERY_S
            if answer.status is None:
                self._find.forget()
        else:
            self._error = ""
            ours = tuple(each for each in told.snapshots if name_of(each) == self._me)
            # Of this host all else is known here, and as it is now.
            self._told = (time.monotonic(), Told(ours) if ours else told)
        self._asked_s = time.monotonic()
        self._next_s = self._asked_s + again_s
        self._timer = asyncio.get_running_loop().call_later(KEPT_S, self._rest, context=Context())

    async def _answer(self) -> Answer:
        if self._line is None:
            self._line = self.line(LIMIT_S)
        try:
            async with asyncio.timeout(LIMIT_S):
                return await self._line.get(WORKERS_PATH, self._token)
        except TimeoutError:
            self._hang_up()
            return Answer(error=f"no whole answer within {LIMIT_S:g} s")

    def _rest(self) -> None:
        """Nobody looks any more, or it refuses us."""
        self._hang_up()
        self._timer = asyncio.get_running_loop().call_later(FORGOTTEN_S, self._forget, context=Context())

    def _forget(self) -> None:
        self._told = None

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()


@cache
def _tls() -> ssl.SSLContext:
    # Whom the system trusts: a few megabytes, so once for all hosts, and not before one is asked.
    return ssl.create_default_context()
