"""All other hosts of OPS_PEERS: what they have told, what they say of one worker, and what they do for an operator.

No host knows of others by itself, and none is asked while nobody looks."""

import asyncio
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from plimsoll.errors import ActionError
from plimsoll.peers.answers import PeerError, read_series, read_words, words_of
from plimsoll.peers.peer import LIMIT_S, Peer
from plimsoll.settings import ServiceSettings
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.history import Series, Span
from plimsoll.snapshot.hosts import Unheard
from plimsoll.snapshot.processes import worker_name
from plimsoll.snapshot.workers import name_of
from plimsoll.web.place import read_place

HISTORY_PATH = "/ops/history"
HOLDERS_PATH = "/ops/holders"

HISTORY_LIMIT_S = 2.0
"""For the numbers of a worker, which may have to be asked for on that host."""

ACTION_LIMIT_S = 14.0
"""For an operator's action: just below the console's own limit, so that the words tell what was being done."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of the other hosts. `silent` are workers that live and do not answer their host; `all_known` says
    that each host has told by now what it is called."""

    snapshots: tuple[Snapshot, ...] = ()
    silent: frozenset[str] = frozenset()
    unheard: tuple[Unheard, ...] = ()
    all_known: bool = True


class Peers:
    """One per application, from `begin` to `end`."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._peers: tuple[Peer, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._peers)

    def begin(self) -> None:
        """In lifespan start-up, in the process that serves."""
        me = worker_name(socket.gethostname(), os.getpid())
        token = self._token
        places = dict.fromkeys(map(read_place, self._settings.ops_peers))
        self._peers = tuple(Peer(place, token, me) for place in places)

    async def end(self) -> None:
        """At lifespan's end."""
        peers, self._peers = self._peers, ()
        for peer in peers:
            await peer.close()

    # --- what they tell ---

    async def ask(self, max_age_s: float = 0.5) -> Heard:
        """All of them, at once, within `LIMIT_S` or so."""
        tasks = [task for peer in self._peers if (task := peer.ask(max_age_s)) is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=2 * LIMIT_S)
        return self.heard()

    def heard(self) -> Heard:
        """What they told last; asks nobody."""
        told = [(peer, peer.told) for peer in self._peers]
        return Heard(
            tuple(snapshot for _peer, each in told for snapshot in each.snapshots),
            frozenset(name for _peer, each in told for name in each.silent),
            tuple(Unheard(peer.url, each.hosts, peer.error) for peer, each in told if peer.error),
            all(each.hosts for _peer, each in told),
        )

    def has(self, worker: str) -> bool:
        """Whether one of them has told of a worker of this name (`host:pid`)."""
        return self._peer_of(worker) is not None

    # --- what they are asked for ---

    async def history(self, worker: str, span: Span) -> Series:
        """What was, of this worker.

        Raises:
            PeerError: no host has it, or that host does not answer; says why.
        """
        peer = self._peer_of(worker)
        if peer is None:
            raise PeerError("no other host has this worker")
        return await self._series(peer, span, worker)

    async def histories(self, span: Span, here: Iterable[str] = ()) -> tuple[Series, ...]:
        """What was, of each host as one, as far as they answer. A host with one of the workers `here` is this one."""
        known = frozenset(here)
        peers = [peer for peer in self._peers if not peer.error and not known & set(map(name_of, peer.told.snapshots))]
        found = await asyncio.gather(*(self._series(peer, span) for peer in peers), return_exceptions=True)
        return tuple(each for each in found if isinstance(each, Series))

    async def act(self, holder: str, action: str) -> str:
        """`kill` or `return` for the checkout `host:pid-number`. What came of it, in that host's words.

        Raises:
            ActionError: no host has it, or it was not done; says why.
        """
        peer = self._peer_of(holder.rpartition("-")[0])
        if peer is None:
            raise ActionError("No other host has this checkout.")
        token = self._settings.ops_token
        line = peer.line(2 * ACTION_LIMIT_S)  # below is the limit that tells what may have been done
        try:
            async with asyncio.timeout(ACTION_LIMIT_S):
                answer = await line.post(
                    f"{HOLDERS_PATH}/{holder}/{action}", None if token is None else token.get_secret_value()
                )
            status, words = read_words(answer)
        except TimeoutError:
            raise ActionError(
                f"{peer.url} did not answer within {ACTION_LIMIT_S:g} s; it may be done there yet."
            ) from None
        except PeerError as error:
            raise ActionError(f"{peer.url} was asked to do it: {words_of(error)}.") from None
        finally:
            line.close()
        if status != 200:
            raise ActionError(words)
        return words

    # --- who it is ---

    @property
    def _token(self) -> str | None:
        """For seeing: the lesser one, where there is one."""
        token = self._settings.ops_read_token or self._settings.ops_token
        return None if token is None else token.get_secret_value()

    def _peer_of(self, worker: str) -> Peer | None:
        for peer in self._peers:
            told = peer.told
            if worker in told.silent or any(name_of(each) == worker for each in told.snapshots):
                return peer
        return None

    async def _series(self, peer: Peer, span: Span, worker: str | None = None) -> Series:
        query = urlencode({"span": span} | ({} if worker is None else {"worker": worker}))
        line = peer.line(HISTORY_LIMIT_S)
        try:
            async with asyncio.timeout(HISTORY_LIMIT_S):
                return read_series(await line.get(f"{HISTORY_PATH}?{query}", self._token))
        except TimeoutError:
            raise PeerError(f"{peer.url} did not answer within {HISTORY_LIMIT_S:g} s") from None
        finally:
            line.close()
