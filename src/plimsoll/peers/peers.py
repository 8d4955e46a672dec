"""All other hosts of OPS_PEERS: what they have told, what they say of one worker, and what they do for an operator.

No host knows of others by itself, and none is asked while nobody looks."""

import asyncio
import logging
import os
import socket
from http import HTTPStatus
from itertools import chain
from urllib.parse import urlencode

from plimsoll.errors import ActionError, PeerError
from plimsoll.peers.answers import read_series, read_words, words_of
from plimsoll.peers.peer import LIMIT_S, Peer
from plimsoll.settings import ServiceSettings
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.history import Series, Span
from plimsoll.snapshot.hosts import Unheard, with_hosts
from plimsoll.snapshot.processes import name_of, worker_name
from plimsoll.snapshot.source import ALL, HOST, Action, Elsewhere, Headers
from plimsoll.web.place import read_place

logger = logging.getLogger("plimsoll.peers")

HISTORY_PATH = "/ops/history"
HOLDERS_PATH = "/ops/holders"
SIGN_OUT_PATH = "/ops/logout"

FRESH_S = 0.5
"""What is no older is not asked for again: many may look, each once a second."""

HISTORY_LIMIT_S = 2.0
"""For the numbers of a worker, which may have to be asked for on that host."""

ACTION_LIMIT_S = 14.0
"""For an operator's action: just below the console's own limit, so that the words tell what was being done."""


SIGN_OUT_LIMIT_S = 2.0
"""For all hosts, which are asked at once: a browser waits for it."""


class Peers:
    """One per application, from `begin` to `end`; a `plimsoll.snapshot.source.Peers`."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._peers: tuple[Peer, ...] = ()

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

    async def others(self, max_age_s: float = FRESH_S) -> Elsewhere:
        """Their workers as they are now: all are asked at once, and waited for `LIMIT_S` or so. Of one that does not
        answer it is what it told before."""
        tasks = [task for peer in self._peers if (task := peer.ask(max_age_s)) is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=2 * LIMIT_S)
        told = [peer.told for peer in self._peers]
        return Elsewhere(
            tuple(snapshot for each in told for snapshot in each.snapshots),
            tuple(sorted({name for each in told for name in each.silent})),
        )

    def told(self, seen: Snapshot) -> Snapshot:
        """All workers as one, with what there is to say of hosts: which did not answer when they were asked last, and
        which use the database and are not asked. Asks nobody."""
        unheard = [Unheard(peer.url, peer.told.hosts, why) for peer in self._peers if (why := peer.error)]
        looked_at = [peer.told.hosts for peer in self._peers]
        return with_hosts(seen, unheard, chain.from_iterable(looked_at), all_known=all(looked_at))

    async def history(self, worker: str, span: Span) -> tuple[Series, ...]:
        """What was before: of the worker of this name (`host:pid`), or of all hosts (`ALL`) a series each; of those
        that answer."""
        if worker != ALL:
            peer = self._peer_of(worker)
            asked = [] if peer is None else [self._series(peer, span, worker)]
        else:
            # One that did not answer a moment ago will hardly do so now, and this host knows its own past.
            asked = [self._series(peer, span, HOST) for peer in self._peers if not peer.error and not peer.is_here]
        found = await asyncio.gather(*asked)
        return tuple(each for each in found if each is not None)

    async def act(self, action: Action, holder: str, who: str) -> str:
        """Have it done to the checkout `host:pid-number`. What came of it, in that host's words.

        Raises:
            ActionError: no host has it, or it was not done; says why.
        """
        peer = self._peer_of(holder.rpartition("-")[0])
        if peer is None:
            raise ActionError(
                "No host that is seen here has this checkout: it has ended meanwhile, or its host does not answer. "
                "Look again."
            )
        logger.info("%s asks %s to %s checkout %s", who, peer.url, action, holder)
        token = self._settings.ops_token
        given = None if token is None else token.get_secret_value()
        try:
            status, words = await _posted(
                peer, f"{HOLDERS_PATH}/{holder}/{action}", ACTION_LIMIT_S, token=given, who=who
            )
        except TimeoutError:
            raise ActionError(
                f"{peer.url} did not answer within {ACTION_LIMIT_S:g} s; it may be done there yet."
            ) from None
        except PeerError as error:
            raise ActionError(f"{peer.url} was asked to do it: {words_of(error)}.") from None
        if status != 200:
            raise ActionError(words)
        return words

    async def sign_out(self, headers: Headers) -> tuple[str, ...]:
        """Have each host do what a browser with these headers asks for that signs out; where each is that did not, and
        why. The headers prove whose session it is, so no token is sent."""
        asked = [self._sign_out(peer, headers) for peer in self._peers if not peer.is_here]
        return tuple(words for words in await asyncio.gather(*asked) if words)

    async def _sign_out(self, peer: Peer, headers: Headers) -> str:
        try:
            status, words = await _posted(peer, SIGN_OUT_PATH, SIGN_OUT_LIMIT_S, more=headers)
        except TimeoutError:
            return f"{peer.url} (no answer within {SIGN_OUT_LIMIT_S:g} s)"
        except PeerError as error:
            return f"{peer.url} ({words_of(error)})"
        return "" if status == HTTPStatus.OK else f"{peer.url} ({words.rstrip('.')})"

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

    async def _series(self, peer: Peer, span: Span, worker: str) -> Series | None:
        line = peer.line(HISTORY_LIMIT_S)
        try:
            async with asyncio.timeout(HISTORY_LIMIT_S):
                query = urlencode({"span": span, "worker": worker})
                return read_series(await line.get(f"{HISTORY_PATH}?{query}", self._token))
        except (TimeoutError, PeerError) as error:
            logger.info("what was before is missing from %s: %s", peer.url, words_of(error))
            return None
        finally:
            line.close()


async def _posted(
    peer: Peer, path: str, limit_s: float, *, token: str | None = None, who: str = "", more: Headers = ()
) -> tuple[int, str]:
    """Ask once for something to be done: the status of the answer, and what came of it in words.

    Raises:
        TimeoutError: there is no whole answer within `limit_s`; it may be done yet.
        PeerError: there is none, or none of Plimsoll's.
    """
    line = peer.line(2 * limit_s, who, more)  # the limit here is the one that tells
    try:
        async with asyncio.timeout(limit_s):
            answer = await line.post(path, token)
    finally:
        line.close()
    return read_words(answer)
