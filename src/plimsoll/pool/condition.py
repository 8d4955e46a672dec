"""Whether a connection may be given out, and what must be done to it before the next user gets it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.util.concurrency import in_greenlet

from plimsoll.pool import drivers
from plimsoll.pool.limits import Within
from plimsoll.pool.links import Link
from plimsoll.pool.numbers import Numbers
from plimsoll.pool.options import PoolOptions


@dataclass(frozen=True, slots=True)
class Condition:
    """Looks at the connections of one pool. `reset_wanted` is SQLAlchemy's `reset_on_return`."""

    dialect: Dialect
    options: PoolOptions
    numbers: Numbers
    clock: Callable[[], float]
    reset_wanted: Any

    def reason_to_replace(self, link: Link) -> str | None:
        """Why an idle connection cannot be used; None where it can. The server is asked only after idleness."""
        now = self.clock()
        if link.is_closed:
            return "closed by the server"
        if cast(Any, link.record)._is_hard_or_soft_invalidated():
            return "invalidated"
        if now - link.opened_s > link.age_limit_s:
            return "recycled"
        idle = now - link.idle_since_s > self.options.ping_after_idle_s
        if (idle or drivers.has_unread(link.driver, link.socket)) and not self._ping(link):
            return "ping failed"
        return None

    def reason_not_to_switch(self, link: Link, reading: bool) -> str | None:
        """Let it commit by itself, or not, as its next user needs; why it cannot be used where that fails."""
        if link.reading is reading:
            return None
        try:
            with Within(self.options.cleanup_timeout_s):
                link.set_reading(reading)
        except Exception:  # noqa: BLE001 - whatever it was, the connection is not used
            return "mode switch failed"
        return None

    def _ping(self, link: Link) -> bool:
        self.numbers.counts["pings"] += 1
        try:
            with Within(self.options.cleanup_timeout_s):
                return bool(self.dialect.do_ping(link.connection))
        except Exception:  # noqa: BLE001 - whatever it was, the connection is not used
            return False

    def reset(self, link: Link) -> str | None:
        """Leave nothing of its last user for the next one; why it must be closed instead, if it must.

        Raises:
            Exception: the roll-back failed, or was not answered within `cleanup_timeout_s`.
        """
        if link.ended:
            return "ended in its user's hands"
        if link.is_closed_here:
            return "closed by the server"
        if link.in_transaction:
            if not in_greenlet():
                return "returned where nothing can be sent"
            self.numbers.counts["resets"] += 1
            if self.reset_wanted == "commit":
                self.dialect.do_commit(cast(Any, link.connection))
            elif self.reset_wanted not in (None, False, "none"):
                self.dialect.do_rollback(cast(Any, link.connection))
        return "left state behind" if link.must_close else None
