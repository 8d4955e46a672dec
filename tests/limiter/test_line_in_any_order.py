"""The admission line in any order of events: enter, cancel, leave, settle, another limit, time; several in one turn."""

import asyncio
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from plimsoll.limiter import AdmissionLine, Priority, RefusedError
from tests.limiter.virtual_time import VirtualLoop, turns

TARGET_S = 0.1
LONGEST_S = 1.0
SLACK_S = 0.001

CLIENTS = st.sampled_from(["a", "b", "c"])
PRIORITIES = st.sampled_from([Priority.LOW, Priority.NORMAL, Priority.HIGH])
WHICH = st.integers(0, 1000)


@dataclass
class Guest:
    """One that was let in."""

    client: str
    fresh: bool = True


class AnyOrder(RuleBasedStateMachine):
    """Only `run` lets the loop turn, so that what is drawn between two of them happens in one turn of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.reported: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _loop, context: self.reported.append(context))
        self.used = 0
        self.line = AdmissionLine(2, TARGET_S, LONGEST_S, self.loop.time, lambda: self.used)
        self.line.turn_s = 0.01
        self.tasks: dict[asyncio.Task[None], str] = {}
        self.guests: list[Guest] = []
        self.refused = 0

    # --- the rules ---

    @rule(client=CLIENTS, priority=PRIORITIES, patience_s=st.none() | st.sampled_from([0.0, 0.05, 5.0]))
    def enter(self, client: str, priority: Priority, patience_s: float | None) -> None:
        task = self.loop.create_task(self._enter(client, priority, patience_s))
        self.tasks[task] = client
        task.add_done_callback(self.tasks.pop)  # also where it was cancelled before it began

    @rule(client=CLIENTS)
    def enter_now(self, client: str) -> None:
        if self.line.enter_now(client):
            self.guests.append(Guest(client))

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        if self.tasks:
            list(self.tasks)[which % len(self.tasks)].cancel()

    @rule(which=WHICH)
    def leave(self, which: int) -> None:
        if self.guests:
            guest = self.guests.pop(which % len(self.guests))
            self.used -= not guest.fresh
            self.line.leave(guest.client, fresh=guest.fresh)

    @rule(which=WHICH)
    def settle(self, which: int) -> None:
        fresh = [guest for guest in self.guests if guest.fresh]
        if fresh:
            guest = fresh[which % len(fresh)]
            guest.fresh = False
            self.line.settle()
            self.used += 1

    @rule(limit=st.integers(1, 4))
    def set_limit(self, limit: int) -> None:
        self.line.limit = limit
        self.line.let_in()

    @rule(seconds=st.sampled_from([0.001, 0.06, 0.2, 2.0]))
    def pass_time(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule()
    def run(self) -> None:
        self.loop.run_until_complete(turns())

    # --- what is always so ---

    @invariant()
    def counts_agree(self) -> None:
        assert self.line.fresh >= sum(guest.fresh for guest in self.guests)
        assert self.line.waiting == sum(
            len(queue) for clients in self.line._waiting.values() for queue in clients.values()
        )
        assert all(count > 0 for count in self.line.inside.values())
        assert self.reported == []

    def teardown(self) -> None:
        """When the loop has turned nothing is on its way; when all have gone the line is as new."""
        try:
            self.run()
            self._counts_agree_exactly()
            for task in self.tasks:
                task.cancel()
            self.run()
            assert not self.tasks
            while self.guests:
                self.leave(0)
            assert (self.line.fresh, self.line.inside, self.line.waiting) == (0, {}, 0)
            assert not any(self.line._waiting.values())
            assert self.used == 0
            assert self.line.refused == self.refused
            assert self.reported == []
        finally:
            self.loop.close()

    def _counts_agree_exactly(self) -> None:
        line = self.line
        assert line.fresh == sum(guest.fresh for guest in self.guests)
        assert sum(line.inside.values()) == len(self.guests)
        assert line.waiting == len(self.tasks)
        line.let_in()
        assert not line.waiting or line.demand >= line.limit, "somebody waits beside a free place"

    async def _enter(self, client: str, priority: Priority, patience_s: float | None) -> None:
        began_s = self.loop.time()
        longest_s = LONGEST_S if patience_s is None else min(patience_s, LONGEST_S)
        try:
            await self.line.enter(client, priority, patience_s)
        except RefusedError:
            self.refused += 1
        else:
            self.guests.append(Guest(client))
        finally:
            assert self.loop.time() - began_s <= longest_s + SLACK_S, "it waited beyond its patience"


def test_in_any_order_of_events_nothing_is_lost_and_nobody_waits_beside_a_free_place() -> None:
    """Whoever was let in counts until it leaves, whoever was cancelled or refused counts for nothing."""
    run_state_machine_as_test(AnyOrder, settings=settings(max_examples=150, stateful_step_count=40, deadline=None))
