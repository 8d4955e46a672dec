"""Random use of a pool over real servers: whatever is taken, cancelled, forgotten, killed and resized in whatever
order, in the end nothing is out, the books agree with the server, and the table holds just what was committed."""

import asyncio
import gc
import time
import warnings
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from plimsoll.pool import READING, PlimsollPool, PoolOptions
from tests.pool.conftest import SERVERS, SLEEP, assert_balanced, pool_of
from tests.servers import TestDatabase

MOST = 4
"""Connections at most, at whatever size."""

PATIENCE_S = 20.0
TURNS = st.integers(0, 40)
WHICH = st.integers(0, MOST)


@dataclass
class Holder:
    """Somebody with a connection, and what he wrote that is not committed."""

    connection: AsyncConnection
    written: list[str] = field(default_factory=list)
    broken: bool = False


class Stress(RuleBasedStateMachine):
    """One pool, those who hold its connections, and what must be in the table."""

    def __init__(self, database: TestDatabase, driver: str) -> None:
        super().__init__()
        self.database = database
        database.sql("DELETE FROM note")
        self.loop = asyncio.new_event_loop()
        self.late_s = 0.0
        options = PoolOptions(statement_timeout_s=5, cleanup_timeout_s=2, ping_after_idle_s=1, min_idle=1)
        self.engine = create_async_engine(
            database.url_for(driver), poolclass=PlimsollPool, pool_size=2, max_overflow=1, pool_timeout=0.3,
            pool_recycle=280, pool_options=options,
        )  # fmt: skip
        self.pool: PlimsollPool = pool_of(self.engine)
        self.pool.clock = lambda: time.monotonic() + self.late_s
        self.pool._begin()  # its parts, with that clock
        self.holders: list[Holder] = []
        self.number = 0
        self.committed: set[str] = set()
        self.perhaps: set[str] = set()

    # --- how work is run ---

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """To its end, which may be an error of the database."""
        self.loop.run_until_complete(asyncio.wait_for(work, PATIENCE_S))

    async def try_(
        self, holder: Holder, work: Callable[[Holder], Coroutine[Any, Any, None]], turns: int | None
    ) -> None:
        """Let a holder do something, cancelled after so many turns of the loop; one that fails is of no more use."""
        task = asyncio.ensure_future(work(holder))
        if turns is not None:
            for _ in range(turns):
                await asyncio.sleep(0 if turns % 2 else 0.0005)
            task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE_S)
        assert task.done(), "it still runs"
        if task.cancelled() or task.exception() is not None:
            if not task.cancelled() and not isinstance(task.exception(), (SQLAlchemyError, OSError)):
                task.result()
            note(f"{work.__name__}: {'cancelled' if task.cancelled() else task.exception()!r}")
            holder.broken = True
            holder.written.clear()

    def one(self, which: int) -> Holder | None:
        """One of the holders, if there are any. No rule has a precondition: how the server answers is not drawn, and
        the same history may have other holders the next time."""
        return self.holders[which % len(self.holders)] if self.holders else None

    def work_on(self, which: int, work: Callable[[Holder], Coroutine[Any, Any, None]], turns: int | None) -> None:
        """Unless it is broken."""
        holder = self.one(which)
        if holder is not None and not holder.broken:
            self.run(self.try_(holder, work, turns))

    # --- the rules ---

    @rule(turns=st.none() | TURNS, reading=st.booleans())
    def take(self, turns: int | None, reading: bool) -> None:
        """A checkout, perhaps cancelled."""
        connection = AsyncConnection(self.engine)
        holder = Holder(connection)

        async def start(_holder: Holder) -> None:
            READING.set(reading)
            await connection.start()

        self.run(self.try_(holder, start, turns))
        if not holder.broken and not reading:
            self.holders.append(holder)
        elif not holder.broken:
            self.run(connection.close())

    @rule(which=WHICH, turns=st.none() | TURNS)
    def query(self, which: int, turns: int | None) -> None:
        """A read."""
        self.work_on(which, self.read, turns)

    @rule(which=WHICH, turns=TURNS)
    def query_long(self, which: int, turns: int) -> None:
        """A long one, always cancelled."""
        self.work_on(which, self.sleep, turns)

    @rule(which=WHICH, turns=st.none() | TURNS)
    def write(self, which: int, turns: int | None) -> None:
        """A row."""
        self.work_on(which, self.insert, turns)

    @rule(which=WHICH, turns=st.none() | TURNS)
    def commit(self, which: int, turns: int | None) -> None:
        """What was written is there, or, where this was cancelled or failed, perhaps."""
        self.work_on(which, self.end_well, turns)

    @rule(which=WHICH, turns=st.none() | TURNS)
    def roll_back(self, which: int, turns: int | None) -> None:
        """What was written is gone."""
        self.work_on(which, self.end_badly, turns)

    @rule(which=WHICH, turns=st.none() | TURNS)
    def give_back(self, which: int, turns: int | None) -> None:
        """With whatever is open; perhaps cancelled."""
        holder = self.one(which)
        if holder is not None:
            self.holders.remove(holder)
            self.run(self.try_(holder, self.close, turns))

    @rule(which=WHICH)
    def forget(self, which: int) -> None:
        """Nobody gives it back."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.holders:
                self.holders.pop(which % len(self.holders))
            gc.collect()
            self.run(asyncio.sleep(0))

    @rule(everything=st.booleans(), which=WHICH)
    def kill(self, everything: bool, which: int) -> None:
        """The server ends connections."""
        assert self.database.server is not None
        there = self.database.connections()
        if everything:
            self.database.server.kill_connections(self.database)
        elif there:
            number = int(there[which % len(there)][0])
            mysql = self.database.dialect == "mysql"
            self.database.sql(f"KILL {number}" if mysql else f"SELECT pg_terminate_backend({number})")

    @rule(size=st.integers(1, MOST - 1), overflow=st.integers(0, 1))
    def resize(self, size: int, overflow: int) -> None:
        """While in use."""
        self.pool.resize(size, overflow)

    @rule(seconds=st.sampled_from([2, 40, 400]))
    def let_time_pass(self, seconds: int) -> None:
        """On the pool's clock: enough to ask whether a connection lives, to close it for its idleness, for its age."""
        self.late_s += seconds
        self.run(self.look())

    # --- what holders do ---

    async def look(self) -> None:
        """The pool looks after itself."""
        if self.pool._loop is asyncio.get_running_loop():
            self.pool.keeping._look()
        await asyncio.sleep(0.02)

    async def read(self, holder: Holder) -> None:
        """A statement."""
        await holder.connection.execute(text("SELECT count(*) FROM note"))

    async def sleep(self, holder: Holder) -> None:
        """A statement that takes long."""
        await holder.connection.execute(text(SLEEP[self.database.dialect].format(60)))

    async def insert(self, holder: Holder) -> None:
        """A row with a name of its own."""
        self.number += 1
        name = str(self.number)
        await holder.connection.execute(text("INSERT INTO note VALUES (:name)"), {"name": name})
        holder.written.append(name)

    async def end_well(self, holder: Holder) -> None:
        """COMMIT."""
        written = set(holder.written)
        self.perhaps |= written
        await holder.connection.commit()
        self.committed |= written
        holder.written.clear()

    async def end_badly(self, holder: Holder) -> None:
        """ROLLBACK."""
        holder.written.clear()
        await holder.connection.rollback()

    async def close(self, holder: Holder) -> None:
        """The return."""
        await holder.connection.close()

    # --- what must hold ---

    @invariant()
    def no_more_than_the_limit(self) -> None:
        """On the server: what may be open and the one that ends others; what was just closed may take a moment."""
        self.no_more_than(MOST + 1)

    def no_more_than(self, limit: int) -> None:
        """By the server's own count, in the end: what was closed here needs a turn of the loop, and there a moment."""
        ends = time.monotonic() + PATIENCE_S
        while (count := self.database.connection_count()) > limit:
            assert time.monotonic() < ends, f"{count}: {self.database.connections()}"
            self.run(asyncio.sleep(0.02))

    def teardown(self) -> None:
        """All come back, and the pool is drained."""
        try:
            self.run(self.end())
            rows = {row[0] for row in self.database.sql("SELECT name FROM note")}
            assert self.committed <= rows <= self.committed | self.perhaps, (rows, self.committed, self.perhaps)
            assert_balanced(self.pool)
            assert self.pool.snapshot().idle == 0
            self.no_more_than(0)
        finally:
            self.loop.run_until_complete(self.engine.dispose())
            self.loop.close()

    async def end(self) -> None:
        """Close everything that is left."""
        while self.holders:
            await self.try_(self.holders.pop(), self.close, None)
        assert await self.pool.drain(PATIENCE_S - 1), self.pool.snapshot()


@pytest.mark.parametrize("driver", list(SERVERS))
def test_whatever_happens_in_whatever_order(driver: str, request: pytest.FixtureRequest) -> None:
    """A few random histories over a real server, each with each kind of event."""
    database: TestDatabase = request.getfixturevalue(f"{SERVERS[driver]}_database")
    database.sql("CREATE TABLE note (name VARCHAR(50))" + (" ENGINE=InnoDB" if database.kind == "mariadb" else ""))
    few = settings(
        max_examples=4,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # to shrink would take minutes, and no server does the same thing twice
    )
    machine: Any = lambda: Stress(database, driver)  # noqa: E731 - typed as a class, but any maker of one will do
    run_state_machine_as_test(machine, settings=few)
