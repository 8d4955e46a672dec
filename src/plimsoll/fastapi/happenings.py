"""What becomes an event: what the pool and the logs report as it happens, and what counters show to have gone up."""

import re
from collections.abc import Mapping

from plimsoll.asgi.pools import PoolOfEngine
from plimsoll.events import Counters, LimitedLog
from plimsoll.pool.closing import DEAD
from plimsoll.snapshot.eventlog import EventLog

_KINDS = {
    "memory-error": "memory-error",
    "memory-short": "refused",
    "connections": "refused",
    "ended": "ended",
    "cleanup": "clean-up",
    "lost": "lost-write",
    "sign-out": "sign-out",
}
"""Events by the first word of a log's kind; others are counted, and no events."""

_AGE = re.compile(r"\d+\.\d s")
_ANSWERED = "answered_"
_REFUSALS = {
    "database-busy": "The database had no connection free for them in time, or the line was too long.",
    "database-unavailable": "The database did not answer.",
    "not-ready": "The service was not ready.",
    "stopping": "The worker was being stopped.",
    "request-timeout": "Their time was up.",
}
"""Why requests were refused, by the code of the answer; others are the client's own fault, or in the log with more."""

_POOL = {
    "timeouts": ("refused", "Requests waited for a database connection and got none in time."),
    "refused": ("refused", "Requests were refused a database connection at once: the line was too long."),
    "connect_failures": ("connect-failed", "The database could not be connected to"),
}
"""Counters of the pool, and what it means when they go up."""


class Happenings:
    """Of one worker."""

    def __init__(self, events: EventLog, pool: PoolOfEngine, counters: Counters) -> None:
        self._events = events
        self._pool = pool
        self._counters = counters
        self.counters: Mapping[str, int] = counters.snapshot()
        """As they were at the last look."""
        self._pool_before = self._of_pool()
        self._failed = ""
        """Why a connect failed last; the pool forgets it once one succeeds."""

    def listen(self, *logs: LimitedLog) -> None:
        """Hear of what these logs and the pool report."""
        self._pool.pool.numbers.listeners.append(self._reported)
        for log in logs:
            log.listener = self._logged

    def look(self) -> None:
        """Compare the counters with those of the last look."""
        before, self.counters = self.counters, self._counters.snapshot()
        if self.counters != before:
            for name, count in self.counters.items():
                code, more = name.removeprefix(_ANSWERED), count - before.get(name, 0)
                if more > 0 and name.startswith(_ANSWERED) and code in _REFUSALS:
                    self._events.add("refused", f"Requests were answered {code}. {_REFUSALS[code]}", count=more)
        self._look_at_pool()

    def _look_at_pool(self) -> None:
        before, now = self._pool_before, self._of_pool()
        if now == before:
            return
        self._pool_before = now
        for name, (kind, words) in _POOL.items():
            more = now[name] - before[name]
            if more > 0:
                failure = self._failure() if kind == "connect-failed" else ""
                text = f"{words}: {failure}" if failure else words
                self._events.add(kind, text, same=words, count=more)
        lost = now["dead"] - before["dead"]
        if lost > 0:
            words = "Connections were lost: closed by the server, or given up after an error."
            self._events.add("lost-connection", words, count=lost)

    def _failure(self) -> str:
        failure = self._pool.pool.opening.last_failure
        self._failed = self._failed if failure is None else str(failure)
        return self._failed

    def _of_pool(self) -> dict[str, int]:
        numbers = self._pool.pool.numbers
        counts = numbers.counts
        return {
            "timeouts": counts["timeout"],
            "refused": counts["refused"],
            "connect_failures": counts["connect"],
            "dead": sum(numbers.closed[reason] for reason in DEAD),
        }

    def _logged(self, kind: str, message: str) -> None:
        event = _KINDS.get(kind.partition(":")[0])
        if event is not None:
            self._events.add(event, message, same=kind)

    def _reported(self, kind: str, words: str) -> None:
        # Its first sentence names the route; the place follows it, one line a frame. Ages differ, and nothing else.
        self._events.add(kind, words, same=_AGE.sub("", words))
