"""A pytest plugin for SQLAlchemy's own tests: where they take SQLAlchemy's queue pools, they get ours.

Loaded by `-p` into a pytest of its own, before any test module. SQLAlchemy's test suite runs everything inside its
greenlet on an event loop when the database's driver is an async one, so nothing else is needed for a pool of asyncio's.

What is translated, and why that changes nothing of what the tests ask:
- names: private ones of QueuePool to the public ones of ours that say the same;
- `pre_ping` to a check after no idleness at all, its absence to none: ours checks after a time of idleness instead;
- the clock to `time.time`, which the tests replace, and the age limit to one without a random part;
- pauses after a failed connect to none: ours lets nobody connect for a moment, the tests do so at once;
- `max_overflow=-1` (no limit) to a limit that no test reaches;
- the dialects that tests make up themselves are given what every real dialect has;
- threads to tasks (`tasks`).
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.pool
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.pool.base import _ConnDialect

import plimsoll.pool.opening
from plimsoll.pool import PlimsollPool, PoolOptions
from tests.pool.sqlalchemy_own import tasks
from tests.pool.sqlalchemy_own.not_applicable import reason_against
from tests.pool.sqlalchemy_own.outcomes import OUTCOMES_PATH, Outcome, plain_name

NEVER_S = 1e9
UNREACHED = 1000
REPORT_LIMIT = 3000


class MadeUpDialect(DefaultDialect):
    """One that a test made up, with the rest of a real one."""

    def __init__(self, pool: PlimsollPool) -> None:
        super().__init__()
        self._pool = pool

    def do_rollback(self, dbapi_connection: Any) -> None:
        """As the test has it now: some put another in its place."""
        self._pool._dialect.do_rollback(dbapi_connection)

    def do_commit(self, dbapi_connection: Any) -> None:
        """As the test has it now."""
        self._pool._dialect.do_commit(dbapi_connection)


class Idle:
    """What tests ask of `QueuePool._pool`."""

    def __init__(self, pool: PlimsollPool) -> None:
        self._pool = pool

    def empty(self) -> bool:
        """Whether nothing is idle."""
        return self._pool.checkedin() == 0

    @property
    def queue(self) -> list[Any]:
        """The tests take out of it the records without a connection, of which ours keeps none."""
        return [link.record for link in self._pool.places._idle]

    @queue.setter
    def queue(self, records: Any) -> None:
        assert list(records) == self.queue


class QueuePool(PlimsollPool):
    """Ours, by the name and with the arguments of SQLAlchemy's pool of threads."""

    _is_asyncio = False
    _made_up: MadeUpDialect | None = None
    used = False

    def __init__(
        self,
        creator: Any,
        pool_size: int = 5,
        max_overflow: int = 10,
        timeout: float | None = 30.0,
        use_lifo: bool = False,
        *,
        pre_ping: bool = False,
        dialect: Any = None,
        pool_options: PoolOptions | None = None,
        **more: Any,
    ) -> None:
        QueuePool.used = True
        options = PoolOptions(ping_after_idle_s=-1.0 if pre_ping else NEVER_S, recycle_jitter=0.0)
        super().__init__(
            creator,
            pool_size=pool_size,
            max_overflow=UNREACHED if max_overflow < 0 else max_overflow,
            timeout=NEVER_S if timeout is None else timeout,
            pool_options=pool_options or options,
            dialect=dialect,
            **more,
        )

    def connect(self) -> PoolProxiedConnection:
        """Noted."""
        QueuePool.used = True
        return super().connect()

    @property
    def dialect(self) -> Any:
        """The engine's, or one made whole."""
        if isinstance(self._dialect, DefaultDialect):
            return self._dialect
        if self._made_up is None:
            self._made_up = MadeUpDialect(self)
        return self._made_up

    @property
    def clock(self) -> Callable[[], float]:
        """Tests replace `time.time`."""
        return lambda: time.time()

    @clock.setter
    def clock(self, given: Callable[[], float]) -> None:
        """It is what it is."""

    @property
    def _overflow(self) -> int:
        return self.overflow()

    @property
    def _max_overflow(self) -> int:
        return self.overflow_limit

    @_max_overflow.setter
    def _max_overflow(self, limit: int) -> None:
        self.resize(self.size_limit, limit)

    @property
    def _timeout(self) -> float:
        return self.timeout_s

    @_timeout.setter
    def _timeout(self, seconds: float) -> None:
        self.timeout_s = self._line.timeout_s = seconds

    @property
    def _pool(self) -> Idle:
        return Idle(self)


class AsyncAdaptedQueuePool(QueuePool):
    """Ours, by the name of SQLAlchemy's pool of asyncio."""

    _is_asyncio = True


def put_in_place() -> None:
    """Wherever a module of SQLAlchemy has one of its queue pools, it has ours."""
    theirs: dict[Any, type[QueuePool]] = {
        sqlalchemy.pool.QueuePool: QueuePool,
        sqlalchemy.pool.AsyncAdaptedQueuePool: AsyncAdaptedQueuePool,
    }
    for name, module in list(sys.modules.items()):
        if not name.startswith("sqlalchemy"):
            continue
        for attribute, value in list(vars(module).items()):
            with contextlib.suppress(TypeError):
                if value in theirs:
                    setattr(module, attribute, theirs[value])
    made_up: Any
    for made_up in (DefaultDialect, _ConnDialect):
        made_up.driver = "made up"
    plimsoll.pool.opening.FIRST_PAUSE_S = plimsoll.pool.opening.LONGEST_PAUSE_S = 0.0


put_in_place()


class Outcomes:
    """Leaves out what does not apply, and writes down how each other test ended and whether it used our pool."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, Outcome] = {}
        self._used: dict[str, bool] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The tests' modules get tasks where they take threads."""
        for module in {item.module for item in items if isinstance(item, pytest.Function)}:
            for name, instead in (("threading", tasks.Threading), ("time", tasks.Time)):
                if hasattr(module, name):
                    setattr(module, name, instead)
        left_out = [item for item in items if reason_against(plain_name(item.nodeid))]
        for item in left_out:
            self._outcomes[plain_name(item.nodeid)] = Outcome("left out", False, "")
        items[:] = [item for item in items if item not in left_out]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Whether our pool was made, or gave out a connection, in this test."""
        QueuePool.used = False
        try:
            return (yield)
        finally:
            self._used[plain_name(item.nodeid)] = QueuePool.used

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A failure in its set-up or end is a failure."""
        name = plain_name(report.nodeid)
        if report.when == "call" or not report.passed:
            before = self._outcomes.get(name)
            if before is None or report.failed:
                used = self._used.get(name, False)
                self._outcomes[name] = Outcome(report.outcome, used, report.longreprtext[-REPORT_LIMIT:])

    def pytest_sessionfinish(self) -> None:
        """For the pytest that started this one."""
        self._path.write_text(json.dumps({name: asdict(outcome) for name, outcome in self._outcomes.items()}))


def pytest_configure(config: pytest.Config) -> None:
    """The path to write to is in the environment: SQLAlchemy's plugin has the command line."""
    config.pluginmanager.register(Outcomes(Path(os.environ[OUTCOMES_PATH])))
