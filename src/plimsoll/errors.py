"""The errors that Plimsoll raises. Each has a stable code and a text in the order: what happened, what it
means, what to do. No text holds a password; a URL in it has the password replaced."""

import sqlalchemy.exc


class PlimsollError(Exception):
    """Base of every error that Plimsoll raises itself."""

    code = "PLE000"

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"

    @property
    def message(self) -> str:
        """What it says, without its code."""
        return super().__str__()

    def _code_str(self) -> str:
        # SQLAlchemy, where its class is a base too, would name a page about the code, which it does not have.
        return ""


class DatabaseUnavailableError(PlimsollError):
    """The database did not answer, within the time that start-up may wait or at all."""

    code = "PLE010"


class DatabaseRefusedError(DatabaseUnavailableError):
    """The database answered and will not let us in: waiting does not help (wrong password, unknown database)."""

    code = "PLE011"


class NotReadyError(PlimsollError):
    """The start-up gate has not been passed: a request came too early, or migrations are missing."""

    code = "PLE012"


class SessionEndedError(PlimsollError):
    """A session was used after the dependency or the `async with` block that gave it had ended."""

    code = "PLE020"


class ReadOnlySessionError(PlimsollError):
    """A session for reading was asked to write."""

    code = "PLE021"


class SessionScopeError(PlimsollError):
    """A committing session was about to outlive the start of the response, so its 200 could not mean committed."""

    code = "PLE022"


class NotInstalledError(PlimsollError):
    """A session dependency was used in an application without `install(app, database)`."""

    code = "PLE023"


class InstallationError(PlimsollError):
    """`install(app, database)` was called twice for one application, or after it had begun to serve."""

    code = "PLE024"


class LockTimeoutError(PlimsollError):
    """A lock that the server holds for us was not free in time."""

    code = "PLE030"


class MigrationError(PlimsollError):
    """A migration failed, or the migrations cannot be run from here."""

    code = "PLE031"


class SchemaDiffersError(MigrationError):
    """The schema is not what the models expect, so it cannot be adopted as migrated."""

    code = "PLE032"


class CommandError(PlimsollError):
    """The command line names something that is not there, such as an application that cannot be imported."""

    code = "PLE040"


class PoolTimeoutError(PlimsollError, sqlalchemy.exc.TimeoutError):
    """No connection in time: the wait ended, or was refused since it could not end in time. SQLAlchemy's
    `TimeoutError`, so that what handles that goes on to work."""

    code = "PLE060"


class PoolClosedError(PlimsollError, sqlalchemy.exc.InvalidRequestError):
    """The pool was disposed of and gives nothing out."""

    code = "PLE061"


class _OperationalError(PlimsollError, sqlalchemy.exc.OperationalError):
    """SQLAlchemy's `OperationalError` with words of ours instead of a statement's."""

    code: str = "PLE000"

    def __init__(self, words: str, orig: BaseException) -> None:
        sqlalchemy.exc.OperationalError.__init__(self, None, None, orig)
        self.args = (words,)


class DatabaseDownError(_OperationalError):
    """Connects failed a moment ago and the next attempt is not due: refused at once instead of waiting for another
    failure; or a connect that was not answered in time. SQLAlchemy's `OperationalError`; `orig` is the driver's error
    of the last attempt."""

    code = "PLE062"


class StatementTimeoutError(_OperationalError):
    """The database did not answer a statement in time. Its connection was closed, the statement is ended on the server
    where that can be reached. `outcome_unknown`: it was a commit, which may have taken effect. SQLAlchemy's
    `OperationalError`."""

    code = "PLE063"

    def __init__(self, words: str, orig: BaseException, *, outcome_unknown: bool = False) -> None:
        super().__init__(words, orig)
        self.outcome_unknown = outcome_unknown


class ConnectionEndedError(_OperationalError):
    """The connection was ended by the pool, since its transaction was idle for longer than is allowed, or since an
    operator said so. SQLAlchemy's `OperationalError`."""

    code = "PLE064"

    def __init__(self, words: str) -> None:
        super().__init__(words, ConnectionError("ended by the pool"))


class SharedConnectionError(PlimsollError, sqlalchemy.exc.InvalidRequestError):
    """Two tasks used one session or connection at the same time."""

    code = "PLE065"


class BodyRefusedError(PlimsollError):
    """The body of a request was too large, or came too slowly. Its client is answered 413 or 408, whatever the
    application makes of this."""

    code = "PLE075"


class SlowReaderError(PlimsollError):
    """The client read its answer too slowly and was given up. Its connection is gone: nothing can be sent to it."""

    code = "PLE076"


class SnapshotError(PlimsollError):
    """A document is no snapshot that can be read."""

    code = "PLE080"


class ActionError(PlimsollError):
    """What an operator asked for cannot be done, or not any more."""

    code = "PLE081"


class SharingError(PlimsollError):
    """The directory in which workers show themselves to one another cannot be used."""

    code = "PLE085"


class UnknownWorkerError(PlimsollError):
    """There is no worker of this name, or not any more."""

    code = "PLE086"


class PeerError(PlimsollError):
    """Another host did not give what it was asked for; says why."""

    code = "PLE087"
