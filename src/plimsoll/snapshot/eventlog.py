"""What happened lately: a bounded list of sentences, in which the same thing is counted up rather than said again."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from plimsoll.snapshot.model import EventView
from plimsoll.snapshot.shown import cut

MOST = 500
"""Events that are kept: with at most `TEXT_LIMIT` characters each, under half a megabyte whatever happens."""

TEXT_LIMIT = 500
TOGETHER_S = 60.0
"""The same within so long is one event with a count."""

LOOKED_BACK = 50
"""How many of the newest events are compared with a new one: a storm is of a few kinds."""


class EventLog:
    """Of one worker; may be told from several threads. `clock` is that of the day."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._events: deque[tuple[str, EventView]] = deque(maxlen=MOST)
        self._newest: tuple[EventView, ...] | None = ()

    def add(self, kind: str, text: str, *, same: str = "", count: int = 1) -> None:
        """Something happened, `count` times. Events of one kind are the same where `same` is, or else the text."""
        words = cut(" ".join(text.split()), TEXT_LIMIT)
        key = f"{kind}:{same or words}"
        now_s = self._clock()
        with self._lock:
            self._newest = None
            for place in range(len(self._events) - 1, max(-1, len(self._events) - 1 - LOOKED_BACK), -1):
                known, event = self._events[place]
                if known == key and abs(now_s - event.at_s) < TOGETHER_S:
                    self._events[place] = (key, replace(event, text=words, count=event.count + count))
                    return
            self._events.append((key, EventView(now_s, kind, words, count)))

    def newest(self) -> tuple[EventView, ...]:
        """All that are kept, the newest first."""
        with self._lock:
            if self._newest is None:
                self._newest = tuple(event for _, event in reversed(self._events))
            return self._newest
