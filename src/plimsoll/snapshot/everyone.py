"""All workers, as the console and programs see them: this one, the others of its host, and those of other hosts."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextvars import Context
from typing import Any

from plimsoll.errors import ActionError, SnapshotError, UnknownWorkerError
from plimsoll.snapshot.as_one import as_one, one_of
from plimsoll.snapshot.causes.wording import bounded, listed, plain
from plimsoll.snapshot.codec import series_from_json, series_to_json
from plimsoll.snapshot.history import STEPS, Series, Span
from plimsoll.snapshot.hosts import with_hosts
from plimsoll.snapshot.model import Snapshot
from plimsoll.snapshot.post import Do, Patience
from plimsoll.snapshot.processes import name_of
from plimsoll.snapshot.series import series_as_one
from plimsoll.snapshot.source import ALL, HOST, SELF, Action, Elsewhere, Headers, Peers, Source
from plimsoll.snapshot.together import Together

logger = logging.getLogger("plimsoll.snapshot")

LOOK_WAIT_S = 1.5
"""The longest wait for the others, who have a second to answer; reading what they say takes milliseconds."""

HOST_WAIT_S = 0.6
"""The same where another host asks, which waits for a second in all. Who has not answered by then is missing there, and
silent when it is asked again."""

KNOWN_S = 5.0
"""What was known of the others is shown for so long after it was asked for, where it could not be asked for again."""

HISTORY_PATIENCE = Patience(1.0, 2.0)
ACTION_PATIENCE = Patience(3.0, 10.0)
"""An action may wait 2 s for the server's confirmation. Less than the 15 s of the console, so that the operator hears
what became of it; a worker that is busy and not stuck is worth some seconds."""

NAMES_SHOWN = 20


class NoPeers:
    """There are no other hosts."""

    async def others(self) -> Elsewhere:
        """None."""
        return Elsewhere()

    def told(self, seen: Snapshot) -> Snapshot:
        """Which hosts use the database, though none is to be asked."""
        return with_hosts(seen)

    async def history(self, worker: str, span: Span) -> tuple[Series, ...]:
        """None."""
        return ()

    async def act(self, action: Action, holder: str, who: str) -> str:
        """Nothing is there to be done."""
        raise ActionError(
            "There is no such checkout on this host: it has ended meanwhile, or is another host's. Look again."
        )

    async def sign_out(self, headers: Headers) -> tuple[str, ...]:
        """Nobody is."""
        return ()


class Everyone:
    """The one of an application; an `Overview`. Nothing is done and no task is there while nobody looks."""

    def __init__(self, own: Source, together: Together, peers: Peers | None = None) -> None:
        self._own = own
        self._together = together
        self.peers: Peers = peers or NoPeers()
        """The other hosts."""
        self.here: Everyone = self if peers is None else Everyone(own, together)
        """The same of this host alone: what another host asks, which may be one that this host would ask."""
        self._here: dict[str, Snapshot] = {}
        self._silent: set[str] = set()
        self._there = Elsewhere()
        self._here_s = self._there_s = 0.0
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._letting_go: asyncio.TimerHandle | None = None

    async def end(self) -> None:
        """At lifespan's end."""
        if self.here is not self:
            await self.here.end()
        tasks, self._looks = tuple(self._looks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._letting_go is not None:
            self._letting_go.cancel()

    # --- what there is to see ---

    def snapshot(self, worker: str = ALL) -> Snapshot:
        """As it is known; asks nobody.

        Raises:
            UnknownWorkerError: there is none of this name; says which there are.
        """
        own = self._own.snapshot()
        if worker in (SELF, name_of(own)):
            return own
        self._forget()
        silent = self._silent | (set(self._there.silent) - {name_of(own), *self._here})
        if worker == ALL:
            others = [each for name, each in self._known().items() if name != name_of(own)]
            return self.peers.told(as_one(own, others, silent))
        found = self._known().get(worker)
        if found is None:
            raise self._unknown(worker, (*self._known(), name_of(own)))
        return one_of(found, own, silent)

    async def look(self, worker: str = ALL) -> None:
        """See to it that the others are known as they are now.

        Raises:
            UnknownWorkerError: there is none of this name; says which there are.
        """
        if worker == SELF or (worker != ALL and worker == name_of(self._own.snapshot())):
            return
        tasks = {self._begun("here", self._look_here), self._begun("there", self._look_there)}
        await asyncio.wait(tasks, timeout=LOOK_WAIT_S)
        if worker != ALL and worker not in self._known():
            raise self._unknown(worker, (*self._known(), name_of(self._own.snapshot())))

    async def of_this_host(self) -> tuple[tuple[Snapshot, ...], tuple[str, ...]]:
        """This worker and the others of its host as they are now, and the names of those that live and do not answer:
        what another host asks for, so no other host is asked for it."""
        await asyncio.wait({self._begun("here", self._look_here)}, timeout=HOST_WAIT_S)
        self._forget()
        answered = (snapshot for name, snapshot in self._here.items() if name not in self._silent)
        return (self._own.snapshot(), *answered), tuple(sorted(self._silent))

    async def refresh(self, max_age_s: float = 5.0) -> None:
        """See to it that the server's side is no older than that."""
        await self._own.refresh(max_age_s)

    async def history(self, worker: str, span: Span) -> Series:
        """What was before: of `ALL`, of `HOST`, of `SELF`, or of the worker of this name.

        Raises:
            UnknownWorkerError: there is none of this name; says which there are.
        """
        own, series = name_of(self._own.snapshot()), self._own.history.series(span)
        if worker in (SELF, own):
            return series
        if worker in (ALL, HOST):
            others = await asyncio.gather(
                *(self._history_of(name, span) for name in self._together.names()),
                *([self.peers.history(ALL, span)] if worker == ALL else []),
            )
            return series_as_one([series, *(part for parts in others for part in parts)]) or series
        parts = await self._history_of(worker, span) or await self.peers.history(worker, span)
        if not parts:
            raise self._unknown(worker, (*self._known(), *self._together.names(), own))
        return parts[0]

    async def _history_of(self, name: str, span: Span) -> tuple[Series, ...]:
        """Of another worker of this host; nothing where it does not answer."""
        try:
            found = await self._together.ask_one(name, "history", {"span": span}, HISTORY_PATIENCE)
            return () if found is None else (series_from_json(found),)
        except (ActionError, SnapshotError) as error:
            logger.info("the history of %s is missing: %s", plain(name), error)
            return ()

    # --- what an operator may do ---

    async def kill(self, holder: str, who: str) -> str:
        """End the statement of a checkout, whichever worker has it.

        Raises:
            ActionError: there is no such checkout, its worker does not answer, or it cannot be done; says why.
        """
        return await self._act("kill", holder, who)

    async def give_back(self, holder: str, who: str) -> str:
        """Take a connection back, whichever worker has it. The same otherwise."""
        return await self._act("return", holder, who)

    async def sign_out(self, headers: Headers) -> tuple[str, ...]:
        """Have the other hosts end a browser's session; those of this host know by themselves."""
        return await self.peers.sign_out(headers)

    async def _act(self, action: Action, holder: str, who: str) -> str:
        own = self._own.snapshot().worker
        host, _, checkout = holder.rpartition(":")
        pid = checkout.partition("-")[0]
        worker = f"{host or own.host}:{pid}"
        if worker != f"{own.host}:{own.pid}":
            words = {"holder": checkout, "who": f"{plain(who)}, through worker {own.pid}"}
            found = await self._together.ask_one(worker, action, words, ACTION_PATIENCE)
            if found is not None:
                return plain(str(found.get("result", "")), 400)
            if host:  # also ours: two hosts may have one name
                return await self.peers.act(action, holder, who)
        return await _done(self._own, action, checkout, who)

    # --- the others ---

    def _known(self) -> Mapping[str, Snapshot]:
        return {**{name_of(each): each for each in self._there.snapshots}, **self._here}

    def _forget(self) -> None:
        now_s = time.monotonic()
        if now_s - self._here_s > KNOWN_S:
            self._here, self._silent = {}, set()
        if now_s - self._there_s > KNOWN_S:
            self._there = Elsewhere()

    def _begun(self, where: str, look: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """The look that is under way, or one that begins: however many want it, it is one."""
        task = self._looks.get(where)
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(look(), name="plimsoll looks at the other workers", context=Context())
            self._looks[where] = task
            task.add_done_callback(self._let_go_later)
        return task

    def _let_go_later(self, task: asyncio.Task[None]) -> None:
        """Of what is known, once nobody looks any more."""
        if self._letting_go is not None:
            self._letting_go.cancel()
        self._letting_go = task.get_loop().call_later(2 * KNOWN_S, self._forget, context=Context())

    async def _look_here(self) -> None:
        self._forget()
        try:
            found = await self._together.ask(tell=self._heard)
        except Exception:
            logger.exception("the other workers could not be asked")
            return
        if found is not None:
            self._here = {name_of(each): each for each in (*found.last, *found.snapshots)}
            self._silent = set(found.names)
            self._here_s = time.monotonic()

    def _heard(self, snapshot: Snapshot) -> None:
        """One has answered, and others may let us wait."""
        self._here[name_of(snapshot)] = snapshot
        self._silent.discard(name_of(snapshot))
        self._here_s = time.monotonic()

    async def _look_there(self) -> None:
        try:
            async with asyncio.timeout(LOOK_WAIT_S):
                self._there = await self.peers.others()
                self._there_s = time.monotonic()
        except Exception:
            logger.exception("the other hosts could not be asked")

    def _unknown(self, worker: str, names: Collection[str]) -> UnknownWorkerError:
        known = [plain(name) for name in sorted(set(names))]
        shown = known if len(known) <= NAMES_SHOWN else [*known[:NAMES_SHOWN], f"{len(known) - NAMES_SHOWN} more"]
        return UnknownWorkerError(
            bounded(f"There is no worker {plain(worker)}, or not any more. There are {listed(shown)}.")
        )


def errands(own: Source) -> Do:
    """What other workers of this host may ask of this one."""

    async def do(what: str, words: Mapping[str, str]) -> Mapping[str, Any]:
        for span in STEPS:
            if what == "history" and words.get("span") == span:
                return series_to_json(own.history.series(span))
        for action in ("kill", "return"):
            if what == action:
                holder, who = words.get("holder", ""), plain(words.get("who", ""), 200)
                return {"result": await _done(own, action, holder, who)}
        raise ActionError(f"The worker does not know what '{plain(what)}' is: is it of another release?")

    return do


async def _done(own: Source, action: Action, holder: str, who: str) -> str:
    return await (own.kill if action == "kill" else own.give_back)(holder, who)
