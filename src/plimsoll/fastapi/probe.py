"""Asks the database whether it answers, on behalf of the ready page: briefly, and one question at a time."""

import asyncio
import logging
from dataclasses import dataclass
from time import monotonic

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from plimsoll.database import Database
from plimsoll.pool import PlimsollPool
from plimsoll.server import fault_of, server_of

logger = logging.getLogger("plimsoll.health")

PROBE_LIMIT_S = 1.0
"""A probe is answered within this: platforms give up after one to five seconds."""

REUSE_S = 1.0
"""What the database answered stands this long, so that a storm of probes is one question a second."""

GONE = "the server answers, and the database of this service is gone, or hidden from its account"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of the database. `detail` names no host and no user."""

    ok: bool
    detail: str


class DatabaseProbe:
    """Asks on a connection of the pool whether its database is there, however many probes wait for the answer."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._settings = database.settings
        self._question = server_of(self._settings.dialect).presence
        self._asking: asyncio.Task[None] | None = None
        self._answer = Answer(ok=False, detail="not asked yet")
        self._answered_at_s = float("-inf")
        self._returned_at_s = monotonic()
        event.listen(self._engine.sync_engine.pool, "checkin", self._note_return)

    async def check(self) -> Answer:
        """The database's answer, at most `REUSE_S` old; waits for it no longer than `PROBE_LIMIT_S`."""
        asking = self._asking
        if asking is None or asking.get_loop() is not asyncio.get_running_loop():
            if monotonic() - self._answered_at_s < REUSE_S:
                return self._answer
            self._asking = asking = asyncio.create_task(self._ask(), name="plimsoll health probe")
        await asyncio.wait({asking}, timeout=PROBE_LIMIT_S)
        return self._answer if asking.done() else self._no_answer()

    async def _ask(self) -> None:
        # Ends for certain: a connection whose other side has vanished would be waited for a quarter of an hour.
        limit_s = 2 * self._settings.connect_timeout_s
        self._answer = Answer(ok=False, detail="the question failed, see the log")
        try:
            async with asyncio.timeout(limit_s), self._engine.connect() as connection:
                result = await connection.exec_driver_sql(self._question)
                found = result.first() is not None
            self._answer = Answer(ok=True, detail="answers") if found else Answer(ok=False, detail=GONE)
        except TimeoutError:
            self._answer = self._no_answer()
        except SQLAlchemyError as error:
            fault = fault_of(error, self._settings.dialect)
            self._answer = self._no_answer() if self._is_exhausted() else Answer(ok=False, detail=fault.value)
            logger.debug("the database did not answer a health probe", exc_info=error)
        except Exception:
            logger.exception("a health probe failed")
        finally:
            self._answered_at_s = monotonic()
            self._asking = None

    def _no_answer(self) -> Answer:
        if not self._is_exhausted():
            return Answer(ok=False, detail=f"no answer within {PROBE_LIMIT_S:g} s")
        idle_s = monotonic() - self._returned_at_s
        if idle_s > self._settings.pool_timeout_s:
            # Every request of that time has waited in vain: this is no load, the connections hang.
            return Answer(ok=False, detail=f"stuck: no connection has come back to the pool for {idle_s:.0f} s")
        # Taking this process out of service would send its load to others that are as busy.
        return Answer(ok=True, detail="busy: every connection of the pool is in use")

    def _is_exhausted(self) -> bool:
        pool = self._engine.sync_engine.pool
        return isinstance(pool, PlimsollPool) and pool.places.taken >= pool.places.limit

    def _note_return(self, *_connection: object) -> None:
        self._returned_at_s = monotonic()
