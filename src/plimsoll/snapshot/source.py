"""Where views have their snapshots from, and what an operator may do there: one worker, all of them, other hosts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from plimsoll.snapshot.history import History, Series, Span
from plimsoll.snapshot.model import Snapshot

ALL = "all"
"""All workers, of this host and of others."""

HOST = "host"
"""All workers of this host."""

SELF = "self"
"""The worker that answers."""

Action = Literal["kill", "return"]
Headers = Sequence[tuple[bytes, bytes]]


class Source(Protocol):
    """One worker, as its views see it."""

    @property
    def history(self) -> History:
        """What was before."""

    def snapshot(self) -> Snapshot:
        """The worker now: at once, also while the pool is exhausted or the database is down; asks nobody."""

    async def refresh(self, max_age_s: float = 5.0) -> None:
        """See to it that the server's side of the next snapshot is no older than that, within two seconds. Where the
        server does not answer, the snapshot says so."""

    async def kill(self, holder: str, who: str) -> str:
        """End the statement of the checkout with this id, on the server; `who` is written into the events. What came of
        it, in words.

        Raises:
            ActionError: there is no such checkout any more, or it cannot be done; says why.
        """

    async def give_back(self, holder: str, who: str) -> str:
        """Take the connection of this checkout away and close it, so that its place is free. The same otherwise."""


class Overview(Protocol):
    """All workers, or the one of them that is named: `ALL`, `SELF`, or `host:pid`."""

    @property
    def here(self) -> "Overview":
        """The same of this host alone."""

    def snapshot(self, worker: str = ALL) -> Snapshot:
        """As it is known: at once, whatever state the others are in; asks nobody. `ALL` is this worker alone until the
        others were looked at.

        Raises:
            UnknownWorkerError: there is none of this name; says which there are.
        """

    async def look(self, worker: str = ALL) -> None:
        """See to it that the others are known as they are now. Takes a fifth of a second, and a second where one does
        not answer.

        Raises:
            UnknownWorkerError: there is none of this name; says which there are.
        """

    async def refresh(self, max_age_s: float = 5.0) -> None:
        """As of one worker: the server is the same for all."""

    async def kill(self, holder: str, who: str) -> str:
        """As of one worker; the id tells which, on whichever host."""

    async def give_back(self, holder: str, who: str) -> str:
        """The same."""

    async def sign_out(self, headers: Headers) -> tuple[str, ...]:
        """Have all other hosts do what a browser with these headers asks for that signs out. Says of each that did not
        where it is and why; within two seconds or so; raises nothing."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Workers of other hosts. `silent` names those that live and do not answer."""

    snapshots: tuple[Snapshot, ...] = ()
    silent: tuple[str, ...] = ()


class Peers(Protocol):
    """The other hosts."""

    async def others(self) -> Elsewhere:
        """Their workers as they are now, within a second; raises nothing."""

    def told(self, seen: Snapshot) -> Snapshot:
        """All workers as one, with what there is to say of hosts, such as which did not answer."""

    async def history(self, worker: str, span: Span) -> tuple[Series, ...]:
        """What was before: of all of them (`ALL`), as many series as there are, or of the one of this name; nothing
        where there is none. Within a second; raises nothing."""

    async def act(self, action: Action, holder: str, who: str) -> str:
        """Have it done to a checkout of another host. What came of it, in words.

        Raises:
            ActionError: no such host is known, it does not answer, or it cannot be done there; says why.
        """

    async def sign_out(self, headers: Headers) -> tuple[str, ...]:
        """As of an `Overview`."""
