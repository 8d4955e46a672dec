"""How start-up waits for the database: which failures it waits out, how often it tries, and what it says at the end."""

import random
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from plimsoll.errors import DatabaseRefusedError, DatabaseUnavailableError, PlimsollError
from plimsoll.server import Fault, fault_of
from plimsoll.server.lending import lost_a_statement
from plimsoll.server.tls_faults import ADVICE as TLS_ADVICE
from plimsoll.server.tls_faults import is_of_tls
from plimsoll.server.words import words_of
from plimsoll.settings import DatabaseSettings
from plimsoll.startup.pooler import LENT

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
"""Pauses between attempts double from the first to the longest: a database that comes up is met within two
seconds, and a hundred workers that wait send it fifty attempts a second at most."""

SPREAD = 0.2
"""Each pause is made this much longer or shorter by chance, so that workers which start together spread."""

LAST_TRY_S = 1.0
"""What the last attempt has at least. One that began as the time ran out would be no attempt."""

Failure = SQLAlchemyError | TimeoutError


class Patience:
    """The waiting of one passage through the gate; it begins with the object. All times in seconds."""

    def __init__(self, settings: DatabaseSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._began_s = clock()
        self._ends_s = self._began_s + settings.start_timeout_s
        self._pause_s = FIRST_PAUSE_S

    @property
    def attempt_limit_s(self) -> float:
        """How long one attempt may take.

        The engine limits the connecting, but nothing limits the answers that follow it: a server that freezes
        after the handshake would be waited for without end. They get as long as the connecting has.
        """
        limit_s = 2 * self._settings.connect_timeout_s
        left_s = self._ends_s - self._clock()
        return limit_s if self._settings.start_timeout_s == 0 else min(limit_s, max(left_s, LAST_TRY_S))

    def pause_after(self, error: Failure) -> float:
        """How long to wait before the next attempt, after one that failed with `error`.

        Raises:
            DatabaseRefusedError: waiting would not help.
            DatabaseUnavailableError: `DB_START_TIMEOUT` seconds are over.
        """
        # The text has the server's own words. The driver's traceback, a hundred lines, goes along only where the
        # cause is none that we know.
        if not self._is_worth_waiting(error):
            raise self._refused(error) from (error if self._fault(error) is Fault.OTHER else None)
        left_s = self._ends_s - self._clock()
        if left_s <= 0:
            raise self._over(error)
        pause_s = min(self._pause_s * random.uniform(1 - SPREAD, 1 + SPREAD), left_s)  # noqa: S311 - no secret
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        return pause_s

    @property
    def waited(self) -> str:
        """How much of the time is used up, in words that name no host."""
        waited_s = self._clock() - self._began_s
        return f"waited {waited_s:.1f} s of {self._settings.start_timeout_s:g} s for the database"

    def told(self, error: Failure) -> str:
        """The same for the log: with the database and the server's own words."""
        return f"{self.waited} at {self._settings.safe_url}: {words_of(error)}"

    def _fault(self, error: Failure) -> Fault:
        return Fault.UNAVAILABLE if isinstance(error, TimeoutError) else fault_of(error, self._settings.dialect)

    def _is_worth_waiting(self, error: Failure) -> bool:
        fault = self._fault(error)
        if self._settings.dialect == "sqlite":
            return fault is Fault.BUSY  # a file that cannot be opened is no server that comes up
        return fault in (Fault.UNAVAILABLE, Fault.BUSY) and not is_of_tls(error)

    def _refused(self, error: Failure) -> PlimsollError:
        return DatabaseRefusedError(
            f"The database at {self._settings.safe_url} refused: {words_of(error)}. Waiting does not help. "
            f"{self._advice(error)}"
        )

    def _advice(self, error: Failure) -> str:
        if self._settings.dialect == "sqlite":
            return "Check that the file's directory exists and that this account may write there."
        if is_of_tls(error):
            return TLS_ADVICE
        if lost_a_statement(error):
            return LENT
        if self._fault(error) is Fault.REFUSED:
            return (
                "Check the user, the password and the database's name in DATABASE_URL (or MYSQL_*): "
                "'plimsoll settings' shows where each was read."
            )
        return "Check what this account may do there (its grants), and that the models fit this kind of database."

    def _over(self, error: Failure) -> PlimsollError:
        waited_s = self._clock() - self._began_s
        return DatabaseUnavailableError(
            f"The database at {self._settings.safe_url} could not be used within {waited_s:.1f} s: "
            f"{words_of(error)}. Check that the server runs and is reached from here. Start-up waits DB_START_TIMEOUT "
            f"seconds, which is {self._settings.start_timeout_s:g} now: raise it for a server that needs longer."
        )
