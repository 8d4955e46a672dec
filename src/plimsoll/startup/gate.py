"""Passes the gate: waits for the database, verifies it, makes or checks the schema, seeds the admin account.

Until it is passed the service is alive and not ready. In production it runs no DDL and reads no model: a
`SELECT 1`, one question for the server's idle limit, on PostgreSQL one for a pooler in between, one for the migrations'
revision and one for the admin."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import MetaData, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.engine import is_in_memory
from plimsoll.errors import NotReadyError, PlimsollError
from plimsoll.migrations import Migrations, MigrationState
from plimsoll.migrations.state import FIRST_REVISION
from plimsoll.pool import PlimsollPool
from plimsoll.seeding import AdminAccount, SeedReport
from plimsoll.server import exclusive, is_pooled, server_of
from plimsoll.settings import DatabaseSettings, ServiceSettings, TopologySettings
from plimsoll.settings.database import AUTO
from plimsoll.settings.records import is_as_asked
from plimsoll.startup.development import schema_warning
from plimsoll.startup.patience import Failure, Patience
from plimsoll.startup.pooler import look_at_pooler
from plimsoll.startup.report import GateReport, State
from plimsoll.startup.sizing import find_sizing

logger = logging.getLogger("plimsoll.startup")

PRODUCTION_LINE = "[DB] Production mode: Connectivity verified (skipping table creation - use migrations)"
DEVELOPMENT_LINE = "[DB] Development mode: Tables created/verified"

RECHECK_S = 2.0
"""Blocked by missing migrations, the gate looks again after this; three SELECTs."""

CREATE_LIMIT_S = 600.0
"""Development's tables are made within this, not counting the wait for another process that makes them. MariaDB
takes 18 s for 500 on a busy machine with two cores; this is for a server that falls silent."""

SEED_LIMIT_S = 60.0
"""Seeding waits up to 30 s for another process that seeds; a server that falls silent ends it after this."""


@dataclass
class Gate:
    """The start-up of one database. `say` prints the lines that operators look for, each once."""

    engine: AsyncEngine
    settings: DatabaseSettings
    metadata: MetaData | None = None
    migrations: Migrations | None = None
    admin: AdminAccount | None = None
    on_ready: Sequence[Callable[[], Awaitable[None]]] = ()
    topology: TopologySettings = field(default_factory=TopologySettings)
    service: ServiceSettings = field(default_factory=ServiceSettings)
    say: Callable[[str], None] = field(default=lambda line: print(line, flush=True))  # noqa: T201
    report: GateReport = field(default_factory=GateReport)
    _said: set[str] = field(default_factory=set, init=False)
    _failure: Exception | None = field(default=None, init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)

    async def run(self) -> None:
        """Pass the gate; return at once where it was passed before.

        Whoever calls this while another task passes it waits for that task's outcome and shares it.

        Raises:
            DatabaseUnavailableError: no connection within `DB_START_TIMEOUT` seconds.
            DatabaseRefusedError: the database refuses this account or what start-up asks; waiting would not help.
            NotReadyError: migrations are missing and `DB_PENDING_MIGRATIONS` is `refuse`.
            LockTimeoutError: in development, another process held the migrations' lock for too long.
        """
        turn = self._turn_in_this_loop()
        waited = turn.locked()
        async with turn:
            if waited and self._failure is not None:
                raise self._failure
            if self.report.state is not State.READY:
                await self._run()

    async def run_until_passed(self) -> None:
        """Pass the gate, and where migrations are missing, look again until somebody has run them."""
        told = ""
        while True:
            try:
                return await self.run()
            except NotReadyError as error:
                if str(error) != told:
                    logger.error("%s", error)
                    told = str(error)
            await asyncio.sleep(RECHECK_S)

    def reset(self) -> None:
        """Forget the passage: the pool was closed, and the next start begins anew."""
        self.report = GateReport()
        self._failure = None
        self._said.clear()

    def _turn_in_this_loop(self) -> asyncio.Lock:
        """The lock of whoever passes the gate. It belongs to one loop, and tests run a loop after another."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._turn = loop, asyncio.Lock()
        return self._turn

    async def _run(self) -> None:
        self._failure = None
        try:
            await self._pass()
        except NotReadyError as error:
            self._failure = error
            self._set(State.BLOCKED, str(error))
            raise
        except PlimsollError as error:
            self._failure = error
            self._set(State.FAILED, f"start-up failed ({error.code}), see the log")
            raise
        except Exception as error:
            self._failure = error
            self._set(State.FAILED, "start-up failed, see the log")
            raise

    async def _pass(self) -> None:
        self._introduce()
        patience = Patience(self.settings)
        while (failure := await self._attempt(patience)) is not None:
            logger.debug("an attempt failed", exc_info=failure)
            pause_s = patience.pause_after(failure)
            self._set(State.WAITING, patience.waited)
            logger.warning("%s", patience.told(failure))
            await asyncio.sleep(pause_s)
        for hook in self.on_ready:
            await hook()
        self._set(State.READY)
        logger.info("ready: start-up is done")

    def _introduce(self) -> None:
        if self.report.state is State.BLOCKED:
            return  # the same passage, looking again
        self.reset()
        self._set(State.WAITING)
        for note in self.settings.notes:
            logger.log(logging.INFO if is_as_asked(note) else logging.WARNING, "%s", note)
        production = self.settings.production
        self._tell(f"{'production' if production.active else 'development'}: {production.reason}")

    def _tell(self, line: str) -> None:
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", line)
        else:
            # Python shows no INFO unless it is told to, and under a plain server nobody did.
            self.say(f"[DB] {line}")

    async def _attempt(self, patience: Patience) -> Failure | None:
        """One attempt at all that the database is asked; the failure that ended it, if any. Each step is
        repeatable, so a database that is lost half-way is waited for like one that is not there yet."""
        try:
            async with asyncio.timeout(limit_s := patience.attempt_limit_s):
                state = await self._verify()
                await self._size_the_pool()
        except TimeoutError:
            return TimeoutError(f"no answer within {limit_s:.1f} s")
        except SQLAlchemyError as error:
            return error
        try:
            await self._prepare(state)
        except TimeoutError:
            return TimeoutError("the tables were not made in time: the database does not answer")
        except SQLAlchemyError as error:
            return error
        return None

    async def _verify(self) -> MigrationState | None:
        """Ask what both modes ask, on one connection; where the migrations stand, in production."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await self._compare_idle_limit(connection)
            if await is_pooled(connection):
                await self._look_at_pooler()
            if self.migrations is None or not self.settings.production.active:
                return None
            return await self.migrations.scripts.state(connection)

    async def _compare_idle_limit(self, connection: AsyncConnection) -> None:
        limit_s = await server_of(self.settings.dialect).idle_limit_s(connection)
        recycle_s = self.settings.pool_recycle_s
        if limit_s is not None and recycle_s >= limit_s:
            self._warn(
                f"DB_POOL_RECYCLE is {recycle_s:g} s and the server closes idle connections after {limit_s:g} s: "
                f"requests will meet closed connections. Set DB_POOL_RECYCLE below {limit_s:g}, "
                f"for example {max(1, int(limit_s * 0.9))}."
            )

    async def _look_at_pooler(self) -> None:
        words, is_wrong = await look_at_pooler(self.settings)
        (self._warn if is_wrong else self._tell)(words)

    async def _size_the_pool(self) -> None:
        """`DB_POOL_SIZE=auto`: what the server's facts allow, before there is any traffic."""
        if self.settings.pool_size != AUTO or self.report.sizing is not None or is_in_memory(self.settings):
            return
        sizing = await find_sizing(self.engine, self.settings, self.service, self.topology)
        pool = self.engine.sync_engine.pool
        assert isinstance(pool, PlimsollPool)
        pool.resize(sizing.pool_size, sizing.max_overflow)
        self.report = replace(self.report, sizing=sizing)
        if sizing.is_known:
            self._tell(sizing.words)
        else:
            self._warn(sizing.words)

    async def _prepare(self, state: MigrationState | None) -> None:
        if self.report.state is not State.BLOCKED:
            self._set(State.PREPARING)
        if self.settings.production.active:
            self._say_once(PRODUCTION_LINE)
            if state is not None:
                self._judge(state)
        else:
            async with asyncio.timeout(self.settings.migration_lock_timeout_s + CREATE_LIMIT_S):
                await self._create_tables()
            self._say_once(DEVELOPMENT_LINE)
        await self._seed_admin()

    def _judge(self, state: MigrationState) -> None:
        """Whether production may start with the schema as it is."""
        self.report = replace(self.report, migrations=state)
        if state.unknown:
            self._warn(f"Starting all the same: {state.describe()}.")
        elif state.unwritten:
            self._warn(f"Nothing makes tables in production: {state.describe()}. {FIRST_REVISION}")
        elif state.behind:
            advice = "Run 'plimsoll migrate'"
            if not state.current:
                advice += " (or 'plimsoll migrate --adopt', if its tables were made without migrations)"
            if self.settings.pending_migrations == "refuse":
                raise NotReadyError(f"Not ready: {state.describe()}. {advice}.")
            self._warn(f"Starting all the same (DB_PENDING_MIGRATIONS=warn): {state.describe()}. {advice}.")

    async def _create_tables(self) -> None:
        if self.migrations is not None:
            await self.migrations.create_all(self.engine)
            state = await self.migrations.state(self.engine)
            self.report = replace(self.report, migrations=state)
            if state.unwritten and not state.unknown:
                self._warn(f"Development made the tables, and {state.describe()}. {FIRST_REVISION}")
            if state.versioned and (state.missing or state.unknown):
                self._warn(f"Development: {state.describe()}. Run 'plimsoll migrate'.")
            else:
                await self._compare(self.migrations.metadata, by_revision=bool(state.current))
        elif self.metadata is not None:
            async with exclusive(self.engine, "migrate", wait_s=self.settings.migration_lock_timeout_s) as connection:
                await connection.run_sync(self.metadata.create_all)
            await self._compare(self.metadata, by_revision=False)

    async def _compare(self, metadata: MetaData, *, by_revision: bool) -> None:
        if words := await schema_warning(self.engine, metadata, by_revision=by_revision):
            self._warn(words)

    async def _seed_admin(self) -> None:
        if self.admin is None:
            return
        try:
            async with asyncio.timeout(SEED_LIMIT_S):
                report = await self.admin.seed(self.engine, production=self.settings.production.active)
        except TimeoutError:
            report = SeedReport(
                "failed",
                f"No admin account was made: the database did not answer within {SEED_LIMIT_S:g} s.",
                "See that the database server answers, then start again or run `plimsoll admin create`.",
            )
            logger.error("%s %s", report.message, report.fix)
        self.report = replace(self.report, admin=report)

    def _set(self, state: State, detail: str = "") -> None:
        self.report = replace(self.report, state=state, detail=detail)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self.say(line)

    def _warn(self, words: str) -> None:
        if words not in self.report.warnings:
            logger.warning("%s", words)
            self.report = replace(self.report, warnings=(*self.report.warnings, words))
