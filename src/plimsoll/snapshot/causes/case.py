"""What the rules look at: a worker now, and what it was a moment before."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from plimsoll.snapshot.causes import thresholds
from plimsoll.snapshot.causes.wording import sane, time
from plimsoll.snapshot.model import HolderView, RouteView, ServerView, Snapshot, StatementView

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True)
class Case:
    """`before` is an earlier snapshot of the same worker, ten seconds to a minute old as a rule: what is counted since
    then is what happens now. One of another process, or of a later moment, says nothing and is passed over."""

    now: Snapshot
    given: Snapshot | None = None

    @cached_property
    def before(self) -> Snapshot | None:
        """The earlier snapshot, where it is one."""
        given, worker = self.given, self.now.worker
        if given is None or not sane(self.now.at_s - given.at_s):
            return None
        then = given.worker
        same = (then.host, then.pid, then.started_s) == (worker.host, worker.pid, worker.started_s)
        return given if same else None

    @cached_property
    def passed_s(self) -> float | None:
        """The time that `rose` counts over, None where there is none: counts since a start long ago tell nothing of
        now."""
        if self.before is not None:
            return sane(self.now.at_s - self.before.at_s)
        age_s = self.age_s
        return age_s if 0 < age_s <= thresholds.RECENT_S else None

    @cached_property
    def age_s(self) -> float:
        """Of the worker."""
        return sane(self.now.at_s - self.now.worker.started_s)

    @property
    def lately(self) -> str:
        """The same time in words."""
        if self.before is None:
            return "since its start"
        return f"in the last {time(round(sane(self.passed_s)))}" if sane(self.passed_s) >= 1 else "just now"

    def rose(self, count: Callable[[Snapshot], float]) -> float:
        """By how much a count has risen lately; 0 where that is not known."""
        if self.passed_s is None:
            return 0.0
        return sane(sane(count(self.now)) - (sane(count(self.before)) if self.before is not None else 0.0))

    def counter_rose(self, name: str) -> float:
        """The same for one of `counters`."""
        return self.rose(lambda each: each.counters.get(name, 0))

    def setting(self, name: str, default: float) -> float:
        """What a setting says, or its default; also where it is switched off by 0."""
        return self._numbers.get(name) or default

    def says(self, name: str, value: str) -> bool:
        """Whether a setting is known to have this value."""
        return any(each.name == name and each.value.strip().lower() == value for each in self.now.settings)

    @cached_property
    def _numbers(self) -> dict[str, float]:
        found = ((each.name, _NUMBER.match(each.value.strip())) for each in self.now.settings)
        return {name: float(match[0]) for name, match in found if match is not None}

    @cached_property
    def leak_s(self) -> float:
        """From when on a connection is held for long."""
        return self.setting("DB_LEAK_THRESHOLD", thresholds.LEAK_S)

    @cached_property
    def idle_transaction_s(self) -> float:
        """From when on a transaction in which nothing happens is asleep."""
        return self.setting("DB_IDLE_TRANSACTION", thresholds.IDLE_TRANSACTION_S)

    # --- who holds on ---

    @cached_property
    def held_long(self) -> tuple[HolderView, ...]:
        """Holders beyond the threshold."""
        return tuple(holder for holder in self.now.holders if sane(holder.age_s) >= self.leak_s)

    @cached_property
    def asleep(self) -> tuple[HolderView, ...]:
        """Holders that sit idle in a transaction."""
        return tuple(holder for holder in self.now.holders if self._sleeps(holder))

    def _sleeps(self, holder: HolderView) -> bool:
        age_s = sane(holder.age_s)
        if holder.state != "idle in transaction" or age_s < self.idle_transaction_s:
            return False
        if holder.server_id in self._asleep_on_server:
            return True
        then, passed_s = self._holders_before.get(holder.id), self.passed_s
        if then is None or passed_s is None:
            return sane(holder.statements) <= age_s * thresholds.CHATTY_PER_S
        return sane(holder.statements - then.statements) <= passed_s * thresholds.CHATTY_PER_S

    @cached_property
    def _holders_before(self) -> dict[str, HolderView]:
        return {holder.id: holder for holder in (self.before.holders if self.before is not None else ())}

    @cached_property
    def listed(self) -> ServerView | None:
        """The server's side, unless it is of long ago: while nobody looks it is not asked for."""
        server = self.now.server
        return server if server is not None and self.now.at_s - server.at_s <= thresholds.LISTED_S else None

    @cached_property
    def unseen_locks(self) -> str:
        """What is added where a statement takes long, and the server would not tell of a row that it waits for."""
        server = self.listed
        if server is None or server.dialect != "mysql" or server.sees_all or server.error:
            return ""
        return " If it waits for a row that is locked, this account is not told: GRANT PROCESS ON *.* has it told."

    @cached_property
    def _asleep_on_server(self) -> frozenset[int]:
        return frozenset(
            process.id
            for process in (self.listed.processes if self.listed is not None else ())
            if process.state == "idle in transaction" and sane(process.seconds) >= self.idle_transaction_s
        )

    # --- what routes and statements did lately ---

    @cached_property
    def routes_before(self) -> dict[str, RouteView]:
        """By name."""
        return {route.name: route for route in (self.before.routes if self.before is not None else ())}

    @cached_property
    def statements_before(self) -> dict[str, StatementView]:
        """By fingerprint."""
        known: Iterable[StatementView] = self.before.statements if self.before is not None else ()
        return {statement.fingerprint: statement for statement in known}
