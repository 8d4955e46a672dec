"""Whether and where this worker shows itself beside the others of its host, for as long as it serves."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from plimsoll.errors import SharingError
from plimsoll.settings.service import ALONE
from plimsoll.snapshot.directory import directory_of_siblings
from plimsoll.snapshot.model import Snapshot
from plimsoll.snapshot.post import Answering, Do, Patience, asked
from plimsoll.snapshot.shared import Others, Shared

logger = logging.getLogger("plimsoll.snapshot")


class Together:
    """One per application. `setting` is OPS_SHARED_DIR, `take` gives this worker's snapshot, `do` does what another
    worker asks of this one, `service` tells those of one service from those of others."""

    def __init__(self, setting: str, take: Callable[[], Snapshot], do: Do | None = None, service: str = "") -> None:
        self._setting = setting
        self._service = service
        self._take = take
        self._answering = None if do is None else Answering(do)
        self._shared: Shared | None = None
        self.directory: Path | None = None
        """What the workers of this host share; None where this one is alone."""
        self.problem = ""
        """Why it is alone though it should not be."""
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """In lifespan start-up: not before, since a server may fork after the application was made."""
        directory = _directory(self._setting, self._service)
        if directory is None:
            return
        shared = Shared(directory)
        try:
            shared.begin()
        except SharingError as error:
            self.problem = str(error)
            logger.warning("%s", error)
            return
        self.problem = ""
        self._shared, self.directory = shared, directory
        self._task = asyncio.create_task(self._serve(shared), name="plimsoll shows this worker to others")

    async def _serve(self, shared: Shared) -> None:
        answering = self._answering
        if answering is None:
            await shared.serve(self._take)
        else:
            await shared.serve(self._take, lambda question: answering.begin(shared.letters, question))

    async def end(self) -> None:
        """At lifespan's end."""
        task, self._task = self._task, None
        shared, self._shared, self.directory = self._shared, None, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._answering is not None:
            await self._answering.end()
        if shared is not None:
            shared.end()

    async def ask(self, tell: Callable[[Snapshot], object] = lambda _: None) -> Others | None:
        """The other workers as they are now, within a second or so, each told as it comes; None where this one is alone
        by design."""
        return None if self._shared is None else await self._shared.ask(tell=tell)

    async def ask_one(
        self, worker: str, what: str, words: Mapping[str, str], patience: Patience
    ) -> Mapping[str, Any] | None:
        """What the worker of this name (`host:pid`) answers; None where no other of this host has it.

        Raises:
            SilentError: it does not answer; says whether it may be done yet.
            ActionError: it cannot be done, as that worker says.
        """
        shared = self._shared
        places = [] if shared is None else shared.places(worker)
        if shared is None or not places:
            return None
        return await asked(shared.letters, places[0], what, words, patience)

    def names(self) -> tuple[str, ...]:
        """Of the other workers of this host that live."""
        return () if self._shared is None else self._shared.names()

    def end_session(self, digest: str) -> None:
        """Have all workers know that this browser's session is over."""
        if self._shared is not None:
            try:
                self._shared.ended.add(digest)
            except OSError as error:
                logger.warning("the other workers do not know that a session has ended: %s", error)

    def has_ended(self, digest: str) -> bool:
        """Whether a worker has said so."""
        return self._shared is not None and digest in self._shared.ended


def _directory(setting: str, service: str) -> Path | None:
    if setting == ALONE:
        return None
    return Path(setting) if setting else directory_of_siblings(service)
