"""What is known of a service: its snapshot once a second, and in words why there is none or no new one."""

import json
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Literal
from urllib.parse import quote

from plimsoll.errors import SnapshotError
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.codec import from_json
from plimsoll.snapshot.history import SERIES, numbers_of
from plimsoll.snapshot.moment import Moment
from plimsoll.snapshot.source import ALL
from plimsoll.web.line import Answer, Line
from plimsoll.web.place import Place

PATH = "/ops/snapshot"
HISTORY_PATH = "/ops/history?span=10m"

State = Literal["connecting", "live", "stale", "refused", "down"]

EVERY_S = 1.0
LIMIT_S = 3.0
"""For an answer, which asks nobody and is let in before all others."""

DOWN_AFTER_S = 10.0
"""A picture that is older is none of now: until then a service may be starting anew."""

REFUSED_EVERY_S = 20.0
"""So seldom a token that is not accepted is tried again: five wrong ones within a minute lock this address out."""

HISTORY_KEPT = 600

UNKNOWN = "unknown-worker"
"""The code of the problem that a service answers for a worker that it has not."""

TO_BE_LET_IN = "Set OPS_TOKEN or OPS_READ_TOKEN, the same for the service and for this command."


@dataclass(frozen=True, slots=True)
class Sight:
    """The service as it is known. `words` say why `state` is not `live`; `age_s` is the time since `snapshot` came;
    `before` is the one a second earlier, of the same worker."""

    state: State
    words: str = ""
    snapshot: Snapshot | None = None
    before: Snapshot | None = None
    age_s: float = 0.0


class Feed:
    """Asks on one connection, so that it is one worker that answers, and goes on asking whatever happens."""

    def __init__(
        self, place: Place, token: str | None, *, worker: str = ALL, clock: Callable[[], float] = monotonic
    ) -> None:
        self.place = place
        self.worker = worker
        """Which one is asked for: `host:pid`, or all as one."""
        self.is_gone = False
        """Whether there is no such worker, or not any more; the words of `sight` say which there are."""
        self._token = token
        self._clock = clock
        self._line = Line(place, LIMIT_S, ssl.create_default_context() if place.scheme == "https" else None)
        self._came_s = 0.0
        self._sight = Sight("connecting", f"asking {place.url} for the first time")
        self.past: dict[str, deque[float]] = {name: deque(maxlen=HISTORY_KEPT) for name in SERIES}
        """The numbers of the history, a second each, the newest last; nan where nothing was known."""
        self.wait_s = EVERY_S
        """How long to wait until the next look."""

    @property
    def sight(self) -> Sight:
        """What is known now; a picture grows old without another look."""
        if self._sight.snapshot is None:
            return self._sight
        return replace(self._sight, age_s=self._clock() - self._came_s)

    async def look(self) -> Sight:
        """Ask once. Raises nothing but cancellation."""
        self.wait_s = EVERY_S
        if self._token is not None and not self.place.is_private:
            words = f"OPS_TOKEN is not sent to {self.place.host} without TLS: give an https:// address"
            return self._without("refused", words, REFUSED_EVERY_S)
        worker = self.worker
        answer = await self._line.get(f"{PATH}?worker={quote(worker, safe=':')}", self._token)
        if worker != self.worker:
            return self.sight  # another one was chosen meanwhile
        if answer.error or (answer.status or 0) >= 500:
            return self._missing(answer.error or f"it answers {answer.status}")
        if answer.status != 200:
            return self._refused(answer)
        try:
            snapshot = _snapshot(answer)
        except (ValueError, RecursionError, SnapshotError) as error:
            words = error.args[0] if isinstance(error, SnapshotError) else "it is no JSON"
            return self._without("refused", f"{PATH} answers with something else: {words}", REFUSED_EVERY_S)
        await self._take(snapshot)
        return self.sight

    def choose(self, worker: str) -> None:
        """Ask for another from now on. What was seen of the one before is forgotten."""
        self.worker, self.is_gone = worker, False
        for each in self.past.values():
            each.clear()
        self._sight = Sight("connecting", f"asking {self.place.url} for {self._chosen()}")

    def _chosen(self) -> str:
        return "all workers" if self.worker == ALL else f"worker {self.worker}"

    def close(self) -> None:
        """End the connection."""
        self._line.close()

    async def _take(self, snapshot: Snapshot) -> None:
        before = self._sight.snapshot
        if before is not None and _who(before) != _who(snapshot):
            before = None
        if before is None:
            await self._begin()
        earlier = Moment.of(before) if before is not None else None
        for name, number in numbers_of(Moment.of(snapshot), earlier).items():
            self.past[name].append(number)
        self._came_s = self._clock()
        self._sight = Sight("live", "", snapshot, before)

    async def _begin(self) -> None:
        """The history that another worker has, before the first numbers of it that came to us."""
        for each in self.past.values():
            each.clear()
        answer = await self._line.get(f"{HISTORY_PATH}&worker={quote(self.worker, safe=':')}", self._token)
        try:
            values = json.loads(answer.body)["values"] if answer.status == 200 and answer.whole else {}
            for name, past in self.past.items():
                past.extend(_number(each) for each in values.get(name, ()))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return

    def _missing(self, error: str) -> Sight:
        sight = self.sight
        fresh = sight.snapshot is not None and sight.age_s < DOWN_AFTER_S
        return self._without("stale" if fresh else "down", error, EVERY_S)

    def _refused(self, answer: Answer) -> Sight:
        if answer.status == 401:
            what = "does not accept our token" if self._token else "asks for a token, and there is none here"
            return self._without("refused", f"{PATH} {what}. {TO_BE_LET_IN}", REFUSED_EVERY_S)
        if answer.status == 404 and (detail := _detail(answer)):
            self.is_gone = True
            return self._without("refused", detail, EVERY_S)
        if answer.status == 404:
            words = f"{PATH} is not there: no token is set for the service, or it has no Plimsoll. {TO_BE_LET_IN}"
            return self._without("refused", words, REFUSED_EVERY_S)
        if answer.status == 429:
            wait_s = min(float(answer.retry_after), 120.0) if answer.retry_after.isdigit() else REFUSED_EVERY_S
            words = f"too many wrong tokens came from this address; the next try is in {wait_s:.0f} s"
            return self._without("refused", words, wait_s)
        moved = f" and points to {answer.location}" if answer.location else ""
        return self._without("refused", f"{PATH} answers {answer.status}{moved}", REFUSED_EVERY_S)

    def _without(self, state: State, words: str, wait_s: float) -> Sight:
        self.wait_s = wait_s
        self._sight = replace(self._sight, state=state, words=words)
        return self.sight


def _detail(answer: Answer) -> str:
    """What the service says of a worker that it has not."""
    try:
        found = json.loads(answer.body)
        return str(found["detail"]) if found["code"] == UNKNOWN else ""
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def _snapshot(answer: Answer) -> Snapshot:
    if not answer.whole:
        raise SnapshotError("it is too long")
    return from_json(json.loads(answer.body))


def _who(snapshot: Snapshot) -> tuple[str, int, float]:
    return snapshot.worker.host, snapshot.worker.pid, snapshot.worker.started_s


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
