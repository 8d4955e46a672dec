"""The life of one session: opened, perhaps committed, always ended, its connection given back within a deadline."""

import asyncio
import logging
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from plimsoll.errors import SessionScopeError
from plimsoll.events import Counters, LimitedLog
from plimsoll.server.words import words_of
from plimsoll.session.cleanup import finish
from plimsoll.session.guarded import GuardedAsyncSession
from plimsoll.session.writing import watch

logger = logging.getLogger("plimsoll.session")


class Purpose(Enum):
    """What a session is for, which decides what its end does."""

    HANDLER_COMMITS = "the code that uses it commits"
    COMMIT_AT_END = "committed when the block ends without an exception"
    READ = "never writes"


@dataclass(frozen=True, slots=True)
class SessionSource:
    """Makes sessions of one engine and ends them."""

    engine: AsyncEngine
    cleanup_timeout_s: float
    counters: Counters = field(default_factory=Counters)
    log: LimitedLog = field(default_factory=lambda: LimitedLog(logger))

    def __post_init__(self) -> None:
        watch(self.engine)

    def open(self, purpose: Purpose, owner: str) -> "SessionScope":
        """A session for `async with`; `owner` (a route, a line of code) is named in errors and logs."""
        return SessionScope(self, purpose, owner)


class SessionScope:
    """`async with` gives the session. After the block it is closed and its connection is in the pool again,
    whatever ended the block: its last line, an exception, a cancellation, `GeneratorExit`."""

    def __init__(self, source: SessionSource, purpose: Purpose, owner: str) -> None:
        self._source = source
        self._purpose = purpose
        # Objects stay readable after the commit: a handler answers with what it wrote, without a further query.
        self._session = GuardedAsyncSession(source.engine, expire_on_commit=False)
        self._session.sync_session.owner = owner
        self._session.sync_session.read_only = purpose is Purpose.READ

    async def __aenter__(self) -> AsyncSession:
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            await self._end()
            return
        try:
            if self._purpose is Purpose.COMMIT_AT_END:
                self._refuse_late_commit()
                await self._session.commit()
            else:
                self._report_lost_writes()
        finally:
            await self._end()

    async def response_starts(self) -> None:
        """End the session since the response is about to be sent, whatever the dependency's own scope.

        Raises:
            SessionScopeError: the session was to be committed at its end, which would come too late.
        """
        if self._session.sync_session.ended:
            return
        if self._purpose is Purpose.COMMIT_AT_END:
            await self._end()
            raise self._too_late()
        self._report_lost_writes()
        await self._end()

    def _refuse_late_commit(self) -> None:
        if self._session.sync_session.ended:
            raise self._too_late()

    def _too_late(self) -> SessionScopeError:
        return SessionScopeError(
            f"{self._session.sync_session.owner}: a committing session outlived the handler, so the answer would be "
            "sent before the commit; it was rolled back. Take it as 'session: TransactionDep', or give the "
            'dependency that uses it scope="function".'
        )

    def _report_lost_writes(self) -> None:
        session = self._session.sync_session
        lost = None if session.ended else session.lost_writes()
        if lost is None:
            return
        self._source.counters.add("lost_writes")
        self._source.log.log(
            logging.ERROR,
            f"lost:{session.owner}",
            f"{session.owner}: the session was closed with changes that nobody committed, and they are lost "
            f"({lost}). Call 'await session.commit()' before the end, or use TransactionDep "
            "(database.transaction() outside a request).",
        )

    async def _end(self) -> None:
        try:
            await self._close()
        finally:
            self._session.sync_session.let_go()

    async def _close(self) -> None:
        session = self._session.sync_session
        if session.ended:
            return
        session.ended = True
        if not session.in_transaction():
            session.close()  # nothing to say to the server: no await, so nothing to cancel
            return
        try:
            if session.ends_in_silence:
                # No await, so nothing to cancel. A connection that turns out to be broken is cut without a word.
                session.close()
                return
            in_time = await finish(self._session.close(), self._source.cleanup_timeout_s)
        except asyncio.CancelledError:
            raise
        # The connection is gone either way; the caller's outcome stands.
        except DBAPIError as error:
            self._report_cleanup(
                "the session could not be rolled back at its end, so its connection was dropped, and the server rolls "
                f"back what was not committed: {words_of(error)}"
            )
        except Exception as error:  # noqa: BLE001
            self._report_cleanup("closing the session failed; its connection was dropped", error)
        else:
            if not in_time:
                self._report_cleanup(
                    f"the database did not answer the roll-back within {self._source.cleanup_timeout_s:g} s "
                    "(DB_CLEANUP_TIMEOUT); the connection was dropped"
                )

    def _report_cleanup(self, what: str, error: Exception | None = None) -> None:
        owner = self._session.sync_session.owner
        self._source.counters.add("cleanup_failures")
        self._source.log.log(logging.ERROR, f"cleanup:{owner}", f"{owner}: {what}", error)
