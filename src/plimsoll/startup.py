"""The start-up gate: waits for the database, verifies it, makes or checks the schema, seeds the admin account.

Until it is passed the service is alive and not ready. In production it runs no DDL and reads no model: a
`SELECT 1`, one question for the server's idle limit, one for the migrations' revision and one for the admin."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from sqlalchemy import MetaData, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.errors import DatabaseRefusedError, DatabaseUnavailableError, NotReadyError, PlimsollError
from plimsoll.migrations import Migrations, MigrationState
from plimsoll.seeding import AdminAccount, SeedReport
from plimsoll.server import Fault, exclusive, fault_of, server_of
from plimsoll.settings import DatabaseSettings

logger = logging.getLogger("plimsoll.startup")

PRODUCTION_LINE = "[DB] Production mode: Connectivity verified (skipping table creation - use migrations)"
DEVELOPMENT_LINE = "[DB] Development mode: Tables created/verified"

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
"""Pauses between attempts double from the first to the longest: a database that comes up is met within two
seconds, and a hundred workers that wait send it fifty attempts a second at most."""

RECHECK_S = 5.0
"""Blocked by missing migrations, the gate looks again after this; one SELECT."""


class State(Enum):
    """Where the gate is."""

    IDLE = "not started"
    WAITING = "waiting for the database"
    PREPARING = "preparing the schema"
    BLOCKED = "migrations are missing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class GateReport:
    """The gate at a moment. `detail` is for the health page: it names no host, user or SQL."""

    state: State = State.IDLE
    detail: str = ""
    warnings: tuple[str, ...] = ()
    migrations: MigrationState | None = None
    admin: SeedReport | None = None


@dataclass
class Gate:
    """One run of start-up for one database. `say` prints the lines that operators look for."""

    engine: AsyncEngine
    settings: DatabaseSettings
    metadata: MetaData | None = None
    migrations: Migrations | None = None
    admin: AdminAccount | None = None
    on_ready: Sequence[Callable[[], Awaitable[None]]] = ()
    say: Callable[[str], None] = field(default=lambda line: print(line, flush=True))  # noqa: T201
    report: GateReport = field(default_factory=GateReport)

    async def run(self) -> None:
        """Pass the gate once.

        Raises:
            DatabaseUnavailableError: no connection within `DB_START_TIMEOUT` seconds.
            DatabaseRefusedError: the database refuses this account; waiting would not help.
            NotReadyError: migrations are missing and `DB_PENDING_MIGRATIONS` is `refuse`.
            PlimsollError: the schema could not be made.
        """
        try:
            await self._pass()
        except NotReadyError as error:
            self._set(State.BLOCKED, str(error))
            raise
        except PlimsollError as error:
            self._set(State.FAILED, f"start-up failed ({error.code}), see the log")
            raise
        except SQLAlchemyError as error:
            failure = DatabaseUnavailableError(
                f"Start-up lost the database while {self.report.state.value}: {self._words(error)}"
            )
            self._set(State.FAILED, f"start-up failed ({failure.code}), see the log")
            raise failure from error

    async def run_until_passed(self) -> None:
        """Pass the gate, and where migrations are missing, look again until somebody has run them."""
        said = ""
        while True:
            try:
                return await self.run()
            except NotReadyError as error:
                if str(error) != said:
                    logger.error("%s", error)
                    said = str(error)
            await asyncio.sleep(RECHECK_S)

    async def _pass(self) -> None:
        production = self.settings.production
        self.report = GateReport(State.WAITING)
        for note in self.settings.notes:
            logger.warning("%s", note)
        logger.info("%s: %s", "production" if production.active else "development", production.reason)
        await self._connect()
        self._set(State.PREPARING)
        await self._compare_idle_limit()
        if production.active:
            self.say(PRODUCTION_LINE)
            await self._check_migrations()
        else:
            await self._create_tables()
        await self._seed_admin()
        for hook in self.on_ready:
            await hook()
        self._set(State.READY)

    async def _connect(self) -> None:
        """`SELECT 1`, again with growing pauses until it succeeds or the time is up."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        ends = began + self.settings.start_timeout_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with self.engine.connect() as connection:
                    await connection.execute(text("SELECT 1"))
                return
            except SQLAlchemyError as error:
                waited_s = loop.time() - began
                self._give_up_or_wait(error, waited_s, last=loop.time() + pause_s > ends)
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the workers
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _give_up_or_wait(self, error: SQLAlchemyError, waited_s: float, *, last: bool) -> None:
        words = self._words(error)
        where = self.settings.safe_url
        fault = fault_of(error, self.settings.dialect)
        if fault is Fault.REFUSED:
            raise DatabaseRefusedError(
                f"The database at {where} answered and refused: {words}. Waiting does not help. Check the user, the "
                "password and the database's name in DATABASE_URL (or MYSQL_*): 'plimsoll settings' shows "
                "where each was read."
            ) from error
        if fault not in (Fault.UNAVAILABLE, Fault.BUSY) or last:
            raise DatabaseUnavailableError(
                f"The database at {where} could not be used after {waited_s:.1f} s: {words}. Check that the server "
                "runs and is reached from here. DB_START_TIMEOUT "
                f"({self.settings.start_timeout_s:g} s) is how long start-up waits."
            ) from error
        waited = f"waited {waited_s:.1f} s of {self.settings.start_timeout_s:g} s for the database"
        self._set(State.WAITING, waited)
        logger.warning("%s at %s: %s", waited, where, words)

    async def _compare_idle_limit(self) -> None:
        async with self.engine.connect() as connection:
            limit_s = await server_of(self.settings.dialect).idle_limit_s(connection)
        recycle_s = self.settings.pool_recycle_s
        if limit_s is not None and recycle_s >= limit_s:
            self._warn(
                f"DB_POOL_RECYCLE is {recycle_s:g} s and the server closes idle connections after {limit_s:g} s: "
                f"requests will meet closed connections. Set DB_POOL_RECYCLE below {limit_s:g}, "
                f"for example {max(1, int(limit_s * 0.9))}."
            )

    async def _create_tables(self) -> None:
        if self.migrations is not None:
            await self.migrations.create_all(self.engine)
            state = await self.migrations.state(self.engine)
            self.report = replace(self.report, migrations=state)
            if state.versioned and (state.missing or state.unknown):
                self._warn(f"Development: {state.describe()}. Run 'plimsoll migrate'.")
        elif self.metadata is not None:
            async with exclusive(self.engine, "migrate", wait_s=self.settings.migration_lock_timeout_s) as connection:
                await connection.run_sync(self.metadata.create_all)
        self.say(DEVELOPMENT_LINE)

    async def _check_migrations(self) -> None:
        if self.migrations is None:
            return
        state = await self.migrations.state(self.engine)
        self.report = replace(self.report, migrations=state)
        if state.unknown:
            self._warn(f"Starting all the same: {state.describe()}.")
        elif state.behind:
            advice = "Run 'plimsoll migrate'"
            if not state.versioned:
                advice += " (or 'plimsoll migrate --adopt', if its tables were made without migrations)"
            if self.settings.pending_migrations == "refuse":
                raise NotReadyError(f"Not ready: {state.describe()}. {advice}.")
            self._warn(f"Starting all the same (DB_PENDING_MIGRATIONS=warn): {state.describe()}. {advice}.")

    async def _seed_admin(self) -> None:
        if self.admin is not None:
            report = await self.admin.seed(self.engine, production=self.settings.production.active)
            self.report = replace(self.report, admin=report)

    def _set(self, state: State, detail: str = "") -> None:
        self.report = replace(self.report, state=state, detail=detail)

    def _warn(self, words: str) -> None:
        logger.warning("%s", words)
        self.report = replace(self.report, warnings=(*self.report.warnings, words))

    def _words(self, error: SQLAlchemyError) -> str:
        """The server's own words, without the statement that SQLAlchemy adds."""
        return str(getattr(error, "orig", None) or error)
