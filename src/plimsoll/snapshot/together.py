"""Whether and where this worker shows itself beside the others of its host, for as long as it serves."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from plimsoll.errors import SharingError
from plimsoll.settings.service import ALONE
from plimsoll.snapshot.model import Snapshot
from plimsoll.snapshot.shared import Others, Shared, directory_of_siblings

logger = logging.getLogger("plimsoll.snapshot")


class Together:
    """One per application. `setting` is OPS_SHARED_DIR, `take` gives this worker's snapshot."""

    def __init__(self, setting: str, take: Callable[[], Snapshot]) -> None:
        self._setting = setting
        self._take = take
        self._shared: Shared | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """In lifespan start-up: not before, since a server may fork after the application was made."""
        directory = _directory(self._setting)
        if directory is None:
            return
        shared = Shared(directory)
        try:
            shared.begin()
        except SharingError as error:
            logger.warning("%s", error)
            return
        self._shared = shared
        self._task = asyncio.create_task(shared.serve(self._take), name="plimsoll shows this worker to others")

    async def end(self) -> None:
        """At lifespan's end."""
        task, self._task = self._task, None
        shared, self._shared = self._shared, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if shared is not None:
            shared.end()

    async def ask(self) -> Others | None:
        """The other workers as they are now, within a second or so; None where this one is alone by design."""
        return None if self._shared is None else await self._shared.ask()

    def others(self) -> tuple[Snapshot, ...]:
        """Their last snapshots, however old; asks nobody."""
        return () if self._shared is None else self._shared.others()


def _directory(setting: str) -> Path | None:
    if setting == ALONE:
        return None
    return Path(setting) if setting else directory_of_siblings()
